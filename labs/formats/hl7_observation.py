"""Read one OBX with what its order says beside it: value, unit, codes, status, times, specimen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from labs.formats.hl7_fields import LONGEST_REMEMBERED, READING, REMEMBERING, read_time, readers_for
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
from labs.formats.statuses import STATUSES, status_of_report
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
# What is read of every result, taken out of the readers once.
_SHORT, _LONG = ((each.value, each.test_and_range) for each in (REMEMBERING, READING))
_STATES_A_VALUE = frozenset({Act.STORE, Act.CONFIRM, Act.PROMOTE})


@dataclass(slots=True, kw_only=True)
class Group:
    """The segments of one order, gathered before any is read."""

    orc: Segment | None
    obr: Segment
    notes: list[str] = field(default_factory=list)
    results: list[Segment] = field(default_factory=list)
    # What is noted behind a result, by the place of its segment; most have nothing.
    remarks: dict[int, list[str]] = field(default_factory=dict)
    specimens: list[Segment] = field(default_factory=list)

    @property
    def is_cancelled(self) -> bool:
        """Whether order control, order status or report status call the order cancelled."""
        if self.orc and (self.orc.component(1) in _CANCELLED_ORDERS or self.orc.component(5) == "CA"):
            return True
        return self.obr.component(25) == "X"


def read_observations(
    group: Group, *, patient: ParsedPatient, profile: SenderProfile
) -> tuple[ParsedObservation, ...]:
    """Every result of an order."""
    order = _Order(
        group.notes,
        profile.zone,
        patient.sex,
        group.obr.raw(7),
        _order_time(group, profile.zone),
        status_of_report(group.obr.component(25)) if profile.status_from_report else None,
        _quality(group),
        group.is_cancelled,
        _repeats(group.obr, _ONCE_IN_ORDER),
    )
    remarks = group.remarks
    return tuple([_observation(obx, remarks.get(obx.position, ()), order) for obx in group.results])


@dataclass(slots=True)
class _Order:
    """What holds for every result of an order: read once."""

    notes: Sequence[str]
    zone: ZoneInfo
    sex: str
    # OBR-7 as sent, and the time it states. Most results say the same time again.
    taken: str
    collected: ParsedTime | Problem
    status: ParsedStatus | None
    quality: tuple[str, ...]
    is_cancelled: bool
    repeats: bool


def _observation(obx: Segment, notes: Sequence[str], order: _Order) -> ParsedObservation:
    fields, separators, codec, line = obx.fields, obx.separators, obx.codec, obx.line
    if len(fields) <= _TAKEN:
        fields = [*fields, *_BLANKS]
    sub_id, taken, letter = fields[4], fields[_TAKEN], fields[11]
    read_value, read_test = _SHORT if len(line) <= LONGEST_REMEMBERED else _LONG
    number, sent_value = read_value(separators, codec, fields[2], fields[5])
    codes, units, sent_unit, ref_text, ref_range = read_test(
        separators, codec, fields[3], fields[6], fields[7], order.sex
    )
    collected = order.collected
    if taken and taken != order.taken:
        collected = readers_for(line).time(separators, codec, taken, order.zone) or collected
    has_several = separators.repetition in line
    status = STATUSES.get(letter)
    if status is None:
        letter = obx.component(11)
        status = STATUSES.get(letter) if letter else order.status
    words = notes if isinstance(number, ParsedNumber) else (*notes, sent_value)
    found = faults_in_text("\n".join(words)) if words else ()
    # Straight from a tuple, in the third of the time of so many arguments; the tests hold the order.
    return tuple.__new__(
        ParsedObservation,
        (
            obx.position,
            codes,
            number,
            sent_value,
            units,
            sent_unit,
            ref_range,
            status,
            letter,
            collected,
            line,
            "",
            obx.text(sub_id).strip() if sub_id else "",
            ref_text,
            fields[8].replace(separators.repetition, "~") if has_several else fields[8],
            tuple(sorted({*order.quality, *found})) if found else order.quality,
            "\n".join([*order.notes, *notes]).strip() if notes or order.notes else "",
            _doubt(obx, status, order) if has_several or order.is_cancelled or order.repeats else None,
        ),
    )


def _doubt(obx: Segment, status: ParsedStatus | None, order: _Order) -> Problem | None:
    """Why a result that reads well must wait; the first of two codes, units or letters would be a guess."""
    if order.is_cancelled and status is not None and status.act in _STATES_A_VALUE:
        return _CANCELLED
    return _REPEATED if order.repeats or _repeats(obx, _ONCE_IN_RESULT) else None


def _repeats(segment: Segment, numbers: tuple[int, ...]) -> bool:
    """Whether one of these fields holds several things."""
    mark = segment.separators.repetition
    return mark in segment.line and any(mark in segment.raw(number) for number in numbers)


def _order_time(group: Group, zone: ZoneInfo) -> ParsedTime | Problem:
    """Where OBX-14 is empty: OBR-7, else SPM-17; never a time that means something else."""
    specimen = group.specimens[0] if len(group.specimens) == 1 else None
    obr = group.obr
    found = read_time(obr.separators, obr.codec, obr.raw(7), zone)
    if found is None and specimen is not None and (taken := specimen.component(17)):
        found = read_hl7_time(taken, zone=zone)  # a range: its second component is no precision
    return found or _NO_TIME


def _quality(group: Group) -> tuple[str, ...]:
    """The faults that the order's notes and specimens state for every result of it."""
    if not group.notes and not group.specimens:
        return ()
    return tuple(sorted({*faults_in_text("\n".join(group.notes)), *_specimen_faults(group.specimens)}))


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
