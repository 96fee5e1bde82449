"""Send one letter by e-mail and say honestly how it went."""

import contextlib
import smtplib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string

from alerts.models.notification import AttemptOutcome

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything a mail may be made of: no field for a patient, and nothing else reaches the template."""

    to: str
    ref: str
    severity: int
    severity_word: str
    raised_at: datetime
    told: tuple[str, ...]
    escalates_at: datetime
    path: str
    message_id: str
    message_date: datetime
    thread_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How an attempt went: its outcome, the server's code, and the kind of error where there was one."""

    outcome: AttemptOutcome
    code: int | None = None
    error_class: str = ""
    # The server was not there, or stopped answering: the next letter would hardly fare better.
    silent: bool = False


def send(letter: Letter) -> Sent:
    """Hand one letter to the mail server. Never called inside a transaction.

    Refused before it was taken means temporary or permanent. A connection lost on the way means unknown: the
    letter may have been accepted, so it is sent again with the same Message-ID.
    """
    connection = get_connection(timeout=TIMEOUT_SECONDS)
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        return Sent(
            outcome=AttemptOutcome.TEMPORARY,
            code=_code(error),
            error_class=type(error).__name__,
            silent=True,
        )
    try:
        connection.send_messages([compose(letter)])
    except (OSError, ValueError, smtplib.SMTPException) as error:
        outcome = _judge(error)
        return Sent(
            outcome=outcome,
            code=_code(error),
            error_class=type(error).__name__,
            silent=outcome == AttemptOutcome.UNKNOWN,
        )
    finally:
        # What happens at the good-bye changes nothing about a letter that was accepted or refused before.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            connection.close()
    return Sent(outcome=AttemptOutcome.ACCEPTED, code=250)


def _judge(error: OSError | ValueError | smtplib.SMTPException) -> AttemptOutcome:
    """What an error says about the letter. Faults of our own set-up are mended and tried again."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        permanent = all(code >= 500 for code, _ in error.recipients.values())
        return AttemptOutcome.PERMANENT if permanent else AttemptOutcome.TEMPORARY
    if isinstance(error, smtplib.SMTPDataError):
        return AttemptOutcome.PERMANENT if error.smtp_code >= 500 else AttemptOutcome.TEMPORARY
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return AttemptOutcome.UNKNOWN
    if isinstance(error, smtplib.SMTPException):
        return AttemptOutcome.TEMPORARY
    if isinstance(error, OSError):
        return AttemptOutcome.UNKNOWN
    return AttemptOutcome.PERMANENT  # ValueError: an address or header no server would be offered


def _code(error: BaseException) -> int | None:
    """The SMTP code an error carries, where it carries one."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((code for code, _ in error.recipients.values()), None)
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        return error.smtp_code
    return None


def compose(letter: Letter) -> EmailMessage:
    """The letter as a mail: fixed wording, one recipient, the same text on every attempt."""
    return EmailMessage(
        subject=f"[SAFETY {letter.severity}] Action needed - ref {letter.ref}",
        body=render_to_string(
            "alerts/mail.txt",
            {
                "clinic": settings.CLINIC_NAME,
                "phone": settings.CLINIC_PHONE,
                "severity": letter.severity,
                "word": letter.severity_word,
                "ref": letter.ref,
                "raised": in_both_zones(letter.raised_at),
                "told": letter.told,
                "escalates": in_both_zones(letter.escalates_at),
                "link": f"{settings.SITE_URL}{letter.path}",
            },
        ),
        to=[letter.to],
        headers={
            "Message-ID": letter.message_id,
            "Date": format_datetime(letter.message_date),
            "References": letter.thread_id,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "X-PRRT-Attempt": str(letter.attempt),
        },
    )


def in_both_zones(instant: datetime) -> str:
    """A time as the clinic's clock shows it, and in UTC."""
    zone = ZoneInfo(settings.CLINIC_TIME_ZONE)
    local = instant.astimezone(zone)
    return f"{local:%d %b %Y %H:%M} ({zone.key}), {instant.astimezone(UTC):%d %b %Y %H:%M} UTC"
