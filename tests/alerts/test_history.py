"""An alert's record read back: who was told what, when, by which channel, with which result (T23)."""

import random
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, transaction

from alerts.history import differences, standing_after, told_by_events
from alerts.models import Alert, AlertEvent, Closing, HandOver, Notification, ReachRecord, Suppression
from alerts.rules import Kind
from alerts.services.acting import ActRefused
from alerts.services.closing import close_alert
from alerts.services.dispatch import dispatch_due
from alerts.services.escalate_now import escalate_now
from alerts.services.escalation import run_due_steps
from alerts.services.hand_over import hand_over
from alerts.services.reaching import record_call
from alerts.services.suppression import suppress
from labs.models import ContactDetails
from labs.services.contacts import record_contacts
from tests.builders_acts import hold_alert, seen, stand, take
from tests.builders_alerts import NOW, make_alert, make_course, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
WHY = "Somebody has to look."


def a_played_week(smtp: SmtpServer) -> list[Alert]:
    """Alerts told, refused, tried again, handed over, silenced, escalated and closed, at fixed chances."""
    chance = random.Random(23)
    people = [make_person(f"call{number}", "on-call") for number in range(2)]
    doctors = [make_person(f"doc{number}", "physician") for number in range(2)]
    make_person("admin1", "administrator")
    smtp.room.refused_addresses = {"call1@clinic.example"}
    alerts: list[Alert] = []
    for hour in range(24):
        now = NOW + timedelta(hours=hour)
        make = make_alert if hour % 2 else hold_alert
        alerts.append(make(make_course(), now=now))
        smtp.room.answer_to_data = "451 Later" if hour % 5 == 4 else "250 OK"
        act_on(chance.choice(alerts), chance, people + doctors, now)
        run_due_steps(now=now)
        dispatch_due(now=now)
    # Those that the played alarms themselves began belong to the record too.
    return list(Alert.objects.order_by("pk"))


def act_on(alert: Alert, chance: random.Random, people: list, now: datetime) -> None:
    person, other = chance.sample(people, 2)
    alert.refresh_from_db()
    act = chance.choice(["take", "over", "escalate", "silence"])
    if alert.state == "closed":
        return
    if act == "take" and alert.needs_somebody:
        take(alert, person, now=now)
    elif act == "over":
        hand_over(alert=alert, person=person, to=other, seen=seen(alert), now=now)
    elif act == "escalate":
        escalate_now(alert=alert, person=person, seen=seen(alert), reason=WHY, now=now)
    elif act == "silence" and alert.needs_somebody and alert.severity > 1:
        try:
            suppress(alert=alert, person=person, seen=seen(alert), minutes=60, reason=WHY, now=now)
        except ActRefused as refused:
            assert "24 hours" in str(refused)


def test_events_alone_tell_who_was_told_what_when_and_with_which_result(smtp: SmtpServer) -> None:
    alerts = a_played_week(smtp)
    kinds = set(AlertEvent.objects.values_list("kind", flat=True))
    assert {"step", "accepted", "refused", "handed-over", "suppressed", "escalated", "acknowledged"} <= kinds
    assert len(alerts) >= 24
    assert {alert.ref: found for alert in alerts if (found := differences(alert))} == {}
    rebuilt = sum(len(told_by_events(alert.events.all())) for alert in alerts)
    assert rebuilt == Notification.objects.count() > 40


def test_a_mail_without_its_event_and_an_event_without_its_mail_are_both_found(smtp: SmtpServer) -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "on-call")
    alert = make_alert()
    dispatch_due(now=NOW)
    assert differences(alert) == []
    step = alert.notifications.get(person=anna)
    alert.events.create(
        kind="step", at=NOW, detail={"step": 9, "loop": 1, "roles": ["on-call"], "people": [bela.pk]}
    )
    assert len(differences(alert)) == 1
    Notification.objects.filter(pk=step.pk).update(state="failed_permanent")
    assert len(differences(alert)) == 2


def test_the_state_rebuilt_from_the_events_is_the_state_that_stands(smtp: SmtpServer) -> None:
    for alert in a_played_week(smtp):
        found = standing_after(alert.events.select_related("actor"))
        assert (found.severity, found.state) == (alert.severity, alert.state), alert.ref
        assert found.holder == alert.acked_by, alert.ref


def test_an_alert_is_told_as_it_stood_at_any_of_its_events() -> None:
    anna, doctor = make_person("anna", "on-call"), make_person("doctor", "physician")
    course = make_course()
    alert = make_alert(course)
    first = seen(alert).event
    take(alert, anna)
    second = seen(alert).event
    stand(course, "delay", signer=doctor)
    close_alert(alert=alert, person=doctor, seen=seen(alert), outcome="delay", reason=WHY, now=NOW)
    events = list(alert.events.select_related("actor"))
    told = [standing_after(events, last=last) for last in (first, second, None)]
    assert [each.state for each in told] == ["open", "acked", "closed"]
    assert [each.holder for each in told] == [None, anna, anna]


def test_no_row_of_the_record_is_changed_or_taken_out() -> None:
    anna, doctor, nurse = (
        make_person(name, role) for name, role in (("a", "on-call"), ("d", "physician"), ("n", "nurse"))
    )
    course = make_course()
    delay, hold = make_alert(course), hold_alert(make_course())
    hand_over(alert=delay, person=anna, to=doctor, seen=seen(delay), now=NOW)
    suppress(alert=hold, person=nurse, seen=seen(hold), minutes=30, reason=WHY, now=NOW)
    record_call(alert=hold, person=nurse, key=hold.course.public_id, whom="ward", outcome="reached", now=NOW)
    take(delay, doctor)
    stand(course, "delay", signer=doctor)
    close_alert(alert=delay, person=doctor, seen=seen(delay), outcome="delay", reason=WHY, now=NOW)
    record_contacts(patient=course.patient, details={"telephone": "+49 30 1"}, by=nurse, seen=None, now=NOW)
    for model in (AlertEvent, HandOver, Suppression, Closing, ReachRecord, ContactDetails):
        assert model.objects.exists(), model
        for act in (lambda rows: rows.update(id=-1), lambda rows: rows.delete()):
            with pytest.raises(DatabaseError), transaction.atomic():
                act(model.objects.filter(pk=model.objects.first().pk))


def test_a_technical_alert_without_a_course_is_told_too(smtp: SmtpServer) -> None:
    make_person("adam", "administrator")
    alert = make_alert(kind=Kind.ADDRESS_REFUSED)
    dispatch_due(now=NOW)
    assert differences(alert) == []
    assert [told.channel for told in told_by_events(alert.events.all())] == ["mail"]
