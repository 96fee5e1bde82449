"""Read one OBX with what its order says beside it: value, unit, codes, status, times, specimen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from labs.formats.hl7_fields import readers_for
from labs.formats.hl7_syntax import Segment
from labs.formats.parsed import (
    Act,
    ParsedNumber,
    ParsedObservation,
    ParsedPatient,
    ParsedStatus,
    ParsedTime,
    Problem,
    SenderProfile,
)
from labs.formats.specimen import faults_in_codes, faults_in_text
from labs.formats.statuses import read_status, status_of_report
from labs.formats.times import read_hl7_time

_CANCELLED_ORDERS = frozenset({"CA", "OC", "CR"})
_NO_TIME = Problem(code="no-collection-time", reason="The message does not say when the specimen was taken.")
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
# OBX-14, and what stands for the fields that a short OBX leaves out.
_TAKEN, _BLANKS = 14, ("",) * 14
_STATES_A_VALUE = frozenset({Act.STORE, Act.CONFIRM, Act.PROMOTE})


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
    order = _Order(
        group=group,
        zone=profile.zone,
        collected=_order_time(group, profile.zone),
        status=status_of_report(group.obr.component(25)) if profile.status_from_report else None,
        quality=tuple(sorted({*faults_in_text("\n".join(group.notes)), *_specimen_faults(group.specimens)})),
        is_cancelled=group.is_cancelled,
        repeats=_repeats(group.obr, _ONCE_IN_ORDER),
    )
    return tuple(_observation(obx, notes, order, sex=patient.sex) for obx, notes in group.results)


class _Order(NamedTuple):
    """What holds for every result of an order: read once."""

    group: Group
    zone: ZoneInfo
    collected: ParsedTime | Problem
    status: ParsedStatus | None
    quality: tuple[str, ...]
    is_cancelled: bool
    repeats: bool


def _observation(obx: Segment, notes: Sequence[str], order: _Order, *, sex: str) -> ParsedObservation:
    _, fields, position, separators, codec, line = obx
    if len(fields) <= _TAKEN:
        fields += _BLANKS
    _, _, kind, named, sub_id, value, unit, limits, flags = fields[:9]
    read, taken, letter = readers_for(line), fields[_TAKEN], obx.component(11)
    number, sent_value = read.value(separators, codec, kind, value)
    codes, units, sent_unit = read.test(separators, codec, named, unit)
    ref_text, ref_range = read.range(separators, codec, limits, sex)
    status = read_status(letter) if letter else order.status
    words = notes if isinstance(number, ParsedNumber) else (*notes, sent_value)
    found = faults_in_text("\n".join(words)) if words else ()
    # By place, not by name, which takes twice as long; the types and the tests hold the order.
    return ParsedObservation(
        position,
        codes,
        number,
        sent_value,
        units,
        sent_unit,
        ref_range,
        status,
        letter,
        (read.time(separators, codec, taken, order.zone) if taken else None) or order.collected,
        line,
        "",
        obx.text(sub_id).strip() if sub_id else "",
        ref_text,
        flags.replace(separators.repetition, "~"),
        tuple(sorted({*order.quality, *found})) if found else order.quality,
        "\n".join([*order.group.notes, *notes]).strip() if notes or order.group.notes else "",
        _doubt(obx, status, order),
    )


def _doubt(obx: Segment, status: ParsedStatus | None, order: _Order) -> Problem | None:
    """Why a result that reads well must wait; the first of two codes, units or letters would be a guess."""
    if not (order.is_cancelled or order.repeats or obx.separators.repetition in obx.line):
        return None
    if order.is_cancelled and status is not None and status.act in _STATES_A_VALUE:
        return _CANCELLED
    return _REPEATED if order.repeats or _repeats(obx, _ONCE_IN_RESULT) else None


def _repeats(segment: Segment, numbers: tuple[int, ...]) -> bool:
    """Whether one of these fields holds several things."""
    mark = segment.separators.repetition
    return any(mark in segment.raw(number) for number in numbers)


def _order_time(group: Group, zone: ZoneInfo) -> ParsedTime | Problem:
    """Where OBX-14 is empty: OBR-7, else SPM-17; never a time that means something else."""
    specimen = group.specimens[0] if len(group.specimens) == 1 else None
    obr, read = group.obr, readers_for(group.obr.line)
    found = read.time(obr.separators, obr.codec, obr.raw(7), zone)
    if found is None and specimen is not None and (taken := specimen.component(17)):
        found = read_hl7_time(taken, zone=zone)  # a range: its second component is no precision
    return found or _NO_TIME


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
