"""Recompute stored decisions from their stored evidence, or stored courses under another protocol version."""

import io
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import track
from rich.table import Table

from courses.library import UnknownProtocol, protocol
from courses.models import Course, Decision
from courses.services.protocols import Advice, WouldChange, would_change
from courses.situation import BadSituation, assess
from labs.clock import database_now

CHUNK = 200
_WIDTH = 110
# The name of the engine changes with every release; what it says must not.
NOT_COMPARED = ("engine",)


class Command(BaseCommand):
    """Without an option: one line for each difference, exit status 1 when there is any."""

    help = (
        "Recompute every stored decision from its stored evidence and report differences; with --protocol, "
        "list every open course whose recommendation would change under that version."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which protocol version to try, if any."""
        parser.add_argument(
            "--protocol",
            metavar="ID",
            help="list the open courses that this protocol version would tell something else",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay decisions, or try a protocol version; 2 when no protocol has this id."""
        if options["protocol"] is None:
            self._replay_decisions()
            return
        try:
            protocol(options["protocol"])
        except UnknownProtocol as unknown:
            self.stderr.write(str(unknown))
            sys.exit(2)
        self._try_protocol(options["protocol"])

    def _replay_decisions(self) -> None:
        """Replay oldest first; a decision made for a fault rests on no evidence and is only counted."""
        total, differing, without = Decision.objects.count(), 0, 0
        decisions = Decision.objects.order_by("pk").iterator(chunk_size=CHUNK)
        bar = Console(file=sys.stderr)
        for decision in track(decisions, total=total, description="decisions", console=bar, transient=True):
            if not decision.situation:
                without += 1
                continue
            found = list(differences(decision))
            differing += bool(found)
            for line in found:
                self.stdout.write(f"decision {decision.public_id}: {line}")
        self.stdout.write(
            f"{total - without} decisions replayed, {differing} differ"
            + (f"; {without} rest on no evidence (faults)" if without else "")
        )
        if differing:
            sys.exit(1)

    def _try_protocol(self, protocol_id: str) -> None:
        """A table of the open courses that would be told something else; a change is no fault."""
        courses = Course.objects.open().select_related("patient", "current_decision").order_by("pk")
        total, now, bar = courses.count(), database_now(), Console(file=sys.stderr)
        rows = track(
            courses.iterator(chunk_size=CHUNK),
            total=total,
            description="courses",
            console=bar,
            transient=True,
        )
        changes = [
            change
            for course in rows
            if (change := would_change(course, protocol_id=protocol_id, now=now)) is not None
        ]
        if changes:
            text = io.StringIO()
            Console(file=text, width=_WIDTH, highlight=False).print(_table(changes))
            self.stdout.write(text.getvalue())
        self.stdout.write(
            f"{len(changes)} of {total} open courses would be told something else under {protocol_id}"
        )


def _table(changes: list[WouldChange]) -> Table:
    """One row for each course, by its public id: no name of a patient stands in a terminal's history."""
    table = Table(show_lines=False)
    for name in ("course", "follows", "now", "then"):
        table.add_column(name, overflow="fold")
    for change in changes:
        table.add_row(
            str(change.course.public_id), change.course.protocol_id, _words(change.now), _words(change.then)
        )
    return table


def _words(advice: Advice) -> str:
    """An action with its activity."""
    if advice.activity_gbq is None:
        return advice.action
    return f"{advice.action}, {advice.activity_gbq.normalize():f} GBq"


def differences(decision: Decision) -> Iterator[str]:
    """What a fresh assessment of the stored situation says otherwise, one line for each part."""
    try:
        fresh = assess(decision.situation)
    except BadSituation as bad:
        yield f"its stored evidence can no longer be read: {'; '.join(bad.faults)}"
        return
    stored = decision.answer
    for key in sorted(set(fresh) | set(stored)):
        if key not in NOT_COMPARED and fresh.get(key) != stored.get(key):
            yield f"{key}: stored {stored.get(key)!r}, now {fresh.get(key)!r}"
