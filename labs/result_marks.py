"""What is said of a stored result only when it is read beside the others of the same person.

A mark kept with the version would depend on what had arrived before it; read from what stands, it does not.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import BooleanField, Case, Exists, F, OuterRef, QuerySet, Value, When

from labs import library
from labs.changes_of_nobody import changes_waiting
from labs.models import LabMessage, Observation, QuarantinedResult, Result
from labs.models.result import WITHDRAWN, ObservationStatus
from labs.near_times import CHANGED_NEARBY, Timed, changed_nearby
from labs.unit_jumps import UNIT_JUMP, Reported, UnitJump, unit_jumps

_CORRECTED = frozenset({ObservationStatus.CORRECTED, ObservationStatus.AMENDED})


class Mark(NamedTuple):
    """Why a result that is fit by itself may not clear a treatment: the mark, and the same in words."""

    code: str
    words: str


class Marked(NamedTuple):
    """A result with the version that stands, and its marks; what casts doubt on the value itself first."""

    result: Result
    marks: tuple[Mark, ...]
    # A correction that may mean it and waits for its patient: what the result is then, nobody may say.
    correction: QuarantinedResult | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        """Each mark once."""
        return tuple(dict.fromkeys(mark.code for mark in self.marks))


def marked_results(numbers: Collection[int], *, with_versions: bool = False) -> list[Marked]:
    """All results of one person, who has these numbers, with every mark; newest first, in two queries.

    `with_versions` costs one more and brings all versions of each result.
    """
    rows = stated_results().filter(patient__in=numbers)
    results = list(rows.prefetch_related("versions") if with_versions else rows)
    return marked_among(results, waiting=changes_waiting(results, numbers=numbers))


def marked_among(results: list[Result], *, waiting: Mapping[int, QuarantinedResult]) -> list[Marked]:
    """All results of one person, as `stated_results` reads them, with every mark; in the order given."""
    jumps, nearby = _jumps_among(results), _changes_nearby(results)
    found: list[Marked] = []
    for result in results:
        marks: list[Mark] = []
        row = waiting.get(result.pk)
        if row is not None:
            marks.append(Mark(CHANGED_NEARBY, _waiting_words(row)))
        if words := nearby.get(result.pk):
            marks.append(Mark(CHANGED_NEARBY, words))
        if jump := jumps.get(result.pk):
            unit = result.current.unit if result.current else ""
            marks.append(Mark(UNIT_JUMP, _jump_words(jump, unit=unit)))
        correction = row if row is not None and row.change not in WITHDRAWN else None
        found.append(Marked(result, tuple(marks), correction))
    return found


def stated_results() -> QuerySet[Result]:
    """All results with the version that stands, and what their marks depend on."""
    rows = Result.objects.filter(current__isnull=False).select_related("current")
    of_it = Observation.objects.filter(result=OuterRef("pk"))
    # A withdrawal takes back whatever was stated, a correction replaces what was no correction.
    alone = Case(
        When(current__status__in=WITHDRAWN, then=~Exists(of_it.exclude(status__in=WITHDRAWN))),
        When(current__status__in=_CORRECTED, then=~Exists(of_it.exclude(status__in=WITHDRAWN | _CORRECTED))),
        default=Value(False),
        output_field=BooleanField(),
    )
    return rows.annotate(came_by=F("current__message__door"), is_change_alone=alone)


def _jumps_among(results: Iterable[Result]) -> dict[int, UnitJump]:
    """The unit jumps among all results of one person, by the results' row ids.

    A bound such as `<10` is no number that could have jumped, and what contradicts itself is held anyway.
    """
    reported = [each for result in results if (each := _reported(result)) is not None]
    return unit_jumps(reported, analytes=library.analytes(), limits=library.jump_limits())


def _changes_nearby(results: Iterable[Result]) -> dict[int, str]:
    """Why some of a person's results are in doubt, because one close to them was changed."""
    within = timedelta(hours=library.limits().near_hours)
    timed = [
        Timed(
            key=result.pk,
            of=(result.sender, result.filler_order, result.analyte, result.sub_id),
            at=result.collected_at,
            is_change_alone=getattr(result, "is_change_alone", False),
            may_be_meant=result.current.status not in WITHDRAWN | _CORRECTED,
        )
        for result in results
        if result.current is not None
    ]
    return {
        key: "A correction or withdrawal without an original, and another result of the same order and test,"
        f" have almost the same collection time (the other: {at:%Y-%m-%d %H:%M:%S} UTC): one may mean the"
        " other. Ask the laboratory to send the change with the time of the specimen it means."
        for key, at in changed_nearby(timed, within=within).items()
    }


def _reported(result: Result) -> Reported | None:
    row = result.current
    if row is None or result.in_conflict or row.status in WITHDRAWN or row.value is None or row.comparator:
        return None
    typed = getattr(result, "came_by", "") == LabMessage.Door.MANUAL
    return Reported(
        key=result.pk,
        analyte=result.analyte,
        at=result.collected_at,
        value=row.value,
        usable=row.is_usable,
        # A typed result counts only once somebody else has compared it with its source.
        agreed=typed and row.is_usable,
    )


def _waiting_words(row: QuarantinedResult) -> str:
    """That a change waits which may mean this result, and what ends the doubt."""
    what = "withdrawal" if row.change in WITHDRAWN else "correction"
    return (
        f"A {what} of this order and test came on {row.opened_at:%Y-%m-%d %H:%M} UTC and waits for a person,"
        f" because it is not certain whose result it means: {row.reason} Until that is resolved among the"
        " results kept apart, this one may hold and delay, and clears nothing."
    )


def _jump_words(jump: UnitJump, *, unit: str) -> str:
    """Why a marked result clears nothing, and what ends the mark."""
    times = jump.ratio if jump.ratio > 1 else 1 / jump.ratio
    number = f"{Decimal(f'{Decimal(times.numerator) / times.denominator:.4g}').normalize():f}"
    way = "times" if jump.ratio > 1 else "times less than"
    before = f"{jump.before.normalize():f} {unit}, {jump.before_at:%Y-%m-%d}"
    return (
        f"It is about {number} {way} the last value ({before}), as if another unit were meant: it may hold "
        "and delay, and clears nothing. A correction, a new draw that fits, or the same value typed from the "
        "laboratory's report and verified by another person ends that."
    )
