"""The first page and the health page say how the alert duty itself stands, in words, to everybody."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import CanaryRun
from alerts.services import duty_rules, heartbeat
from alerts.services.canary import begin_canary
from alerts.services.duty_state import duty_state
from alerts.services.watch_duty import watch_duty
from alerts.services.watch_runners import watch_runners
from labs.clock import database_now

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
MINUTE = timedelta(minutes=1)
ALL_ROLES = ["nurse", "physician", "on-call", "pharmacist", "physicist", "auditor", "administrator"]


def good_trial(*, ended_at: datetime) -> None:
    run = begin_canary(now=ended_at - timedelta(seconds=41))
    CanaryRun.objects.filter(pk=run.pk).update(outcome="passed", ended_at=ended_at)


def page(client: Client, person: Person, role: str = "nurse") -> str:
    client.force_login(person(role))
    return " ".join(client.get("/admin/").content.decode().split())


def warnings(client: Client) -> list[str]:
    answer: Any = client.get("/health/ready")
    assert answer.status_code == 200
    found: list[str] = answer.json()["warnings"]
    return found


@pytest.mark.parametrize("role", ALL_ROLES)
def test_every_role_sees_when_the_line_was_last_seen_to_work(
    client: Client, person: Person, settings: Any, role: str
) -> None:
    settings.CANARY = True
    good_trial(ended_at=database_now() - 7 * MINUTE)
    text = page(client, person, role)
    assert "was last seen to work 7 min ago" in text
    assert "it took 41 s" in text
    assert "Critical" not in text
    assert warnings(client) == []


@pytest.mark.parametrize("role", ALL_ROLES)
def test_a_line_that_was_not_seen_to_work_lately_is_critical_for_every_role(
    client: Client, person: Person, settings: Any, role: str
) -> None:
    settings.CANARY = True
    good_trial(ended_at=database_now() - 22 * MINUTE)
    text = page(client, person, role)
    assert "Critical: the service may not be telling everybody what they must know." in text
    assert "was last seen to work 22 min ago" in text
    assert "e911_emergency" in text
    assert warnings(client) == ["alerts: the whole line was not seen to work lately"]


def test_a_line_that_never_worked_is_critical_and_one_that_is_not_tried_is_not(
    client: Client, person: Person, settings: Any
) -> None:
    assert "never seen to work" not in page(client, person)
    settings.CANARY = True
    assert "was never seen to work" in page(client, person, "physician")


def test_a_broken_rule_and_a_stuck_runner_are_told_in_numbers(
    client: Client, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = database_now()
    monkeypatch.setattr(duty_rules, "COVERAGE", [lambda now: ["nobody is on call from 20:00 to 22:00"]])
    watch_duty(now=now)
    heartbeat.beat(name="look.runners", now=now)
    for name in ("celery", "waited.celery"):
        heartbeat.beat(name=name, now=now - 5 * MINUTE)
    heartbeat.beat(name="runner", now=now)
    watch_runners(now=now)
    text = page(client, person)
    assert "Faults found in its own alerting: 1." in text
    assert "1 of the two processes that carry the alerts gives no sign of life." in text
    assert warnings(client) == [
        "alerts: 1 rule(s) of the alert duty broken",
        "alerts: 1 of the two runners without a sign of life",
    ]


def test_whoever_runs_the_service_sees_that_nobody_watches_from_outside_and_nurses_do_not(
    client: Client, person: Person, settings: Any
) -> None:
    assert "No outside monitor is named (HEARTBEAT_URL)" in page(client, person, "administrator")
    assert "CANARY is off" in page(client, person, "auditor")
    assert "HEARTBEAT_URL" not in page(client, person)
    assert warnings(client) == []
    settings.PRODUCTION = True
    assert warnings(client) == ["outside: HEARTBEAT_URL is not set; if this host dies, nobody is told"]


def test_a_monitor_that_was_not_told_lately_is_a_warning(
    client: Client, person: Person, settings: Any
) -> None:
    settings.HEARTBEAT_URL = "https://monitor.example.org/ping/a-secret-of-ours"
    assert "never told that all is well" in page(client, person, "administrator")
    heartbeat.beat(name=heartbeat.OUTSIDE, now=database_now() - 4 * MINUTE)
    text = page(client, person, "auditor")
    assert "the outside monitor was last told 4 min ago" in text
    assert "a-secret-of-ours" not in text
    assert warnings(client) == ["outside: the monitor was not told lately that all is well"]
    heartbeat.beat(name=heartbeat.OUTSIDE)
    assert warnings(client) == []


def test_the_state_of_the_duty_is_three_questions() -> None:
    now = database_now()
    with CaptureQueriesContext(connection) as queries:
        duty_state(now=now)
    assert len(queries) == 3
