"""The second runner's round: every stage in order, straight from the database, no broker needed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.heartbeat import CELERY, RUNNER, beat, is_fresh
from alerts.services.triage import triage_decisions, triage_quarantine
from courses.services.assess import sweep_courses
from labs.clock import database_now
from labs.services.read import read_waiting_messages

log = logging.getLogger(__name__)

# Work this young is left to Celery while Celery shows a sign of life.
LEFT_TO_CELERY = timedelta(seconds=20)

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: what it counts, its service, and whether it stops at a full batch with more to do."""

    name: str
    work: Callable[[timedelta | None], int]
    in_batches: bool = True


STAGES = (
    Stage(
        name="messages read",
        work=lambda older_than: read_waiting_messages(limit=BATCH, older_than=older_than),
    ),
    Stage(
        name="courses assessed",
        work=lambda older_than: sweep_courses(older_than=older_than),
        in_batches=False,
    ),
    Stage(
        name="decisions triaged",
        work=lambda older_than: triage_decisions(limit=BATCH, older_than=older_than),
    ),
    Stage(
        name="kept messages triaged",
        work=lambda older_than: triage_quarantine(limit=BATCH, older_than=older_than),
    ),
    Stage(
        name="alerts escalated",
        work=lambda older_than: run_due_steps(older_than=older_than),
        in_batches=False,
    ),
    Stage(
        name="mails sent",
        work=lambda older_than: dispatch_due(limit=BATCH, older_than=older_than),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did at each stage, and which stages failed."""

    done: tuple[tuple[str, int], ...]
    failed: tuple[str, ...]


def make_round(*, all_due: bool = False) -> Round:
    """Do every stage once; one that fails is logged, and the others go on.

    Young work is left to Celery while its heartbeat is fresh; with `all_due` nothing is left.
    """
    older_than = None if all_due else _left_to_celery()
    done: list[tuple[str, int]] = []
    failed: list[str] = []
    for stage in STAGES:
        try:
            done.append((stage.name, _work(stage, older_than=older_than, all_due=all_due)))
        except Exception:
            # The duty of the later stages does not wait until an earlier one is mended.
            log.exception("The stage %r failed in this round; the next round tries again.", stage.name)
            failed.append(stage.name)
    beat(name=RUNNER)
    return Round(done=tuple(done), failed=tuple(failed))


def _work(stage: Stage, *, older_than: timedelta | None, all_due: bool) -> int:
    """One batch of a stage; all batches when everything due is asked for."""
    total = 0
    while True:
        count = stage.work(older_than)
        total += count
        if not all_due or not stage.in_batches or count < BATCH:
            return total


def _left_to_celery() -> timedelta | None:
    """How old work must be to be ours: young work is Celery's while Celery is alive."""
    return LEFT_TO_CELERY if is_fresh(name=CELERY, now=database_now()) else None
