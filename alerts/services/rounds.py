"""The second runner's round: every stage in order, straight from the database, no broker needed."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from alerts.services.bounce_folder import take_from_folder
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.heartbeat import CELERY, RUNNER, beat, is_fresh
from alerts.services.outside import tell_outside
from alerts.services.rearming import rearm_due
from alerts.services.triage import triage_decisions, triage_quarantine
from alerts.services.watch_duty import watch_duty
from alerts.services.watching import watch
from courses.services.assess import AssessmentFailed, sweep_courses
from courses.services.webhooks import send_webhooks
from labs.clock import database_now
from labs.drop_folder import FolderWatch
from labs.services.answered import forget_old_answers
from labs.services.read import read_waiting_messages
from labs.services.seals import seal_ripe_rows

log = logging.getLogger(__name__)

# Work this young is left to Celery while Celery shows a sign of life.
LEFT_TO_CELERY = timedelta(seconds=20)

BATCH = 500

# Beside a living Celery every course is assessed this often all the same: once a minute, counting the time
# between two rounds. What only a look at every course finds must not wait for Celery to fail first.
FULL_SWEEP_SECONDS = 50
# Without Celery every round does it, unless that takes long: then the other stages get their turn in between.
LONG_SWEEP_SECONDS = 5
PAUSE_SECONDS = 20


@dataclass(slots=True, kw_only=True)
class Sweeps:
    """When every course was last assessed and how long that took; a runner keeps it from round to round."""

    began: float | None = None
    took: float = 0

    def sweep(self, older_than: timedelta | None) -> int:
        """Assess every course when that is due, otherwise those whose new evidence is ours to take."""
        if not self._full_is_due(celery_works=older_than is not None):
            return sweep_courses(older_than=older_than or timedelta(0))
        began = time.monotonic()
        try:
            count = sweep_courses(older_than=None)
        except AssessmentFailed:
            self._note(began)  # the others were assessed
            raise
        self._note(began)
        return count

    def _full_is_due(self, *, celery_works: bool) -> bool:
        if self.began is None:
            return True
        since = time.monotonic() - self.began
        if celery_works:
            return since >= FULL_SWEEP_SECONDS
        return self.took <= LONG_SWEEP_SECONDS or since >= PAUSE_SECONDS

    def _note(self, began: float) -> None:
        self.began, self.took = began, time.monotonic() - began


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a stage is given: how old work must be to be ours, and the sweeps made so far."""

    older_than: timedelta | None
    sweeps: Sweeps
    watch: FolderWatch | None = None
    all_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: what it counts, its service, and whether it stops at a full batch with more to do."""

    name: str
    work: Callable[[Turn], int]
    in_batches: bool = True


STAGES = (
    Stage(
        name="files taken in",
        work=lambda turn: turn.watch.take_ready() if turn.watch else 0,
        in_batches=False,
    ),
    Stage(
        name="messages read",
        work=lambda turn: read_waiting_messages(limit=BATCH, older_than=turn.older_than),
    ),
    Stage(
        name="courses assessed",
        work=lambda turn: turn.sweeps.sweep(turn.older_than),
        in_batches=False,
    ),
    Stage(
        name="decisions triaged",
        work=lambda turn: triage_decisions(limit=BATCH, older_than=turn.older_than),
    ),
    Stage(
        name="kept messages triaged",
        work=lambda turn: triage_quarantine(limit=BATCH, older_than=turn.older_than),
    ),
    Stage(
        name="silences and trials changed",
        work=lambda turn: watch(all_due=turn.all_due),
        in_batches=False,
    ),
    # Before the steps: who was not reached makes the next step due.
    Stage(name="returned mails taken in", work=lambda turn: take_from_folder(limit=BATCH)),
    Stage(
        name="alerts opened again",
        work=lambda turn: rearm_due(now=database_now(), older_than=turn.older_than),
        in_batches=False,
    ),
    Stage(
        name="alerts escalated",
        work=lambda turn: run_due_steps(older_than=turn.older_than),
        in_batches=False,
    ),
    Stage(
        name="mails sent",
        work=lambda turn: dispatch_due(limit=BATCH, older_than=turn.older_than),
    ),
    # After the work: what this very round has mended is no fault of the duty any more.
    Stage(name="alerts about the duty changed", work=lambda turn: watch_duty(), in_batches=False),
    Stage(name="signs of life sent", work=lambda turn: tell_outside(), in_batches=False),
    # After the mails, which wake people: another system may be slow to answer.
    Stage(
        name="webhooks answered",
        work=lambda turn: send_webhooks(limit=BATCH, older_than=turn.older_than),
    ),
    # Last: they keep the house, and nobody waits for them.
    Stage(name="links of the record sealed", work=lambda turn: seal_ripe_rows(), in_batches=False),
    Stage(
        name="stored answers deleted",
        work=lambda turn: forget_old_answers(limit=BATCH, older_than=turn.older_than),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did at each stage, and which stages failed."""

    done: tuple[tuple[str, int], ...]
    failed: tuple[str, ...]


def make_round(
    *, all_due: bool = False, sweeps: Sweeps | None = None, watch: FolderWatch | None = None
) -> Round:
    """Do every stage once; one that fails is logged, and the others go on.

    Young work is left to Celery while its heartbeat is fresh; with `all_due` nothing is left. `sweeps` says
    when every course was last assessed; without it this round assesses every course. `watch` is the drop
    folder as the runner saw it before; without it no file is taken in.
    """
    older_than = None if all_due else _left_to_celery()
    turn = Turn(older_than=older_than, sweeps=sweeps or Sweeps(), watch=watch, all_due=all_due)
    done: list[tuple[str, int]] = []
    failed: list[str] = []
    beat(name=RUNNER)
    for stage in STAGES:
        try:
            done.append((stage.name, _work(stage, turn, all_due=all_due)))
            # After each stage: a whole round may take longer than a sign of life lasts.
            beat(name=RUNNER)
        except Exception:
            # The duty of the later stages does not wait until an earlier one is mended.
            log.exception("The stage %r failed in this round; the next round tries again.", stage.name)
            failed.append(stage.name)
    return Round(done=tuple(done), failed=tuple(failed))


def _work(stage: Stage, turn: Turn, *, all_due: bool) -> int:
    """One batch of a stage; all batches when everything due is asked for."""
    total = 0
    while True:
        count = stage.work(turn)
        total += count
        if not all_due or not stage.in_batches or count < BATCH:
            return total


def _left_to_celery() -> timedelta | None:
    """How old work must be to be ours: young work is Celery's while Celery is alive."""
    return LEFT_TO_CELERY if is_fresh(name=CELERY, now=database_now()) else None
