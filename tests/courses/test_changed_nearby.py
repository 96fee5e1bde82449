"""A correction of almost the same collection time: neither result lets a cycle go, and the page says why."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from courses.models import Course
from courses.services.assess import assess_course
from tests import builders

FIRST, DRAWN = date(2026, 1, 12), date(2026, 4, 27)


@pytest.fixture
def course(db, person) -> Course:
    """Two cycles given, the third of 4 May due; its bloods of 27 April are healthy."""
    physician = person("physician", "authorised-user")
    course = builders.make_course(builders.make_patient(), first_on=FIRST, by=physician)
    for number in (1, 2):
        builders.give_cycle(course.cycles.get(number=number), by=physician)
    builders.draw(course.patient, DRAWN)
    return course


def platelets(course: Course, value: str, *, status: str, seconds: int) -> None:
    """A message about the order of one later draw; its collection time moves by some seconds."""
    at = builders.clinic_time(date(2026, 4, 28), 8) + timedelta(seconds=seconds)
    body = builders.panel_message(course.patient, drawn_at=at, status=status, only=("PLT",), PLT=value)
    order = body.split(b"|ORD")[1].split(b"|")[0]
    builders.receive(body.replace(b"|ORD" + order + b"|", b"|ORD-ONE|"))


def test_neither_result_lets_the_cycle_go_and_the_page_says_why(course, client: Client, person) -> None:
    at = builders.clinic_time(date(2026, 4, 29))
    assert assess_course(course_id=course.pk, now=at).action == "proceed"
    platelets(course, "220", status="F", seconds=30)
    platelets(course, "60", status="C", seconds=0)
    decision = assess_course(course_id=course.pk, now=at)
    assert decision.action == "hold"
    assert "a correction or withdrawal of almost the same collection time may mean it" in str(decision.answer)
    client.force_login(person("nurse"))
    page = client.get(reverse("admin:courses_course_change", args=[course.pk])).content.decode()
    assert "<strong>changed-nearby</strong>: A correction or withdrawal without an original" in page
    # Sent for the specimen it means, it delays.
    platelets(course, "60", status="C", seconds=30)
    assert assess_course(course_id=course.pk, now=at).action == "delay"
