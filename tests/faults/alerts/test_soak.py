"""T25: one fault after another while alerts are raised; the suite plays each once, `make faults` many."""

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connections

from alerts.models import Alert, Notification
from tests.faults.alerts.clinic import Laboratory, make_team, make_treated, raise_one, result
from tests.faults.alerts.owed import alerts_of, copies_of_one, judge, unsent
from tests.faults.alerts.plant import Plant, Process, until
from tests.faults.alerts.sink import OK
from tests.faults.alerts.table import situation
from tests.private_postgres import PrivatePostgres

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.private_postgres]

ROUNDS, HOLD_SECONDS, PAUSE_SECONDS = (2, 3, 1) if LONG else (1, 2, 1)
LEASE_SECONDS = 8  # of 60
# Many letters for each fault: of few, one copy alone would be more than the share.
PEOPLE = 30 if LONG else 2
MOST_DOUBLED = 0.005
# As after the database was away (T11): a lease, the wait of a line on which nobody answered, and a pass.
SETTLED_SECONDS = 60


@dataclass
class Stage:
    """What the faults act on."""

    plant: Plant
    database: PrivatePostgres
    worker: Process
    beat: Process
    runner: Process

    def hold(self) -> None:
        """Let the fault last."""
        time.sleep(HOLD_SECONDS)


def refuse(stage: Stage) -> None:
    stage.plant.sink.close()
    stage.hold()
    stage.plant.sink.open()


def stall(stage: Stage) -> None:
    stage.plant.sink.moods.stalls = True
    stage.hold()
    stage.plant.sink.calm()


def greylist(stage: Stage) -> None:
    stage.plant.sink.moods.answer_to_recipient = "451 Try again later"
    stage.hold()
    stage.plant.sink.moods.answer_to_recipient = OK


def vanish(stage: Stage) -> None:
    stage.plant.sink.moods.vanishes = 1
    stage.hold()
    stage.plant.sink.calm()


def flush(stage: Stage) -> None:
    assert stage.plant.broker.says("FLUSHALL") == b"+OK"


def stop_broker(stage: Stage) -> None:
    stage.plant.broker.stop()
    stage.hold()
    stage.plant.broker.start()


def kill_worker(stage: Stage) -> None:
    stage.worker.kill()
    stage.worker = stage.plant.worker()


def end_worker(stage: Stage) -> None:
    stage.worker.end(within=60)
    stage.worker = stage.plant.worker()


def freeze_worker(stage: Stage) -> None:
    stage.worker.freeze()
    stage.hold()
    stage.worker.thaw()


def kill_runner(stage: Stage) -> None:
    stage.runner.kill()
    stage.runner = stage.plant.runner(every=5)


def kill_beat(stage: Stage) -> None:
    stage.beat.kill()
    stage.beat = stage.plant.beat()


def kill_database(stage: Stage) -> None:
    stage.database.stop("immediate")
    stage.hold()
    stage.database.start()
    stage.database.wait_until_it_answers()


FAULTS: tuple[Callable[[Stage], None], ...] = (
    refuse,
    stall,
    greylist,
    vanish,
    flush,
    stop_broker,
    kill_worker,
    end_worker,
    freeze_worker,
    kill_runner,
    kill_beat,
    kill_database,
)


# What may take a sender from a mail whose text is with the server: each of these may double the one in hand.
MAY_DOUBLE = (vanish, kill_worker, freeze_worker, kill_runner, kill_database)


@pytest.fixture
def stage(private_postgres: PrivatePostgres, tmp_path: Path) -> Iterator[Stage]:
    """A whole installation on servers that may be stopped, at work."""
    plant = Plant(database_url=private_postgres.url, folder=tmp_path)
    plant.scale["LEASE"] = LEASE_SECONDS
    try:
        plant.open()
        plant.listener()
        plant.other_worker()
        yield Stage(plant, private_postgres, plant.worker(), plant.beat(), plant.runner(every=5))
    finally:
        plant.close()


@pytest.mark.hazard("HZ-66")
@pytest.mark.hazard("HZ-73")
def test_t25_one_fault_after_another_loses_nothing_and_every_copy_has_its_reason(stage: Stage) -> None:
    plant, order = stage.plant, list(FAULTS) * ROUNDS
    if LONG:
        random.Random(25).shuffle(order)
    make_team(on_call=PEOPLE)
    courses = make_treated(len(order))
    plant.until_working("celery", "runner")
    scaled = (
        f"{len(order)} faults of {HOLD_SECONDS} s, lease {LEASE_SECONDS} s (full: a day, one every 3 min)"
    )
    with situation("T25", scaled=scaled) as row:
        raised: list[Alert] = []
        laboratory = Laboratory(port=plant.mllp_port)
        for fault, course in zip(order, courses, strict=True):
            raised.append(raise_one())
            sending = laboratory.in_background([result(course.patient, toxic=True)])
            connections["default"].close()
            fault(stage)
            sending.join()
            time.sleep(PAUSE_SECONDS)
        over = time.monotonic()
        until(
            lambda: len({alert.course_id for alert in alerts_of(courses)}) == len(courses) and unsent() == 0,
            within=180,
            what=f"all is told; {unsent()} wait\n{plant.log()}",
            every=0.5,
        )
        settled = time.monotonic() - over
        row.notes.append(f"all was sent {settled:.0f} s after the last fault")
        row.line(
            settled <= SETTLED_SECONDS, f"{settled:.0f} s after the last fault, at most {SETTLED_SECONDS}"
        )
        judge(
            row, plant.sink, [*Alert.objects.filter(pk__in=[each.pk for each in raised]), *alerts_of(courses)]
        )
        unexplained = 0
        for message_id, copies in copies_of_one(plant.sink).items():
            mail = Notification.objects.get(message_id=message_id)
            unexplained += max(0, copies - 1 - mail.attempts.filter(outcome="unknown").count())
        row.notes.append(f"{laboratory.not_accepted} results were sent again")
        # Faults come so close here that many letters are told in one: at the full pace each would be a mail.
        told = Notification.objects.filter(state__in=["accepted", "bundled"]).count()
        row.notes.append(f"{told} letters were told in {len(plant.sink.accepted())} mails")
        most = len(MAY_DOUBLE) * ROUNDS
        row.line((row.doubled or 0) <= most, f"{row.doubled} doubled by {most} faults that may")
        if LONG:
            share = (row.doubled or 0) / max(1, told)
            row.line(share <= MOST_DOUBLED, f"{share:.1%} of {told} doubled, at most {MOST_DOUBLED:.1%}")
        row.line(unexplained == 0, f"{unexplained} copies of which no attempt says that its end is unknown")
