"""Visits after the last cycle follow from its day, and each stands somewhere on every day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from courses.library import protocol
from courses.rules.follow_up import NADIR, Visit, VisitState, next_visit, visits
from courses.rules.planning import Planning
from labs.clinic_days import add_months

PLAN = protocol("lutathera_us_2024_04")
LAST = date(2026, 8, 31)


def test_the_draw_for_the_lowest_counts_comes_first_and_the_last_visit_after_five_years():
    found = visits(PLAN, last_on=LAST)
    assert found[0].key == NADIR
    assert (found[0].first, found[0].last) == (LAST + timedelta(days=28), LAST + timedelta(days=42))
    assert [each.months for each in found[1:]] == [2, 4, 6, 9, 12, 18, 24, 36, 48, 60]
    assert found[-1].nominal == date(2031, 8, 31)


def test_a_visit_says_from_when_until_when_and_what_is_drawn():
    nadir, second = visits(PLAN, last_on=LAST)[:2]
    counts = ("PLT", "ANC", "WBC", "HGB")
    assert nadir == Visit(
        key="nadir",
        months=None,
        first=date(2026, 9, 28),
        nominal=date(2026, 9, 28),
        last=date(2026, 10, 12),
        analytes=counts,
    )
    assert second == Visit(
        key="month-2",
        months=2,
        first=date(2026, 10, 17),
        nominal=date(2026, 10, 31),
        last=date(2026, 11, 14),
        analytes=(*counts, "CREAT", "BILI", "ALB", "ALT", "AST"),
    )


def test_a_protocol_may_leave_out_the_draw_or_the_visits_of_later_years():
    without = replace(PLAN, planning=Planning())
    assert visits(without, last_on=LAST) == ()
    draw_only = replace(PLAN, planning=replace(PLAN.planning, follow_up=None))
    assert [each.key for each in visits(draw_only, last_on=LAST)] == [NADIR]


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 11, 30), 2, date(2027, 1, 30)),
        (date(2026, 1, 31), 0, date(2026, 1, 31)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
    ],
)
def test_months_keep_the_day_or_take_the_last_one(day, months, expected):
    assert add_months(day, months) == expected


def test_a_visit_is_coming_then_due_then_overdue_and_done_whenever_it_is_recorded():
    visit = visits(PLAN, last_on=LAST)[1]
    one = timedelta(days=1)
    assert visit.state(today=visit.first - one, done=()) is VisitState.COMING
    assert visit.state(today=visit.first, done=()) is VisitState.DUE
    assert visit.state(today=visit.last, done=()) is VisitState.DUE
    assert visit.state(today=visit.last + one, done=()) is VisitState.OVERDUE
    assert visit.state(today=visit.last + one, done={visit.key}) is VisitState.DONE


def test_the_next_visit_is_the_earliest_that_nobody_recorded():
    found = visits(PLAN, last_on=LAST)
    assert next_visit(found, done=()) == found[0]
    assert next_visit(found, done={NADIR, "month-4"}).key == "month-2"
    assert next_visit(found, done={each.key for each in found}) is None
