"""T2, T21, T23: what stands follows from evidence, and can be told later."""

import os
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from alerts.models import Alert, AlertEvent, DeliveryAttempt, Notification
from alerts.models.alert import EventKind
from alerts.rules import State
from alerts.services.acknowledging import acknowledge
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.rounds import make_round
from courses.models import Course
from labs.clock import database_now
from labs.models import LabMessage
from labs.services.keep import keep_message
from tests.builders import panel_message
from tests.builders_alerts import make_person
from tests.faults.alerts.clinic import (
    TOXIC_PLATELETS,
    Laboratory,
    make_team,
    make_treated,
    raise_one,
    result,
)
from tests.faults.alerts.owed import UNSENT, alerts_of, message_ids, until_all_sent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.sink import Sink
from tests.faults.alerts.table import Row, situation

LONG = os.environ.get("PRRT_LONG") == "1"
PATIENTS, ROUNDS = (10, 30) if LONG else (4, 6)
WORSE_SECONDS = 20


class Cut(Exception):
    """The transaction is broken off here."""


def break_off(work: Callable[[], object]) -> None:
    """Do it, and take it back as a broken connection does."""
    with pytest.raises(Cut), transaction.atomic():
        work()
        raise Cut


def test_t2_whatever_is_broken_off_every_toxic_course_has_its_alert_and_no_other(mail: Sink) -> None:
    make_team()
    courses = make_treated(PATIENTS)
    chance, newest = random.Random(2), dict.fromkeys(courses, "228")
    began = database_now() - timedelta(hours=6)
    scaled = f"{PATIENTS * ROUNDS} random results, one round in four broken off first (full: 100,000)"
    with situation("T2", scaled=scaled) as row:
        row.owed = row.lost = row.doubled = 0
        for number in range(ROUNDS):
            for course in courses:
                newest[course] = chance.choice(["228", "228", TOXIC_PLATELETS, "190"])
                body = panel_message(
                    course.patient,
                    drawn_at=began + timedelta(minutes=5 * number),
                    only=("PLT",),
                    PLT=newest[course],
                )
                keep_message(body=body, door=LabMessage.Door.MLLP, peer="test")
            if chance.random() < 0.25:
                break_off(lambda: make_round(all_due=True))
            made = make_round(all_due=True)
            row.line(made.failed == (), f"stages failed: {made.failed}")
            compare_with_values(row, newest)
        row.line(row.lost == 0, f"{row.lost} toxic results without an alert")
        row.line(row.doubled == 0, f"{row.doubled} open alerts without a toxic result")


def compare_with_values(row: Row, newest: dict[Course, str]) -> None:
    """The newest value of each patient against the alerts that stand."""
    row.owed, row.lost, row.doubled = row.owed or 0, row.lost or 0, row.doubled or 0
    for course, value in newest.items():
        open_now = Alert.objects.filter(course=course, kind__in=["delay", "stop"], state=State.OPEN).count()
        if value == TOXIC_PLATELETS:
            row.owed += 1
            row.lost += open_now == 0
            row.doubled += max(0, open_now - 1)
        else:
            row.doubled += open_now


@pytest.mark.hazard("HZ-67")
def test_t21_worse_after_an_acknowledgement_opens_again_and_corrected_before_it_stays(mail: Sink) -> None:
    make_team()
    taker = make_person("taker", "on-call", email="")
    [first, second] = make_treated(2)
    with situation("T21", scaled="virtual time") as row:
        for course in (first, second):
            send(course, "60", minutes_ago=50)
        make_round(all_due=True)
        told = {course.pk: standing(course) for course in (first, second)}
        alert = told[first.pk]
        seen = alert.events.latest("pk").pk
        acknowledge(alert=alert, person=taker, seen_severity=alert.severity, seen_event=seen)
        began = database_now()
        send(first, TOXIC_PLATELETS, minutes_ago=40, also={"ANC": "0.3"})
        send(second, "228", minutes_ago=40)
        make_round(all_due=True)
        newest = Alert.objects.filter(course=first, state=State.OPEN)
        row.line(newest.exists(), "nothing was opened again when it became worse")
        mails = Notification.objects.filter(alert__in=newest, state="accepted", ended_at__gte=began)
        row.owed, row.lost = 1, int(not mails.exists())
        row.line(row.lost == 0, "no mail told that it became worse")
        arrived = {copy.message_id: copy.kept_at for copy in mail.accepted()}
        row.seconds += [arrived[each.message_id] - began.timestamp() for each in mails]
        row.within(worst=WORSE_SECONDS)
        cleared = Alert.objects.get(pk=told[second.pk].pk)
        row.line(cleared.state == State.CLEARED_UNACKED, f"what was corrected is {cleared.state}")
        run_due_steps(now=database_now() + timedelta(days=2))
        cleared.refresh_from_db()
        row.line(cleared.state == State.CLEARED_UNACKED, "a machine closed what nobody acknowledged")


