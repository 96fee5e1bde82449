"""Refuse an ORU^R01 in which something stands where it belongs to no patient, order or result."""

from labs.formats.hl7_syntax import Segment
from labs.formats.parsed import Rejected

_IN_ORDER = frozenset({"ORC", "OBR", "OBX", "SPM"})
# What may stand behind what. Only these segments say what belongs to what; all others may stand anywhere.
_MAY_FOLLOW = {
    "MSH": frozenset({"PID"}),  # what comes before the one PID may be of a patient whose PID was lost
    "PID": frozenset({"ORC", "OBR"}),
    "ORC": frozenset({"OBR"}),  # ORC opens an order, and the order's OBR is required
    "OBR": _IN_ORDER,
    "OBX": _IN_ORDER,
    "SPM": _IN_ORDER,
}
_AGAIN = "would be a guess. Ask the laboratory to send the message again with"


def out_of_sequence(segments: tuple[Segment, ...]) -> Rejected | None:
    """Why a message of one MSH and one PID waits whole: what belongs to what in it would be a guess."""
    before = segments[0]
    for segment in segments[1:]:
        name = segment.name
        if name in _MAY_FOLLOW:
            if name not in _MAY_FOLLOW[before.name]:
                return _misplaced(segment, before)
            before = segment
    return _order_without_request(before, "the message ends without") if before.name == "ORC" else None


def continued(segments: tuple[Segment, ...]) -> Rejected | None:
    """Why a part of a longer message waits: what marks its results may stand in the other part.

    MSH-14 and DSC-1 point to another message, and ADD goes on with the segment before it.
    """
    for segment in segments:
        pointer = (
            segment.raw(14) if segment.name == "MSH" else segment.raw(1) if segment.name == "DSC" else ""
        )
        if pointer.strip() or segment.name == "ADD":
            return Rejected(
                code="continued-message",
                reason=f"Line {segment.position} ({segment.name}) says that this is part of a longer message;"
                " what is said of these results may stand in another part. Ask the laboratory to send the"
                " whole message in one frame.",
            )
    return None


def _misplaced(segment: Segment, before: Segment) -> Rejected:
    """The refusal of a segment that may not stand behind the one before."""
    name, line = segment.name, f"Line {segment.position}"
    if before.name == "MSH":
        return _rejected(
            f"{line} ({name}) stands before the patient it is about (PID); whose it is {_AGAIN} the PID"
            " before everything that is about that patient."
        )
    if before.name == "ORC":
        return _order_without_request(before, f"line {segment.position} is an {name} and not")
    if name == "SPM":
        return _rejected(
            f"{line} describes a specimen (SPM) before any order (OBR); which results it is about {_AGAIN}"
            " each SPM behind the results it is about."
        )
    return Rejected(
        code="result-without-order",
        reason=f"{line} is a result (OBX) before any order (OBR); what it belongs to {_AGAIN} each OBX behind"
        " the OBR it belongs to.",
    )


def _order_without_request(orc: Segment, found: str) -> Rejected:
    """The refusal of an ORC without its OBR: it may cancel an order, and results behind it have none."""
    return _rejected(
        f"Line {orc.position} opens an order (ORC), but {found} its OBR; which results belong to that order,"
        f" or are cancelled with it, {_AGAIN} each ORC in front of the OBR of its order."
    )


def _rejected(reason: str) -> Rejected:
    return Rejected(code="out-of-sequence", reason=reason)
