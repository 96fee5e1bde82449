"""A mail server that keeps every copy with its times, and refuses, stalls, delays and vanishes on command."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from itertools import count
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 kept"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One copy of a mail that the server holds: whose, and when it began and came."""

    number: int
    to: str
    message_id: str
    subject: str
    attempt: str
    began: float
    kept_at: float
    raw: bytes

    @property
    def body(self) -> str:
        """The plain text."""
        part = message_from_bytes(self.raw, policy=policy.default).get_body(("plain",))
        return str(part.get_content()) if part else ""

    @property
    def links(self) -> list[str]:
        """Every address in any part of the mail."""
        whole = " ".join(
            str(part.get_content())
            for part in message_from_bytes(self.raw, policy=policy.default).walk()
            if part.get_content_maintype() == "text"
        )
        return sorted(set(re.findall(r"https?://[^\s\"'<>)]+", whole)))


@dataclass
class Moods:
    """How the server behaves just now."""

    delay: float = 0.0
    answer_to_recipient: str = OK
    answer_to_data: str = OK
    refused: set[str] = field(default_factory=set)
    # Takes the text and never says a word.
    stalls: bool = False
    # Takes the text of so many, then hangs up before its answer.
    vanishes: int = 0
    # What happens to the sender at that moment; the harness kills it here.
    on_connect: Callable[[], None] | None = None
    on_data: Callable[[], None] | None = None


class Sink:
    """The server behind one port of 127.0.0.1; it may be closed and opened again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.moods = Moods()
        self.copies: list[Copy] = []
        # When the sender of a copy was told 250, by the copy's number.
        self.answered: dict[int, float] = {}
        self._numbers = count(1)
        self.connections = 0
        self._controller: Any = None

    def open(self) -> None:
        """Accept connections."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=30)
        self._controller.start()

    def close(self) -> None:
        """Refuse connections."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def calm(self) -> None:
        """Behave again."""
        self.moods = Moods()

    def accepted(self) -> Sequence[Copy]:
        """The copies whose senders were told 250, with the time of that."""
        return [
            replace(copy, kept_at=self.answered[copy.number])
            for copy in list(self.copies)
            if copy.number in self.answered
        ]

    # aiosmtpd finds its hooks by these names.

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Greet; the sender may die of it."""
        self.connections += 1
        session.host_name = hostname
        if self.moods.on_connect is not None:
            self.moods.on_connect()
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Note when this mail began."""
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        session.began = time.time()  # type: ignore[attr-defined]
        return OK

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the address, or do not."""
        if address in self.moods.refused:
            return "550 No such user"
        if self.moods.answer_to_recipient == OK:
            envelope.rcpt_tos.append(address)
        return self.moods.answer_to_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the text, and answer as the mood is."""
        moods = self.moods
        if moods.on_data is not None:
            moods.on_data()
        await asyncio.sleep(moods.delay)
        if moods.answer_to_data != OK:
            return moods.answer_to_data
        vanishes = moods.vanishes > 0
        moods.vanishes -= vanishes
        kept = self._keep(session, envelope)
        assert server.transport is not None
        if vanishes:
            server.transport.close()
        # Until the mood ends, or the sender goes: then this is cancelled, and nobody was told anything.
        while moods.stalls and self.moods is moods:
            await asyncio.sleep(0.05)
        if not server.transport.is_closing() and moods.on_data is None:
            self.answered.update(dict.fromkeys(kept, time.time()))
        return OK

    def _keep(self, session: Session, envelope: Envelope) -> list[int]:
        raw = envelope.content
        assert isinstance(raw, bytes)
        read = message_from_bytes(raw, policy=policy.default)
        before = len(self.copies)
        for to in envelope.rcpt_tos:
            self.copies.append(
                Copy(
                    to=to,
                    message_id=str(read["Message-ID"]),
                    subject=str(read["Subject"]),
                    attempt=str(read["X-PRRT-Attempt"]),
                    began=session.began,  # type: ignore[attr-defined]
                    kept_at=time.time(),
                    number=next(self._numbers),
                    raw=raw,
                )
            )
        return [copy.number for copy in self.copies[before:]]