if LONG:

    @pytest.mark.postgres
    @pytest.mark.redis
    @pytest.mark.hazard("HZ-67")
    def test_t21_what_became_worse_after_an_acknowledgement_is_mailed_within_seconds(plant: Plant) -> None:
        make_team()
        taker = make_person("taker", "on-call", email="")
        [course] = make_treated(1)
        plant.listener()
        plant.open_stack()
        with situation("T21", scaled="one course, real processes", part="through the door") as row:
            laboratory = Laboratory(port=plant.mllp_port)
            laboratory.deliver([result(course.patient, toxic=True)])
            until(lambda: alerts_of([course]), within=60, what=f"an alert\n{plant.log()}")
            until_all_sent(plant, within=60)
            alert = standing(course)
            seen = alert.events.latest("pk").pk
            acknowledge(alert=alert, person=taker, seen_severity=alert.severity, seen_event=seen)
            drawn = database_now() - timedelta(minutes=10)
            values = {"PLT": TOXIC_PLATELETS, "ANC": "0.3"}
            laboratory.deliver([panel_message(course.patient, drawn_at=drawn, only=tuple(values), **values)])
            handed_in = LabMessage.objects.latest("pk").received_at
            told = Notification.objects.filter(
                alert__course=course, state="accepted", message_date__gte=handed_in
            )
            until(told.exists, within=120, what=f"a mail that it is worse\n{plant.log()}")
            row.line(Alert.objects.filter(pk=alert.pk, state=State.OPEN).exists(), "not opened again")
            arrived = {copy.message_id: copy.kept_at for copy in plant.sink.accepted()}
            row.owed, row.lost = 1, 0
            row.seconds.append(min(arrived[each.message_id] for each in told) - handed_in.timestamp())
            row.within(worst=WORSE_SECONDS)


def send(course: Course, platelets: str, *, minutes_ago: int, also: dict[str, str] | None = None) -> None:
    """One result through the service that every door calls."""
    drawn = database_now() - timedelta(minutes=minutes_ago)
    values = {"PLT": platelets, **(also or {})}
    body = panel_message(course.patient, drawn_at=drawn, only=tuple(values), **values)
    keep_message(body=body, door=LabMessage.Door.MLLP, peer="test")


def standing(course: Course) -> Alert:
    """The alert about the verdict on a course."""
    return Alert.objects.standing().get(course=course, kind__in=["delay", "stop"])


def test_t23_from_the_events_alone_it_can_be_told_who_was_told_what_and_when(mail: Sink) -> None:
    people = make_team(on_call=2)
    with situation("T23", scaled="12 alerts, some taken over, one address refused") as row:
        mail.moods.refused = {people[1].email}
        now = database_now()
        alerts = [raise_one(now=now) for _ in range(12)]
        dispatch_due(now=now)
        for alert in alerts[:4]:
            seen = alert.events.latest("pk").pk
            acknowledge(alert=alert, person=people[0], seen_severity=1, seen_event=seen, now=now)
        later = now + timedelta(minutes=16)
        run_due_steps(now=later)
        dispatch_due(now=later)
        row.owed, row.lost = len(alerts), 0
        for alert in Alert.objects.filter(pk__in=[each.pk for each in alerts]):
            row.lost += not rebuilt(alert, mail)
        row.line(row.lost == 0, f"{row.lost} of {row.owed} alerts cannot be rebuilt")
        event = AlertEvent.objects.latest("pk")
        for change in (
            "UPDATE alerts_alertevent SET at = at WHERE id = %s",
            "DELETE FROM alerts_alertevent WHERE id = %s",
        ):
            row.line(is_refused(change, event.pk), f"the database allowed {change.split()[0]}")


def rebuilt(alert: Alert, mail: Sink) -> bool:
    """Whether the events say who was told and with which result, as the rows and the mail server have it."""
    events = list(alert.events.all())
    told = {pk for event in events if event.kind == EventKind.STEP for pk in event.detail["people"]}
    owed = set(alert.notifications.values_list("person", flat=True))
    ended = {
        event.detail["notification"]: event.kind
        for event in events
        if event.kind in (EventKind.ACCEPTED, EventKind.REFUSED)
    }
    held = {copy.message_id for copy in mail.accepted()}
    by_rows = {
        note.pk: EventKind.ACCEPTED if message_ids(note) & held else EventKind.REFUSED
        for note in alert.notifications.exclude(state__in=[*UNSENT, "superseded"])
    }
    finished = not DeliveryAttempt.objects.filter(notification__alert=alert, outcome="").exists()
    taken = [event.actor_id for event in events if event.kind == EventKind.ACKNOWLEDGED]
    return (told, ended, taken) == (
        owed,
        by_rows,
        [alert.acked_by_id] if alert.acked_by_id else [],
    ) and finished


def is_refused(statement: str, row_id: int) -> bool:
    """Whether the database refuses to change what is append-only."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [row_id])
    except DatabaseError:
        return True
    return False
