"""Read one OBX with what its order says beside it: value, unit, codes, status, times, specimen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from labs.formats.hl7_syntax import Segment
from labs.formats.numbers import read_plain, read_structured, read_text
from labs.formats.parsed import (
    Act,
    Code,
    ParsedNumber,
    ParsedObservation,
    ParsedPatient,
    ParsedStatus,
    ParsedTime,
    Problem,
    SenderProfile,
)
from labs.formats.ranges import read_range
from labs.formats.specimen import faults_in_codes, faults_in_text
from labs.formats.statuses import read_status, status_of_report
from labs.formats.times import read_hl7_time

_SPLIT_EXPONENT = re.compile(r"x?10", re.IGNORECASE)
# Every sign that looks like a hyphen; a soft hyphen is one as well.
_HYPHENS = str.maketrans(dict.fromkeys("\u00ad\u2010\u2011\u2012\u2013\u2014\u2212\u2043\ufe63\uff0d", "-"))
_ATTACHMENTS = frozenset({"ED", "RP"})
_CANCELLED_ORDERS = frozenset({"CA", "OC", "CR"})
_NO_TIME = Problem(code="no-collection-time", reason="The message does not say when the specimen was taken.")
_DELETED = Problem(code="value-deleted", reason="The laboratory deleted the value.")
_ATTACHMENT = Problem(
    code="attachment", reason="An attachment came instead of a number; it is kept with the message, unread."
)
_CANCELLED = Problem(
    code="order-cancelled",
    reason="The order is marked as cancelled, and yet the result is marked as reported. Ask the laboratory.",
)
_REPEATED = Problem(
    code="repeated-field",
    reason="A field of the result or of its order that holds one thing holds several; none is chosen.",
)
# Type, test code, unit, status and collection time; collection time and status of the order.
_ONCE_IN_RESULT, _ONCE_IN_ORDER = (2, 3, 6, 11, 14), (7, 25)


@dataclass(slots=True, kw_only=True)
class Group:
    """The segments of one order, gathered before any is read."""

    orc: Segment | None
    obr: Segment
    notes: list[str] = field(default_factory=list)
    results: list[tuple[Segment, list[str]]] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)

    @property
    def is_cancelled(self) -> bool:
        """Whether order control, order status or report status call the order cancelled."""
        said = (self.orc.component(1) in _CANCELLED_ORDERS, self.orc.component(5) == "CA") if self.orc else ()
        return any(said) or self.obr.component(25) == "X"


def read_observations(
    group: Group, *, patient: ParsedPatient, profile: SenderProfile
) -> tuple[ParsedObservation, ...]:
    """Every result of an order."""
    shared = {*faults_in_text("\n".join(group.notes)), *_specimen_faults(group.specimens)}
    return tuple(
        _observation(obx, notes, group, patient=patient, profile=profile, shared=shared)
        for obx, notes in group.results
    )


def _observation(
    obx: Segment,
    notes: Sequence[str],
    group: Group,
    *,
    patient: ParsedPatient,
    profile: SenderProfile,
    shared: set[str],
) -> ParsedObservation:
    number, sent_value = _value(obx)
    units, sent_unit = _units(obx)
    comment = "\n".join(notes)
    words = comment if isinstance(number, ParsedNumber) else f"{comment}\n{sent_value}"
    ref_text = _range_text(obx)
    status = _status(obx, group, profile)
    states = status is not None and status.act in {Act.STORE, Act.CONFIRM, Act.PROMOTE}
    return ParsedObservation(
        position=obx.position,
        codes=_codes(obx),
        sub_id=obx.text(obx.raw(4)).strip(),
        number=number,
        sent_value=sent_value,
        units=units,
        sent_unit=sent_unit,
        range=read_range(ref_text, sex=patient.sex),
        ref_text=ref_text,
        flags=obx.raw(8).replace(obx.separators.repetition, "~"),
        status=status,
        status_sent=obx.component(11),
        collected=_collected(obx, group, profile),
        quality=tuple(sorted({*shared, *faults_in_text(words)})),
        comment="\n".join([*group.notes, *notes]).strip(),
        raw=obx.separators.field.join(obx.fields),
        doubt=_CANCELLED if states and group.is_cancelled else _repeated(obx, group.obr),
    )


def _repeated(obx: Segment, obr: Segment) -> Problem | None:
    """Whether a field that may not repeat does: the first of two codes, units or letters is a guess."""
    fields = [(obx, number) for number in _ONCE_IN_RESULT] + [(obr, number) for number in _ONCE_IN_ORDER]
    return _REPEATED if any(len(segment.repetitions(number)) > 1 for segment, number in fields) else None


def _status(obx: Segment, group: Group, profile: SenderProfile) -> ParsedStatus | None:
    """OBX-11; where that is blank, the report's status counts only if the sender's profile says so."""
    letter = obx.component(11)
    if not letter and profile.status_from_report:
        return status_of_report(group.obr.component(25))
    return read_status(letter)


def _codes(obx: Segment) -> tuple[Code, ...]:
    parts = tuple(part.strip() for part in obx.components(3))
    triplets = (parts[start : start + 3] for start in range(0, len(parts), 3))
    found = []
    for triplet in triplets:
        code, text, system = (*triplet, "", "")[:3]
        if code or text:
            found.append(Code(code=code.translate(_HYPHENS), text=text, system=system.upper()))
    return tuple(found[:3])


def _value(obx: Segment) -> tuple[ParsedNumber | Problem, str]:
    """The number in OBX-5 by the type in OBX-2, and the value as sent."""
    kind, repetitions = obx.component(2).upper() or "ST", obx.repetitions(5)
    if kind in _ATTACHMENTS:
        return _ATTACHMENT, f"({kind})"
    sent = obx.text(obx.raw(5))
    if len(repetitions) > 1:
        return Problem(code="repeated-value", reason="The result carries several values."), sent
    raw = repetitions[0] if repetitions else ""
    return _DELETED if raw == '""' else _number(obx, kind, raw), sent


def _number(obx: Segment, kind: str, raw: str) -> ParsedNumber | Problem:
    if kind == "NM":
        return read_plain(obx.text(raw))
    if kind == "SN":
        return read_structured(obx.split(raw))
    if kind == "ST":
        return read_text(obx.text(raw))
    return Problem(code="not-a-number", reason=f"A value of type {kind} is not a number.")


def _range_text(obx: Segment) -> str:
    """The reference range as text; one split into components keeps a sign between its bounds."""
    first = "".join(obx.repetitions(7)[:1])
    return "^".join(obx.text(part) for part in first.split(obx.separators.component))


def _units(obx: Segment) -> tuple[tuple[str, ...], str]:
    """The unit's spellings in the order to believe them (UCUM first), and the unit as sent."""
    parts = [part.strip() for part in obx.components(6)]
    if len(parts) > 1 and _SPLIT_EXPONENT.fullmatch(parts[0]) and parts[1][:1].isdigit():
        parts = [f"{parts[0]}^{parts[1]}", *parts[2:]]
        return (parts[0],), parts[0]
    triplets = [(*parts[start : start + 3], "", "", "")[:3] for start in range(0, len(parts), 3)]
    triplets.sort(key=lambda triplet: triplet[2].upper() != "UCUM")
    spellings = [spelling for code, text, _system in triplets for spelling in (code, text) if spelling]
    return tuple(spellings), next((spelling for spelling in parts[:2] if spelling), "")


def _collected(obx: Segment, group: Group, profile: SenderProfile) -> ParsedTime | Problem:
    """OBX-14, else OBR-7, else SPM-17; never a time that means something else."""
    specimen = group.specimens[0] if len(group.specimens) == 1 else None
    for segment, number in ((obx, 14), (group.obr, 7), (specimen, 17)):
        if segment is not None and segment.component(number):
            parts = (*segment.components(number), "")
            stated = "" if number == 17 else parts[1]
            return read_hl7_time(parts[0], zone=profile.zone, stated_precision=stated)
    return _NO_TIME


def _specimen_faults(specimens: Sequence[Segment]) -> tuple[str, ...]:
    """The faults in SPM-21 (rejection), SPM-24 (condition) and the specimen's description."""
    found: list[str] = []
    for segment in specimens:
        words = [segment.component(14)]
        for number in (21, 24):
            coded = [(*segment.split(each), "", "")[:2] for each in segment.repetitions(number)]
            codes = tuple(code.strip().upper() for code, _text in coded if code.strip())
            found += faults_in_codes(codes, rejects=number == 21)
            words += [word for each in coded for word in each]
        found += faults_in_text("\n".join(words))
    return tuple(found)
