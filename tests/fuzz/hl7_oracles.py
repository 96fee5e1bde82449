"""Two public parsers as second opinions on the very bytes we read: python-hl7 and hl7apy."""

from collections.abc import Callable
from dataclasses import dataclass

import hl7
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message


@dataclass(frozen=True, kw_only=True)
class OracleResult:
    """What a public parser sees in one OBX: each field as raw text, and the fields of the PID before it."""

    fields: dict[int, str]
    pid: dict[int, str]
    obr: dict[int, str]


# The fields we compare, by segment.
ASKED = {"PID": (2, 3, 4, 5, 7), "OBR": (3, 7), "OBX": (2, 3, 4, 5, 6, 7, 11, 14)}
Oracle = Callable[[str], list[OracleResult] | None]


def python_hl7(text: str) -> list[OracleResult] | None:
    """What python-hl7 0.4 reads; none where it cannot read the message."""
    try:
        message = hl7.parse(text)
    except Exception:  # an oracle that gives up has no opinion; the test counts how many had one
        return None
    segments = []
    for segment in message:
        name = str(segment[0])
        wanted = ASKED.get(name, ())
        segments.append(
            (name, {number: str(segment[number]) if number < len(segment) else "" for number in wanted})
        )
    return _results(segments)


def hl7_apy(text: str) -> list[OracleResult] | None:
    """What hl7apy 1.3 reads in its tolerant mode; none where it cannot read the message."""
    try:
        message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
        marks = message.encoding_chars
        segments = []
        for segment in message.children:
            wanted = ASKED.get(segment.name, ())
            fields: dict[int, list[str]] = {number: [] for number in wanted}
            for child in segment.children:
                number = int(child.name.rpartition("_")[2])
                if number in fields:
                    fields[number].append(child.to_er7(encoding_chars=marks))
            joined = {number: marks["REPETITION"].join(found) for number, found in fields.items()}
            segments.append((segment.name, joined))
    except Exception:  # as above
        return None
    return _results(segments)


def _results(segments: list[tuple[str, dict[int, str]]]) -> list[OracleResult]:
    pid: dict[int, str] = {}
    obr: dict[int, str] = {}
    found = []
    for name, fields in segments:
        if name == "PID":
            pid = fields
        elif name == "OBR":
            obr = fields
        elif name == "OBX":
            found.append(OracleResult(fields=fields, pid=pid, obr=obr))
    return found
