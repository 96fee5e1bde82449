"""The duty as processes carry it: ten beats and two runners double nothing, a wrong clock moves nothing."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.models import Alert, Heartbeat, Notification
from alerts.models.alert import EventKind
from alerts.rules import Kind
from courses.models import CourseStatus
from labs.clock import database_now
from tests.builders_alerts import make_course, make_decision, make_person
from tests.running_clinic import Clinic, Postbox, mail_server, until
from tests.smtp_server import SmtpServer

ROOT = Path(__file__).resolve().parents[2]
MINUTE = timedelta(minutes=1)

TEN_BEATS = """
import threading
import prrt_clinic.celery
from celery.beat import Service
forgetful = {"max_interval": 1, "scheduler_cls": "celery.beat:Scheduler"}
services = [Service(prrt_clinic.celery.app, **forgetful) for _ in range(10)]
threads = [threading.Thread(target=each.start, daemon=True) for each in services]
for each in threads: each.start()
for each in threads: each.join()
"""

# What an application can ask of its host's clock is wrong by so much; the database's is right.
WRONG_CLOCK = """
import sys, time
from datetime import UTC, datetime, timedelta
wrong_by, right = float(sys.argv[1]), time.time
time.time = lambda: right() + wrong_by
from django.utils import timezone
timezone.now = lambda: datetime.now(UTC) + timedelta(seconds=wrong_by)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "runner", "--once"])
"""


def decisions(number: int) -> None:
    """Decisions to delay, each of a course of its own that no sweep touches."""
    for _ in range(number):
        make_decision(make_course(status=CourseStatus.STOPPED), made_at=database_now())


# --- T12: beats and runners ----------------------------------------------------------------------


@pytest.fixture
def crowd(
    real_commits: str, private_redis: str, free_port: Callable[[], int], tmp_path: Path
) -> Iterator[tuple[Clinic, Postbox, list["subprocess.Popen[bytes]"]]]:
    """One worker, ten beats and two second runners on one database; yields the beats' process too."""
    port = free_port()
    with mail_server(port) as postbox:
        made = Clinic(
            var_dir=tmp_path / "var",
            web_port=free_port(),
            mllp_port=free_port(),
            settings={
                "DATABASE_URL": real_commits,
                "REDIS_URL": private_redis,
                "EMAIL_URL": f"smtp://127.0.0.1:{port}",
            },
        )
        celery = ("-m", "celery", "-A", "prrt_clinic", "worker", "--pool", "threads", "--concurrency", "2")
        made._start("worker", *celery, "--loglevel", "WARNING", "--queues", "critical-mail,mail,default")
        beats = made._start("beats", "-c", TEN_BEATS)
        made.start("runner", "--every", "0.5")
        made.start("runner", "--every", "0.5")
        try:
            yield made, postbox, [beats]
        finally:
            left = made.stop()
            assert not left, left


def both_work() -> bool:
    return {"celery", "runner"} <= set(Heartbeat.objects.values_list("name", flat=True))


@pytest.mark.services
@pytest.mark.postgres
@pytest.mark.hazard("HZ-72")
def test_ten_beats_and_two_runners_double_nothing_and_dead_beats_are_missed(
    crowd: tuple[Clinic, Postbox, list["subprocess.Popen[bytes]"]],
) -> None:
    made, postbox, beats = crowd
    for name in ("oncall1", "oncall2"):
        make_person(name, "on-call")
    make_person("admin1", "administrator")
    until(both_work, within=90, what=f"both runners work\n{made.log()}")
    decisions(3)  # three letters a minute go to each person alone
    owed = Notification.objects.filter(alert__kind="delay")
    until(lambda: owed.filter(state="accepted").count() == 6, within=60, what=f"six mails\n{made.log()}")
    time.sleep(5)  # what would be doubled is doubled by now
    assert Alert.objects.filter(kind="delay").count() == 3
    assert owed.count() == 6
    sent = Counter(str(letter["Message-ID"]) for _, letter in postbox.letters)
    assert len(sent) == 6
    assert set(sent.values()) == {1}
    for alert in Alert.objects.filter(kind="delay"):
        assert alert.events.filter(kind=EventKind.STEP).count() == 1
        assert alert.events.filter(kind=EventKind.ACCEPTED).count() == 2
    assert not Alert.objects.filter(kind__in=[Kind.RUNNER_STUCK.value, Kind.INVARIANT_BROKEN.value]).exists()

    # The beats die. Their two and a half minutes are over by the rows, not by waiting.
    beats[0].kill()
    beats[0].wait(10)
    time.sleep(3)  # whatever ticks were under way
    gone = database_now() - 3 * MINUTE
    Heartbeat.objects.filter(name__in=["celery", "waited.celery"]).update(at=gone)
    stuck = Alert.objects.filter(kind=Kind.RUNNER_STUCK.value)
    until(stuck.exists, within=60, what=f"somebody misses Celery\n{made.log()}")
    assert stuck.get().condition_key == "runner-stuck:celery"
    decisions(1)
    until(lambda: owed.filter(state="accepted").count() == 8, within=120, what=f"the runners\n{made.log()}")
    assert stuck.count() == 1


# --- T13: clocks ---------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.hazard("HZ-72")
@pytest.mark.parametrize(
    "wrong_by",
    [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1)],
    ids=["an hour ahead", "an hour behind", "a day ahead", "a day behind"],
)
def test_a_host_whose_clock_is_wrong_takes_no_step_early_or_late(
    real_commits: str, smtp: SmtpServer, tmp_path: Path, wrong_by: timedelta
) -> None:
    make_person("oncall1", "on-call", "physician")
    decisions(3)
    surroundings = os.environ | {
        "DATABASE_URL": real_commits,
        "EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}",
        "PRRT_VAR_DIR": str(tmp_path / "var"),
        "PRRT_ENV": "demo",
    }

    def run() -> None:
        command = [sys.executable, "-c", WRONG_CLOCK, str(wrong_by.total_seconds())]
        done = subprocess.run(
            command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    before = database_now()
    run()
    after = database_now()
    first, second, third = Alert.objects.filter(kind="delay").order_by("pk")
    for alert in (first, second, third):
        assert before <= alert.raised_at <= after
        assert alert.next_step_at is not None
        assert before + 15 * MINUTE <= alert.next_step_at <= after + 15 * MINUTE
        mail = alert.notifications.get()
        assert mail.state == "accepted"
        ended = mail.attempts.get().finished_at
        assert ended is not None
        assert before <= ended <= after
    assert len(smtp.room.letters) == 3
    # Due by the database's clock, due in five minutes, and due in twenty hours: one of them is.
    for alert, due in ((first, -1), (second, 300), (third, 20 * 3600)):
        Alert.objects.filter(pk=alert.pk).update(next_step_at=database_now() + timedelta(seconds=due))
    run()
    steps = {alert.pk: alert.step for alert in Alert.objects.filter(kind="delay")}
    assert steps == {first.pk: 2, second.pk: 1, third.pk: 1}
    # The fourth letter of a minute waits for others; that it is owed is what the step did.
    owed = {alert.pk: alert.notifications.count() for alert in Alert.objects.filter(kind="delay")}
    assert owed == {first.pk: 2, second.pk: 1, third.pk: 1}
    # That a critical alert waits for twenty hours the duty itself calls broken, and nothing else.
    broken = Alert.objects.filter(kind=Kind.INVARIANT_BROKEN.value)
    assert {alert.condition_key for alert in broken} == {"invariant-broken:critical-waits"}
