"""The ledger through its doors: every part of every treatment counts, under whatever number it is filed."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courses.ledger import entries_by_person, ledger_of
from courses.models import Administration, ChartFact, Course, Cycle, Infusion, PeritonealDisease
from courses.rules.ledger import add_up
from labs.models import Patient
from labs.services import propose_merge, propose_reversal, review_merge
from tests.builders import clinic_time, colleague, make_patient

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 12)


def a_course(patient: Patient, *, status: str = "completed") -> Course:
    return Course.objects.create(
        patient=patient,
        protocol_id="lutathera_us_2024_04",
        protocol_sha256="ab" * 32,
        status=status,
        peritoneal_disease=PeritonealDisease.NO,
        started_at=clinic_time(DAY),
        started_by=colleague("planner", "nurse"),
    )


def a_cycle(course: Course, number: int) -> Cycle:
    return Cycle.objects.create(course=course, number=number, planned_on=DAY + timedelta(days=56 * number))


def given_cycle(course: Course, number: int, gbq: str, **about) -> Administration:
    facts = {"recorded_at": clinic_time(DAY), "recorded_by": colleague("recorder", "nurse")} | about
    cycle = a_cycle(course, number)
    return Administration.objects.create(
        cycle=cycle,
        administered_on=cycle.planned_on,
        administered_gbq=Decimal(gbq),
        product="lutetium Lu 177 dotatate",
        **facts,
    )


def infused(cycle: Cycle, gbq: str, *, minutes: int = 0, **about) -> Infusion:
    at = clinic_time(cycle.planned_on) + timedelta(minutes=minutes)
    facts = {"deviation": "given without authorisation", "ended_how": "leak"} | about
    return Infusion.objects.create(
        cycle=cycle,
        product="lutetium Lu 177 dotatate",
        started_at=at,
        ended_at=at + timedelta(minutes=30),
        delivered_gbq=Decimal(gbq),
        recorded_by=colleague("recorder", "nurse"),
        recorded_at=at + timedelta(minutes=40),
        **facts,
    )


def merged(retired: Patient, survivor: Patient):
    merge = propose_merge(
        retired=retired, survivor=survivor, reason="Same person.", proposed_by="clerk"
    ).merge
    for who in (colleague("merger-1", "nurse"), colleague("merger-2", "physician")):
        review_merge(merge=merge, by=who, agrees=True)
    return merge


def parted(merge) -> None:
    back = propose_reversal(merge=merge, reason="Sisters.", by=colleague("merger-1", "nurse"))
    for who in (colleague("merger-1", "nurse"), colleague("merger-2", "physician")):
        if not back.reviews.filter(person=who).exists():
            review_merge(merge=back, by=who, agrees=True)


@pytest.mark.hazard("HZ-60")
def test_two_courses_a_deviation_and_a_cycle_of_another_hospital_are_all_in_the_total():
    patient = make_patient()
    first, second = a_course(patient), a_course(patient, status="active")
    given_cycle(first, 1, "7.4")
    given_cycle(first, 2, "3.7", deviation="given without a signed directive")
    given_cycle(second, 1, "7.2", elsewhere="North clinic")
    totals = ledger_of(patient.pk).totals
    assert totals.total_gbq == Decimal("18.3")
    assert totals.by_course == {str(first.public_id): Decimal("11.1"), str(second.public_id): Decimal("7.2")}
    assert (totals.deviations_gbq, totals.elsewhere_gbq) == (Decimal("3.7"), Decimal("7.2"))


@pytest.mark.hazard("HZ-62")
def test_a_part_of_a_cycle_that_is_not_completed_counts():
    course = a_course(make_patient(), status="active")
    infused(a_cycle(course, 1), "2.9")
    ledger = ledger_of(course.patient_id)
    assert ledger.totals.total_gbq == Decimal("2.9")
    (entry,) = ledger.entries
    assert entry.kind == "infusion"
    assert "line leaked" in entry.provenance
    assert "no authorisation" in entry.provenance


def test_an_infusion_that_became_the_administration_is_not_counted_beside_it():
    course = a_course(make_patient())
    done = given_cycle(course, 1, "7.3", recorded_at=clinic_time(date(2026, 12, 1)))
    infused(done.cycle, "7.3")
    assert ledger_of(course.patient_id).totals.total_gbq == Decimal("7.3")


def test_an_infusion_that_was_corrected_after_the_administration_counts_as_corrected():
    course = a_course(make_patient())
    cycle = a_cycle(course, 1)
    wrong = infused(cycle, "7.3")
    Administration.objects.create(
        cycle=cycle,
        administered_on=cycle.planned_on,
        administered_gbq=Decimal("7.3"),
        product="lutetium Lu 177 dotatate",
        recorded_at=wrong.recorded_at,
        recorded_by=wrong.recorded_by,
    )
    infused(cycle, "3.9", minutes=60, corrects=wrong, reason="residual was read wrongly")
    ledger = ledger_of(course.patient_id)
    assert ledger.totals.total_gbq == Decimal("3.9")
    assert ledger.entries[0].note == "stands for the administration recorded as 7.3 GBq"


def test_an_infusion_beside_an_administration_that_rests_on_none_is_counted_and_asks_for_a_look():
    course = a_course(make_patient())
    done = given_cycle(course, 1, "7.3", recorded_at=clinic_time(DAY))
    infused(done.cycle, "2.0")
    ledger = ledger_of(course.patient_id)
    assert ledger.totals.total_gbq == Decimal("9.3")
    assert "check whether the two are one" in ledger.entries[-1].note


@pytest.mark.hazard("HZ-60")
def test_what_was_recorded_of_earlier_treatment_counts_once_the_kind_is_there(monkeypatch):
    patient = make_patient()
    rows = [
        {
            "answer": "given",
            "on": "2026-01-12",  # the day of the answer, not of the treatment
            "administered_gbq": "7.4",
            "day": "2021-03-01",
            "hospital": "North",
            "product": "Lu",
            "provenance": "letter of 2021.",
        },
        {"answer": "given", "on": "2026-01-12", "month": "2020-11", "hospital": "North", "product": "Y-90"},
        {"answer": "given", "on": "2026-01-12"},
        {"answer": "unknown", "on": "2026-01-12"},
        {"answer": "none", "on": "2026-01-12"},
    ]
    facts = [
        ChartFact(
            patient=patient,
            kind="prior_treatment",
            data=data,
            printed_name="A Nurse",
            recorded_at=clinic_time(DAY),
        )
        for data in rows
    ]
    monkeypatch.setattr("courses.ledger._prior_treatments", lambda numbers: facts)
    ledger = ledger_of(patient.pk)
    assert ledger.totals.total_gbq == Decimal("7.4")
    assert (ledger.totals.unknown, ledger.totals.elsewhere_gbq) == (3, Decimal("7.4"))
    assert {entry.when for entry in ledger.entries if entry.on is None} == {"2020-11", "day not known"}
    known = ledger.entries[-1]
    assert known.on == date(2021, 3, 1)
    assert known.provenance == "Recorded on 12 January 2026 by A Nurse. Known from: letter of 2021."


@pytest.mark.hazard("HZ-65")
def test_merging_two_numbers_adds_their_ledgers_and_parting_them_gives_both_back():
    one, other = make_patient(), make_patient(mrn="T-2")
    given_cycle(a_course(one), 1, "7.4")
    given_cycle(a_course(other), 1, "3.7")
    before = (ledger_of(one.pk), ledger_of(other.pk))
    merge = merged(one, other)
    assert ledger_of(one.pk) == ledger_of(other.pk)
    assert ledger_of(one.pk).totals.total_gbq == Decimal("11.1")
    assert {entry.number for entry in ledger_of(one.pk).entries} == {"T-1 (TEST)", "T-2 (TEST)"}
    parted(merge)
    assert (ledger_of(one.pk), ledger_of(other.pk)) == before


@pytest.mark.hazard("HZ-60")
@pytest.mark.hazard("HZ-65")
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["7.4", "3.7", "7.1234"]), st.booleans()), max_size=8
    )
)
def test_however_treatments_lie_in_courses_and_numbers_the_person_has_the_same_total(treatments):
    key = f"{Patient.objects.count()}"  # one database for all examples: each has its own numbers
    numbers = [make_patient(mrn=f"P{key}-{n}") for n in range(2)]
    courses = [a_course(numbers[n % 2]) for n in range(4)]
    counts = [0, 0, 0, 0]
    for where, gbq, deviates in treatments:
        counts[where] += 1
        given_cycle(courses[where], counts[where], gbq, deviation="given late" if deviates else "")
    apart = [ledger_of(number.pk).totals.total_gbq for number in numbers]
    merge = merged(*numbers)
    together = ledger_of(numbers[0].pk).totals
    assert together.total_gbq == sum(apart) == sum(Decimal(gbq) for _, gbq, _ in treatments)
    survivors = [
        rows for rows in entries_by_person().values() if add_up(rows).total_gbq == together.total_gbq
    ]
    assert survivors or not treatments
    parted(merge)
    assert [ledger_of(number.pk).totals.total_gbq for number in numbers] == apart


def test_reading_a_ledger_costs_the_same_however_much_was_given():
    def cost(patient: Patient) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ledger_of(patient.pk)
        return len(queries)

    little, much = make_patient(), make_patient(mrn="T-2")
    given_cycle(a_course(little), 1, "7.4")
    for _ in range(4):
        course = a_course(much)
        for number in range(1, 4):
            given_cycle(course, number, "7.4")
    assert cost(little) == cost(much) <= 6


# --- Doors ---------------------------------------------------------------------------------------


def test_the_page_shows_every_line_with_where_it_is_known_from(enter):
    patient = make_patient()
    given_cycle(a_course(patient), 1, "7.4", deviation="directive says 7.2 GBq")
    page = enter("nurse").get(reverse("courses:ledger", args=[patient.public_id]))
    text = page.content.decode()
    assert page.status_code == 200
    assert "Administered in all: <strong>7.4 GBq (200 mCi)</strong>" in text
    assert "directive says 7.2 GBq" in text
    assert "Administration recorded on 12 January 2026 by recorder." in text


def test_the_course_page_leads_to_the_ledger(enter):
    course = a_course(make_patient())
    given_cycle(course, 1, "7.4")
    page = enter("physician").get(reverse("admin:courses_course_change", args=[course.pk])).content.decode()
    assert "Administered in all: <strong>7.4 GBq (200 mCi)</strong>" in page
    assert reverse("courses:ledger", args=[course.patient.public_id]) in page


def test_nothing_given_is_said_as_such(enter):
    patient = make_patient()
    page = enter("physicist").get(reverse("courses:ledger", args=[patient.public_id])).content.decode()
    assert "Administered in all: <strong>0 GBq</strong>" in page
    assert "no absorbed dose is entered, which does not mean none" in page


@pytest.mark.parametrize(("role", "status"), [("pharmacist", 403), ("auditor", 403), ("administrator", 403)])
def test_a_role_without_patients_and_administrations_reads_no_ledger(enter, role, status):
    patient = make_patient()
    assert enter(role).get(reverse("courses:ledger", args=[patient.public_id])).status_code == status


def test_programs_read_the_ledger_with_units_and_change_nothing(enter):
    course = a_course(make_patient())
    given_cycle(course, 1, "7.4")
    browser = enter("physician")
    address = f"/api/v1/courses/{course.public_id}/ledger/"
    body = json.loads(browser.get(address).content)
    assert body["total"] == {"value": "7.4", "unit": "GBq"}
    assert body["total_is_least"] is False
    assert body["courses"] == [{"course": str(course.public_id), "activity": {"value": "7.4", "unit": "GBq"}}]
    (entry,) = body["entries"]
    assert (entry["kind"], entry["cycle"], entry["counted"]) == ("administration", 1, True)
    assert [organ["organ"] for organ in body["organs"]] == ["kidneys", "bone_marrow"]
    assert (body["organs"][0]["entered"], body["organs"][0]["limit_gy"]) == (0, "23")
    assert browser.post(address, {}).status_code in (403, 405)


def test_an_unknown_course_is_not_found_and_a_pharmacist_is_refused(enter):
    missing = "/api/v1/courses/00000000-0000-0000-0000-000000000000/ledger/"
    assert enter("nurse").get(missing).status_code == 404
    assert enter("pharmacist").get(missing).status_code == 403
