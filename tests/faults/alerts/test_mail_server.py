"""T5, T6, T7: the mail server refuses, stalls, puts off and turns away; nothing is lost or doubled."""

import os
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from alerts.models import Alert, Notification
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.push_addresses import add_push_address
from alerts.services.watch_mail import watch_mail
from labs.clock import database_now
from labs.models import MessageOutcome
from tests.faults.alerts.clinic import (
    Laboratory,
    make_team,
    make_treated,
    raise_alerts,
    raise_one,
    result,
)
from tests.faults.alerts.owed import judge, message_ids, until_all_sent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.sink import OK, Sink
from tests.faults.alerts.table import Row, percentile, situation
from tests.push_server import PushServer

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.postgres, pytest.mark.redis]

OUTAGE_SECONDS, OUTAGE_ALERTS = 45, 100
HOUR_ALERTS = 500
STALL_SECONDS, STALL_PEOPLE = 45, 6
GREYLISTED_SECONDS = 30
# What a noisy machine adds between two measurements of the same thing.
NOISE_SECONDS = 1.5


def reading_seconds(since: int) -> list[float]:
    """How long each result waited from the door until it was read, from this message on."""
    rows = MessageOutcome.objects.filter(message__gt=since).select_related("message")
    return [(row.at - row.message.received_at).total_seconds() for row in rows]


def last_message() -> int:
    """The newest message there is."""
    return MessageOutcome.objects.order_by("-message").values_list("message", flat=True).first() or 0


class Beside:
    """Results that come in while something is wrong elsewhere, and how they fare."""

    def __init__(self, plant: Plant) -> None:
        self.patient = make_treated(1)[0].patient
        self.plant = plant
        plant.listener()

    def send(self, count: int) -> list[float]:
        """Send so many, two a second; how long each waited to be read."""
        before = last_message()
        Laboratory(port=self.plant.mllp_port).deliver([result(self.patient) for _ in range(count)], pause=0.5)
        until(
            lambda: len(reading_seconds(before)) == count,
            within=90,
            what=f"results are read\n{self.plant.log()}",
        )
        return reading_seconds(before)


def drained_after_its_return(plant: Plant, row: Row, alerts: list[Alert]) -> None:
    """The mail server is back: all that waited is sent within three minutes, and nothing twice."""
    plant.sink.open()
    back = time.time()
    until(plant.sink.accepted, within=60, what=f"the first mail\n{plant.log()}")
    first = plant.sink.accepted()[0].kept_at - back
    until_all_sent(plant, within=240)
    alerts = list(Alert.objects.filter(pk__in=[alert.pk for alert in alerts]))
    judge(row, plant.sink, alerts, since={alert.pk: back for alert in alerts})
    row.notes.append(f"times count from the server's return; first mail after {first:.0f} s")
    row.line(first <= 15, f"the first came {first:.0f} s after the return, at most 15 s")
    row.within(worst=180)
    row.line(row.doubled == 0, f"{row.doubled} doubled")
    one_mail_each(row, plant, alerts)


def one_mail_each(row: Row, plant: Plant, alerts: list[Alert]) -> None:
    """A pass line: no person has more than one mail of an open alert."""
    held = {(copy.to, copy.message_id) for copy in plant.sink.copies}
    most = 0
    for alert in alerts:
        for address in alert.notifications.values_list("endpoint", flat=True).distinct():
            mails = Notification.objects.filter(alert=alert, endpoint=address)
            ids = {found for mail in mails for found in message_ids(mail)}
            most = max(most, len([found for found in ids if (address, found) in held]))
    row.line(most == 1, f"{most} mails of one alert to one person")


def test_t5_whoever_runs_the_service_learns_by_the_second_channel_that_no_mail_leaves(
    mail: Sink, settings: Any
) -> None:
    settings.PUSH_SERVICES = ["json"]
    gateway = PushServer()
    make_team()
    admin = User.objects.get(username="the-administrator")
    now = database_now()
    add_push_address(person=admin, url=f"json://127.0.0.1:{gateway.port}/pager", by=admin, now=now)
    with situation(
        "T5", scaled="six minutes in virtual time", part="those who run it, by second channel"
    ) as row:
        mail.close()
        raise_one(now=now)
        row.owed, row.lost, row.doubled = 1, 1, 0
        for second in range(0, 360, 20):
            at = now + timedelta(seconds=second)
            dispatch_due(now=at)
            watch_mail(now=at)
            dispatch_due(now=at)
            alarm = Alert.objects.filter(kind=Kind.MAIL_LOOP).first()
            if alarm is not None and any(alarm.ref in str(body) for body in gateway.bodies):
                row.lost = 0
                row.seconds.append(float(second))
                break
        mail.open()
        gateway.close()
        row.line(row.lost == 0, "nobody learnt of it")
        row.within(worst=300)


