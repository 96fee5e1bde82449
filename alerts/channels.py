"""Send one letter by mail or push and say honestly how it went."""

import contextlib
import smtplib
import socket
import threading
from dataclasses import dataclass
from typing import Any

import apprise
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from alerts.hard_limit import Overrun, within
from alerts.letters import Letter, compose, subject, text
from alerts.models.notification import AttemptOutcome
from alerts.secret_text import decrypted

TIMEOUT_SECONDS = 10
# For the whole conversation, also where a server sends a byte now and then; half of a lease.
HARD_LIMIT_SECONDS = 30


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
    line: Any = get_connection(timeout=TIMEOUT_SECONDS)
    mail = compose(letter)
    given_up = threading.Event()

    def cut() -> None:
        given_up.set()
        # Before the connection stands there is nothing to end: whoever waits for it finds it given up.
        with contextlib.suppress(OSError, AttributeError):
            line.connection.sock.shutdown(socket.SHUT_RDWR)

    try:
        return within(HARD_LIMIT_SECONDS, lambda: _converse(line, mail, given_up), cut=cut)
    except Overrun:
        return Sent(outcome=AttemptOutcome.UNKNOWN, error_class=Overrun.__name__, silent=True)


def _converse(line: Any, mail: EmailMessage, given_up: threading.Event) -> Sent:
    """Greet, hand over, say good-bye."""
    try:
        line.open()
    except (OSError, smtplib.SMTPException) as error:
        return Sent(
            outcome=AttemptOutcome.TEMPORARY,
            code=_code(error),
            error_class=type(error).__name__,
            silent=True,
        )
    try:
        if not given_up.is_set():
            line.send_messages([mail])
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
            line.close()
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


def push(letter: Letter, *, encrypted_url: str) -> Sent:
    """Hand one letter to one push address: the same text, one call, no second try of the library's own.

    The library says only whether it went well: whatever else happened, the letter is tried again.
    """
    try:
        url = decrypted(encrypted_url)
    except InvalidToken:
        return Sent(outcome=AttemptOutcome.PERMANENT, error_class=InvalidToken.__name__)
    service = push_service(url)
    if service is None:
        return Sent(outcome=AttemptOutcome.PERMANENT, error_class="ServiceNotAllowed")
    title, body = subject(letter), text(letter)
    try:
        # `notify` of one service is one call; asked for through a collection, it would follow `retry=`.
        went_well = within(
            HARD_LIMIT_SECONDS, lambda: service.notify(body=body, title=title), cut=lambda: None
        )
    except Overrun:
        return Sent(outcome=AttemptOutcome.UNKNOWN, error_class=Overrun.__name__, silent=True)
    if went_well:
        return Sent(outcome=AttemptOutcome.ACCEPTED)
    return Sent(outcome=AttemptOutcome.TEMPORARY, error_class="NotTaken", silent=True)


def push_service(url: str) -> apprise.NotifyBase | None:
    """The messenger or gateway of an address; none where it cannot be read or is not one of ours."""
    if service_name(url) not in settings.PUSH_SERVICES:
        return None
    # Its address and answers are for nobody's log; nothing is kept on disk, no plug-in is loaded from it.
    asset = apprise.AppriseAsset(secure_logging=True, plugin_paths=[], default_service_retry=0)
    found = apprise.Apprise.instantiate(url, asset=asset)
    return found if isinstance(found, apprise.NotifyBase) else None


def service_name(url: str) -> str:
    """The first part of a push address, in small letters."""
    return url.partition("://")[0].strip().lower() if "://" in url else ""
