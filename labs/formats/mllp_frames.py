"""Cut a byte stream into MLLP frames: noise skipped, broken frames named, nothing of one frame in another."""

from dataclasses import dataclass

START = b"\x0b"
END = b"\x1c\r"
_NEW_MESSAGE = START + b"MSH"
_OVERLAP = len(_NEW_MESSAGE) - 1
KEPT_OF_LONG_FRAME = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
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

    def feed(self, data: bytes) -> list[Frame | BrokenFrame]:
        """Take more bytes and give back every frame that is complete or beyond saving."""
        self._buffer += data
        found: list[Frame | BrokenFrame] = []
        while self._step(found):
            pass
        return found

    def finish(self) -> BrokenFrame | None:
        """The stream ended: what an unfinished frame held, if there was one."""
        if not self.in_frame:
            return None
        body = bytes(self._buffer[:KEPT_OF_LONG_FRAME])
        self._leave(len(self._buffer))
        return BrokenFrame(
            body=body,
            code="unfinished-frame",
            reason="The connection ended inside a message. The sender got no answer and must resend.",
        )

    def _step(self, found: list[Frame | BrokenFrame]) -> bool:
        """Move over one frame border; false when more bytes are needed."""
        if not self.in_frame:
            return self._enter()
        end = self._buffer.find(END, self._scanned)
        again = self._buffer.find(_NEW_MESSAGE, self._scanned)
        if again >= 0 and (end < 0 or again < end):
            body = bytes(self._buffer[: min(again, KEPT_OF_LONG_FRAME)])
            reason = "A second message began before this one had ended. The sender must resend the first."
            found.append(BrokenFrame(body=body, code="frame-in-frame", reason=reason))
            del self._buffer[: again + 1]
            self._scanned = 0
            return True
        length = end if end >= 0 else len(self._buffer)
        if length > self.longest:
            found.append(
                BrokenFrame(
                    body=bytes(self._buffer[:KEPT_OF_LONG_FRAME]),
                    code="frame-too-long",
                    reason=f"The message is longer than {self.longest} bytes.",
                )
            )
            self._leave(end + len(END) if end >= 0 else len(self._buffer))
            return end >= 0
        if end < 0:
            self._scanned = max(0, len(self._buffer) - _OVERLAP)
            return False
        found.append(Frame(body=bytes(self._buffer[:end])))
        self._leave(end + len(END))
        return True

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
