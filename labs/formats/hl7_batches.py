"""Take a batch of HL7 v2 messages apart and put their acknowledgements together, as one answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labs.formats.hl7_ack import hl7_stamp
from labs.formats.hl7_syntax import Segment, Separators, read_separators, segment_of
from labs.formats.mllp_frames import START
from labs.formats.parsed import Rejected

_BOM = b"\xef\xbb\xbf"
_NAMES = rb"(?:MSH|BHS|FHS|BTS|FTS)(?![A-Za-z0-9])"
# Where any CR stands only CR ends a segment, and a line feed may be data.
_AFTER_CR = re.compile(rb"(?<=\r)\n*(?=" + _NAMES + rb")")
_AFTER_LF = re.compile(rb"(?<=\n)(?=" + _NAMES + rb")")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The messages of one frame, each byte for byte, the header around them, and what does not add up."""

    messages: tuple[bytes, ...]
    header: Segment | None
    fault: str = ""


def read_batch(body: bytes) -> Batch | None:
    """The messages of a batch, or of a frame with several; none where the frame is one message or nothing.

    A frame that still holds a start byte may be two messages of which one is broken: it is no batch.
    """
    if START in body or (b"BHS" not in body and b"FHS" not in body and body.count(b"MSH") < 2):
        return None
    pattern = _AFTER_CR if b"\r" in body else _AFTER_LF
    parts = [part for part in pattern.split(body.removeprefix(_BOM)) if part.strip()]
    messages = tuple(part for part in parts if part.startswith(b"MSH"))
    heads = [part for part in parts if part.startswith((b"BHS", b"FHS"))]
    # A header that follows the first message belongs to a further batch of the same file.
    if not messages or (not heads and len(messages) < 2):
        return None
    if not parts[0].startswith((b"MSH", b"BHS", b"FHS")):
        return None
    header = _segment(heads[0]) if heads else None
    return Batch(messages=messages, header=header, fault=_fault(parts) if heads else "")


def batch_of_acks(acks: Sequence[bytes], *, header: Segment | None, control_id: str, at: datetime) -> bytes:
    """The acknowledgements as one batch; the parties swapped, the sender's batch id named in BHS-12."""
    marks = header.separators if header else _usual()
    parties = (header.raw(5), header.raw(6), header.raw(3), header.raw(4)) if header else ("", "", "", "")
    answered = header.raw(11) if header else ""
    stamp = hl7_stamp(at)
    opening = [f"BHS{marks.field}{marks.declared}", *parties, stamp, "", "", "", control_id, answered]
    lines = [marks.field.join(opening).encode("latin-1"), *(ack.rstrip(b"\r") for ack in acks)]
    return b"\r".join([*lines, f"BTS{marks.field}{len(acks)}".encode("latin-1")]) + b"\r"


def _segment(part: bytes) -> Segment | None:
    """A batch header as a segment, if its delimiters can be read; they are declared as in MSH."""
    line = part.decode("latin-1").replace("\n", "\r").split("\r")[0]
    separators = read_separators("MSH" + line[3:64])
    if isinstance(separators, Rejected):
        return None
    return segment_of(line, position=1, separators=separators, codec="latin-1")


def _fault(parts: Sequence[bytes]) -> str:
    """What does not add up: BTS-1 counts the messages of a batch, FTS-1 the batches of a file."""
    is_open, in_batch, batches = False, 0, 0
    faults: list[str] = []
    for part in parts:
        name, stated = part[:3], _stated(part)
        if name == b"MSH":
            in_batch += 1
        elif name == b"BHS":
            if is_open:
                faults.append("A batch begins before the one before it has ended with BTS.")
            is_open, in_batch, batches = True, 0, batches + 1
        elif name == b"BTS":
            if not is_open:
                faults.append("A batch ends (BTS) that never began (BHS).")
            elif stated and stated != str(in_batch):
                faults.append(f"BTS-1 states {stated} messages where {in_batch} came.")
            is_open = False
        elif name == b"FTS" and stated and stated != str(max(batches, 1)):
            faults.append(f"FTS-1 states {stated} batches where {batches} came.")
    if is_open:
        faults.append("The batch has no end (BTS): messages may be missing.")
    if parts[0].startswith(b"FHS") and not any(part.startswith(b"FTS") for part in parts):
        faults.append("The file of batches has no end (FTS): batches may be missing.")
    return " ".join(faults)


def _stated(part: bytes) -> str:
    """The count in a trailer's first field, as plain digits; other text is compared as it stands."""
    line = part.decode("latin-1").replace("\n", "\r").split("\r")[0]
    stated = line[4:].split(line[3])[0].strip() if len(line) > 3 else ""
    return str(int(stated)) if stated.isascii() and stated.isdigit() and len(stated) < 10 else stated[:20]


def _usual() -> Separators:
    return Separators(
        field="|", component="^", repetition="~", escape="\\", subcomponent="&", declared="^~\\&"
    )
