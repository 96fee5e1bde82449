"""Triage on a real database: what alerts, what waits, what is seen again, what ends."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert, Notification, Triage
from alerts.models.alert import EventKind
from alerts.services.acknowledging import AlertHasChanged, acknowledge
from alerts.services.escalation import run_due_steps
from alerts.services.triage import TriageFailed, triage_decisions, triage_quarantine
from courses.models import CourseStatus, Decision
from labs.models import QuarantinedResult
from tests.builders_alerts import (
    NOW,
    TODAY,
    make_course,
    make_decision,
    make_kept_message,
    make_person,
)

pytestmark = pytest.mark.django_db

# The first instant of 6 May in Berlin, two hours ahead of UTC.
AFTER_DUE_DAY = datetime(2026, 5, 5, 22, 0, tzinfo=UTC)
MORNING_AFTER_DUE_DAY = datetime(2026, 5, 6, 6, 0, tzinfo=UTC)


def events(alert: Alert) -> list[str]:
    return [event.kind for event in alert.events.all()]


def take_over(alert: Alert) -> None:
    acknowledge(
        alert=alert,
        person=make_person(f"taker-{alert.ref}", "on-call"),
        seen_severity=alert.severity,
        seen_event=alert.events.latest("pk").pk,
        now=NOW,
    )


def test_a_delay_alerts_the_on_call_in_the_commit_that_triages_it() -> None:
    doctor = make_person("doctor", "on-call")
    make_person("gone", "on-call", email="")
    decision = make_decision(make_course())

    assert triage_decisions(now=NOW) == 1

    triage = Triage.objects.get(decision=decision)
    alert = Alert.objects.get()
    assert (triage.outcome, triage.alert) == ("alert", alert)
    assert (alert.kind, alert.severity, alert.state, alert.step) == ("delay", 1, "open", 1)
    assert alert.next_step_at == NOW + timedelta(minutes=15)
    assert (alert.course, alert.cycle, alert.decision) == (decision.course, decision.cycle, decision)
    mail = Notification.objects.get()
    assert (mail.person, mail.endpoint, mail.state) == (doctor, "doctor@clinic.example", "pending")
    assert events(alert) == ["raised", "step"]


def test_triage_twice_changes_nothing() -> None:
    make_person("doctor", "on-call")
    make_decision(make_course())
    triage_decisions(now=NOW)
    assert triage_decisions(now=NOW) == 0
    assert (Alert.objects.count(), Notification.objects.count()) == (1, 1)


def test_proceed_is_recorded_with_the_reason_for_no_alert() -> None:
    make_decision(make_course(), action="proceed", rules=[])
    triage_decisions(now=NOW)
    triage = Triage.objects.get()
    assert (triage.outcome, triage.alert) == ("none", None)
    assert triage.reason
    assert not Alert.objects.exists()


def test_a_confirming_decision_makes_no_noise() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    first = make_decision(course)
    make_decision(course, confirms=first)
    triage_decisions(now=NOW)
    assert [triage.outcome for triage in Triage.objects.order_by("pk")] == ["alert", "none"]
    assert events(Alert.objects.get()) == ["raised", "step"]


def test_the_same_condition_is_seen_again_without_a_second_alert_or_mail() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    make_decision(course)
    second = make_decision(course, rules=[("DM-PLT", "delay"), ("DM-HEM", "delay")])
    triage_decisions(now=NOW)
    alert = Alert.objects.get()
    assert events(alert) == ["raised", "step", "seen-again"]
    assert alert.decision == second
    assert Notification.objects.count() == 1


def test_a_new_verdict_opens_its_acknowledged_alert_again_from_the_first_step() -> None:
    doctor = make_person("doctor", "on-call")
    course = make_course()
    make_decision(course)
    triage_decisions(now=NOW)
    take_over(Alert.objects.get())
    second = make_decision(course, rules=[("DM-PLT", "delay"), ("DM-HEM", "delay")])
    triage_decisions(now=NOW + timedelta(hours=1))
    alert = Alert.objects.get()
    assert (alert.state, alert.loop, alert.step, alert.decision) == ("open", 2, 1, second)
    assert (alert.acked_at, alert.acked_by, alert.ack_due_at) == (None, None, None)
    assert Notification.objects.filter(loop=2, person=doctor, state="pending").exists()
    assert events(alert)[-3:] == ["seen-again", "reopened", "step"]


def test_the_same_decision_does_not_open_its_own_alert_again() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    first = make_decision(course)
    triage_decisions(now=NOW)
    take_over(Alert.objects.get())
    make_decision(course, confirms=first)
    triage_decisions(now=NOW + timedelta(hours=1))
    assert Alert.objects.get().state == "acked"


def test_a_page_that_showed_the_older_decision_does_not_acknowledge_the_newer_one() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    make_decision(course)
    triage_decisions(now=NOW)
    shown = Alert.objects.get().events.latest("pk").pk
    make_decision(course, rules=[("DM-PLT", "delay"), ("DM-HEM", "delay")])
    triage_decisions(now=NOW)
    alert = Alert.objects.get()
    with pytest.raises(AlertHasChanged):
        acknowledge(
            alert=alert,
            person=make_person("late", "on-call"),
            seen_severity=alert.severity,
            seen_event=shown,
            now=NOW,
        )


def test_a_condition_that_became_more_severe_opens_its_acknowledged_alert_again() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    make_decision(course)
    triage_decisions(now=NOW)
    Alert.objects.update(severity=2)
    take_over(Alert.objects.get())
    make_decision(course)
    triage_decisions(now=NOW + timedelta(minutes=1))
    alert = Alert.objects.get()
    assert (alert.state, alert.severity, alert.loop, alert.step) == ("open", 1, 2, 1)
    assert EventKind.WORSENED in events(alert)
    assert Notification.objects.filter(loop=2, state="pending").count() == 2


def test_a_worse_verdict_is_another_condition_with_its_own_alert() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    make_decision(course)
    make_decision(course, action="stop")
    triage_decisions(now=NOW)
    assert {alert.kind: alert.state for alert in Alert.objects.all()} == {
        "delay": "cleared_unacked",
        "stop": "open",
    }


def test_no_machine_closes_a_delay_whose_result_was_corrected() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    make_decision(course)
    make_decision(course, action="proceed", rules=[])
    triage_decisions(now=NOW)
    alert = Alert.objects.get()
    assert alert.state == "cleared_unacked"
    assert alert.next_step_at is not None

    make_decision(course)
    triage_decisions(now=NOW)
    alert.refresh_from_db()
    assert alert.state == "open"
    assert EventKind.RETURNED in events(alert)


def test_a_hold_ends_itself_when_its_evidence_has_come() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    make_decision(course, action="hold", rules=[("EV-CONFLICT", "hold")])
    triage_decisions(now=NOW)
    make_decision(course, action="proceed", rules=[])
    triage_decisions(now=NOW)
    alert = Alert.objects.get()
    assert (alert.state, alert.closed_at, alert.next_step_at) == ("closed", NOW, None)
    assert Notification.objects.get().state == "superseded"


def test_awaited_labs_alert_nobody_until_the_clinic_day_after_the_due_day_begins() -> None:
    make_person("nurse1", "nurse")
    course = make_course()
    make_decision(
        course, action="hold", rules=[("EV-MISSING", "hold")], awaiting_labs=True, labs_due=date(2026, 5, 5)
    )
    triage_decisions(now=NOW)
    triage = Triage.objects.get()
    assert (triage.outcome, triage.review_at) == ("waiting", AFTER_DUE_DAY)

    assert triage_decisions(now=AFTER_DUE_DAY - timedelta(microseconds=1)) == 0
    assert not Alert.objects.exists()

    assert triage_decisions(now=AFTER_DUE_DAY) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity) == ("labs-overdue", 3)
    triage.refresh_from_db()
    assert (triage.outcome, triage.alert, triage.review_at) == ("alert", alert, None)
    assert triage_decisions(now=AFTER_DUE_DAY + timedelta(days=3)) == 0


def test_labs_that_came_in_time_are_never_called_overdue() -> None:
    course = make_course()
    make_decision(course, action="hold", rules=[], awaiting_labs=True, labs_due=date(2026, 5, 5))
    triage_decisions(now=NOW)
    make_decision(course, action="proceed", rules=[])
    triage_decisions(now=NOW)
    triage_decisions(now=AFTER_DUE_DAY)
    assert not Alert.objects.exists()
    assert not Triage.objects.filter(outcome="waiting").exists()


def test_a_course_that_is_over_waits_for_no_labs() -> None:
    course = make_course()
    make_decision(course, action="hold", rules=[], awaiting_labs=True, labs_due=date(2026, 5, 5))
    triage_decisions(now=NOW)
    course.status = CourseStatus.STOPPED
    course.save()
    triage_decisions(now=AFTER_DUE_DAY)
    assert not Alert.objects.exists()
    assert Triage.objects.get().outcome == "none"


def test_a_confirming_decision_moves_the_day_the_labs_are_due() -> None:
    course = make_course()
    first = make_decision(course, action="hold", rules=[], awaiting_labs=True, labs_due=date(2026, 5, 20))
    triage_decisions(now=NOW)
    make_decision(
        course, action="hold", rules=[], awaiting_labs=True, labs_due=date(2026, 5, 5), confirms=first
    )
    triage_decisions(now=NOW)
    assert Triage.objects.get(decision=first).review_at == AFTER_DUE_DAY
    triage_decisions(now=AFTER_DUE_DAY)
    assert Alert.objects.filter(kind="labs-overdue").count() == 1


def test_the_same_verdict_with_labs_now_due_alerts_once() -> None:
    course = make_course()
    first = make_decision(
        course, action="hold", rules=[("EV-MISSING", "hold")], awaiting_labs=True, labs_due=date(2026, 5, 5)
    )
    triage_decisions(now=NOW)
    make_decision(course, action="hold", rules=[("EV-MISSING", "hold")], confirms=first)
    triage_decisions(now=AFTER_DUE_DAY)
    triage_decisions(now=AFTER_DUE_DAY + timedelta(days=1))
    assert Alert.objects.get(kind="labs-overdue").state == "open"
    assert Alert.objects.exclude(kind="nobody-on-call").count() == 1


def test_a_nudge_for_a_later_decision_takes_the_earlier_ones_of_its_course_first() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    make_decision(course)
    newest = make_decision(course, action="proceed", rules=[])
    make_decision(make_course())
    assert triage_decisions(now=NOW, ids=[newest.pk]) == 2
    assert Alert.objects.get().state == "cleared_unacked"


def test_young_work_is_left_to_others() -> None:
    make_decision(make_course(), made_at=NOW - timedelta(seconds=10))
    assert triage_decisions(now=NOW, older_than=timedelta(seconds=20)) == 0
    assert triage_decisions(now=NOW, older_than=timedelta(seconds=10)) == 1


def make_unreadable(like: Decision) -> Decision:
    """A decision of another course like this one, with an answer that nobody can read."""
    copied = {
        field.attname: getattr(like, field.attname)
        for field in Decision._meta.concrete_fields
        if field.attname not in ("id", "public_id")
    }
    bad = Decision(**copied)
    bad.answer = {"reasons": ["nonsense"]}
    bad.course = make_course()
    bad.cycle = bad.course.cycles.get()
    bad.save(force_insert=True)
    return bad


@pytest.mark.hazard("HZ-76")
def test_a_decision_that_cannot_be_read_keeps_no_other_waiting() -> None:
    make_person("doctor", "on-call")
    bad = make_unreadable(make_decision(make_course()))
    good = make_decision(make_course())
    with pytest.raises(TriageFailed, match="1 of 3"):
        triage_decisions(now=NOW)
    assert Triage.objects.filter(decision=good).exists()
    assert not Triage.objects.filter(decision=bad).exists()


@pytest.mark.parametrize("newer", ["delay", "stop"])
def test_a_decision_considered_late_does_not_undo_what_a_newer_one_raised(newer: str) -> None:
    make_person("doctor", "on-call")
    course = make_course()
    late = make_decision(course, action="proceed", rules=[], made_at=NOW + timedelta(minutes=1))
    make_decision(course, action=newer)
    assert triage_decisions(now=NOW) == 1
    assert triage_decisions(now=NOW + timedelta(minutes=1)) == 1
    assert Alert.objects.get().state == "open"
    considered = Triage.objects.get(decision=late)
    assert (considered.outcome, considered.reason) == (
        "none",
        "A newer decision was considered before this one.",
    )


def test_a_decision_considered_late_raises_nothing_that_a_newer_one_ended() -> None:
    course = make_course()
    make_decision(course, made_at=NOW + timedelta(minutes=1))
    make_decision(course, action="proceed", rules=[])
    assert triage_decisions(now=NOW) == 1
    assert triage_decisions(now=NOW + timedelta(minutes=1)) == 1
    assert not Alert.objects.exists()


def test_a_decision_that_only_confirms_takes_no_verdict_the_word() -> None:
    make_person("doctor", "on-call")
    course = make_course()
    late = make_decision(course, made_at=NOW + timedelta(minutes=1))
    make_decision(course, confirms=late)
    assert triage_decisions(now=NOW) == 1
    assert triage_decisions(now=NOW + timedelta(minutes=1)) == 1
    assert Alert.objects.get().decision == late


def test_a_decision_that_cannot_be_read_keeps_no_overdue_labs_waiting() -> None:
    make_person("nurse1", "nurse")
    make_decision(
        make_course(),
        action="hold",
        rules=[("EV-MISSING", "hold")],
        awaiting_labs=True,
        labs_due=date(2026, 5, 5),
    )
    triage_decisions(now=NOW)
    make_unreadable(make_decision(make_course(), action="proceed", rules=[]))
    with pytest.raises(TriageFailed, match="1 of 2"):
        triage_decisions(now=AFTER_DUE_DAY)
    assert Alert.objects.get().kind == "labs-overdue"


@pytest.mark.parametrize("review_first", [True, False])
def test_overdue_labs_are_one_alert_for_the_nurses_whoever_notices_first(review_first: bool) -> None:
    make_person("doctor", "on-call")
    nurse = make_person("nurse1", "nurse")
    course = make_course()
    lacking = [("EV-MISSING", "hold"), ("EV-STALE", "hold"), ("EV-WEIGHT", "hold")]
    make_decision(course, action="hold", rules=lacking, awaiting_labs=True, labs_due=date(2026, 5, 5))
    triage_decisions(now=NOW)
    if review_first:
        triage_decisions(now=AFTER_DUE_DAY)
    make_decision(course, action="hold", rules=lacking)
    triage_decisions(now=AFTER_DUE_DAY)
    triage_decisions(now=AFTER_DUE_DAY + timedelta(hours=1))
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.state) == ("labs-overdue", 3, "open")
    # The day begins at midnight, and nobody is woken for it.
    assert not Notification.objects.exists()
    run_due_steps(now=MORNING_AFTER_DUE_DAY)
    assert Notification.objects.get().person == nurse


def test_a_fault_of_the_service_is_told_at_once_to_those_who_run_it_and_ends_with_its_cause() -> None:
    admin, doctor = make_person("admin1", "administrator"), make_person("doctor", "physician")
    course = make_course()
    make_decision(course, action="hold", rules=[("SYS-FAULT", "hold")])
    triage_decisions(now=NOW)
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.technical) == ("system-fault", 1, True)
    assert {mail.person for mail in Notification.objects.all()} == {admin, doctor}
    make_decision(course, action="proceed", rules=[])
    triage_decisions(now=NOW)
    alert.refresh_from_db()
    assert alert.state == "closed"


def test_nothing_but_ids_and_rules_names_a_condition() -> None:
    make_decision(make_course())
    triage_decisions(now=NOW)
    for alert in Alert.objects.all():
        assert "Kanarienvogel" not in alert.condition_key
        assert "MRN" not in alert.condition_key


def test_the_number_of_queries_per_decision_does_not_grow() -> None:
    make_person("doctor", "on-call")

    def cost(decisions: int) -> int:
        for _ in range(decisions):
            make_decision(make_course())
        with CaptureQueriesContext(
            connection,
        ) as queries:
            triage_decisions(now=NOW)
        return len(queries)

    one, five = cost(1), cost(5)
    assert five - one == 4 * (one - 2)


def test_a_message_kept_for_a_person_warns_the_nurses() -> None:
    make_person("nurse1", "nurse")
    outcome = make_kept_message()
    assert triage_quarantine(now=NOW) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.technical, alert.message) == (
        "lab-quarantine",
        3,
        False,
        outcome.message,
    )
    assert Triage.objects.get(message_outcome=outcome).alert == alert
    assert triage_quarantine(now=NOW) == 0


def test_many_kept_messages_of_one_laboratory_make_one_alert_that_rearms_after_acknowledgement() -> None:
    make_person("nurse1", "nurse")
    for _ in range(5):
        make_kept_message()
    make_kept_message(sender="OTHER")
    triage_quarantine(now=NOW)
    assert Alert.objects.count() == 2
    alert = Alert.objects.get(condition_key="lab-quarantine:LAB")
    take_over(alert)
    make_kept_message()
    triage_quarantine(now=NOW)
    alert.refresh_from_db()
    assert (alert.state, alert.loop) == ("open", 2)


def test_a_message_whose_held_results_were_resolved_meanwhile_needs_nobody() -> None:
    outcome = make_kept_message(held=1)
    QuarantinedResult.objects.create(
        message=outcome.message,
        position=1,
        reason_code="unknown-unit",
        reason="The unit is not known.",
        sent="x",
        opened_at=NOW,
        state="resolved",
        resolved_at=NOW,
        resolved_by="nurse",
        resolution="entered by hand",
    )
    triage_quarantine(now=NOW)
    assert Triage.objects.get().outcome == "none"


def test_todays_day_is_the_clinics() -> None:
    late_evening_utc = datetime(2026, 5, 5, 22, 30, tzinfo=UTC)
    make_decision(
        make_course(), action="hold", rules=[], awaiting_labs=True, labs_due=TODAY + timedelta(days=1)
    )
    triage_decisions(now=late_evening_utc)
    assert Alert.objects.get(kind="labs-overdue")
