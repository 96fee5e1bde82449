"""Whether the patient was treated before is answered before the first cycle, and counts in the total."""

from datetime import date
from decimal import Decimal

import pytest

from courses.chart import read_chart
from courses.services.assess import assess_course
from courses.services.authority import BadFact, NotAllowed
from courses.services.facts import record_fact, withdraw_fact
from tests.builders import clinic_time, colleague, draw, make_course, make_patient, state
from tests.courses.signing import acting, doctor, notes, standing

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-60")]
FIRST = date(2026, 5, 4)
ASKED = date(2026, 4, 15)
AT = clinic_time(date(2026, 4, 28))
GIVEN = {
    "answer": "given",
    "product": "90Y-DOTATOC",
    "administered_gbq": "3.7",
    "month": "2021-03",
    "hospital": "St Anna",
    "provenance": "discharge letter",
}


def course_with(*answers: dict[str, str]):
    course = make_course(make_patient(), first_on=FIRST, by=doctor(), prior=answers)
    draw(course.patient, date(2026, 4, 27))
    assess_course(course_id=course.pk, now=AT)
    return course


def test_a_course_without_an_answer_holds_before_cycle_1():
    course = course_with()
    assert (standing(course).action, acting(course)) == ("hold", {"ELIG-PRIOR"})
    assert not standing(course).awaiting_labs
    state(course.patient, "prior_treatment", date(2026, 4, 28), answer="none")
    assess_course(course_id=course.pk, now=AT)
    assert standing(course).action == "proceed"


def test_nobody_knows_is_an_answer_that_holds():
    assert acting(course_with({"answer": "unknown"})) == {"ELIG-PRIOR"}


def test_never_treated_before_lets_the_first_cycle_go():
    course = course_with({"answer": "none"})
    assert standing(course).action == "proceed"
    assert read_chart(course=course, planned_on=FIRST, today=FIRST).prior_activity_gbq == 0


def test_what_was_given_elsewhere_counts_and_is_told_with_its_provenance():
    later = {**GIVEN, "administered_gbq": "7.40", "month": "2021-09"}
    course = course_with(GIVEN, later)
    assert standing(course).action == "proceed"
    assert "at St Anna, 2021-03 (discharge letter)" in notes(course)
    assert "Together 11.1 GBq" in notes(course)
    chart = read_chart(course=course, planned_on=FIRST, today=FIRST)
    assert chart.prior_activity_gbq == Decimal("11.1")
    assert standing(course).situation["prior_activity_gbq"] == "11.1"


def test_a_treatment_taken_back_counts_no_longer():
    course = course_with({"answer": "none"})
    wrong = state(course.patient, "prior_treatment", date(2026, 4, 20), **GIVEN)
    assess_course(course_id=course.pk, now=AT)
    assert acting(course) == {"ELIG-PRIOR"}
    withdraw_fact(fact=wrong, by=colleague("fact-nurse", "nurse"), reason="another patient's letter")
    assess_course(course_id=course.pk, now=AT)
    assert standing(course).action == "proceed"
    assert read_chart(course=course, planned_on=FIRST, today=FIRST).prior_activity_gbq == 0


@pytest.mark.parametrize("key", ["product", "administered_gbq", "month", "hospital", "provenance"])
def test_a_treatment_is_named_in_full(key):
    with pytest.raises(BadFact):
        course_with({name: value for name, value in GIVEN.items() if name != key})


@pytest.mark.parametrize("amount", ["0", "-3.7", "much", "NaN"])
def test_an_activity_is_above_zero(amount):
    with pytest.raises(BadFact, match="administered_gbq"):
        course_with({**GIVEN, "administered_gbq": amount})


def test_no_treatment_lies_ahead():
    with pytest.raises(BadFact, match="lies after today"):
        told = {key: value for key, value in GIVEN.items() if key != "month"}
        state(make_patient(), "prior_treatment", ASKED, **told, day="2026-04-16")


def test_a_pharmacist_does_not_answer_it():
    with pytest.raises(NotAllowed):
        record_fact(
            kind="prior_treatment",
            data={"answer": "none", "on": "2026-04-15"},
            by=colleague("pharmacist", "pharmacist"),
            patient=make_patient(),
            now=AT,
        )
