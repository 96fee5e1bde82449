"""Read a merge of two patient numbers (ADT^A40): which one is retired, into which."""

from dataclasses import dataclass

from labs.formats.hl7_ack import read_header
from labs.formats.hl7_patient import read_number, read_patient
from labs.formats.hl7_syntax import Segment, read_syntax
from labs.formats.parsed import ParsedPatient, PatientNumber, Rejected, SenderProfile

EVENT = ("ADT", "A40")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMerge:
    """One pair of PID and MRG: the person who stays, and the numbers that are retired."""

    position: int
    survivor: ParsedPatient
    retired: tuple[PatientNumber, ...]
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeMessage:
    """All merges of one message, and remarks about how it had to be read."""

    merges: tuple[ParsedMerge, ...]
    notes: tuple[str, ...] = ()


def parse_merges(body: bytes, *, profile: SenderProfile) -> MergeMessage | Rejected:
    """Read every pair; a PID without its MRG, or an MRG without a PID, refuses the whole."""
    header = read_header(body)
    if isinstance(header, Rejected):
        return header
    syntax = read_syntax(body, charset=header.charset, fallback=profile.charset)
    if isinstance(syntax, Rejected):
        return syntax
    merges: list[ParsedMerge] = []
    pid: Segment | None = None
    for segment in syntax.segments:
        if segment.name == "PID":
            if pid is not None:
                return _unpaired()
            pid = segment
        elif segment.name == "MRG":
            if pid is None:
                return _unpaired()
            merges.append(_merge(pid, segment))
            pid = None
    if pid is not None or not merges:
        return _unpaired()
    return MergeMessage(merges=tuple(merges), notes=syntax.notes)


def _merge(pid: Segment, mrg: Segment) -> ParsedMerge:
    numbers = (read_number(mrg, repetition) for repetition in mrg.repetitions(1))
    return ParsedMerge(
        position=mrg.position,
        survivor=read_patient(pid),
        retired=tuple(number for number in numbers if number.number),
        raw="\r".join(each.line for each in (pid, mrg)),
    )


def _unpaired() -> Rejected:
    return Rejected(
        code="unpaired-merge", reason="A merge (ADT^A40) needs exactly one MRG segment after each PID."
    )
