"""What people type or judge of laboratory results, as a course sees it: holds that end, values that alarm."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from courses.models import Course, Decision
from courses.services.assess import assess_course, sweep_courses
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.models import ManualAct, QuarantinedResult
from labs.services.manual import enter_result, verify_result, withdraw_result
from labs.services.quarantine import confirm_resolution, state_resolution
from labs.zones import clinic_zone
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(person: Callable[..., User]) -> tuple[User, User]:
    return person("nurse", username="nora"), person("physician", username="pia")


@pytest.fixture
def course(person: Callable[..., User]) -> Course:
    """A course whose first cycle is planned in three days, with healthy bloods of two days ago."""
    course = builders.make_course(
        builders.make_patient(), first_on=add_days(today(), 3), by=person("nurse", username="starter")
    )
    builders.draw(course.patient, add_days(today(), -2))
    return course


def today() -> date:
    return clinic_day(database_now(), clinic_zone())


def decision(course: Course) -> Decision:
    found = assess_course(course_id=course.pk)
    assert found is not None
    return found


def at(days: int, hour: int = 8) -> datetime:
    """A local time of the clinic, without its zone."""
    return builders.clinic_time(add_days(today(), days), hour).astimezone(clinic_zone()).replace(tzinfo=None)


def enter(course: Course, by: User, **facts: Any) -> ManualAct:
    given: dict[str, Any] = {
        "entry": uuid4(),
        "analyte": "PLT",
        "value": "60",
        "unit": "10*9/L",
        "ref_range": "150-400",
        "collected": at(-1),
        "source": "report",
    }
    return enter_result(patient=course.patient, by=by, **(given | facts))


def unreadable(course: Course) -> QuarantinedResult:
    """Yesterday's platelets in a unit nobody knows."""
    body = builders.panel_message(
        course.patient, drawn_at=builders.clinic_time(add_days(today(), -1), 8), only=("PLT",)
    )
    builders.receive(body.replace(b"10*9/L", b"furlong"))
    return QuarantinedResult.objects.get(state="open")


def judge(item: QuarantinedResult, kind: str, people: tuple[User, User], **data: str) -> None:
    fresh = database_now() - timedelta(seconds=5)
    said = state_resolution(
        item=item, kind=kind, data=data, reason="asked", by=people[0], authenticated_at=fresh
    )
    confirm_resolution(resolution=said, by=people[1], authenticated_at=fresh)


def test_rejecting_what_could_not_be_read_ends_the_hold_it_made(
    course: Course, people: tuple[User, User]
) -> None:
    assert decision(course).action == "proceed"
    item = unreadable(course)
    held = decision(course)
    assert (held.action, "quarantine" in str(held.answer["missing"])) == ("hold", True)
    judge(item, "reject", people)
    assert decision(course).action == "proceed"


def test_mapping_the_unit_puts_the_value_into_the_chart(
    course: Course, people: tuple[User, User], person: Callable[..., User]
) -> None:
    item = unreadable(course)
    assert decision(course).action == "hold"
    judge(item, "map-unit", (person("physicist"), people[1]), unit="10*9/L")
    assert decision(course).action == "proceed"
    refs = [lab["ref"] for lab in decision(course).situation["labs"]]
    assert str(course.patient.observations.latest("pk").public_id) in refs


def test_the_second_runner_notices_a_judgement_that_no_nudge_told_of(
    course: Course, people: tuple[User, User]
) -> None:
    item = unreadable(course)
    assert decision(course).action == "hold"
    judge(item, "reject", people)
    later = database_now() + timedelta(minutes=30)
    assert sweep_courses(now=later, older_than=timedelta(seconds=20)) == 1
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.action == "proceed"


def test_a_confirmed_unlikely_value_is_in_the_chart_and_holds(
    course: Course, people: tuple[User, User]
) -> None:
    body = builders.panel_message(
        course.patient,
        drawn_at=builders.clinic_time(add_days(today(), -1), 8),
        only=("PLT",),
        PLT="0.5",
    )
    builders.receive(body)
    judge(QuarantinedResult.objects.get(), "confirm-value", people)
    found = decision(course)
    assert found.action == "hold"
    assert "implausible" in str(found.situation["labs"])


def test_a_typed_result_that_is_too_low_holds_at_once(course: Course, people: tuple[User, User]) -> None:
    assert decision(course).action == "proceed"
    enter(course, people[0], value="60")
    held = decision(course)
    assert held.action == "hold"
    assert "nobody else has verified it" in str(held.answer)


def test_a_verified_result_counts_like_a_laboratorys(course: Course, people: tuple[User, User]) -> None:
    act = enter(course, people[0], value="228")
    verify_result(act=act, by=people[1], authenticated_at=database_now())
    assert decision(course).action == "proceed"


def test_a_withdrawn_result_counts_no_longer(course: Course, people: tuple[User, User]) -> None:
    act = enter(course, people[0], value="20")
    assert decision(course).action == "hold"
    withdraw_result(act=act, by=people[1], reason="another patient", authenticated_at=database_now())
    assert decision(course).action == "proceed"


def test_a_typed_result_in_place_of_a_missing_draw_leaves_the_course_waiting(
    person: Callable[..., User], people: tuple[User, User]
) -> None:
    course = builders.make_course(
        builders.make_patient(), first_on=add_days(today(), 3), by=person("nurse", username="starter")
    )
    others = tuple(name for name in builders.PANEL if name != "PLT")
    builders.draw(course.patient, add_days(today(), -2), only=others)
    assert decision(course).action == "hold"
    act = enter(course, people[0], value="228", collected=at(-2))
    assert decision(course).action == "hold"
    verify_result(act=act, by=people[1], authenticated_at=database_now())
    assert decision(course).action == "proceed"


def test_a_typed_value_that_differs_from_the_laboratorys_for_one_specimen_holds(
    course: Course, people: tuple[User, User]
) -> None:
    act = enter(course, people[0], value="180", collected=at(-2))
    verify_result(act=act, by=people[1], authenticated_at=database_now())
    found = decision(course)
    assert found.action == "hold"
    assert "EV-CONFLICT" in {reason["rule"] for reason in found.answer["reasons"]}
