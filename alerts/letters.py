"""What a letter says on every channel, and what it never says: fixed wording, no field for a patient."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

INBOX = "/alerts/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything a letter may be made of: no field for a patient, and nothing else reaches the template."""

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
    # Of how many open alerts it tells, and how many of them are of severity 1.
    alerts: int = 1
    critical: int = 0
    # Everybody on the ladder has been told: now somebody has to be called.
    last_step: bool = False

    @property
    def is_bundle(self) -> bool:
        """Whether it tells of several alerts at once."""
        return self.alerts > 1


class _Mail(EmailMultiAlternatives):
    """A mail whose every copy has the same bytes, also in the lines between its parts."""

    def message(self, **given: Any) -> Any:
        """The mail as it is sent."""
        made = super().message(**given)
        made.set_boundary(f"=_{token_of(str(self.extra_headers['Message-ID']))}")
        return made


def token_of(message_id: str) -> str:
    """The part of a message id that nobody can guess."""
    return message_id.strip().strip("<>").partition("@")[0]


def return_path(message_id: str) -> str:
    """Where a mail that cannot be delivered comes back to: an address of this one letter."""
    if not settings.MAIL_BOUNCE_ADDRESS:
        return str(settings.DEFAULT_FROM_EMAIL)
    mailbox, _, domain = settings.MAIL_BOUNCE_ADDRESS.partition("@")
    return f"{mailbox}+{token_of(message_id)}@{domain}"


def subject(letter: Letter) -> str:
    """The one line everybody sees, also on a locked screen."""
    if letter.is_bundle:
        return f"[SAFETY {letter.severity}] Action needed - {bundle_words(letter)}"
    return f"[SAFETY {letter.severity}] Action needed - ref {letter.ref}"


def bundle_words(letter: Letter) -> str:
    """How many, and how many of them are critical."""
    return f"{letter.alerts} open alerts, {letter.critical} of severity 1"


def text(letter: Letter) -> str:
    """The letter as plain text."""
    return render_to_string("alerts/mail.txt", _facts(letter))


def compose(letter: Letter) -> EmailMultiAlternatives:
    """The letter as a mail: one recipient, the same bytes on every attempt but for the attempt's number."""
    mail = _Mail(
        subject=subject(letter),
        body=text(letter),
        from_email=return_path(letter.message_id),
        to=[letter.to],
        headers={
            "From": settings.DEFAULT_FROM_EMAIL,
            "Message-ID": letter.message_id,
            "Date": format_datetime(letter.message_date),
            "References": letter.thread_id,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "X-PRRT-Attempt": str(letter.attempt),
        },
    )
    mail.attach_alternative(render_to_string("alerts/mail.html", _facts(letter)), "text/html")
    return mail


def _facts(letter: Letter) -> dict[str, Any]:
    """What the templates are given."""
    return {
        "clinic": settings.CLINIC_NAME,
        "phone": settings.CLINIC_PHONE,
        "subject": subject(letter),
        "severity": letter.severity,
        "word": letter.severity_word,
        "ref": letter.ref,
        "bundle": bundle_words(letter) if letter.is_bundle else "",
        "raised": in_both_zones(letter.raised_at),
        "told": letter.told,
        "last_step": letter.last_step,
        "escalates": in_both_zones(letter.escalates_at),
        "link": f"{settings.SITE_URL}{letter.path}",
    }


def in_both_zones(instant: datetime) -> str:
    """A time as the clinic's clock shows it, and in UTC."""
    zone = ZoneInfo(settings.CLINIC_TIME_ZONE)
    local = instant.astimezone(zone)
    return f"{local:%d %b %Y %H:%M} ({zone.key}), {instant.astimezone(UTC):%d %b %Y %H:%M} UTC"
