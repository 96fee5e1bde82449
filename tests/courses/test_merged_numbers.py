"""A course of a person with two numbers: judged on what is filed under either, until the numbers part."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from courses.chart import read_chart
from courses.models import Course
from courses.overview import latest_labs, latest_weight
from courses.rules.day_values import StepState
from courses.services.assess import assess_course, assess_courses, course_ids_of_patients, sweep_courses
from courses.services.authority import NotAllowed, Refused
from courses.services.other_courses import in_the_way
from labs.models import Patient, PatientMerge
from labs.services import propose_merge, propose_reversal, review_merge
from labs.services.patients import record_weight
from tests import builders_therapy_day as therapy
from tests.builders import (
    clinic_time,
    colleague,
    draw,
    give_cycle,
    make_course,
    make_patient,
    panel_message,
    receive,
    record_answers,
    sign,
    state,
)
from tests.builders_day import infuse

pytestmark = pytest.mark.django_db
FIRST = date(2026, 1, 12)
DRAWN = date(2026, 1, 8)
NOW = clinic_time(date(2026, 1, 10))


@pytest.fixture
def course() -> Course:
    return make_course(make_patient(), first_on=FIRST, by=colleague("planner", "nurse"))


@pytest.fixture
def other() -> Patient:
    return make_patient(mrn="T-2")


def two() -> tuple[User, User]:
    return colleague("merger-1", "nurse"), colleague("merger-2", "physician")


def merged(retired: Patient, survivor: Patient) -> PatientMerge:
    merge = propose_merge(
        retired=retired, survivor=survivor, reason="Same person.", proposed_by="clerk"
    ).merge
    for who in two():
        review_merge(merge=merge, by=who, agrees=True)
    return merge


def parted(merge: PatientMerge) -> None:
    back = propose_reversal(merge=merge, reason="Sisters.", by=two()[0])
    for who in two():
        review_merge(merge=back, by=who, agrees=True)


def action(course: Course) -> str:
    decision = assess_course(course_id=course.pk, now=NOW)
    assert decision is not None
    return decision.action


@pytest.mark.parametrize("course_is_of_the_survivor", [True, False])
def test_results_weights_and_facts_of_both_numbers_are_one_chart_and_parting_undoes_it(
    course_is_of_the_survivor: bool, course: Course, other: Patient
) -> None:
    draw(other, DRAWN)
    assert action(course) == "hold"
    before = read_chart(course=course, planned_on=FIRST, today=DRAWN)
    merge = merged(other, course.patient) if course_is_of_the_survivor else merged(course.patient, other)
    assert action(course) == "proceed"
    assert {line.analyte for line in latest_labs(course)} >= {"PLT", "CREAT"}
    assert latest_weight(course) is not None
    parted(merge)
    assert action(course) == "hold"
    assert read_chart(course=course, planned_on=FIRST, today=DRAWN) == before


def test_a_low_value_under_the_other_number_delays(course: Course, other: Patient) -> None:
    draw(course.patient, DRAWN)
    assert action(course) == "proceed"
    merged(other, course.patient)
    receive(panel_message(other, drawn_at=clinic_time(DRAWN, 12), only=("PLT",), PLT="60"))
    assert course_ids_of_patients([other.pk]) == [course.pk]
    assert action(course) == "delay"


def test_what_waits_in_quarantine_under_the_other_number_holds(course: Course, other: Patient) -> None:
    draw(course.patient, DRAWN)
    merged(other, course.patient)
    body = panel_message(other, drawn_at=clinic_time(DRAWN, 12), only=("PLT",)).replace(b"10*9/L^^UCUM", b"")
    receive(body)
    assert action(course) == "hold"


def test_the_sweep_for_waiting_evidence_finds_it_under_the_other_number(
    course: Course, other: Patient
) -> None:
    draw(course.patient, DRAWN)
    merged(other, course.patient)
    assess_courses([course.pk], now=NOW)
    receive(panel_message(other, drawn_at=clinic_time(DRAWN, 12), only=("PLT",), PLT="60"))
    assert sweep_courses(now=NOW, older_than=timedelta(0)) == 1
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.action == "delay"


def test_activity_given_under_the_other_number_counts_as_given_before(course: Course, other: Patient) -> None:
    doctor = colleague("doctor", "physician", "authorised-user")
    give_cycle(course.cycles.get(number=1), by=doctor)
    later = make_course(other, first_on=date(2026, 7, 6), by=colleague("planner", "nurse"))
    assert read_chart(course=later, planned_on=date(2026, 7, 6), today=FIRST).prior_activity_gbq == 0
    merged(other, course.patient)
    given = read_chart(course=later, planned_on=date(2026, 7, 6), today=FIRST).prior_activity_gbq
    assert given == Decimal("7.4")


def test_a_person_with_two_numbers_has_one_open_course(course: Course, other: Patient) -> None:
    merged(other, course.patient)
    with pytest.raises(Refused, match="already has an open course"):
        make_course(other, first_on=FIRST, by=colleague("planner", "nurse"))


def test_a_fact_recorded_under_the_other_number_is_known(course: Course, other: Patient) -> None:
    receive(panel_message(course.patient, drawn_at=clinic_time(DRAWN, 8)))
    record_weight(patient=course.patient, measured_on=DRAWN, kg=Decimal(72), recorded_by="nurse")
    merged(other, course.patient)
    assert action(course) == "hold"
    record_answers(other, DRAWN)
    state(other, "sstr_imaging", DRAWN, modality="pet", uptake=3)
    assert action(course) == "proceed"


@pytest.mark.hazard("HZ-65")
@pytest.mark.parametrize(
    ("status", "words"), [("active", "Another course of this person is open"), ("stopped", "signed a stop")]
)
def test_of_two_courses_of_one_person_none_is_signed_until_that_is_settled(
    course: Course, other: Patient, status: str, words: str
) -> None:
    """The two numbers turn out to be one person when both have a course."""
    draw(course.patient, DRAWN)
    beside = make_course(other, first_on=FIRST, by=colleague("planner", "nurse"))
    Course.objects.filter(pk=beside.pk).update(status=status)
    merged(other, course.patient)
    assert action(course) == "proceed"
    course.refresh_from_db()
    assert course.current_decision is not None
    doctor = colleague("doctor", "physician", "authorised-user")
    with pytest.raises(NotAllowed, match=words):
        sign(course.current_decision, by=doctor, now=NOW)


@pytest.mark.hazard("HZ-49")
def test_a_second_course_begins_no_sooner_than_the_protocol_waits_between_cycles(
    course: Course, other: Patient
) -> None:
    doctor = colleague("doctor", "physician", "authorised-user")
    give_cycle(course.cycles.get(number=1), by=doctor)
    Course.objects.filter(pk=course.pk).update(status="completed")
    later = make_course(other, first_on=FIRST, by=doctor)
    merged(other, course.patient)
    assert in_the_way(later, on=FIRST + timedelta(days=48)).startswith("A cycle of another course of this")
    assert in_the_way(later, on=FIRST + timedelta(days=49)) == ""


@pytest.mark.hazard("HZ-65")
def test_a_wristband_with_either_number_identifies_the_patient_until_the_numbers_part(other: Patient) -> None:
    cycle = therapy.ready_cycle()
    therapy.dispense(cycle)
    day = therapy.opened(cycle)
    therapy.until_start(day)
    merge = merged(cycle.course.patient, other)
    born = cycle.course.patient.birth_date.isoformat()
    therapy.step(day, "identity", therapy.at(11, 50), number=other.mrn, birth_date=born)

    def state() -> StepState:
        return next(each.state for each in therapy.state_of(day, now=therapy.at(12)).lines if each.id == "ID")

    assert state() is StepState.DONE
    parted(merge)
    assert state() is StepState.BLOCKED


@pytest.mark.hazard("HZ-49")
def test_a_part_given_in_another_course_counts_as_a_treatment_also_where_it_does_not_count_as_a_cycle(
    course: Course, other: Patient
) -> None:
    doctor = colleague("doctor", "physician", "authorised-user")
    infuse(course.cycles.get(number=1), by=doctor, at=clinic_time(FIRST), gbq="6", ended_how="extravasation")
    Course.objects.filter(pk=course.pk).update(status="ended")
    later = make_course(other, first_on=FIRST, by=doctor)
    merged(other, course.patient)
    assert in_the_way(later, on=FIRST + timedelta(days=48)).startswith("A part of a cycle of another course")
    assert in_the_way(later, on=FIRST + timedelta(days=49)) == ""
