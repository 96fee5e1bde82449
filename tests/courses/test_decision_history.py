"""The history of decisions: each with why, each beside the one before it, without a query for each row."""

from datetime import UTC, date, datetime
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from courses.models import Course, Decision
from courses.services.assess import assess_course
from courses.services.facts import record_fact
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from tests import builders
from tests.builders_pages import LOW_PLATELETS, decide, make_course, standing

pytestmark = pytest.mark.django_db


def read(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return " ".join(unescape(answer.content.decode()).split())


def page_of(decision: Decision) -> str:
    return reverse("courses:decision", args=[decision.public_id])


def comparison(decision: Decision) -> str:
    return reverse("courses:decision_compare", args=[decision.public_id])


def earliest(decision: Decision) -> Decision:
    """The first decision of the same course."""
    return Decision.objects.filter(course=decision.course).earliest("pk")


def today() -> date:
    return clinic_day(datetime.now(UTC), clinic_zone())


def assessed(course: Course) -> Decision:
    assess_course(course_id=course.pk)
    course.refresh_from_db()
    return standing(course)


@pytest.fixture
def pair() -> tuple[Decision, Decision]:
    """A second cycle that would have gone ahead, and the delay that a low count made of it."""
    doctor = builders.colleague("dr-bauer", "physician", "authorised-user")
    course = builders.make_course(builders.make_patient(), first_on=add_days(today(), -52), by=doctor)
    builders.give_cycle(course.cycles.get(number=1), by=doctor)
    builders.draw(course.patient, add_days(today(), -3))
    first = assessed(course)
    builders.sign(first, by=doctor, now=datetime.now(UTC))
    builders.draw(course.patient, add_days(today(), -1), PLT="60")
    second = assessed(course)
    assert (first.action, second.action) == ("proceed", "delay")
    return first, second


def test_each_row_of_the_history_says_why(enter):
    course = make_course(1, action="delay")
    first = standing(course)
    decide(course, first.cycle, action="hold")
    decide(course, first.cycle, action="proceed")
    browser = enter("nurse")
    for address in (page_of(standing(course)), reverse("admin:courses_course_change", args=[course.pk])):
        page = read(browser, address)
        history = page[page.index("Decisions so far") :]
        assert LOW_PLATELETS in history
        assert "No creatinine was collected." in history
        assert "No rule speaks against the cycle." in history


def test_every_row_but_the_first_leads_to_the_one_before(enter, pair):
    first, second = pair
    page = read(enter("nurse"), page_of(second))
    assert f'href="{comparison(second)}"' in page
    assert f'href="{comparison(first)}"' in page
    assert f'href="{comparison(earliest(second))}"' not in page


@pytest.mark.parametrize("role", ["nurse", "physician", "pharmacist", "auditor"])
def test_two_decisions_stand_side_by_side_with_why_who_signed_and_what_came(enter, pair, role):
    first, second = pair
    page = read(enter(role), comparison(second))
    table = page[page.index("<h2 id") : page.index("<h3>Results")]
    assert table.index(page_of(first)) < table.index(page_of(second))
    assert second.answer["reasons"][0]["sentence"] in table
    assert "dr-bauer" in table
    results = page[page.index("<h3>Results") :]
    assert "New: Platelets 60" in results


def test_what_differs_beside_results_is_told_and_that_no_result_does(enter, pair):
    _, second = pair
    course = second.course
    hold(course)
    page = read(enter("nurse"), comparison(assessed(course)))
    assert "No laboratory result differs." in page
    assert "New: precautionary hold" in page


def hold(course: Course) -> None:
    record_fact(
        kind="precautionary_holds",
        data={},
        by=builders.colleague("hold-nurse", "nurse"),
        course=course,
        reason="The patient has a fever since yesterday.",
    )


def test_the_first_decision_says_that_none_came_before_it(enter, pair):
    _, second = pair
    assert "none came before it" in read(enter("nurse"), comparison(earliest(second)))


def test_a_comparison_is_read_by_whoever_reads_decisions_and_changes_nothing(enter, pair):
    _, second = pair
    address = comparison(second)
    assert enter("administrator").get(address).status_code == 403
    assert enter("nurse").post(address).status_code == 405


def test_a_longer_history_costs_no_further_query(enter):
    course = make_course(1, action="delay")
    cycle, browser = standing(course).cycle, enter("nurse")
    decide(course, cycle, action="hold")
    read(browser, page_of(standing(course)))
    with CaptureQueriesContext(connection) as few:
        read(browser, page_of(standing(course)))
    for action in ("delay", "hold", "proceed", "delay", "hold"):
        decide(course, cycle, action=action)
    with CaptureQueriesContext(connection) as many:
        read(browser, page_of(standing(course)))
    assert len(many) == len(few)
