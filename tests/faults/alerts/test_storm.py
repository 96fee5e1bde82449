"""T14, T15: very many alerts at once, and one result delivered very often."""

import os
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from alerts.library import policy
from alerts.models import Alert, AlertEvent
from alerts.models.alert import EventKind, new_ref
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

STORM, STORM_PEOPLE, CRITICAL_EVERY, STORM_SECONDS = 10_000, 20, 100, 60
DELIVERIES = 50 if LONG else 12
HOUR = timedelta(hours=1)


def storm() -> list[int]:
    """Alerts all through a minute, one in a hundred critical, the rest warnings; returns the critical ones.

    A critical one is raised with its first step, as a round of the service does. The warnings of a second
    are written at once, like to one that was raised, and their steps are due: the runners take them.
    """
    critical: list[int] = []
    pattern = _raised(Kind.LABS_OVERDUE, 0, is_told=False)
    began, number = time.monotonic(), 1
    for second in range(STORM_SECONDS):
        time.sleep(max(0.0, began + second - time.monotonic()))
        until_then = STORM * (second + 1) // STORM_SECONDS
        numbers = range(number, until_then)
        grave = [each for each in numbers if each % CRITICAL_EVERY == 0]
        critical += [_raised(Kind.STOP, each).pk for each in grave]
        _like(pattern, [each for each in numbers if each not in grave])
        number = until_then
    connections["default"].close()
    return critical


def _raised(kind: Kind, number: int, *, is_told: bool = True) -> Alert:
    """One alert of the storm."""
    now = database_now()
    with transaction.atomic():
        alert = raise_alert(
            kind=kind,
            condition_key=f"storm:{number}",
            subject=Subject(),
            now=now,
            worse=kind is Kind.STOP,
        )
        if is_told:
            take_due_step(alert, now=now)
    assert alert.severity == (1 if kind is Kind.STOP else 3)
    return alert


def _like(pattern: Alert, numbers: Sequence[int]) -> None:
    """As many alerts like this one, raised now, with the event that each begins with."""
    now = database_now()
    refs: set[str] = set()
    while len(refs) < len(numbers):  # of ten thousand drawn by chance, two are sometimes the same
        refs |= {new_ref() for _ in range(len(numbers) - len(refs))}
        refs.difference_update(Alert.objects.filter(ref__in=refs).values_list("ref", flat=True))
    copied = ("kind", "severity", "state", "technical", "policy_version", "plan", "about")
    with transaction.atomic():
        alerts = Alert.objects.bulk_create(
            Alert(
                condition_key=f"storm:{number}",
                ref=ref,
                raised_at=now,
                next_step_at=now,
                **{name: getattr(pattern, name) for name in copied},
            )
            for number, ref in zip(numbers, refs, strict=True)
        )
        raised = pattern.events.get(kind=EventKind.RAISED)
        AlertEvent.objects.bulk_create(
            AlertEvent(alert=alert, kind=raised.kind, at=now, detail=raised.detail) for alert in alerts
        )


if LONG:

    @pytest.mark.hazard("HZ-67")
    def test_t14_in_a_storm_the_critical_ones_come_first_and_the_door_stays_open(plant: Plant) -> None:
        make_team(on_call=STORM_PEOPLE)
        patient = make_treated(1)[0].patient
        plant.listener()
        plant.open_stack()
        scaled = f"{STORM} alerts in a minute, {STORM // CRITICAL_EVERY - 1} critical, {STORM_PEOPLE} people"
        with situation("T14", scaled=scaled) as row:
            laboratory = Laboratory(port=plant.mllp_port)
            sending = laboratory.in_background([result(patient) for _ in range(140)], pause=0.5)
            began = time.monotonic()
            critical = storm()
            took = time.monotonic() - began
            row.line(
                Alert.objects.filter(condition_key__startswith="storm:").count() == STORM, "a row is missing"
            )
            row.line(took <= 75, f"raising them took {took:.0f} s, and it was to be a minute's storm")
            opened = list_seconds(plant)
            sending.join()
            until(
                lambda: unsent() + untaken() == 0,
                within=1000,
                what=f"the backlog is gone\n{plant.log()}",
                every=1,
            )
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


def untaken() -> int:
    """How many alerts have not told anybody yet."""
    return Alert.objects.needing_somebody().filter(step=0).count()


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
        row.within(p99=20)
        kinds = [alert.kind for alert in found]
        row.line(len(kinds) == len(set(kinds)), f"several alerts of one condition: {kinds}")
        row.line(row.doubled == 0, f"{row.doubled} doubled")
        for alert in found:
            for person in people:
                mails = alert.notifications.filter(endpoint=person.email, step=1, loop=1).count()
                row.line(mails == 1, f"{mails} mails of step 1 to one person")
