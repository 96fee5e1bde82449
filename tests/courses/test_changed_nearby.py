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


@pytest.mark.parametrize(("letter", "word"), [("W", "withdrawal"), ("C", "correction")])
def test_a_change_that_waits_for_its_patient_holds_where_that_matters_and_the_page_says_what_to_do(
    letter: str, word: str, course, client: Client, person
) -> None:
    at = builders.clinic_time(date(2026, 4, 29))
    drawn = builders.clinic_time(date(2026, 4, 28), 8)
    body = builders.panel_message(course.patient, drawn_at=drawn, only=("PLT",), PLT="220")
    builders.receive(body)
    assert assess_course(course_id=course.pk, now=at).action == "proceed"
    builders.receive(of_a_twin(body, letter, "60" if letter == "C" else ""))
    # A value that may be withdrawn hides nothing while the draw of the day before is healthy and fresh.
    expected = "hold" if letter == "C" else "proceed"
    assert assess_course(course_id=course.pk, now=at).action == expected
    client.force_login(person("nurse"))
    page = client.get(reverse("admin:courses_course_change", args=[course.pk])).content.decode()
    assert f"A {word} of this order and test came on" in page
    assert "is not certain whose result it means" in page
    # The older draw is too old by then, and what is left is in doubt.
    if letter == "W":
        later = builders.clinic_time(date(2026, 5, 12))
        assert "almost the same collection time may mean it" in str(
            assess_course(course_id=course.pk, now=later).answer
        )


def of_a_twin(body: bytes, letter: str, value: str) -> bytes:
    """The same report with another given name and control id, its one result changed."""
    twin = body.replace(b"^Testa", b"^Bruna").replace(b"|ORU^R01^ORU_R01|", b"|ORU^R01^ORU_R01|W")
    return twin.replace(b"||220|", f"||{value}|".encode()).replace(b"||||F|||", f"||||{letter}|||".encode())
