"""Try the whole line now, from the laboratory's socket to a mailbox and back, and report stage by stage."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from alerts.library import policy
from alerts.models import CanaryRun
from alerts.models.canary import CanaryOutcome
from alerts.services.canary import advance_canary, begin_canary, reached
from alerts.watch_rules import Stage
from labs.clock import database_now

_LOOK_EVERY_SECONDS = 0.5


class Command(BaseCommand):
    """One trial, a line for each stage, and a status that says whether it reached its end."""

    help = "Send one synthetic result through the whole line and report every stage; exit 1 if it broke."

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin a trial, or join the one under way, and follow it to its end."""
        run = begin_canary(now=database_now())
        (host, port), minutes = settings.CANARY_MLLP, policy().watch.canary_limit_minutes
        self.stdout.write(f"Trial {run.pk}, to the listener at {host}:{port}; it has {minutes} min.")
        told: set[Stage] = set()
        while run.outcome == CanaryOutcome.RUNNING:
            advance_canary(run_id=run.pk, now=database_now())
            run.refresh_from_db()
            self._tell(run, told)
            if run.outcome == CanaryOutcome.RUNNING:
                time.sleep(_LOOK_EVERY_SECONDS)
        if run.outcome == CanaryOutcome.BROKEN:
            raise CommandError(f"Broken before {run.broken_stage!r}: {run.reason}", returncode=1)
        if run.mailbox:
            self.stdout.write(
                "Passed: the mail server took the mail to CANARY_MAILBOX, and its alert was acknowledged."
            )
        else:
            self.stdout.write(
                "Passed without a mail: no CANARY_MAILBOX is set. The alert was acknowledged on its page."
            )

    def _tell(self, run: CanaryRun, told: set[Stage]) -> None:
        """A line for each stage that was reached since the last look."""
        for stage, at in reached(run):
            if at is not None and stage not in told:
                told.add(stage)
                self.stdout.write(f"  {stage.value:<13}{(at - run.started_at).total_seconds():8.1f} s")
