"""Cut a byte stream into MLLP frames: noise skipped, broken frames named, nothing of one frame in another."""

import re
from dataclasses import dataclass
from typing import NamedTuple

START = b"\x0b"
END = b"\x1c\r"
_SEPARATOR = END[:1]
# What ends a frame or begins another: its end; its end without the last byte, before the next start; a start
# that a header follows, perhaps behind a byte order mark. A start byte before anything else is data.
_NEXT_START = rb"\x0b(?:\xef\xbb\xbf)?(?:MSH|BHS|FHS)[^A-Za-z0-9]"
_BORDER = re.compile(rb"\x1c(?:\r|\n?(?=" + _NEXT_START + rb"))|(?=" + _NEXT_START + rb")")
_OVERLAP = 9  # the longest border of which a piece of the stream may end just before the last byte
KEPT_OF_LONG_FRAME = 65536
UNFINISHED = "unfinished-frame"


class Frame(NamedTuple):
    """The bytes between one start and its end."""

    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenFrame:
    """The bytes of a frame that never became a message, and why."""

    body: bytes
    code: str
    reason: str


class FrameReader:
    """A state machine over bytes; it may be fed in pieces cut anywhere."""

    def __init__(self, *, longest: int) -> None:
        self.longest = longest
        self.noise = 0
        self.in_frame = False
        self._buffer = bytearray()
        self._scanned = 0

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._buffer) if self.in_frame else 0

    def feed(self, data: bytes) -> list[Frame | BrokenFrame]:
        """Take more bytes and give back every frame that is complete or beyond saving."""
        self._buffer += data
        found: list[Frame | BrokenFrame] = []
        while self._step(found):
            pass
        return found

    def finish(self) -> Frame | BrokenFrame | None:
        """The stream ended: what an unfinished frame held, if there was one.

        Where only the very last byte is missing the message is whole.
        """
        if not self.in_frame:
            return None
        is_whole = self._buffer.endswith(_SEPARATOR) and len(self._buffer) - 1 <= self.longest
        body = bytes(self._buffer[:-1] if is_whole else self._buffer[:KEPT_OF_LONG_FRAME])
        self._leave(len(self._buffer))
        if is_whole:
            return Frame(body=body)
        return BrokenFrame(
            body=body,
            code=UNFINISHED,
            reason="The connection ended inside a message. The sender got no answer and must resend.",
        )

    def _step(self, found: list[Frame | BrokenFrame]) -> bool:
        """Move over one frame border; false when more bytes are needed."""
        if not self.in_frame:
            return self._enter()
        border = self._border()
        length, after = border or (len(self._buffer), len(self._buffer))
        if length > self.longest:
            found.append(self._too_long())
            self._leave(after)
            return border is not None
        if border is None:
            self._scanned = max(0, len(self._buffer) - _OVERLAP)
            return False
        if after > length:
            with memoryview(self._buffer) as view:  # one copy, not two, of what may be long
                found.append(Frame(body=bytes(view[:length])))
        else:
            body = bytes(self._buffer[: min(length, KEPT_OF_LONG_FRAME)])
            reason = "A second message began before this one had ended. The sender must resend the first."
            found.append(BrokenFrame(body=body, code="frame-in-frame", reason=reason))
        self._leave(after)
        return True

    def _border(self) -> tuple[int, int] | None:
        """Where the frame stops, and where the stream goes on: the same place if another one began there."""
        end = self._buffer.find(END, self._scanned)
        # The pattern takes longer than all else that is done with a message; it is for what is not plain.
        if end >= 0 and self._buffer.find(START, self._scanned, end) < 0:
            return end, end + len(END)
        found = _BORDER.search(self._buffer, self._scanned)
        return found.span() if found else None

    def _too_long(self) -> BrokenFrame:
        return BrokenFrame(
            body=bytes(self._buffer[:KEPT_OF_LONG_FRAME]),
            code="frame-too-long",
            reason=f"The message is longer than {self.longest} bytes.",
        )

    def _enter(self) -> bool:
        start = self._buffer.find(START)
        self.noise += len(self._buffer) if start < 0 else start
        del self._buffer[: len(self._buffer) if start < 0 else start + 1]
        self.in_frame = start >= 0
        return self.in_frame

    def _leave(self, consumed: int) -> None:
        del self._buffer[:consumed]
        self._scanned = 0
        self.in_frame = False


def framed(body: bytes) -> bytes:
    """One message in its frame."""
    return START + body + END
