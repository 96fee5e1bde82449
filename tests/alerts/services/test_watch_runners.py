"""Each runner of the duty is missed by the other: never too early, within three minutes, and told once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from alerts import tasks
from alerts.models import Alert, Heartbeat
from alerts.rules import Kind, State
from alerts.services import heartbeat
from alerts.services.rounds import make_round
from alerts.services.watch_runners import watch_runners
from labs.clock import database_now
from tests.builders_alerts import NOW, make_person
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-72")]
SECOND = timedelta(seconds=1)


def stuck() -> list[str]:
    """The runners for which an alert stands."""
    standing = Alert.objects.standing().filter(kind=Kind.RUNNER_STUCK.value)
    return [str(alert.about["runner"]) for alert in standing.order_by("condition_key")]


def minutes_of(*alive: str, start: datetime, seconds: int) -> datetime | None:
    """Let these runners live, and look, every ten seconds; the first instant at which anything was told."""
    for passed in range(0, seconds + 1, 10):
        now = start + passed * SECOND
        for name in alive:
            heartbeat.beat(name=name, now=now)
        if watch_runners(now=now):
            return now
    return None


@pytest.mark.parametrize(("alive", "dead"), [("runner", "celery"), ("celery", "runner")])
def test_the_one_that_lives_tells_of_the_one_that_died_within_three_minutes(alive: str, dead: str) -> None:
    make_person("admin1", "administrator")
    assert minutes_of(alive, dead, start=NOW, seconds=60) is None
    died = NOW + 60 * SECOND
    told = minutes_of(alive, start=died + 10 * SECOND, seconds=300)
    assert told is not None
    assert timedelta(seconds=150) <= told - died <= timedelta(minutes=3)
    assert stuck() == [dead]
    found = Alert.objects.get(kind=Kind.RUNNER_STUCK.value)
    assert (found.severity, found.technical) == (1, True)
    assert datetime.fromisoformat(found.about["since"]) == died
    assert [mail.person.username for mail in found.notifications.all()] == ["admin1"]


def test_one_that_never_came_is_missed_from_when_the_other_began_to_look() -> None:
    told = minutes_of("runner", start=NOW, seconds=300)
    assert told == NOW + 150 * SECOND
    assert stuck() == ["celery"]


def test_the_alert_ends_with_the_sign_of_life() -> None:
    minutes_of("runner", start=NOW, seconds=150)
    assert minutes_of("runner", "celery", start=NOW + 160 * SECOND, seconds=10) is not None
    assert stuck() == []
    assert Alert.objects.get(kind=Kind.RUNNER_STUCK.value).state == State.CLOSED


def test_after_the_whole_host_was_away_nobody_is_missed_for_that_time() -> None:
    minutes_of("runner", "celery", start=NOW, seconds=60)
    back = NOW + timedelta(hours=8)
    assert minutes_of("runner", start=back, seconds=140) is None
    heartbeat.beat(name="celery", now=back + 145 * SECOND)
    assert minutes_of("runner", start=back + 150 * SECOND, seconds=60) is None
    assert stuck() == []


def test_many_looks_at_once_tell_once() -> None:
    minutes_of("runner", start=NOW, seconds=150)
    for _ in range(10):
        assert watch_runners(now=NOW + 155 * SECOND) == 0
    assert Alert.objects.filter(kind=Kind.RUNNER_STUCK.value).count() == 1


@pytest.mark.usefixtures("real_commits")
def test_celery_looks_at_the_runner_and_the_runner_at_celery_and_nobody_misses_themselves(
    smtp: SmtpServer,
) -> None:
    long_ago = database_now() - timedelta(minutes=10)
    for name in ("celery", "runner", "waited.celery", "waited.runner"):
        heartbeat.beat(name=name, now=long_ago)
    heartbeat.beat(name="look.runners", now=database_now())  # somebody looked all the while
    tasks.watch()
    assert stuck() == ["runner"]
    Heartbeat.objects.filter(name__in=["celery", "waited.celery"]).update(at=long_ago)
    make_round(all_due=True)
    assert stuck() == ["celery"]


def test_the_page_says_which_and_since_when(client: Client, person: Callable[..., User]) -> None:
    minutes_of("runner", start=NOW, seconds=150)
    client.force_login(person("administrator"))
    page = client.get(f"/alerts/{Alert.objects.get(kind=Kind.RUNNER_STUCK.value).public_id}").content.decode()
    assert "Celery (beat, broker and workers): no sign of life since 4 May 2026 10:00 CEST" in page
