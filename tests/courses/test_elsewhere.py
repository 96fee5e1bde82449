"""Cycles that another hospital gave: numbered, counted and shown, and the rest is planned after them."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from courses.chart import read_chart
from courses.models import Course, CourseStatus, Order
from courses.services.course import GivenElsewhere, Refused
from tests.builders import clinic_time, make_course, make_patient

pytestmark = pytest.mark.django_db
FIRST, SECOND = date(2026, 1, 12), date(2026, 3, 9)
NOW = clinic_time(date(2026, 3, 20))
FULL = GivenElsewhere(on=FIRST, administered_gbq=Decimal("7.4"), hospital="St Anna")
HALF = GivenElsewhere(on=SECOND, administered_gbq=Decimal("3.7"), hospital="St Anna")


@pytest.fixture
def physician(person: Callable[..., User]) -> User:
    """A physician who starts courses."""
    return person("physician", "authorised-user")


def start(physician: User, *earlier: GivenElsewhere, first_on: date | None = None) -> Course:
    return make_course(make_patient(), first_on=first_on, by=physician, earlier=earlier, now=NOW)


def test_cycles_given_elsewhere_are_the_first_of_the_course(physician: User) -> None:
    course = start(physician, FULL, HALF)
    chart = read_chart(course=course, planned_on=date(2026, 5, 4), today=date(2026, 3, 20))
    assert [(c.number, c.on, c.activity_gbq, c.elsewhere) for c in chart.cycles] == [
        (1, FIRST, Decimal("7.4"), "St Anna"),
        (2, SECOND, Decimal("3.7"), "St Anna"),
    ]
    assert (course.status, Order.objects.count()) == (CourseStatus.ACTIVE, 0)
    assert {row.administration.deviation for row in course.cycles.filter(number__lte=2)} == {""}


def test_the_rest_is_planned_from_the_last_of_them(physician: User) -> None:
    course = start(physician, FULL, HALF)
    assert list(course.cycles.values_list("number", "planned_on")) == [
        (1, FIRST),
        (2, SECOND),
        (3, date(2026, 5, 4)),
        (4, date(2026, 6, 29)),
    ]


def test_the_next_cycle_may_be_planned_for_another_day(physician: User) -> None:
    course = start(physician, FULL, HALF, first_on=date(2026, 5, 11))
    days = list(course.cycles.filter(number__gte=3).values_list("planned_on", flat=True))
    assert days == [date(2026, 5, 11), date(2026, 7, 6)]


@pytest.mark.parametrize(
    ("earlier", "first_on", "words"),
    [
        ([FULL._replace(hospital=" ")], None, "Cycle 1 was given elsewhere: name the hospital"),
        ([FULL._replace(administered_gbq=Decimal(0))], None, "activity must be above zero"),
        ([FULL._replace(on=date(2026, 3, 21))], None, "Cycle 1 cannot have been given on 2026-03-21"),
        ([FULL._replace(on=date(1950, 3, 21))], None, "Cycle 1 cannot have been given on 1950-03-21"),
        ([HALF, FULL], None, "each must lie after the one before it"),
        ([FULL, FULL], None, "each must lie after the one before it"),
        ([FULL], FIRST, "must lie after the last one given elsewhere"),
        ([FULL._replace(on=date(2026, 1, day)) for day in (1, 2, 3, 4)], None, "All 4 cycles"),
    ],
)
def test_what_cannot_have_been_is_refused(
    physician: User, earlier: list[GivenElsewhere], first_on: date | None, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        start(physician, *earlier, first_on=first_on)
    assert not Course.objects.exists()


def test_without_cycles_given_elsewhere_the_first_day_must_be_named(physician: User) -> None:
    with pytest.raises(Refused, match="Name the planned day"):
        make_course(make_patient(), first_on=None, by=physician, now=NOW)
