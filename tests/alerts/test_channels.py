"""One letter by e-mail: what it says, what it never says, and an honest word on how it went."""

import html
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.mail.backends import smtp as smtp_backend

from alerts import channels
from alerts.channels import send
from alerts.letters import Letter, compose
from alerts.library import policy
from alerts.mail_domains import domain_fault
from alerts.models.notification import AttemptOutcome
from tests.certificates import Authority
from tests.smtp_server import SmtpServer

RAISED = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def letter(**facts: Any) -> Letter:
    given: dict[str, Any] = {
        "to": "doctor@clinic.example",
        "ref": "7F3K-2Q",
        "severity": 1,
        "severity_word": "critical",
        "raised_at": RAISED,
        "told": ("on-call", "physician"),
        "escalates_at": datetime(2026, 5, 4, 8, 15, tzinfo=UTC),
        "path": "/alerts/abc_DEF-1",
        "message_id": "<one@clinic.example>",
        "message_date": RAISED,
        "thread_id": "<alert-7f3k-2q@clinic.example>",
        "attempt": 2,
        "words": policy().letters,
    }
    return Letter(**{**given, **facts})


def test_subject_and_headers_are_fixed_and_only_the_attempt_number_changes() -> None:
    first, second = compose(letter(attempt=1)).message(), compose(letter(attempt=2)).message()
    assert first["Subject"] == "[SAFETY 1] Action needed - ref 7F3K-2Q"
    assert first["Message-ID"] == "<one@clinic.example>"
    assert first["Date"] == "Mon, 04 May 2026 08:00:00 +0000"
    assert first["References"] == "<alert-7f3k-2q@clinic.example>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert (first["X-PRRT-Attempt"], second["X-PRRT-Attempt"]) == ("1", "2")
    del first["X-PRRT-Attempt"], second["X-PRRT-Attempt"]
    assert first.as_string() == second.as_string()
    assert "List-Unsubscribe" not in first


def test_both_parts_say_that_people_were_named_by_hand_where_no_step_told_them() -> None:
    made = compose(letter(told=()))
    page, _ = made.alternatives[0]
    assert "people named by hand" in str(made.body)
    assert "people named by hand" in str(page)


def test_the_text_says_what_when_who_next_and_where(settings: Any) -> None:
    settings.CLINIC_NAME, settings.CLINIC_PHONE = "Clinic <North> & Co", "+49 30 1234"
    settings.SITE_URL, settings.CLINIC_TIME_ZONE = "https://prrt.example.org", "Europe/Berlin"
    body = str(compose(letter()).body)
    for words in (
        "Clinic <North> & Co",
        "1 (critical)",
        "04 May 2026 10:00 (Europe/Berlin), 04 May 2026 08:00 UTC",
        "on-call, physician",
        "04 May 2026 10:15 (Europe/Berlin)",
        "https://prrt.example.org/alerts/abc_DEF-1",
        "+49 30 1234",
    ):
        assert words in body
    assert "therapy" not in body.lower()


def test_a_letter_has_no_field_for_a_patient() -> None:
    assert set(Letter.__slots__) == {
        "to", "ref", "severity", "severity_word", "raised_at", "told", "escalates_at", "path",
        "message_id", "message_date", "thread_id", "attempt", "words", "alerts", "critical", "last_step",
    }  # fmt: skip


def test_a_letter_the_server_takes_is_accepted_and_has_one_recipient(smtp: SmtpServer) -> None:
    sent = send(letter())
    assert (sent.outcome, sent.code) == (AttemptOutcome.ACCEPTED, 250)
    assert smtp.room.recipients == [["doctor@clinic.example"]]
    assert smtp.room.letters[0]["Message-ID"] == "<one@clinic.example>"


