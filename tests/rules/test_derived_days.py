"""Every day that hangs on a cycle's day moves with it, and is for whom it is meant."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses.library import protocol
from courses.rules.derived_days import (
    CyclePlan,
    DayKind,
    ForWhom,
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


def test_of_a_given_cycle_only_what_comes_after_it_is_left():
    found = by_kind(US, CyclePlan(number=1, on=ON, is_given=True))
    assert set(found) == {DayKind.ANALOGUE_RESTART, DayKind.COVER_END, DayKind.NADIR_DRAW}


def test_the_analogue_comes_back_on_the_day_or_the_next_one():
    found = by_kind(US, CyclePlan(number=1, on=ON))[DayKind.ANALOGUE_RESTART]
    assert (found.first, found.last) == (ON, date(2026, 5, 5))


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
