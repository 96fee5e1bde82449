"""T14, T15: very many alerts at once, and one result delivered very often."""

import os
import random
import time
from collections import defaultdict
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from alerts.library import policy
from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, raise_alert
from labs.clock import database_now
from tests.builders import panel_message
from tests.faults.alerts.clinic import (
    TOXIC_PLATELETS,
    Laboratory,
    make_team,
    make_treated,
    result,
)
from tests.faults.alerts.owed import alerts_of, judge, unsent, until_all_sent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.sink import Sink
from tests.faults.alerts.table import percentile, situation
from tests.faults.web_ledger import Browser, web_server

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.postgres, pytest.mark.redis]

STORM, STORM_PEOPLE, CRITICAL_EVERY = 1000, 20, 10
DELIVERIES = 50 if LONG else 12
HOUR = timedelta(hours=1)


def storm(count: int) -> list[int]:
    """Alerts as fast as they come, one critical in ten, the rest warnings; returns the critical ones."""
    critical = []
    for number in range(count):
        kind = Kind.STOP if number % CRITICAL_EVERY == 0 else Kind.LABS_OVERDUE
        now = database_now()
        with transaction.atomic():
            alert = raise_alert(
                kind=kind,
                condition_key=f"storm:{number}",
                subject=Subject(),
                now=now,
                worse=kind is Kind.STOP,
            )
            take_due_step(alert, now=now)
        if kind is Kind.STOP:
            assert alert.severity == 1
            critical.append(alert.pk)
    connections["default"].close()
    return critical


if LONG:

    @pytest.mark.hazard("HZ-67")
    def test_t14_in_a_storm_the_critical_ones_come_first_and_the_door_stays_open(plant: Plant) -> None:
        make_team(on_call=STORM_PEOPLE)
        patient = make_treated(1)[0].patient
        plant.listener()
        plant.open_stack()
        scaled = (
            f"{STORM} alerts as fast as they are raised, {STORM_PEOPLE} people (full: 10,000 in a minute)"
        )
        with situation("T14", scaled=scaled) as row:
            laboratory = Laboratory(port=plant.mllp_port)
            sending = laboratory.in_background([result(patient) for _ in range(40)], pause=0.5)
            began = time.monotonic()
            critical = storm(STORM)
            took = time.monotonic() - began
            row.line(
                Alert.objects.filter(condition_key__startswith="storm:").count() == STORM, "a row is missing"
            )
            row.line(took <= 60, f"raising them took {took:.0f} s, at most 60 s")
            opened = list_seconds(plant)
            sending.join()
            until(lambda: unsent() == 0, within=900, what=f"the backlog is gone\n{plant.log()}", every=1)
            emptied = time.monotonic() - began
            judge(row, plant.sink, list(Alert.objects.filter(pk__in=critical)))
            row.notes.append(f"raised in {took:.0f} s, all sent after {emptied:.0f} s")
            row.within(p99=60)
            row.line(row.doubled == 0, f"{row.doubled} doubled")
            ingest = percentile(laboratory.seconds, 0.95)
            row.notes.append(f"the door acknowledged within {1000 * ingest:.0f} ms (p95)")
            row.line(ingest <= 0.5, f"the door took {ingest:.2f} s, at most 0.5 s")
            row.notes.append(f"the list opened within {max(opened):.1f} s")
            row.line(max(opened) <= 2, f"the list took {max(opened):.1f} s, at most 2 s")
            row.line(*told_of_the_storm())
            most = max(in_any_minute(copies) for copies in by_person(plant.sink).values())
            row.line(most <= 4, f"{most} mails to one person within a minute, at most 4")
            row.line(emptied <= 900, f"the backlog took {emptied:.0f} s")


def list_seconds(plant: Plant) -> list[float]:
    """How long the list of alerts takes a person in the browser, in the middle of it."""
    reader = User.objects.get(username="oncall0")
    taken = []
    with web_server(plant.web_port, armed="", **plant.different()) as web:
        browser = Browser.of(reader, web)
        for _ in range(5):
            began = time.monotonic()
            answer = browser.get("/alerts/")
            taken.append(time.monotonic() - began)
            assert answer.status == 200, answer
    return taken


def told_of_the_storm() -> tuple[bool, str]:
    """Whether those who run the service learnt of it within a minute of the first alert that was too many."""
    limit = policy().storm.anomaly_alerts
    storm = Alert.objects.filter(condition_key__startswith="storm:").order_by("raised_at")
    began = storm.values_list("raised_at", flat=True)[limit]
    alarm = Alert.objects.filter(kind=Kind.FEED_ANOMALY).first()
    if alarm is None:
        return False, "nothing told of the anomaly"
    waited = (alarm.raised_at - began).total_seconds()
    return waited <= 60, f"the anomaly was told after {waited:.0f} s, at most 60 s"


def by_person(sink: Sink) -> dict[str, list[float]]:
    """When each person's mails came, in order."""
    found: dict[str, list[float]] = defaultdict(list)
    for copy in sink.accepted():
        found[copy.to].append(copy.kept_at)
    return {to: sorted(times) for to, times in found.items()}


def in_any_minute(times: list[float]) -> int:
    """The most that fall into any one minute."""
    return max(sum(begin <= at < begin + 60 for at in times) for begin in times)


@pytest.mark.hazard("HZ-67")
def test_t15_one_result_delivered_often_is_one_alert_and_one_mail_for_each_person(plant: Plant) -> None:
    people = make_team(on_call=2)
    course = make_treated(1)[0]
    body = result(course.patient, toxic=True)
    older = panel_message(
        course.patient, drawn_at=database_now() - HOUR, only=("PLT",), PLT=str(int(TOXIC_PLATELETS) + 1)
    )
    bodies = [body] * (DELIVERIES - 2) + [older] * 2
    random.Random(15).shuffle(bodies)
    plant.listener()
    plant.open_stack()
    with situation(
        "T15", scaled=f"{DELIVERIES} deliveries over 4 connections, an older result among them"
    ) as row:
        lines = [Laboratory(port=plant.mllp_port) for _ in range(4)]
        threads = [line.in_background(bodies[number::4]) for number, line in enumerate(lines)]
        for thread in threads:
            thread.join()
        until(lambda: alerts_of([course]), within=60, what=f"an alert\n{plant.log()}")
        time.sleep(12)  # a whole tick more, in which a second one would come
        until_all_sent(plant, within=60)
        found = alerts_of([course])
        judge(row, plant.sink, found)
        kinds = [alert.kind for alert in found]
        row.line(len(kinds) == len(set(kinds)), f"several alerts of one condition: {kinds}")
        row.line(row.doubled == 0, f"{row.doubled} doubled")
        for alert in found:
            for person in people:
                mails = alert.notifications.filter(endpoint=person.email, step=1, loop=1).count()
                row.line(mails == 1, f"{mails} mails of step 1 to one person")
