"""Waivers through the services: by a physician with a reason, and only where a usable result exists."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from courses.models import Course
from courses.services.assess import assess_course
from courses.services.authority import BadFact, NotAllowed
from courses.services.facts import record_fact, withdraw_fact
from labs.services.patients import record_weight
from tests.builders import clinic_time, colleague, draw, give_cycle, make_course, make_patient
from tests.courses.signing import FIRST, acting, doctor, fresh, notes, other_doctor, standing

pytestmark = pytest.mark.django_db
AT = clinic_time(date(2026, 4, 28))
ALL_BUT_PLT = ("ANC", "WBC", "LYMPH", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST")


@pytest.fixture
def stale() -> Course:
    """Before the third cycle of 4 May everything is fresh but platelets of 19 April."""
    course = make_course(make_patient(), first_on=FIRST, by=doctor())
    for number in (1, 2):
        give_cycle(course.cycles.get(number=number), by=doctor())
    draw(course.patient, date(2026, 4, 19))
    draw(course.patient, date(2026, 4, 27), only=ALL_BUT_PLT)
    assess_course(course_id=course.pk, now=AT)
    assert acting(course) == {"EV-STALE"}
    return course


def waive(course: Course, *, by=None, reason: str = "clotted twice", **data: object):
    told = {"analyte": "PLT", "what": "window", "days": 7} | data
    return record_fact(
        kind="waivers",
        data={key: value for key, value in told.items() if value is not None},
        by=by or other_doctor(),
        course=course,
        reason=reason,
        authenticated_at=fresh(AT),
        now=AT,
    )


def test_a_physician_waives_the_age_of_a_usable_result(stale):
    waive(stale, days=1)
    assert standing(stale).action == "proceed"
    assert "by dr-chen: clotted twice" in notes(stale)


@pytest.mark.parametrize("days", [0, 8, -1, "7", True, None])
def test_no_more_days_than_the_protocol_says(stale, days):
    with pytest.raises(BadFact, match="from 1 to 7"):
        waive(stale, days=days)


def test_an_analyte_without_a_usable_result_cannot_be_waived():
    course = make_course(make_patient(), first_on=date(2026, 5, 4), by=doctor())
    draw(course.patient, date(2026, 4, 27), only=ALL_BUT_PLT)
    with pytest.raises(BadFact, match="has no usable result"):
        waive(course)
    assess_course(course_id=course.pk, now=AT)
    assert "EV-MISSING" in acting(course)


@pytest.mark.parametrize("what", ["identity", "unit", "", None])
def test_identity_and_unit_are_never_waived(stale, what):
    with pytest.raises(BadFact, match="what: "):
        waive(stale, what=what)


@pytest.mark.parametrize("analyte", ["PTR", "weight", "", "nonsense"])
def test_only_what_the_protocol_always_asks_for_is_waived(stale, analyte):
    with pytest.raises(BadFact, match="always asks for"):
        waive(stale, analyte=analyte)


def test_the_us_file_asks_for_no_earlier_draw(stale):
    with pytest.raises(BadFact, match="asks for no earlier draw"):
        waive(stale, what="earlier_draw", days=None)


@pytest.mark.parametrize("role", ["nurse", "pharmacist"])
def test_nobody_but_a_physician_waives(stale, role):
    with pytest.raises(NotAllowed):
        waive(stale, by=colleague(role, role))


def test_a_waiver_says_why(stale):
    with pytest.raises(BadFact, match="reason: is missing"):
        waive(stale, reason="\u200b")


def test_taken_back_it_holds_again_at_once(stale):
    fact = waive(stale)
    withdraw_fact(fact=fact, by=doctor(), reason="drawn after all", authenticated_at=fresh(AT), now=AT)
    assert acting(stale) == {"EV-STALE"}


def test_a_weight_is_no_laboratory_result_and_stays_asked_for(stale):
    record_weight(patient=stale.patient, measured_on=date(2026, 4, 27), kg=Decimal(72), recorded_by="nurse")
    with pytest.raises(BadFact, match="always asks for"):
        waive(stale, analyte="weight")


def test_beside_a_stale_result_a_physician_finds_the_way_to_waive_it(stale, enter):
    address = reverse("courses:decision", args=[standing(stale).public_id])
    assert "/facts/waivers/?analyte=PLT" in enter("physician").get(address).content.decode()
    assert "/facts/waivers/" not in enter("nurse").get(address).content.decode().split("Missing or not")[1]
