"""Acknowledged and not decided in time: told again from the first step, and never before."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.acknowledging import acknowledge
from alerts.services.escalation import run_due_steps
from alerts.services.rearming import RearmingFailed, rearm_due
from alerts.services.rounds import STAGES
from courses.models import Signature
from labs.models import LabMessage
from tests.builders_alerts import NOW, make_alert, make_course, make_person

pytestmark = pytest.mark.django_db
DECIDE = timedelta(hours=4)


def taken_over(alert: Alert, *, now: datetime = NOW) -> Alert:
    acknowledge(
        alert=alert,
        person=make_person(f"taker-{alert.ref}", "on-call", email=""),
        seen_severity=alert.severity,
        seen_event=alert.events.latest("pk").pk,
        now=now,
    )
    alert.refresh_from_db()
    return alert


@pytest.mark.hazard("HZ-68")
def test_acknowledged_and_then_silence_opens_again_at_its_time_and_not_before() -> None:
    make_person("oncall1", "on-call")
    alert = taken_over(make_alert())
    assert rearm_due(now=NOW + DECIDE - timedelta(microseconds=1)) == 0
    assert rearm_due(now=NOW + DECIDE) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.loop, alert.step, alert.acked_by) == ("open", 2, 1, None)
    assert [mail.loop for mail in alert.notifications.filter(state="pending")] == [2]
    assert [event.kind for event in alert.events.all()][-3:] == ["acknowledged", "rearmed", "step"]
    assert rearm_due(now=NOW + DECIDE) == 0
    assert "alerts opened again" in [stage.name for stage in STAGES]


@pytest.mark.hazard("HZ-68")
def test_it_opens_again_as_often_as_it_is_taken_over_and_forgotten() -> None:
    make_person("oncall1", "on-call")
    alert, now = make_alert(), NOW
    for loop in range(2, 8):
        taken_over(alert, now=now) if loop == 2 else acknowledge(
            alert=alert,
            person=make_person(f"again-{loop}", "on-call", email=""),
            seen_severity=alert.severity,
            seen_event=alert.events.latest("pk").pk,
            now=now,
        )
        now += DECIDE
        assert rearm_due(now=now) == 1
        alert.refresh_from_db()
        assert (alert.state, alert.loop) == ("open", loop)


def test_an_alert_whose_decision_a_physician_signed_was_decided() -> None:
    physician = make_person("physician1", "physician")
    alert = taken_over(make_alert())
    assert alert.decision is not None
    Signature.objects.create(
        decision=alert.decision,
        meaning="delay",
        signer=physician,
        printed_name="P",
        signed_at=NOW,
        authenticated_at=NOW,
        record_sha256="0" * 64,
    )
    assert rearm_due(now=NOW + DECIDE) == 1
    alert.refresh_from_db()
    closed = alert.events.latest("pk")
    assert (alert.state, closed.actor) == ("closed", physician)
    assert closed.detail == {"why": "a physician signed its decision"}


def test_what_wakes_nobody_opens_again_at_its_time_and_is_told_in_the_morning() -> None:
    make_person("physician1", "physician")
    evening = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
    alert = taken_over(make_alert(kind=Kind.LAB_QUARANTINE, now=evening), now=evening)
    due = alert.ack_due_at
    assert due == evening + timedelta(hours=24)
    Alert.objects.filter(pk=alert.pk).update(ack_due_at=evening + timedelta(hours=5))
    assert rearm_due(now=evening + timedelta(hours=5)) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.step) == ("open", 0)
    assert alert.next_step_at == datetime(2026, 5, 5, 6, 0, tzinfo=UTC)


@pytest.mark.hazard("HZ-76")
def test_one_that_fails_keeps_no_other_waiting_and_young_work_is_left_to_others() -> None:
    make_person("oncall1", "on-call")
    broken, sound = taken_over(make_alert()), taken_over(make_alert(make_course()))
    Alert.objects.filter(pk=broken.pk).update(plan={})
    assert rearm_due(now=NOW + DECIDE, older_than=timedelta(seconds=20)) == 0
    with pytest.raises(RearmingFailed, match="1 alerts"):
        rearm_due(now=NOW + DECIDE)
    sound.refresh_from_db()
    assert sound.state == "open"
    assert LabMessage.objects.count() == 0


@pytest.mark.hazard("HZ-68")
def test_a_critical_alert_takes_each_step_in_time_and_never_stops_before_somebody_answers() -> None:
    """Virtual time, a minute a turn, over two nights: each step within a minute of its time."""
    for role in ("on-call", "physician"):
        make_person(role, role)
    alert = make_alert()
    due = [NOW]
    now = NOW
    for _ in range(36 * 60):
        now += timedelta(minutes=1)
        before = alert.next_step_at
        assert before is not None
        if run_due_steps(now=now):
            assert timedelta(0) <= now - before <= timedelta(minutes=1)
            due.append(now)
            alert.refresh_from_db()
    gaps = {later - earlier for earlier, later in pairwise(due)}
    assert gaps == {timedelta(minutes=15), timedelta(minutes=30)}
    assert alert.notifications.count() == 2 * (len(due) - 1) + 1