if LONG:

    @pytest.mark.hazard("HZ-66")
    def test_t5_after_a_long_refusal_each_person_gets_one_mail_per_alert_within_minutes(plant: Plant) -> None:
        make_team()
        beside = Beside(plant)
        plant.open_stack()
        scaled = f"{OUTAGE_SECONDS} s with {OUTAGE_ALERTS} alerts (full: 1 h with 500)"
        with situation("T5", scaled=scaled) as row:
            usual = beside.send(12)
            plant.sink.close()
            alerts = raise_alerts(OUTAGE_ALERTS)
            meanwhile = beside.send(24)
            time.sleep(OUTAGE_SECONDS - 12)
            drained_after_its_return(plant, row, alerts)
            unhindered(row, usual, meanwhile)

    @pytest.mark.hazard("HZ-66")
    def test_t5_an_hours_queue_is_drained_within_minutes(plant: Plant, settings: Any) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", plant.sink.port
        make_team()
        plant.sink.close()
        scaled = f"{HOUR_ALERTS} alerts, the hour in virtual time, what follows by the clock"
        with situation("T5", scaled=scaled, part="an hour's queue") as row:
            alerts = hour_without_mail()
            waiting = Notification.objects.filter(state="pending").count()
            row.notes.append(f"{waiting} mails waited, of up to {steps_of(alerts)} steps each")
            # Whoever's alert is older than a quarter of an hour had a second step, or a third.
            row.line(waiting >= 1.5 * HOUR_ALERTS, "that is no hour's queue")
            row.line(not plant.sink.copies, "a mail left during the hour")
            plant.open_stack()
            time.sleep(5)  # it finds nobody there
            drained_after_its_return(plant, row, alerts)

    @pytest.mark.hazard("HZ-76")
    def test_t6_a_server_that_never_answers_loses_nothing_and_holds_no_other_work(plant: Plant) -> None:
        make_team(on_call=STALL_PEOPLE)
        beside = Beside(plant)
        plant.open_stack()
        with situation(
            "T6", scaled=f"{STALL_SECONDS} s with 2 alerts to {STALL_PEOPLE} people (full: 10 min)"
        ) as row:
            usual = beside.send(12)
            plant.sink.moods.stalls = True
            alerts = raise_alerts(2)
            meanwhile = beside.send(2 * STALL_SECONDS)
            plant.sink.calm()
            until_all_sent(plant, within=180)
            alerts = list(Alert.objects.filter(pk__in=[alert.pk for alert in alerts]))
            judge(row, plant.sink, alerts)
            copies_per_attempt(row, plant)
            unhindered(row, usual, meanwhile)

    def test_t7_greylisting_is_waited_out(plant: Plant) -> None:
        make_team(on_call=3)
        plant.open_stack()
        with situation("T7", scaled=f"451 for {GREYLISTED_SECONDS} s (full: 10 min)", part="451") as row:
            plant.sink.moods.answer_to_recipient = "451 Try again later"
            alerts = raise_alerts(3)
            time.sleep(GREYLISTED_SECONDS)
            plant.sink.moods.answer_to_recipient = OK
            until_all_sent(plant, within=120)
            judge(row, plant.sink, alerts)
            row.line(row.doubled == 0, f"{row.doubled} doubled")

    @pytest.mark.hazard("HZ-71")
    def test_t7_an_address_refused_for_good_sends_the_next_person_at_once_and_stays_enabled(
        plant: Plant,
    ) -> None:
        [refused] = make_team(on_call=1)
        plant.open_stack()
        with situation("T7", scaled="not scaled", part="550 for one address") as row:
            plant.sink.moods.refused = {refused.email}
            alert = raise_one()
            next_people = ("the-physician@clinic.example",)
            until(
                lambda: told(plant) >= set(next_people), within=60, what=f"the next are told\n{plant.log()}"
            )
            until_all_sent(plant, within=60)
            began = alert.raised_at.timestamp()
            row.owed, row.lost, row.doubled = len(next_people), 0, 0
            for address in next_people:
                row.seconds.append(min(c.kept_at for c in plant.sink.accepted() if c.to == address) - began)
            row.within(worst=15)
            row.line(Alert.objects.filter(kind=Kind.ADDRESS_REFUSED, person=refused).exists(), "no alarm")
            now = User.objects.get(pk=refused.pk)
            row.line((now.email, now.is_active) == (refused.email, True), "the address was changed")


def hour_without_mail() -> list[Alert]:
    """An hour that ends now: alerts all through it, steps as they fall due, and every try to send fails."""
    begin = database_now() - timedelta(hours=1)
    alerts: list[Alert] = []
    for minute in range(60):
        at = begin + timedelta(minutes=minute)
        run_due_steps(now=at)
        dispatch_due(now=at)
        while len(alerts) < HOUR_ALERTS * (minute + 1) // 60:
            alerts.append(raise_one(now=at))
    return alerts


def steps_of(alerts: list[Alert]) -> int:
    """The most steps that any of these has taken by now."""
    counts = Counter(Notification.objects.filter(alert__in=alerts).values_list("alert", "endpoint"))
    return max(counts.values())


def told(plant: Plant) -> set[str]:
    """Who has any mail."""
    return {copy.to for copy in plant.sink.accepted()}


def copies_per_attempt(row: Row, plant: Plant) -> None:
    """Pass lines of a server that never answered: a copy an attempt at most, all under one Message-ID."""
    for mail in Notification.objects.filter(state="accepted"):
        held = sum(copy.message_id == mail.message_id for copy in plant.sink.copies)
        attempts = mail.attempts.count()
        row.line(held <= attempts, f"{held} copies of {attempts} attempts")
    known = set(Notification.objects.values_list("message_id", flat=True))
    row.line({copy.message_id for copy in plant.sink.copies} <= known, "a copy bears another Message-ID")


def unhindered(row: Row, usual: list[float], meanwhile: list[float]) -> None:
    """A pass line: results were read as quickly as before, but for what the machine's own noise adds."""
    before, during = percentile(usual, 0.95), percentile(meanwhile, 0.95)
    row.notes.append(f"results were read within {before:.1f} s before and {during:.1f} s during it (p95)")
    row.line(during <= 1.1 * before + NOISE_SECONDS, f"reading slowed from {before:.1f} to {during:.1f} s")
