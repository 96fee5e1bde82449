"""Find the messages in an HL7 file: framed, in batches, several in a row, or one."""

from dataclasses import dataclass

from labs.formats.hl7_batches import read_batch
from labs.formats.mllp_frames import START, FrameReader

_LONGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HL7File:
    """Each message's bytes, and what does not add up around them: counts in batch trailers, missing ends."""

    messages: tuple[bytes, ...]
    faults: tuple[str, ...] = ()


def read_hl7_file(body: bytes) -> HL7File:
    """Take a file apart. What is no message is given back whole, to be kept and refused."""
    messages: list[bytes] = []
    faults: list[str] = []
    for part in _frames(body) if START in body else [body]:
        batch = read_batch(part.lstrip())
        messages += batch.messages if batch else [part.lstrip() if part.lstrip()[:3] == b"MSH" else part]
        faults += [batch.fault] if batch and batch.fault else []
    return HL7File(messages=tuple(messages), faults=tuple(faults))


def _frames(body: bytes) -> list[bytes]:
    reader = FrameReader(longest=_LONGEST)
    frames = [frame.body for frame in reader.feed(body)]
    rest = reader.finish()
    return [*frames, *([rest.body] if rest else [])] or [body]
