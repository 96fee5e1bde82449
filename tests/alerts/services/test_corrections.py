"""A result that somebody signed on and that is no longer so: judged anew, and told with both values."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from alerts.models import Alert, Notification, Triage
from alerts.rules import Kind
from alerts.services.acknowledging import acknowledge
from alerts.services.corrections import changed_results
from alerts.services.triage import triage_decisions, triage_quarantine
from courses.models import Course, Decision, Order, Signature
from courses.services.assess import assess_course, sweep_courses
from courses.services.course import record_administration
from labs.clock import database_now
from labs.models import LabMessage, QuarantinedResult
from labs.services.patients import record_weight
from labs.services.quarantine import confirm_resolution, state_resolution
from tests.builders import (
    clinic_time,
    colleague,
    make_course,
    make_patient,
    panel_message,
    receive,
    record_answers,
    sign,
)
from tests.builders_alerts import make_person

pytestmark = pytest.mark.django_db

FIRST = date(2026, 1, 12)
DRAWN = date(2026, 1, 8)
SIGNED = clinic_time(date(2026, 1, 10))


@pytest.fixture
def doctor() -> User:
    return make_person("doctor1", "physician", "authorised-user")


@pytest.fixture
def course() -> Course:
    return make_course(make_patient(), first_on=FIRST, by=colleague("planner", "nurse"))


def healthy(course: Course) -> bytes:
    return panel_message(course.patient, drawn_at=clinic_time(DRAWN, 8))


def again(body: bytes, *, control_id: str, status: str, hours: int, **values: tuple[str, str]) -> bytes:
    """The same report later: another status, and values changed from one to another."""
    text = body.decode()
    text = re.sub(r"\|B\d+\|P\|", f"|{control_id}|P|", text)
    later = clinic_time(DRAWN, 10) + timedelta(hours=hours)
    text = re.sub(r"(?<=\|CLINIC\|)[^|]+", f"{later:%Y%m%d%H%M%S%z}", text)
    text = re.sub(r"\|[0-9+]+(?=\|\|LAB\|)", f"|{later:%Y%m%d%H%M%S%z}", text)
    lines = []
    for line in text.split("\r"):
        if not line.startswith("OBX"):
            lines.append(line)
        for analyte, (old, new) in values.items():
            if f"^{analyte}^" in line:
                changed = line.replace(f"||{old}|", f"||{new}|")
                lines.append(changed.replace("||||F|||", f"||||{status}|||"))
    return "\r".join(lines).encode()


def signed(course: Course, doctor: User) -> tuple[bytes, Decision, Signature]:
    """Healthy bloods four days before the first cycle, and a decision signed on them."""
    body = healthy(course)
    receive(body)
    record_weight(patient=course.patient, measured_on=DRAWN, kg=Decimal(72), recorded_by="nurse")
    record_answers(course.patient, DRAWN)
    decision = assess_course(course_id=course.pk, now=SIGNED)
    assert decision is not None
    assert decision.action == "proceed", decision.answer
    signature = sign(decision, by=doctor, now=SIGNED)
    triage_decisions(now=SIGNED)
    return body, decision, signature


def told(now_hours: int = 1) -> list[Alert]:
    triage_quarantine(now=clinic_time(date(2026, 12, 1), 9) + timedelta(hours=now_hours))
    return list(Alert.objects.filter(kind=Kind.RESULT_CHANGED))


def test_a_correction_after_the_signature_judges_anew_suspends_and_tells_both_values(
    course: Course, doctor: User, client: Client
) -> None:
    body, decision, _ = signed(course, doctor)
    assert Order.objects.filter(cycle=decision.cycle, state="active").exists()
    receive(again(body, control_id="C1", status="C", hours=4, PLT=("228", "60")))
    now = SIGNED + timedelta(hours=1)
    assert sweep_courses(now=now) == 1
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.action == "delay"
    assert not Order.objects.filter(cycle=decision.cycle, state="active").exists()
    triage_decisions(now=now)
    assert Alert.objects.filter(kind=Kind.DELAY, course=course).exists()

    [alert] = told()
    assert (alert.course, alert.decision, alert.cycle, alert.severity) == (
        course,
        decision,
        decision.cycle,
        2,
    )
    assert {mail.person for mail in Notification.objects.filter(alert=alert)} >= {doctor}
    client.force_login(doctor)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "A result that somebody signed on was corrected or withdrawn, or may have been." in page
    assert re.search(r"Value that was used</dt><dd><strong>228", page)
    assert re.search(r"Now</dt><dd><strong>60", page)
    assert "cycle 1" in page


@pytest.mark.parametrize("status", ["X", "D", "W"])
def test_a_withdrawal_after_the_signature_holds_and_tells_that_nothing_stands(
    status: str, course: Course, doctor: User, client: Client
) -> None:
    body, _, _ = signed(course, doctor)
    receive(again(body, control_id="W1", status=status, hours=4, PLT=("228", "")))
    sweep_courses(now=SIGNED + timedelta(hours=1))
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.action == "hold"
    [alert] = told()
    client.force_login(doctor)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "<strong>228" in page
    assert "no value: the laboratory withdrew the result" in page
    assert ("as another patient’s" in page) is (status == "W")


def test_a_correction_with_the_same_verdict_keeps_the_signature_and_is_told_all_the_same(
    course: Course, doctor: User
) -> None:
    body, decision, signature = signed(course, doctor)
    receive(again(body, control_id="C1", status="C", hours=4, PLT=("228", "227")))
    sweep_courses(now=SIGNED + timedelta(hours=1))
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.confirms_id == decision.pk
    assert Order.objects.filter(cycle=decision.cycle, state="active").exists()
    assert signature.decision_id == decision.pk
    assert len(told()) == 1


def test_what_nobody_signed_on_is_told_to_nobody(course: Course) -> None:
    body = healthy(course)
    receive(body)
    assess_course(course_id=course.pk, now=SIGNED)
    receive(again(body, control_id="C1", status="C", hours=4, PLT=("228", "60")))
    assert told() == []
    assert Triage.objects.filter(message_outcome__message__control_id="C1", outcome="none").exists()


def test_the_same_number_under_a_new_status_is_told_to_nobody(course: Course, doctor: User) -> None:
    body, _, _ = signed(course, doctor)
    receive(again(body, control_id="A1", status="A", hours=4, PLT=("228", "228")))
    assert told() == []


def test_a_late_copy_of_the_old_value_is_told_to_nobody(course: Course, doctor: User) -> None:
    body, _, _ = signed(course, doctor)
    receive(again(body, control_id="P1", status="P", hours=-1, PLT=("228", "230")))
    assert told() == []


def test_a_cycle_already_given_on_the_old_value_is_flagged(
    course: Course, doctor: User, client: Client
) -> None:
    body, decision, _ = signed(course, doctor)
    assert decision.activity_gbq is not None
    record_administration(
        cycle=decision.cycle,
        administered_on=FIRST,
        administered_gbq=decision.activity_gbq,
        by=doctor,
        now=clinic_time(FIRST, 16),
    )
    receive(again(body, control_id="C1", status="C", hours=4, PLT=("228", "60")))
    [alert] = told()
    client.force_login(doctor)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "already given: cycle 1" in page


def test_each_result_is_told_once_however_often_it_is_read_and_again_when_it_changes_again(
    course: Course, doctor: User
) -> None:
    body, _, _ = signed(course, doctor)
    receive(again(body, control_id="C1", status="C", hours=4, PLT=("228", "60")))
    assert len(told()) == len(told(2)) == 1
    receive(again(body, control_id="C2", status="C", hours=5, PLT=("228", "55")))
    [alert] = told(3)
    assert alert.events.filter(kind="seen-again").count() == 1


def test_the_page_still_shows_both_values_after_somebody_signed_anew(
    course: Course, doctor: User, client: Client
) -> None:
    body, _, _ = signed(course, doctor)
    receive(again(body, control_id="C1", status="C", hours=4, PLT=("228", "60")))
    [alert] = told()
    now = SIGNED + timedelta(hours=1)
    newer = assess_course(course_id=course.pk, now=now)
    assert newer is not None
    sign(newer, by=doctor, now=now)
    client.force_login(doctor)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "<strong>228" in page
    assert "<strong>60" in page


def test_looking_for_what_was_signed_on_takes_the_same_queries_for_one_result_and_for_all(
    course: Course, doctor: User, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    body, _, _ = signed(course, doctor)
    receive(again(body, control_id="C1", status="C", hours=4, PLT=("228", "60"), HGB=("134", "120")))
    message = LabMessage.objects.get(control_id="C1")
    with django_assert_max_num_queries(6):  # type: ignore[attr-defined]
        found = changed_results(message)
    assert sorted(change.result.analyte for change in found) == ["HGB", "PLT"]


# Whom the message of the change names: no patient of ours, another birth date, a name that is no alias.
NOT_CERTAIN = [("T-1^^^TEST", "T-9^^^TEST"), ("19610302", "19610203"), ("Ahorn^Testa", "Birke^Testa")]


def unplaced(body: bytes, *, of: tuple[str, str], **how: Any) -> bytes:
    """The same report later, of somebody who is not certainly our patient."""
    old, new = of
    return again(body, **how).replace(old.encode(), new.encode())


@pytest.mark.parametrize("of", NOT_CERTAIN)
@pytest.mark.parametrize("status", ["W", "X", "C"])
def test_a_change_that_waits_for_its_patient_holds_and_tells_those_who_signed_on_the_value(
    of: tuple[str, str], status: str, course: Course, doctor: User, client: Client
) -> None:
    body, _, _ = signed(course, doctor)
    new, word = ("60", "correction") if status == "C" else ("", "withdrawal")
    receive(unplaced(body, of=of, control_id="W1", status=status, hours=4, PLT=("228", new)))
    sweep_courses(now=SIGNED + timedelta(hours=1))
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.action == "hold"
    [alert] = told()
    assert (alert.course, alert.severity) == (course, 2)
    client.force_login(doctor)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "<strong>228" in page
    assert f"in doubt: a {word} waits, which may mean it" in page
    # The value of somebody else is not shown as this patient's.
    assert "<strong>60" not in page


def test_what_two_people_reject_lets_the_cycle_go_again(course: Course, doctor: User) -> None:
    body, _, _ = signed(course, doctor)
    receive(unplaced(body, of=NOT_CERTAIN[0], control_id="W1", status="W", hours=4, PLT=("228", "")))
    assert assessed(course) == "hold"
    judge_waiting("reject")
    assert assessed(course) == "proceed"


def test_what_two_people_match_is_told_once_more_as_what_it_is(
    course: Course, doctor: User, client: Client
) -> None:
    body, _, _ = signed(course, doctor)
    receive(unplaced(body, of=NOT_CERTAIN[2], control_id="W1", status="W", hours=4, PLT=("228", "")))
    triage_quarantine()
    [alert] = Alert.objects.filter(kind=Kind.RESULT_CHANGED)
    seen = alert.events.latest("pk").pk
    acknowledge(alert=alert, person=doctor, seen_severity=2, seen_event=seen)
    judge_waiting("match", mrn="T-1", birth_date="1961-03-02")
    triage_quarantine()
    alert.refresh_from_db()
    assert alert.state == "open"
    client.force_login(doctor)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "no value: the laboratory withdrew the result as another patient’s" in page
    assert "in doubt" not in page
    assert triage_quarantine() == 0


def assessed(course: Course) -> str:
    decision = assess_course(course_id=course.pk, now=SIGNED + timedelta(hours=1))
    assert decision is not None
    return decision.action


def judge_waiting(kind: str, **data: str) -> None:
    nurse, physician = colleague("nora", "nurse"), colleague("pia", "physician")
    [waiting] = QuarantinedResult.objects.filter(state="open")
    said = state_resolution(
        item=waiting,
        kind=kind,
        data=data,
        reason="As the report says.",
        by=nurse,
        authenticated_at=database_now(),
    )
    confirm_resolution(resolution=said, by=physician, authenticated_at=database_now())
