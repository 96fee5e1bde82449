"""The alert tables refuse, in the database itself, what must not be."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from alerts.models import AlertEvent, DeliveryAttempt, Heartbeat, Notification, Triage
from alerts.models.alert import new_ref
from tests.builders_alerts import NOW, make_alert, make_course, make_decision, make_kept_message, make_person

pytestmark = pytest.mark.django_db


def refused(rows: Any, **columns: Any) -> None:
    """The database refuses this change of these rows."""
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**columns)


def test_an_alert_nobody_has_must_have_a_next_step() -> None:
    alert = make_alert()
    rows = type(alert).objects.filter(pk=alert.pk)
    refused(rows, next_step_at=None)
    refused(rows, state="cleared_unacked", next_step_at=None)
    refused(rows, state="acked")
    refused(rows, state="closed")
    refused(rows, state="sleeping")
    refused(rows, severity=0)
    refused(rows, severity=4)
    refused(rows, kind="gossip")
    refused(rows, condition_key="")
    refused(rows, condition_key=None)
    refused(rows, acked_at=NOW)


def test_an_acknowledged_alert_has_a_person_and_a_time() -> None:
    make_person("doctor", "on-call")
    alert = make_alert()
    rows = type(alert).objects.filter(pk=alert.pk)
    refused(rows, state="acked", next_step_at=None, acked_at=NOW, ack_due_at=NOW)
    person = make_person("other")
    refused(rows, state="acked", next_step_at=None, acked_by=person, ack_due_at=NOW)
    refused(rows, state="acked", next_step_at=None, acked_by=person, acked_at=NOW)
    rows.update(state="acked", next_step_at=None, acked_by=person, acked_at=NOW, ack_due_at=NOW)


def test_only_what_somebody_has_may_stand_without_its_cause() -> None:
    alert = make_alert()
    rows = type(alert).objects.filter(pk=alert.pk)
    refused(rows, cause_gone_at=NOW)
    refused(rows, state="cleared_unacked", cause_gone_at=NOW)
    person = make_person("other")
    had = {"next_step_at": None, "acked_by": person, "acked_at": NOW, "ack_due_at": NOW}
    rows.update(state="acked", cause_gone_at=NOW, **had)


def test_a_condition_has_one_standing_alert_and_any_number_of_closed_ones() -> None:
    alert = make_alert()
    rows = type(alert).objects.filter(pk=alert.pk)
    copy = type(alert).objects.get(pk=alert.pk)
    copy.pk, copy.public_id, copy.ref = None, "another", new_ref()
    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save(force_insert=True)
    rows.update(state="closed", next_step_at=None, closed_at=NOW)
    copy.save(force_insert=True)
    assert copy.pk is not None


def test_a_notifications_state_fits_its_times() -> None:
    make_person("doctor", "on-call")
    mail = Notification.objects.get(alert=make_alert())
    rows = Notification.objects.filter(pk=mail.pk)
    refused(rows, next_attempt_at=None)
    refused(rows, state="leased")
    refused(rows, state="accepted")
    refused(rows, state="accepted", ended_at=NOW)
    refused(rows, state="lost", next_attempt_at=None, ended_at=NOW)
    refused(rows, state=None)
    refused(rows, ended_at=NOW)
    refused(rows, lease_until=NOW)
    refused(rows, endpoint="")
    refused(rows, message_id=None)
    rows.update(state="accepted", next_attempt_at=None, ended_at=NOW)


def test_a_person_is_owed_one_mail_per_step_and_round() -> None:
    make_person("doctor", "on-call")
    mail = Notification.objects.get(alert=make_alert())
    mail.pk, mail.message_id = None, "<another@clinic.example>"
    with pytest.raises(IntegrityError), transaction.atomic():
        mail.save(force_insert=True)


def test_an_attempt_is_unfinished_or_has_an_outcome() -> None:
    make_person("doctor", "on-call")
    mail = Notification.objects.get(alert=make_alert())
    attempt = DeliveryAttempt.objects.create(notification=mail, n=1, started_at=NOW)
    rows = DeliveryAttempt.objects.filter(pk=attempt.pk)
    refused(rows, finished_at=NOW)
    refused(rows, outcome="accepted")
    refused(rows, outcome=None)
    refused(rows, finished_at=NOW, outcome="perhaps")
    refused(rows, n=0)


@pytest.mark.parametrize("both", [True, False])
def test_a_triage_is_of_exactly_one_thing(both: bool) -> None:
    things = (
        {"decision": make_decision(make_course()), "message_outcome": make_kept_message()} if both else {}
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Triage.objects.create(outcome="none", reason="Nothing to tell.", triaged_at=NOW, **things)


def test_a_triage_is_whole() -> None:
    alert = make_alert()
    triage = Triage.objects.create(
        decision=make_decision(make_course()), outcome="none", reason="Nothing to tell.", triaged_at=NOW
    )
    rows = Triage.objects.filter(pk=triage.pk)
    refused(rows, outcome="alert")
    refused(rows, outcome="waiting")
    refused(rows, outcome="none", alert=alert)
    refused(rows, outcome="none", review_at=NOW)
    refused(rows, outcome="perhaps")
    refused(rows, outcome=None)
    refused(rows, reason="")
    rows.update(outcome="waiting", review_at=NOW + timedelta(days=1))
    rows.update(outcome="alert", review_at=None, alert=alert)


def test_what_an_alert_is_about_cannot_be_deleted_under_it() -> None:
    alert = make_alert()
    assert alert.course is not None
    assert alert.decision is not None
    with pytest.raises(ProtectedError):
        alert.course.delete()
    with pytest.raises(ProtectedError):
        alert.decision.delete()


def test_events_are_written_once() -> None:
    event = AlertEvent.objects.filter(alert=make_alert()).first()
    assert event is not None
    for change in (
        lambda: AlertEvent.objects.filter(pk=event.pk).update(kind="closed"),
        lambda: AlertEvent.objects.filter(pk=event.pk).delete(),
    ):
        with pytest.raises(Exception, match="append-only"), transaction.atomic():
            change()


def test_a_finished_attempt_cannot_be_rewritten() -> None:
    make_person("doctor", "on-call")
    mail = Notification.objects.get(alert=make_alert())
    attempt = DeliveryAttempt.objects.create(notification=mail, n=1, started_at=NOW)
    rows = DeliveryAttempt.objects.filter(pk=attempt.pk)
    rows.update(finished_at=NOW, outcome="temporary")
    with pytest.raises(Exception, match="finish"), transaction.atomic():
        rows.update(outcome="accepted")


def test_a_reference_can_be_read_aloud() -> None:
    for _ in range(200):
        ref = new_ref()
        assert len(ref) == 7
        assert ref[4] == "-"
        assert not set(ref) & set("01OILU")


def test_a_heartbeat_has_a_name_of_its_own() -> None:
    Heartbeat.objects.create(name="runner", at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Heartbeat.objects.create(name="runner", at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Heartbeat.objects.create(name="", at=NOW)
