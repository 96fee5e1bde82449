"""Derive every day that hangs on a planned or given day of a cycle; nothing of it is ever stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby

from courses.rules.intervals import Tri
from courses.rules.protocol import (
    AllergyCheck,
    AnalogueCheck,
    LabRow,
    PregnancyCheck,
    Protocol,
)
from labs.clinic_days import add_days


class DayKind(StrEnum):
    """What is to be done on, or by, a derived day."""

    THERAPY = "therapy"
    VIAL_ORDER = "vial_order"
    LONG_ACTING_STOP = "long_acting_stop"
    SHORT_ACTING_STOP = "short_acting_stop"
    EARLIER_DRAW = "earlier_draw"
    LAST_DRAW = "last_draw"
    WEIGHT = "weight"
    ALLERGY_REVIEW = "allergy_review"
    PREGNANCY_TEST = "pregnancy_test"
    COVER_BEGIN = "cover_begin"
    COVER_END = "cover_end"
    ANALOGUE_RESTART = "analogue_restart"
    NADIR_DRAW = "nadir_draw"


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedDay:
    """One thing to do for a cycle: from `first` on, at the latest on `last`; of draws also of what.

    `is_asked` is None where it is not known whether this patient needs it: it is planned, and said so.
    """

    kind: DayKind
    cycle: int
    first: date
    last: date
    analytes: tuple[str, ...] = ()
    is_asked: Tri = True

    @property
    def key(self) -> tuple[str, int, tuple[str, ...]]:
        """What makes it the same thing on another day."""
        return self.kind.value, self.cycle, self.analytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ForWhom:
    """What decides whether some of it is for this patient; None where nobody knows, which plans it."""

    pregnancy_possible: Tri = None
    peritoneal_disease: Tri = None
    # From and until how long after the infusion the analogue comes back; none where no rule says.
    restart: tuple[timedelta, timedelta] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclePlan:
    """One cycle and its day: the one that is planned, or the one on which it was given."""

    number: int
    on: date
    is_given: bool = False


def later_days(plan: Protocol, *, number: int, on: date) -> tuple[CyclePlan, ...]:
    """The cycles after one of a day, at the protocol's interval."""
    last = plan.schedule.cycles
    return tuple(
        CyclePlan(number=each, on=add_days(on, plan.schedule.interval_days * (each - number)))
        for each in range(number + 1, last + 1)
    )


def course_days(plan: Protocol, cycles: tuple[CyclePlan, ...], whom: ForWhom) -> tuple[DerivedDay, ...]:
    """Everything that hangs on the cycles' days, in the order of the days."""
    found = [day for cycle in cycles for day in derived_days(plan, cycle, whom)]
    return tuple(
        sorted(found, key=lambda day: (day.last, day.first, day.cycle, list(DayKind).index(day.kind)))
    )


def derived_days(plan: Protocol, cycle: CyclePlan, whom: ForWhom) -> tuple[DerivedDay, ...]:
    """What hangs on one cycle's day. Of a cycle that was given only what comes after it is left."""
    after = tuple(_after(plan, cycle, whom))
    return after if cycle.is_given else (*_before(plan, cycle, whom), *after)


def _before(plan: Protocol, cycle: CyclePlan, whom: ForWhom) -> Iterator[DerivedDay]:
    yield _at(DayKind.THERAPY, cycle, 0, 0)
    order = plan.planning.vial_order
    if order is not None:
        yield _at(DayKind.VIAL_ORDER, cycle, -order.days_before, -order.days_before)
    yield from _draws(plan, cycle)
    weight = plan.weight
    yield _at(DayKind.WEIGHT, cycle, -weight.validity_days, -weight.due_days_before)
    for check in plan.checks:
        match check:
            case PregnancyCheck() if whom.pregnancy_possible is not False:
                yield _at(
                    DayKind.PREGNANCY_TEST,
                    cycle,
                    -check.validity_days,
                    -check.due_days_before,
                    asked=whom.pregnancy_possible,
                )
            case AnalogueCheck():
                yield _at(DayKind.LONG_ACTING_STOP, cycle, -check.long_acting_days, -check.long_acting_days)
                yield _at(
                    DayKind.SHORT_ACTING_STOP, cycle, -check.short_acting_days, -check.short_acting_days
                )
            case AllergyCheck():
                yield _at(DayKind.ALLERGY_REVIEW, cycle, -check.validity_days, -check.due_days_before)
    cover = plan.planning.cover
    if cover is not None and whom.peritoneal_disease is not False:
        before = -cover.begin_days_before
        yield _at(DayKind.COVER_BEGIN, cycle, before, before, asked=whom.peritoneal_disease)


def _after(plan: Protocol, cycle: CyclePlan, whom: ForWhom) -> Iterator[DerivedDay]:
    if whom.restart is not None:
        first, last = whom.restart
        # The hour of the infusion is not known yet: from the first day it may be on to the last one.
        yield _at(DayKind.ANALOGUE_RESTART, cycle, first.days, -(-last).days)
    cover = plan.planning.cover
    if cover is not None and whom.peritoneal_disease is not False:
        yield _at(
            DayKind.COVER_END,
            cycle,
            cover.over_from_days,
            cover.over_to_days,
            asked=whom.peritoneal_disease,
        )
    nadir = plan.planning.nadir_draw
    if nadir is not None:
        yield _at(DayKind.NADIR_DRAW, cycle, nadir.first_day, nadir.last_day, analytes=nadir.analytes)


def _draws(plan: Protocol, cycle: CyclePlan) -> Iterator[DerivedDay]:
    """The draws before a cycle; analytes of the same days together."""
    always = [row for row in plan.labs if row.always]

    def last(row: LabRow) -> tuple[int, int]:
        return -row.validity_days, -row.due_days_before

    def earlier(row: LabRow) -> tuple[int, int]:
        assert row.earlier is not None
        return -row.earlier.from_days_before, -row.earlier.to_days_before

    with_earlier = [row for row in always if row.earlier is not None]
    for kind, days_of, rows in (
        (DayKind.EARLIER_DRAW, earlier, with_earlier),
        (DayKind.LAST_DRAW, last, always),
    ):
        for (first, due), group in groupby(sorted(rows, key=days_of), key=days_of):
            yield _at(kind, cycle, first, due, analytes=tuple(row.analyte for row in group))


def _at(
    kind: DayKind,
    cycle: CyclePlan,
    first: int,
    last: int,
    *,
    analytes: tuple[str, ...] = (),
    asked: Tri = True,
) -> DerivedDay:
    return DerivedDay(
        kind=kind,
        cycle=cycle.number,
        first=add_days(cycle.on, first),
        last=add_days(cycle.on, last),
        analytes=analytes,
        is_asked=asked,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedDay:
    """One derived day before and after a move; `before` or `after` is none where it came or went."""

    before: DerivedDay | None
    after: DerivedDay | None

    @property
    def day(self) -> DerivedDay:
        """The one that there is, the new one where there are both."""
        found = self.after or self.before
        assert found is not None
        return found


def moved_days(before: tuple[DerivedDay, ...], after: tuple[DerivedDay, ...]) -> tuple[MovedDay, ...]:
    """What a move changes: each derived day whose days differ, and each that comes or goes."""
    old, new = {day.key: day for day in before}, {day.key: day for day in after}
    found = [
        MovedDay(before=old.get(key), after=new.get(key))
        for key in dict.fromkeys((*new, *old))
        if old.get(key) != new.get(key)
    ]
    return tuple(sorted(found, key=lambda moved: (moved.day.cycle, moved.day.last, moved.day.kind.value)))
