"""What a letter says on every channel, and what it never says: the policy's words, no field for a patient."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from alerts.wording import NAME, LetterWords, fill

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
    # As they were when the alert began.
    words: LetterWords
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
    return fill(_texts(letter)["subject"], _names(letter))


def text(letter: Letter) -> str:
    """The letter as plain text."""
    said = {key: fill(line, _names(letter)) for key, line in _texts(letter).items()}
    return render_to_string("alerts/mail.txt", {**_facts(letter), **_said(said, letter)})


def page(letter: Letter) -> str:
    """The same letter as a page, with links in place of addresses and telephone numbers."""
    phone = format_html(
        '<a href="tel:{}">{}</a>', settings.CLINIC_PHONE.replace(" ", ""), settings.CLINIC_PHONE
    )
    names = {**_names(letter), "phone": phone}
    said = {key: _marked(line, names) for key, line in _texts(letter).items()}
    return render_to_string("alerts/mail.html", {**_facts(letter), **_said(said, letter)})


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
    mail.attach_alternative(page(letter), "text/html")
    return mail


def _texts(letter: Letter) -> Mapping[str, str]:
    return letter.words.together if letter.is_bundle else letter.words.alone


def _names(letter: Letter) -> dict[str, str]:
    """What stands for each name of the policy's texts."""
    return {
        "clinic": settings.CLINIC_NAME,
        "phone": settings.CLINIC_PHONE,
        "severity": str(letter.severity),
        "ref": letter.ref,
        "alerts": str(letter.alerts),
        "critical": str(letter.critical),
        "time": in_both_zones(letter.escalates_at),
    }


def _marked(line: str, names: Mapping[str, str]) -> SafeString:
    """A text of the policy as mark-up: it and what is filled in are escaped, our own links are not."""
    # What stands around the names, and every second part a name.
    parts = enumerate(NAME.split(line))
    return format_html_join("", "{}", ((names[part] if place % 2 else part,) for place, part in parts))


def _said(said: Mapping[str, str], letter: Letter) -> dict[str, str]:
    """The texts that this letter needs, for a clinic with a telephone number or without."""
    no_phone = "" if settings.CLINIC_PHONE else "_no_phone"
    return {
        "opening": said["opening"],
        "escalates": said["escalates"],
        "everybody_told": said[f"everybody_told{no_phone}"] if letter.last_step else "",
        "explanation": said.get("explanation", ""),
        "to_do": said["to_do"],
        "no_log_in": said[f"no_log_in{no_phone}"],
        "closing": said["closing"],
    }


def _facts(letter: Letter) -> dict[str, Any]:
    """What the templates are given beside the texts."""
    return {
        "subject": subject(letter),
        "severity": letter.severity,
        "word": letter.severity_word,
        "ref": letter.ref,
        "together": letter.is_bundle,
        "raised": in_both_zones(letter.raised_at),
        "told": letter.told,
        "link": f"{settings.SITE_URL}{letter.path}",
    }


def in_both_zones(instant: datetime) -> str:
    """A time as the clinic's clock shows it, and in UTC."""
    zone = ZoneInfo(settings.CLINIC_TIME_ZONE)
    local = instant.astimezone(zone)
    return f"{local:%d %b %Y %H:%M} ({zone.key}), {instant.astimezone(UTC):%d %b %Y %H:%M} UTC"
