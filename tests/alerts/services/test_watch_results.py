"""A panel with gaps and a unit that is not the usual one are told to people, and never taken as normal."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from alerts.rules import Kind, State
from alerts.services.acknowledging import acknowledge
from alerts.services.watch_panels import watch_panels
from alerts.services.watch_units import watch_units
from courses.models import Course, PeritonealDisease
from labs.clock import database_now
from labs.models import Patient, UnitUse
from tests.builders_alerts import make_person
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

pytestmark = pytest.mark.django_db
PLT, HGB = "777-3^Platelets^LN", "718-7^Haemoglobin^LN"
BILI = "1975-2^Bilirubin^LN"
_SENT = "20260601120000+0200"
_numbers: Iterator[int] = count(1)


@pytest.fixture
def patient() -> Patient:
    """Somebody with an open course, and a laboratory that is set up."""
    make_sender()
    found = make_patient()
    Course.objects.create(
        patient=found,
        protocol_id="lutathera_us_2024_04",
        protocol_sha256="0" * 64,
        peritoneal_disease=PeritonealDisease.NO,
        started_at=database_now(),
        started_by=make_person("starter", "nurse"),
    )
    return found


def drawn(*results: str, order: str = "", day: int = 4) -> None:
    """One message with one panel."""
    number = next(_numbers)
    collected = f"202605{day:02}080000+0200"
    body = message(
        obr(order or f"ORD{number}", collected=collected), *results, control_id=f"P{number}", at=_SENT
    )
    receive(body)


def count_of(value: str = "210") -> str:
    return obx(value, code=PLT)


def haemoglobin(value: str = "134", unit: str = "g/L", status: str = "F") -> str:
    return obx(value, code=HGB, unit=unit, limits="120-160", status=status)


def bilirubin(value: str) -> str:
    return obx(value, code=BILI, unit="umol/L", limits="")


def later(minutes: int = 121) -> datetime:
    return database_now() + timedelta(minutes=minutes)


# --- Panels --------------------------------------------------------------------------------------


def test_a_panel_without_what_it_usually_brings_alerts_after_the_wait_and_ends_when_the_rest_comes(
    patient: Patient,
) -> None:
    for day in (1, 2, 3):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(count_of(), order="GAP")
    assert watch_panels(now=later(60)) == 0
    assert watch_panels(now=later()) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.course, alert.technical) == (
        Kind.PANEL_INCOMPLETE,
        patient.courses.get(),
        False,
    )
    assert alert.about["analytes"] == ["HGB"]
    assert watch_panels(now=later(130)) == 0
    drawn(haemoglobin(), order="GAP")
    assert watch_panels(now=later(140)) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED


def test_a_whole_panel_alerts_nobody(patient: Patient) -> None:
    for day in (1, 2, 3, 4):
        drawn(count_of(), haemoglobin(), day=day)
    assert watch_panels(now=later()) == 0


def test_two_panels_are_no_habit(patient: Patient) -> None:
    for day in (1, 2):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(count_of())
    assert watch_panels(now=later()) == 0


def test_a_cancelled_result_is_missing_and_one_kept_apart_has_arrived(patient: Patient) -> None:
    for day in (1, 2, 3):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(count_of(), haemoglobin(unit="furlongs"), day=4)
    assert watch_panels(now=later()) == 0
    drawn(count_of(), haemoglobin(status="X"), day=5)
    assert watch_panels(now=later()) == 1


def test_a_result_that_is_withdrawn_later_is_missing_again(patient: Patient) -> None:
    for day in (1, 2, 3):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(count_of(), haemoglobin(), order="GONE")
    assert watch_panels(now=later()) == 0
    drawn(haemoglobin(status="D"), order="GONE")
    assert watch_panels(now=later()) == 1
    assert Alert.objects.get().about["analytes"] == ["HGB"]


def test_a_repeated_report_that_says_only_one_thing_anew_lacks_nothing(patient: Patient) -> None:
    for day in (1, 2, 3):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(count_of(), haemoglobin(), order="SAME")
    drawn(count_of("208"), haemoglobin(), order="SAME")
    assert watch_panels(now=later()) == 0


def test_two_panels_of_one_draw_are_read_together(patient: Patient) -> None:
    for day in (1, 2, 3):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(count_of(), order="FIRST")
    drawn(haemoglobin(), order="SECOND")
    assert watch_panels(now=later()) == 0


def test_a_patient_without_an_open_course_alerts_nobody(patient: Patient) -> None:
    Course.objects.update(status="completed")
    for day in (1, 2, 3):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(count_of())
    assert watch_panels(now=later()) == 0


def test_an_old_gap_is_left_to_the_due_days_of_the_course(patient: Patient) -> None:
    for day in (1, 2, 3):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(count_of())
    watch_panels(now=later())
    watch_panels(now=later(8 * 24 * 60))
    assert Alert.objects.get().state == State.CLOSED


# --- Units ---------------------------------------------------------------------------------------


def test_the_first_unit_of_a_source_is_nothing_new(patient: Patient) -> None:
    drawn(haemoglobin())
    drawn(haemoglobin(), day=5)
    assert watch_units(now=later()) == 0
    assert [(use.analyte, use.unit, use.factor) for use in UnitUse.objects.all()] == [("HGB", "g/l", 1)]


def test_another_factor_alerts_as_worse_and_another_spelling_as_something_to_look_at(
    patient: Patient,
) -> None:
    drawn(haemoglobin(), count_of())
    drawn(haemoglobin("13.4", "g/dL"), obx("210", code=PLT, unit="G/L"), day=5)
    assert watch_units(now=later()) == 2
    by_key = {alert.condition_key: alert for alert in Alert.objects.all()}
    assert by_key["unit-drift:central-lab:HGB:g/dl"].severity == 2
    assert by_key["unit-drift:central-lab:PLT:g/l"].severity == 3
    assert by_key["unit-drift:central-lab:HGB:g/dl"].about["before"] == ["g/l"]
    assert watch_units(now=later()) == 0


def test_a_difference_of_case_and_blanks_is_the_same_spelling(patient: Patient) -> None:
    drawn(haemoglobin())
    drawn(haemoglobin(unit="G / L"), day=5)
    assert watch_units(now=later()) == 0


def test_only_a_person_ends_it_and_once_seen_it_is_over_when_the_unit_is_new_no_more(
    patient: Patient,
) -> None:
    drawn(haemoglobin())
    drawn(haemoglobin("13.4", "g/dL"), day=5)
    watch_units(now=later())
    week = later(8 * 24 * 60)
    watch_units(now=week)
    alert = Alert.objects.get()
    assert alert.state == State.CLEARED_UNACKED
    acknowledge(
        alert=alert,
        person=make_person("oncall1", "on-call"),
        seen_severity=alert.severity,
        seen_event=alert.events.latest("pk").pk,
        now=week,
    )
    watch_units(now=week + timedelta(minutes=1))
    alert.refresh_from_db()
    assert alert.state == State.CLOSED
    assert watch_units(now=week + timedelta(minutes=2)) == 0


def test_values_that_moved_as_a_change_of_unit_would_are_told(patient: Patient) -> None:
    """The unit is the usual one and every value is plausible: the numbers alone give it away."""
    for number in range(24):
        drawn(bilirubin(str(9 + number % 5)), order=f"E{number}")
    assert watch_units(now=later()) == 0
    for number in range(11):
        drawn(bilirubin(str(170 + 5 * number)), order=f"N{number}")
    assert watch_units(now=later()) == 0
    drawn(bilirubin("190"), order="N11")
    assert watch_units(now=later()) == 1
    alert = Alert.objects.get()
    assert alert.condition_key == "unit-drift:central-lab:BILI:(median)"
    assert alert.about["ratio"] == "17.10"
    assert alert.severity == 2
    assert UnitUse.objects.filter(analyte="BILI").count() == 1


def test_what_was_sent_in_the_past_is_remembered_per_source(patient: Patient) -> None:
    make_sender(name="second-lab", msh3="SECOND")
    drawn(haemoglobin())
    body = message(obr("S1"), haemoglobin("13.4", "g/dL"), control_id="S1").replace(b"|LAB|", b"|SECOND|", 1)
    receive(body)
    assert watch_units(now=later()) == 0
    assert datetime.now(UTC) - UnitUse.objects.latest("pk").first_at < timedelta(minutes=5)


def test_both_looks_cost_the_same_however_many_results_there_are(
    patient: Patient, django_assert_num_queries: Callable[[int], Any]
) -> None:
    for day in (1, 2, 3):
        drawn(count_of(), haemoglobin(), day=day)
    drawn(haemoglobin("13.4", "g/dL"), day=4)
    now = later()
    assert watch_panels(now=now) + watch_units(now=now) > 0
    with CaptureQueriesContext(connection) as few:
        assert watch_panels(now=now) + watch_units(now=now) == 0
    for number in range(30):
        drawn(count_of(), haemoglobin(), order=f"MORE{number}", day=1 + number % 28)
    now = later()
    watch_panels(now=now)  # the draw of the gap is whole by now
    with django_assert_num_queries(len(few)):
        assert watch_panels(now=now) + watch_units(now=now) == 0
