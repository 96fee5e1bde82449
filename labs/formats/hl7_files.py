"""Find the messages in an HL7 file: framed, several in a row, or one."""

import re

from labs.formats.mllp_frames import START, FrameReader

_LONGEST = 16 * 1024 * 1024
_NEXT_MESSAGE = re.compile(rb"(?<=[\r\n])(?=MSH[^A-Za-z0-9\r\n])")


def messages_in(body: bytes) -> list[bytes]:
    """Each message's bytes. What is no message is given back whole, to be kept and refused."""
    if START in body:
        reader = FrameReader(longest=_LONGEST)
        frames = [frame.body for frame in reader.feed(body)]
        rest = reader.finish()
        return [*frames, *([rest.body] if rest else [])] or [body]
    if body.lstrip().startswith(b"MSH"):
        return [part for part in _NEXT_MESSAGE.split(body.lstrip()) if part.strip()]
    return [body]
