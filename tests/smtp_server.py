"""A real SMTP server in this process that can refuse, fail and vanish on command."""

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailroom:
    """Keeps every letter it was given, and answers as it was told to."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.senders: list[str] = []
        self.offered = 0
        self.answer_to_recipient = "250 OK"
        self.answer_to_data = "250 OK"
        self.refused_addresses: set[str] = set()
        self.vanish_after_data = False
        self.before_answer: Callable[[], None] = lambda: None

    async def handle_RCPT(  # aiosmtpd finds its hooks by these names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused_addresses:
            return "550 No such user"
        if self.answer_to_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_to_recipient

    async def handle_DATA(  # aiosmtpd finds its hooks by these names
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.offered += 1
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        if self.answer_to_data.startswith("250"):
            self.letters.append(letter)
            self.recipients.append(list(envelope.rcpt_tos))
            self.senders.append(str(envelope.mail_from))
        self.before_answer()
        if self.vanish_after_data:
            assert server.transport is not None
            server.transport.close()
        return self.answer_to_data


class SmtpServer:
    """The mailroom behind a port of 127.0.0.1; it may be closed and opened again."""

    def __init__(self, port: int, **more: Any) -> None:
        self.port = port
        self.room = Mailroom()
        self._more = more
        self._controller: Any = None

    def open(self) -> None:
        """Accept connections."""
        self._controller = Controller(self.room, hostname="127.0.0.1", port=self.port, **self._more)
        self._controller.start()

    def close(self) -> None:
        """Refuse connections."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