def test_a_server_that_is_away_is_a_temporary_trouble(smtp: SmtpServer) -> None:
    smtp.close()
    sent = send(letter())
    assert (sent.outcome, sent.silent) == (AttemptOutcome.TEMPORARY, True)
    assert sent.error_class == "ConnectionRefusedError"


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [("451 Greylisted", AttemptOutcome.TEMPORARY, 451), ("550 No such user", AttemptOutcome.PERMANENT, 550)],
)
@pytest.mark.parametrize("stage", ["answer_to_recipient", "answer_to_data"])
def test_the_server_s_word_decides_between_for_now_and_for_good(
    smtp: SmtpServer, stage: str, answer: str, outcome: AttemptOutcome, code: int
) -> None:
    setattr(smtp.room, stage, answer)
    sent = send(letter())
    assert (sent.outcome, sent.code) == (outcome, code)
    assert not sent.silent


def test_a_connection_lost_after_the_text_leaves_the_outcome_unknown(smtp: SmtpServer) -> None:
    smtp.room.vanish_after_data = True
    sent = send(letter())
    assert (sent.outcome, sent.error_class) == (AttemptOutcome.UNKNOWN, "SMTPServerDisconnected")


def test_an_address_no_server_would_be_offered_is_refused_for_good(smtp: SmtpServer) -> None:
    sent = send(letter(to="doctor@clinic.example\nBcc: everybody@example.org"))
    assert sent.outcome == AttemptOutcome.PERMANENT
    assert smtp.room.letters == []


def test_a_wrong_password_is_ours_to_mend_and_tried_again(smtp: SmtpServer, settings: Any) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "user", "wrong"
    sent = send(letter())
    assert sent.outcome == AttemptOutcome.TEMPORARY
    assert issubclass(getattr(smtplib, sent.error_class), smtplib.SMTPException)


def slow_greeting(port: int, *, pause: float) -> threading.Thread:
    """A server that greets a letter at a time, each well within the time-out."""
    server = socket.create_server(("127.0.0.1", port))

    def greet() -> None:
        with closing(server), closing(server.accept()[0]) as line, suppress(OSError):
            for _ in range(200):
                line.sendall(b"2")
                time.sleep(pause)

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    return thread


