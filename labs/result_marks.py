"""What is said of a stored result only when it is read beside the others of the same person.

A mark kept with the version would depend on what had arrived before it; read from what stands, it does not.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from decimal import Decimal

from django.db.models import BooleanField, Case, Exists, F, OuterRef, QuerySet, Value, When

from labs import library
from labs.models import LabMessage, Observation, Result
from labs.models.result import WITHDRAWN, ObservationStatus
from labs.near_times import Timed, changed_nearby
from labs.unit_jumps import Reported, UnitJump, unit_jumps

_CORRECTED = frozenset({ObservationStatus.CORRECTED, ObservationStatus.AMENDED})


def results_of(numbers: Collection[int]) -> QuerySet[Result]:
    """All results under these numbers with the version that stands, as `jumps_among` reads them."""
    rows = Result.objects.filter(patient__in=numbers, current__isnull=False).select_related("current")
    of_it = Observation.objects.filter(result=OuterRef("pk"))
    # A withdrawal takes back whatever was stated, a correction replaces what was no correction.
    alone = Case(
        When(current__status__in=WITHDRAWN, then=~Exists(of_it.exclude(status__in=WITHDRAWN))),
        When(current__status__in=_CORRECTED, then=~Exists(of_it.exclude(status__in=WITHDRAWN | _CORRECTED))),
        default=Value(False),
        output_field=BooleanField(),
    )
    return rows.annotate(came_by=F("current__message__door"), is_change_alone=alone)


def jumps_of(numbers: Collection[int]) -> dict[int, UnitJump]:
    """The unit jumps among all results of one person, by the results' row ids, in one query."""
    return jumps_among(results_of(numbers))


def jumps_among(results: Iterable[Result]) -> dict[int, UnitJump]:
    """The same of results that were read with `results_of`; it takes all of the person's.

    A bound such as `<10` is no number that could have jumped, and what contradicts itself is held anyway.
    """
    reported = [each for result in results if (each := _reported(result)) is not None]
    return unit_jumps(reported, analytes=library.analytes(), limits=library.jump_limits())


def changes_nearby(results: Iterable[Result]) -> dict[int, str]:
    """Of results read with `results_of`: why some are in doubt, because one close to them was changed."""
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


def jump_words(jump: UnitJump, *, unit: str) -> str:
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
