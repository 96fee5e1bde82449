"""The ladder on a real database: in time, never early, never silent, never ending."""

from datetime import timedelta

import pytest

from alerts.models import Alert, AlertEvent, Notification
from alerts.services.acknowledging import acknowledge
from alerts.services.escalation import EscalationFailed, run_due_steps
from tests.builders_alerts import NOW, make_alert, make_person

pytestmark = pytest.mark.django_db

STEP = timedelta(minutes=15)
REPEAT = timedelta(minutes=30)


def told(alert: Alert) -> list[tuple[str, int, int]]:
    return [(mail.person.username, mail.loop, mail.step) for mail in alert.notifications.order_by("pk")]


def test_the_second_step_adds_the_physicians_after_its_minutes_and_not_before() -> None:
    make_person("oncall1", "on-call")
    make_person("physician1", "physician")
    alert = make_alert()
    assert run_due_steps(now=NOW + STEP - timedelta(seconds=1)) == 0
    assert run_due_steps(now=NOW + STEP) == 1
    assert told(alert) == [("oncall1", 1, 1), ("oncall1", 1, 2), ("physician1", 1, 2)]
    assert run_due_steps(now=NOW + STEP) == 0


def test_the_last_step_repeats_until_somebody_acknowledges() -> None:
    doctor = make_person("oncall1", "on-call")
    alert = make_alert()
    at = NOW + STEP
    for _ in range(20):
        assert run_due_steps(now=at) == 1
        at += REPEAT
    assert len(told(alert)) == 21
    alert.refresh_from_db()
    acknowledge(alert=alert, person=doctor, seen_severity=1, seen_event=10**6, now=at)
    assert run_due_steps(now=at + timedelta(days=9)) == 0


def test_somebody_with_two_roles_gets_one_mail() -> None:
    make_person("both", "on-call", "physician")
    alert = make_alert()
    run_due_steps(now=NOW + STEP)
    assert told(alert) == [("both", 1, 1), ("both", 1, 2)]


def test_a_reminder_replaces_the_older_mail_that_never_left() -> None:
    make_person("oncall1", "on-call")
    alert = make_alert()
    run_due_steps(now=NOW + STEP)
    assert [mail.state for mail in alert.notifications.order_by("pk")] == ["superseded", "pending"]
    first, second = alert.notifications.order_by("pk")
    assert first.message_id != second.message_id


def test_people_who_left_or_have_no_address_are_not_told() -> None:
    leaver = make_person("leaver", "on-call")
    leaver.is_active = False
    leaver.save()
    make_person("unreachable", "on-call", email="")
    make_person("oncall1", "on-call")
    assert told(make_alert()) == [("oncall1", 1, 1)]


def test_nobody_on_call_goes_on_at_once_and_raises_its_own_alarm() -> None:
    make_person("physician1", "physician")
    make_person("admin1", "administrator")
    alert = make_alert()
    assert (alert.step, alert.next_step_at) == (2, NOW + REPEAT)
    assert told(alert) == [("physician1", 1, 2)]
    alarm = Alert.objects.get(kind="nobody-on-call")
    assert (alarm.severity, alarm.condition_key) == (1, "nobody-on-call:on-call")
    assert {name for name, _, _ in told(alarm)} == {"physician1", "admin1"}


def test_with_nobody_anywhere_the_duty_stands_and_finds_whoever_comes() -> None:
    alert = make_alert()
    assert not Notification.objects.exists()
    for n in range(1, 6):
        run_due_steps(now=NOW + n * REPEAT)
    assert Alert.objects.filter(kind="nobody-on-call").count() == 2  # one for each audience that was empty
    make_person("late", "on-call")
    run_due_steps(now=NOW + 6 * REPEAT)
    assert [name for name, _, _ in told(alert)] == ["late"]


@pytest.mark.hazard("HZ-76")
def test_an_alert_that_cannot_move_on_keeps_no_other_waiting() -> None:
    make_person("oncall1", "on-call")
    broken, sound = make_alert(), make_alert()
    Alert.objects.filter(pk=broken.pk).update(plan={})
    with pytest.raises(EscalationFailed, match="1 alerts"):
        run_due_steps(now=NOW + STEP)
    assert ("oncall1", 1, 2) in told(sound)


def test_young_steps_are_left_to_others() -> None:
    make_person("oncall1", "on-call")
    make_alert()
    late = NOW + STEP + timedelta(seconds=10)
    assert run_due_steps(now=late, older_than=timedelta(seconds=20)) == 0
    assert run_due_steps(now=late, older_than=timedelta(seconds=10)) == 1


def test_every_step_leaves_who_was_told_in_the_record() -> None:
    doctor = make_person("oncall1", "on-call")
    alert = make_alert()
    step = AlertEvent.objects.get(alert=alert, kind="step")
    assert step.detail == {"step": 1, "loop": 1, "roles": ["on-call"], "people": [doctor.pk]}


def test_a_changed_policy_disturbs_no_running_alert() -> None:
    make_person("oncall1", "on-call")
    make_person("nurse1", "nurse")
    alert = make_alert()
    Alert.objects.filter(pk=alert.pk).update(
        plan={
            "steps": [
                {"audience": ["on-call"], "after_seconds": 0},
                {"audience": ["nurse"], "after_seconds": 60},
            ],
            "repeat_seconds": 600,
            "decide_within_seconds": 600,
        }
    )
    run_due_steps(now=NOW + STEP)
    assert ("nurse1", 1, 2) in told(alert)