@pytest.mark.hazard("HZ-76")
def test_a_server_that_sends_a_byte_now_and_then_is_left_at_the_hard_limit(
    smtp: SmtpServer, free_port: Callable[[], int], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_PORT = free_port()
    slow_greeting(settings.EMAIL_PORT, pause=0.05)
    monkeypatch.setattr(channels, "HARD_LIMIT_SECONDS", 0.5)
    began = time.monotonic()
    sent = send(letter())
    assert time.monotonic() - began < 5
    assert (sent.outcome, sent.error_class, sent.silent) == (AttemptOutcome.UNKNOWN, "Overrun", True)


def test_a_letter_whose_time_is_over_before_its_server_greets_is_never_handed_over(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = threading.Event()
    sound = smtp_backend.EmailBackend.open

    def late(self: Any) -> Any:
        time.sleep(0.6)
        try:
            return sound(self)
        finally:
            opened.set()

    monkeypatch.setattr(smtp_backend.EmailBackend, "open", late)
    monkeypatch.setattr(channels, "HARD_LIMIT_SECONDS", 0.2)
    assert send(letter()).error_class == "Overrun"
    assert opened.wait(10)
    time.sleep(0.3)
    assert smtp.room.letters == []


def test_a_server_that_stops_in_the_middle_is_cut_off(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "HARD_LIMIT_SECONDS", 0.3)
    smtp.room.before_answer = lambda: time.sleep(1)
    sent = send(letter())
    assert (sent.outcome, sent.error_class) == (AttemptOutcome.UNKNOWN, "Overrun")


def test_each_letter_comes_back_to_an_address_of_its_own(smtp: SmtpServer, settings: Any) -> None:
    settings.MAIL_BOUNCE_ADDRESS = "bounce@alerts.example"
    settings.DEFAULT_FROM_EMAIL = "PRRT clinic <prrt@clinic.example>"
    token = "0123456789abcdef0123456789abcdef"
    send(letter(message_id=f"<{token}@prrt.example>"))
    assert smtp.room.senders == [f"bounce+{token}@alerts.example"]
    assert smtp.room.letters[0]["From"] == "PRRT clinic <prrt@clinic.example>"
    settings.MAIL_BOUNCE_ADDRESS = ""
    send(letter())
    assert smtp.room.senders[1] == "prrt@clinic.example"


def test_the_html_part_says_what_the_text_says_and_fetches_nothing(settings: Any) -> None:
    settings.CLINIC_NAME, settings.CLINIC_PHONE = "Clinic <North> & Co", "+49 30 1234"
    mail = compose(letter())
    [(page, kind)] = mail.alternatives
    assert kind == "text/html"
    words = html.unescape(re.sub(r"<[^>]+>", " ", str(page)))
    for line in ("Clinic <North> & Co", "7F3K-2Q", "1 (critical)", "on-call, physician", "+49 30 1234"):
        assert line in words
        assert line in str(mail.body)
    assert not re.search(r"<(img|script|link|iframe|form)|src=|url\(|@import", str(page))
    assert set(re.findall(r'href="([^"]+)"', str(page))) == {
        "http://127.0.0.1:8000/alerts/abc_DEF-1",
        "tel:+49301234",
    }
    assert 'name="viewport"' in str(page)


def test_a_letter_of_many_says_how_many_and_how_many_are_critical() -> None:
    mail = compose(letter(alerts=27, critical=4, severity=1, path="/alerts/"))
    assert mail.subject == "[SAFETY 1] Action needed - 27 open alerts, 4 of severity 1"
    assert "27 open alerts, 4 of severity 1" in str(mail.body)
    assert "7F3K-2Q" not in str(mail.body) + str(mail.alternatives[0])


def test_every_copy_of_a_letter_has_the_same_bytes_but_for_the_attempt_number() -> None:
    copies = [compose(letter(attempt=attempt)).message() for attempt in (1, 2)]
    for copy in copies:
        del copy["X-PRRT-Attempt"]
    assert copies[0].as_bytes() == copies[1].as_bytes()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("doctor@clinic.example", True),
        ("doctor@CLINIC.example", True),
        ("doctor@mail.clinic.example", False),
        ("doctor@notclinic.example", False),
        ("doctor", False),
        ('"doctor@clinic.example"@else.example', False),
    ],
)
@pytest.mark.hazard("HZ-71")
def test_mail_goes_to_the_named_domains_alone(address: str, allowed: bool, settings: Any) -> None:
    settings.MAIL_DOMAINS = ["clinic.example"]
    fault = domain_fault(address)
    assert (fault == "") is allowed
    assert allowed or ("clinic.example only" in fault and "MAIL_DOMAINS" in fault)
    settings.MAIL_DOMAINS = []
    assert domain_fault(address) == ""


@pytest.fixture
def tls_server(
    smtp: SmtpServer, free_port: Callable[[], int], tmp_path: Path, settings: Any
) -> Iterator[SmtpServer]:
    """A mail server that asks for STARTTLS with a certificate of our own authority, and settings for it."""
    issued = Authority(tmp_path / "ours").issue("mail.clinic.example", "IP:127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)
    server = SmtpServer(free_port(), tls_context=context, require_starttls=True)
    settings.EMAIL_PORT, settings.EMAIL_USE_TLS = server.port, True
    server.open()
    yield server
    server.close()


@pytest.mark.openssl
def test_over_tls_a_letter_goes_to_a_server_whose_certificate_is_good(
    tls_server: SmtpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ours" / "clinic.crt"))
    assert send(letter()).outcome == AttemptOutcome.ACCEPTED
    assert len(tls_server.room.letters) == 1


@pytest.mark.openssl
def test_over_tls_a_letter_goes_to_no_server_of_a_strange_authority(
    tls_server: SmtpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path / "theirs").certificate))
    sent = send(letter())
    assert (sent.outcome, sent.error_class) == (AttemptOutcome.TEMPORARY, "SSLCertVerificationError")
    assert tls_server.room.letters == []
