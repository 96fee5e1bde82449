"""Read the mail directory in the browser, where an installation has no mail server."""

import mailbox
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labs.templatetags.clinic_text import visible

EMBEDDED_BACKEND = "prrt_clinic.maildir.EmailBackend"
SHOWN = 200


@require_safe
@login_required
def mail_list(request: HttpRequest) -> HttpResponse:
    """The newest mails first."""
    box = _box()
    mails = sorted(_mails(box) if box else (), key=lambda mail: (mail["at"], mail["key"]), reverse=True)
    context = {"mails": mails[:SHOWN], "total": len(mails), "clinic": settings.CLINIC_NAME}
    return render(request, "alerts/mail_list.html", context)


@require_safe
@login_required
def mail_page(request: HttpRequest, key: str) -> HttpResponse:
    """One mail as its reader would see it."""
    box = _box()
    if box is None:
        raise Http404("There is no such mail.")
    try:
        raw = box.get_bytes(key)
    except KeyError as error:
        raise Http404("There is no such mail.") from error
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(preferencelist=("plain",))
    context = {
        "headers": [(name, mail[name]) for name in ("From", "To", "Date", "Subject", "Message-ID")],
        "body": "\n".join(visible(line) for line in body.get_content().splitlines()) if body else "",
        "clinic": settings.CLINIC_NAME,
    }
    return render(request, "alerts/mail_page.html", context)


def _box() -> mailbox.Maildir | None:
    """The mail directory, if anything was sent yet; there is none where a real mail server is used."""
    if settings.EMAIL_BACKEND != EMBEDDED_BACKEND:
        raise Http404("This installation sends its mail to a mail server.")
    if not (Path(settings.MAIL_DIR) / "new").is_dir():
        return None  # nothing has been sent yet, and looking makes no directory
    return mailbox.Maildir(settings.MAIL_DIR, create=False)


def _mails(box: mailbox.Maildir) -> Iterator[dict[str, Any]]:
    for key in box.iterkeys():
        mail = message_from_bytes(box.get_bytes(key), policy=policy.default)
        sent = mail["Date"].datetime if mail["Date"] else datetime.min.replace(tzinfo=UTC)
        yield {
            "key": key,
            "to": str(mail["To"] or ""),
            "subject": str(mail["Subject"] or "(no subject)"),
            # A date in "-0000", as Django writes it, names no zone and means UTC.
            "at": sent if sent.tzinfo else sent.replace(tzinfo=UTC),
        }
