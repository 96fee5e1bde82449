"""Search the database for everything that must never be, and print one line for each violation."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from labs.clock import database_now
from labs.invariants import Invariant
from labs.models import Seal
from labs.services.seals import sealed_head
from prrt_clinic.append_only import APPEND_ONLY
from prrt_clinic.invariants import INVARIANTS

# Said every time, so that nobody takes this for more than it is.
NOT_PROVEN = (
    "Not proven here: rows of the last minutes are not sealed yet and rest on the triggers of I-20. Who may "
    "change the whole database may also make the chain anew: note its head elsewhere, and ask for it with "
    "--head. Which role somebody had when signing is not stored."
)


class Command(BaseCommand):
    """Exit status 1 when anything is found."""

    help = (
        "Run every invariant query. One line for each violation, by ids and without patients; exit status 1 "
        "when there is any. Reads only."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to leave out what reads every row ever stored."""
        parser.add_argument(
            "--head", default="", metavar="SHA256", help="a head of the chain noted earlier: it must be in it"
        )
        parser.add_argument(
            "--quick", action="store_true", help="leave out what reads every row ever stored; it says which"
        )

    def handle(self, *args: Any, quick: bool, head: str, **options: Any) -> None:
        """Run them in the order of their ids."""
        chosen = [each for each in INVARIANTS if not (quick and each.reads_every_row)]
        found = 0
        with self._progress() as progress:
            for invariant in chosen:
                found += self._look(invariant, progress)
        if head and not Seal.objects.filter(sha256=head).exists():
            found += 1
            self.stdout.write(f"I-21 VIOLATED seals: the chain does not hold the head {head}")
        for left_out in INVARIANTS:
            if left_out not in chosen:
                self.stdout.write(f"{left_out.id} left out (--quick): {left_out.sentence}")
        tables = ", ".join(APPEND_ONLY)
        self.stdout.write(f"Append-only by trigger: {tables}.")
        newest = sealed_head()
        if newest is not None:
            self.stdout.write(f"Head of the chain: {newest.sha256} (link {newest.position}).")
        self.stdout.write(NOT_PROVEN)
        self.stdout.write(
            f"{len(chosen)} rules looked at, {found} violation{'' if found == 1 else 's'} found."
        )
        if found:
            sys.exit(1)

    def _look(self, invariant: Invariant, progress: Progress) -> int:
        """The violations of one rule, or that nothing was found and among how many."""
        count = invariant.count()
        task = progress.add_task(f"{invariant.id} {invariant.of}", total=count or None)
        found = 0
        for violation in invariant.find(database_now(), lambda: progress.advance(task)):
            found += 1
            self.stdout.write(f"{invariant.id} VIOLATED {violation.about}: {violation.words}")
        progress.remove_task(task)
        if not found:
            self.stdout.write(f"{invariant.id} nothing found ({count} {invariant.of}): {invariant.sentence}")
        return found

    def _progress(self) -> Progress:
        """A bar on a terminal; nothing in a log."""
        return Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
