"""Every day that hangs on a cycle's day moves with it, and is for whom it is meant."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses.library import protocol
from courses.rules.derived_days import (
    CyclePlan,
    DayKind,
    DerivedDay,
    ForWhom,
    MovedDay,
    course_days,
    derived_days,
    later_days,
    moved_days,
)

US, EMA = protocol("lutathera_us_2024_04"), protocol("lutathera_ema_2024")
ON = date(2026, 5, 4)
WOMAN = ForWhom(
    pregnancy_possible=True,
    peritoneal_disease=True,
    restart=(timedelta(hours=4), timedelta(hours=24)),
)


def by_kind(plan, cycle, whom=WOMAN):
    return {day.kind: day for day in derived_days(plan, cycle, whom)}


@pytest.mark.hazard("HZ-61")
@given(shift=st.integers(-400, 400), plan=st.sampled_from([US, EMA]), number=st.integers(1, 4))
def test_a_shift_of_the_planned_day_shifts_every_derived_day_by_as_much(shift, plan, number):
    by = timedelta(days=shift)
    here = derived_days(plan, CyclePlan(number=number, on=ON), WOMAN)
    there = derived_days(plan, CyclePlan(number=number, on=ON + by), WOMAN)
    assert [(d.kind, d.analytes, d.first + by, d.last + by) for d in here] == [
        (d.kind, d.analytes, d.first, d.last) for d in there
    ]
    assert all(day.first <= day.last for day in here)


# Each thing of a second cycle on Monday 4 May 2026 by the US text: from this day on, and by that one.
ALWAYS = ("PLT", "ANC", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST")
BY_THE_US_TEXT = [
    (DayKind.THERAPY, date(2026, 5, 4), date(2026, 5, 4), ()),
    (DayKind.VIAL_ORDER, date(2026, 4, 20), date(2026, 4, 20), ()),
    (DayKind.LAST_DRAW, date(2026, 4, 20), date(2026, 4, 27), ALWAYS),
    (DayKind.WEIGHT, date(2026, 4, 6), date(2026, 4, 27), ()),
    (DayKind.PREGNANCY_TEST, date(2026, 4, 27), date(2026, 5, 2), ()),
    (DayKind.LONG_ACTING_STOP, date(2026, 4, 6), date(2026, 4, 6), ()),
    (DayKind.SHORT_ACTING_STOP, date(2026, 5, 3), date(2026, 5, 3), ()),
    (DayKind.ALLERGY_REVIEW, date(2026, 4, 6), date(2026, 4, 27), ()),
    (DayKind.COVER_BEGIN, date(2026, 5, 4), date(2026, 5, 4), ()),
    (DayKind.ANALOGUE_RESTART, date(2026, 5, 4), date(2026, 5, 5), ()),
    (DayKind.COVER_END, date(2026, 5, 18), date(2026, 6, 1), ()),
    (DayKind.NADIR_DRAW, date(2026, 6, 1), date(2026, 6, 15), ("PLT", "ANC", "WBC", "HGB")),
]


@pytest.mark.hazard("HZ-61")
def test_each_thing_of_a_cycle_has_its_days_by_the_us_text():
    assert derived_days(US, CyclePlan(number=2, on=ON), WOMAN) == tuple(
        DerivedDay(kind=kind, cycle=2, first=first, last=last, analytes=analytes, is_asked=True)
        for kind, first, last, analytes in BY_THE_US_TEXT
    )


def test_cover_may_begin_before_the_day_of_therapy():
    cover = US.planning.cover
    assert cover is not None
    earlier = replace(US.planning, cover=replace(cover, begin_days_before=2))
    found = by_kind(replace(US, planning=earlier), CyclePlan(number=2, on=ON))[DayKind.COVER_BEGIN]
    assert (found.first, found.last) == (date(2026, 5, 2), date(2026, 5, 2))


def test_what_is_drawn_on_the_same_days_is_drawn_together_wherever_its_row_stands():
    rows = {row.analyte: row for row in US.labs}
    sooner = replace(rows["ANC"], validity_days=7, due_days_before=2)
    labs = (rows["PLT"], sooner, rows["HGB"])
    found = derived_days(replace(US, labs=labs), CyclePlan(number=2, on=ON), WOMAN)
    assert [(day.first, day.last, day.analytes) for day in found if day.kind is DayKind.LAST_DRAW] == [
        (date(2026, 4, 20), date(2026, 4, 27), ("PLT", "HGB")),
        (date(2026, 4, 27), date(2026, 5, 2), ("ANC",)),
    ]


@pytest.mark.hazard("HZ-61")
def test_the_eu_text_wants_two_draws_and_every_kind_has_its_day():
    found = derived_days(EMA, CyclePlan(number=2, on=ON), WOMAN)
    assert {day.kind for day in found} == set(DayKind)
    earlier = next(day for day in found if day.kind is DayKind.EARLIER_DRAW)
    assert (earlier.first, earlier.last) == (date(2026, 4, 6), date(2026, 4, 20))


def test_what_is_not_for_this_patient_is_left_out_and_what_nobody_knows_is_planned_and_said():
    none = by_kind(
        US, CyclePlan(number=1, on=ON), ForWhom(pregnancy_possible=False, peritoneal_disease=False)
    )
    assert DayKind.PREGNANCY_TEST not in none
    assert DayKind.COVER_BEGIN not in none
    assert DayKind.COVER_END not in none
    assert DayKind.ANALOGUE_RESTART not in none
    unknown = by_kind(US, CyclePlan(number=1, on=ON), ForWhom())
    assert unknown[DayKind.PREGNANCY_TEST].is_asked is None
    assert unknown[DayKind.COVER_BEGIN].is_asked is None
    assert unknown[DayKind.COVER_END].is_asked is None
    assert unknown[DayKind.WEIGHT].is_asked is True


def test_of_a_given_cycle_only_what_comes_after_it_is_left():
    found = by_kind(US, CyclePlan(number=1, on=ON, is_given=True))
    assert set(found) == {DayKind.ANALOGUE_RESTART, DayKind.COVER_END, DayKind.NADIR_DRAW}


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (4, 24, (ON, date(2026, 5, 5))),
        (23, 25, (ON, date(2026, 5, 6))),
        (24, 48, (date(2026, 5, 5), date(2026, 5, 6))),
    ],
)
def test_the_analogue_comes_back_on_the_days_it_may_whatever_the_hour_of_the_infusion(first, last, days):
    hours = timedelta(hours=first), timedelta(hours=last)
    found = by_kind(US, CyclePlan(number=1, on=ON), replace(WOMAN, restart=hours))[DayKind.ANALOGUE_RESTART]
    assert (found.first, found.last) == days


def test_later_cycles_follow_at_the_interval():
    assert [(each.number, each.on) for each in later_days(US, number=2, on=ON)] == [
        (3, date(2026, 6, 29)),
        (4, date(2026, 8, 24)),
    ]


def test_a_move_names_what_differs_and_nothing_else():
    first, second = CyclePlan(number=1, on=ON), CyclePlan(number=2, on=date(2026, 6, 29))
    before = course_days(US, (first, second), WOMAN)
    after = course_days(US, (first, CyclePlan(number=2, on=date(2026, 7, 6))), WOMAN)
    moved = moved_days(before, after)
    assert {each.day.cycle for each in moved} == {2}
    assert len(moved) == len([day for day in before if day.cycle == 2])
    assert moved_days(before, before) == ()
    gone = moved_days(before, course_days(US, (first,), WOMAN))
    assert all(each.after is None for each in gone)


def test_a_move_tells_the_old_day_and_the_new_one_and_what_comes_or_goes():
    here, there = CyclePlan(number=2, on=ON), CyclePlan(number=2, on=date(2026, 5, 11))
    before, after = (by_kind(US, cycle)[DayKind.WEIGHT] for cycle in (here, there))
    assert moved_days((before,), (after,)) == (MovedDay(before=before, after=after),)
    assert moved_days((), (after,)) == (MovedDay(before=None, after=after),)
    assert moved_days((before,), ()) == (MovedDay(before=before, after=None),)
    assert [MovedDay(before=before, after=each).day for each in (after, None)] == [after, before]
