"""From rows to the rules' chart: nothing invented, nothing dropped, nothing from after today."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from courses.chart import read_chart
from courses.json_table import parse_json
from courses.ledger import ledger_of
from courses.models import Course
from courses.rules.values import Chart, Status
from courses.services.administration import append_administration
from courses.services.assess import assess_course
from courses.situation import read_situation, situation_of
from labs.models import Patient
from labs.services.patients import record_weight
from tests.builders import (
    clinic_time,
    draw,
    give_cycle,
    judge,
    make_course,
    make_patient,
    panel_message,
    receive,
    state,
)
from tests.builders_day import infuse

pytestmark = pytest.mark.django_db
FIRST = date(2026, 1, 12)
DRAWN = date(2026, 1, 8)
WITHOUT_PLATELETS = ("ANC", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST")


@pytest.fixture
def course(person: Callable[..., User]) -> Course:
    """A course whose first cycle is planned for 12 January."""
    return make_course(make_patient(), first_on=FIRST, by=person("physician", "authorised-user"))


def chart_of(course: Course, *, today: date = date(2026, 1, 10)) -> Chart:
    course.refresh_from_db()
    return read_chart(course=course, planned_on=FIRST, today=today)


def again(course: Course, *, status: str, order: str = "ORD", later_hours: int = 2, **values: str) -> None:
    """The same order once more, with another status and value."""
    body = panel_message(
        course.patient, drawn_at=clinic_time(DRAWN, 8), status=status, only=tuple(values), **values
    ).decode()
    number = body.split("OBR|1||")[1].split("|")[0]
    sent = f"{clinic_time(DRAWN, 8) + timedelta(hours=later_hours):%Y%m%d%H%M%S%z}"
    first_sent = f"{clinic_time(DRAWN, 8) + timedelta(hours=2):%Y%m%d%H%M%S%z}"
    receive(body.replace(f"|{number}|", f"|{order}|").replace(first_sent, sent).encode())


def platelets(chart: Chart) -> list[tuple[Decimal | None, str]]:
    return [(m.value, m.status.value) for m in chart.measurements if m.analyte == "PLT"]


def test_values_carry_canonical_unit_range_instant_and_reference(course: Course) -> None:
    draw(course.patient, DRAWN, only=("PLT",))
    (found,) = chart_of(course).measurements
    observation = course.patient.observations.get()
    assert (found.value, found.unit, found.low, found.high) == (228, "10*9/L", 150, 400)
    assert (found.collected_on, found.collected_at) == (DRAWN, clinic_time(DRAWN, 8))
    assert (found.status, found.ref) == (Status.FINAL, str(observation.public_id))


def test_numbers_lose_the_databases_zeros_and_nothing_else(course: Course) -> None:
    draw(course.patient, DRAWN, only=("PLT", "ANC"), PLT="100", ANC="1.80")
    values = {m.analyte: str(m.value) for m in chart_of(course).measurements}
    assert values == {"PLT": "100", "ANC": "1.8"}


def test_a_correction_takes_the_place_of_the_first_value(course: Course) -> None:
    again(course, status="F", PLT="228")
    again(course, status="C", later_hours=5, PLT="61")
    assert platelets(chart_of(course)) == [(61, "corrected")]


def test_a_withdrawn_result_supports_nothing(course: Course) -> None:
    draw(
        course.patient,
        DRAWN,
        only=WITHOUT_PLATELETS,
    )
    again(course, status="F", PLT="228")
    again(course, status="D", later_hours=5, PLT="228")
    assert platelets(chart_of(course)) == []
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10)))
    assert decision is not None
    assert decision.action == "hold"
    assert [gap["code"] for gap in decision.answer["missing"]] == ["777-3"]


def test_two_contradicting_finals_are_both_shown_and_hold(course: Course) -> None:
    draw(course.patient, DRAWN)
    again(course, status="F", order="DOUBLE", PLT="228")
    again(course, status="F", order="DOUBLE", PLT="229")
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10)))
    assert decision is not None
    assert decision.action == "hold"
    assert "EV-CONFLICT" in [reason["rule"] for reason in decision.answer["reasons"]]


@pytest.mark.parametrize("status", ["X", "D", "W"])
def test_a_cancelled_duplicate_order_does_not_erase_the_result_of_the_first(
    course: Course, status: str
) -> None:
    draw(course.patient, DRAWN, only=WITHOUT_PLATELETS)
    again(course, status="F", order="FIRST", PLT="40")
    again(course, status=status, order="SECOND", later_hours=5, PLT="40")
    assert platelets(chart_of(course)) == [(40, "final")]


def test_a_correction_of_one_order_does_not_replace_the_result_of_another(course: Course) -> None:
    draw(course.patient, DRAWN, only=WITHOUT_PLATELETS)
    again(course, status="F", order="FIRST", PLT="40")
    again(course, status="C", order="SECOND", later_hours=5, PLT="160")
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10)))
    assert decision is not None
    assert decision.action == "hold"
    assert "EV-CONFLICT" in [reason["rule"] for reason in decision.answer["reasons"]]


def test_a_preliminary_alarm_of_another_order_is_not_lost(course: Course) -> None:
    draw(course.patient, DRAWN)
    again(course, status="P", order="SECOND", PLT="20")
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10)))
    assert decision is not None
    assert decision.action == "hold"


def test_of_a_disputed_result_withdrawn_versions_are_left_out_and_the_rest_holds(course: Course) -> None:
    draw(course.patient, DRAWN, only=WITHOUT_PLATELETS)
    again(course, status="F", order="ONE", PLT="228")
    again(course, status="C", order="ONE", later_hours=5, PLT="61")
    again(course, status="C", order="ONE", later_hours=5, PLT="65")
    assert {value for value, _ in platelets(chart_of(course))} >= {61, 65}
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10)))
    assert decision is not None
    assert decision.action == "hold"


def test_a_newer_result_that_could_not_be_read_holds_until_one_can(course: Course) -> None:
    draw(course.patient, DRAWN)
    unreadable = panel_message(
        course.patient, drawn_at=clinic_time(date(2026, 1, 9), 8), only=("PLT",), PLT="20"
    )
    receive(unreadable.replace(b"10*9/L", b"furlong"))
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 9), 12))
    assert decision is not None
    assert decision.action == "hold"
    assert "quarantine" in decision.answer["missing"][0]["why"]
    draw(course.patient, date(2026, 1, 10), only=("PLT",))
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10), 12))
    assert decision is not None
    assert decision.action == "proceed"


def test_a_preliminary_result_clears_nothing(course: Course) -> None:
    draw(course.patient, DRAWN, only=WITHOUT_PLATELETS)
    again(course, status="P", PLT="228")
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10)))
    assert decision is not None
    assert decision.action == "hold"


def test_what_lies_after_today_is_not_known_yet(course: Course) -> None:
    draw(course.patient, DRAWN, only=("PLT",))
    chart = chart_of(course, today=date(2026, 1, 7))
    assert chart.measurements == ()
    assert chart.weights == ()


def test_a_chart_with_facts_and_locked_baselines_reads_back_from_its_situation(course: Course) -> None:
    give_cycle(course.cycles.get(number=1), by=course.started_by)
    today = date(2026, 1, 20)
    at = clinic_time(today)
    judge(course, "occurrence_reviews", at=at, rule="DM-PLT", onset=today, counts=False)
    judge(course, "manual_grades", at=at, term="Anemia", grade=4, on=today)
    chart = chart_of(course, today=today)
    assert chart.baseline_locked
    stored = situation_of(
        chart=chart, protocol_id=course.protocol_id, today=today, time_zone=ZoneInfo("Europe/Berlin")
    )
    again = read_situation(parse_json(json.dumps(stored)))
    assert (again.chart, again.today) == (chart, today)


def test_another_patients_results_never_enter(course: Course) -> None:
    draw(make_patient(mrn="T-2", family="Birke"), DRAWN)
    assert chart_of(course).measurements == ()


def test_the_newest_weighing_of_a_day_counts(course: Course) -> None:
    for kg in ("27", "72"):
        record_weight(patient=course.patient, measured_on=DRAWN, kg=Decimal(kg), recorded_by="nurse")
    assert [(weight.on, weight.kg) for weight in chart_of(course).weights] == [(DRAWN, 72)]


@pytest.mark.parametrize("sex", ["unknown", "other"])
def test_an_unknown_sex_stays_unknown_and_holds(course: Course, sex: str) -> None:
    Patient.objects.filter(pk=course.patient_id).update(sex=sex)
    draw(Patient.objects.get(pk=course.patient_id), DRAWN)
    assert chart_of(course).sex is None
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10)))
    assert decision is not None
    assert decision.action == "hold"


def test_activity_of_an_earlier_course_is_carried_over(course: Course, person: Callable[..., User]) -> None:
    give_cycle(course.cycles.get(number=1), by=course.started_by)
    course.status = "completed"
    course.save(update_fields=["status"])
    second = make_course(course.patient, first_on=date(2027, 1, 11), by=course.started_by)
    chart = read_chart(course=second, planned_on=date(2027, 1, 11), today=date(2027, 1, 1))
    assert (chart.prior_activity_gbq, chart.cycles) == (Decimal("7.4"), ())


@pytest.mark.hazard("HZ-60")
def test_parts_and_corrected_infusions_of_an_earlier_course_are_carried_over_as_the_ledger_counts_them(
    course: Course,
) -> None:
    person, day = course.started_by, clinic_time(date(2026, 5, 4))
    given = infuse(course.cycles.get(number=1), by=person, at=day)
    append_administration(
        course=course, cycle=given.cycle, on=date(2026, 5, 4), gbq=Decimal("7.4"),
        product=given.product, deviation="without authorisation", by=person, now=given.recorded_at,
    )  # fmt: skip
    later = given.recorded_at + timedelta(hours=1)
    infuse(given.cycle, by=person, at=day, gbq="6.9", corrects=given, reason="residual", recorded_at=later)
    infuse(course.cycles.get(number=2), by=person, at=later, gbq="1.2", ended_how="leak")
    course.status = "completed"
    course.save(update_fields=["status"])
    second = make_course(course.patient, first_on=date(2027, 1, 11), by=person)
    chart = read_chart(course=second, planned_on=date(2027, 1, 11), today=date(2027, 1, 1))
    assert chart.prior_activity_gbq == Decimal("8.1")
    assert ledger_of(course.patient_id).totals.total_gbq == Decimal("8.1")


def test_reading_a_chart_takes_the_same_queries_whatever_its_length(
    course: Course, django_assert_num_queries: Callable[[int], object]
) -> None:
    for day in range(1, 8):
        draw(course.patient, date(2026, 1, day))
        state(course.patient, "support", date(2026, 1, day), kind="growth_factor")
    course = Course.objects.select_related("patient").get(pk=course.pk)
    with django_assert_num_queries(12):  # type: ignore[attr-defined]
        read_chart(course=course, planned_on=FIRST, today=date(2026, 1, 10))
