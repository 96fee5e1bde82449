"""Read a well-formed ORU^R01 of HL7 v2.3 to 2.5.1 into plain values, or say exactly why not."""

from collections.abc import Iterator
from datetime import datetime

from labs.formats.hl7_ack import Header, read_header
from labs.formats.hl7_fields import readers_for
from labs.formats.hl7_observation import Group, read_observations
from labs.formats.hl7_patient import read_patient
from labs.formats.hl7_sequence import continued, out_of_sequence
from labs.formats.hl7_syntax import Segment, read_syntax
from labs.formats.numbers import shown
from labs.formats.parsed import (
    ParsedMessage,
    ParsedPatient,
    ParsedReport,
    ParsedTime,
    Problem,
    Rejected,
    SenderProfile,
    too_many,
)

_TWO_CHARSETS = "MSH-18 names several character sets; the first was used throughout."


def parse(body: bytes, *, profile: SenderProfile, most: int | None = None) -> ParsedMessage | Rejected:
    """Read one message whole, if it has at most so many results; what cannot be read becomes a Problem."""
    header = read_header(body)
    if isinstance(header, Rejected):
        return header
    syntax = read_syntax(body, charset=header.charset, fallback=profile.charset)
    if isinstance(syntax, Rejected):
        return syntax
    segments = syntax.segments
    names = [segment.name for segment in segments]
    patients = names.count("PID")
    if names.count("MSH") != 1:
        return Rejected(code="several-messages", reason="More than one MSH segment in one message.")
    if patients != 1:
        return Rejected(
            code="several-patients",
            reason=f"The message has {patients} PID segments; exactly one patient is read.",
        )
    groups = _groups(segments, most=most)
    if isinstance(groups, Rejected):
        return groups
    patient, sent = read_patient(segments[names.index("PID")]), _sent(header, profile)
    reports = tuple([_report(group, patient, profile, sent) for group in groups])
    # A date alone may order versions, but no collection time of that day can be judged against it.
    exact = sent.instant if sent and sent.precision in {"minute", "second"} else None
    several = (_TWO_CHARSETS,) if header.msh.separators.repetition in header.msh.raw(18) else ()
    receiver = (header.msh.component(5), header.msh.component(6))
    notes = (*syntax.notes, *several, *_other_orders(groups))
    return ParsedMessage(reports=reports, sent_at=exact, receiver=receiver, notes=notes)


def _groups(segments: tuple[Segment, ...], *, most: int | None) -> tuple[Group, ...] | Rejected:
    """The segments by order, where nothing of what belongs to what would be a guess."""
    if (refusal := continued(segments) or out_of_sequence(segments)) is not None:
        return refusal
    groups = _gathered(segments)
    count = sum([len(group.results) for group in groups])
    if not count:
        return Rejected(code="no-results", reason="The message has no OBX segment.")
    return too_many(count, most=most) or groups


def _gathered(segments: tuple[Segment, ...]) -> tuple[Group, ...]:
    """The orders of a message whose segments stand in sequence."""
    groups: list[Group] = []
    orc: Segment | None = None
    result: Segment | None = None  # the latest, where what is noted next concerns it
    of_all: list[str] = []  # what is noted before the first order concerns every one
    of_order: list[str] = []
    notes = of_all
    for segment in segments:
        name = segment.name
        if name == "OBX":
            groups[-1].results.append(segment)
            result = segment
        elif name == "NTE":
            if result is not None:
                notes = groups[-1].remarks.setdefault(result.position, [])
            notes.append("\n".join([segment.text(part) for part in segment.repetitions(3)]))
        elif name == "ORC":
            orc, of_order, result = segment, [], None
            notes = of_order
        elif name == "OBR":
            groups.append(Group(orc=orc, obr=segment, notes=[*of_all, *of_order]))
            orc, of_order, notes, result = None, [], groups[-1].notes, None
        elif name == "SPM":
            groups[-1].specimens.append(segment)
            notes, result = groups[-1].notes, None
    return tuple(groups)


def _sent(header: Header, profile: SenderProfile) -> ParsedTime | None:
    read = _time(header.msh, 7, profile)
    return read if isinstance(read, ParsedTime) else None


def _time(segment: Segment, number: int, profile: SenderProfile) -> ParsedTime | Problem:
    return readers_for(segment.line).instant(segment.component(number), profile.zone)


def _report(
    group: Group, patient: ParsedPatient, profile: SenderProfile, sent: ParsedTime | None
) -> ParsedReport:
    ordered_at, ordered_by = _ordered(group, profile, sent)
    obr, orc = group.obr, group.orc
    return ParsedReport(
        obr.position,
        patient,
        read_observations(group, patient=patient, profile=profile),
        filler_order=_order_number(obr, 3) or (_order_number(orc, 3) if orc else ""),
        placer_order=_order_number(obr, 2) or (_order_number(orc, 2) if orc else ""),
        panel=obr.component(4) or obr.component(4, 2),
        status=obr.component(25),
        ordered_at=ordered_at,
        ordered_by=ordered_by,
    )


def _order_number(segment: Segment, number: int) -> str:
    """The number with its namespace, because laboratories share numbers."""
    raw = segment.raw(number)
    if raw.isalnum():  # no delimiter, so no namespace
        return raw
    order, namespace = segment.component(number), segment.component(number, 2)
    return f"{order}^{namespace}" if namespace else order


def _other_orders(groups: tuple[Group, ...]) -> Iterator[str]:
    """That an order's two segments, which name one number each, name two: the result's own segment counts."""
    for group in groups:
        orc, obr = group.orc, group.obr
        if orc is None:
            continue
        for field, whose in ((3, "laboratory's"), (2, "clinic's")):
            if orc.raw(field) == obr.raw(field) or not (orc.component(field) and obr.component(field)):
                continue
            theirs, ours = _order_number(orc, field), _order_number(obr, field)
            if theirs == ours or _is_shorter(theirs, ours):
                continue
            yield (
                f"Line {obr.position}: the {whose} order number is {shown(theirs)} in ORC-{field} and"
                f" {shown(ours)} in OBR-{field}; that in OBR counts. Ask the laboratory which it means."
            )


def _is_shorter(one: str, other: str) -> bool:
    """Whether two order numbers differ only in that one of them names no namespace."""
    (number, space), (its_number, its_space) = one.partition("^")[::2], other.partition("^")[::2]
    return number == its_number and not (space and its_space)


def _ordered(group: Group, profile: SenderProfile, sent: ParsedTime | None) -> tuple[datetime | None, str]:
    """When the laboratory gave this report its status, and which field says so."""
    for segment, number, name in ((group.obr, 22, "OBR-22"), (group.orc, 9, "ORC-9")):
        if segment is not None and segment.raw(number):
            read = _time(segment, number, profile)
            if isinstance(read, ParsedTime):
                return read.instant, name
    return (sent.instant, "MSH-7") if sent else (None, "")
