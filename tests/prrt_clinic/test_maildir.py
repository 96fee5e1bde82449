"""The mail directory holds every message whole, as it was sent."""

import mailbox

from django.core.mail import EmailMessage, get_connection


def test_each_message_becomes_one_readable_file(settings, tmp_path):
    settings.MAIL_DIR = tmp_path / "mail"
    connection = get_connection("prrt_clinic.maildir.EmailBackend")
    mails = [
        EmailMessage(f"[SAFETY 1] ref {n}", "Zürich: please read.", "a@b.invalid", ["c@d.invalid"])
        for n in (1, 2)
    ]
    assert connection.send_messages(mails) == 2
    kept = list(mailbox.Maildir(tmp_path / "mail", create=False))
    assert sorted(mail["Subject"] for mail in kept) == ["[SAFETY 1] ref 1", "[SAFETY 1] ref 2"]
    assert "Zürich" in kept[0].get_payload(decode=True).decode()
