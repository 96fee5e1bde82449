"""Recompute stored decisions from their stored evidence, or stored courses under another protocol version."""

import io
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import track
from rich.table import Table

from courses.library import UnknownProtocol, protocol
from courses.models import Course, Decision
from courses.replay import differences, has_present_bytes, wording_notes
from courses.services.protocols import Advice, WouldChange, would_change
from labs.clock import database_now

CHUNK = 200
_WIDTH = 110


class Command(BaseCommand):
    """Without an option: one line for each difference, exit status 1 when there is any."""

    help = (
        "Recompute every stored decision from its stored evidence and report differences. A decision of this "
        "engine and of the present bytes of its protocol must give every stored key again; one of another "
        "engine must give its verdict (action, activity, cycle, acting rules, missing evidence), its other "
        "keys are only noted. A decision made under another version of the file is listed apart, its verdict "
        "compared with the present one, and is no failure. Exit status 1 when one that must agree does not. "
        "With --protocol, list every open course whose recommendation would change under that version."
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
        total, differing, without, apart, noted = Decision.objects.count(), 0, 0, 0, 0
        decisions = Decision.objects.order_by("pk").iterator(chunk_size=CHUNK)
        bar = Console(file=sys.stderr)
        for decision in track(decisions, total=total, description="decisions", console=bar, transient=True):
            if not decision.situation:
                without += 1
                continue
            found = list(differences(decision))
            if not has_present_bytes(decision):
                apart += 1
                found = [f"made under another version of the file: {line}" for line in found]
            else:
                differing += bool(found)
                notes = list(wording_notes(decision))
                noted += bool(notes)
                found += notes
            for line in found:
                self.stdout.write(f"decision {decision.public_id}: {line}")
        self.stdout.write(
            f"{total - without} decisions replayed, {differing} differ"
            + (f"; {without} rest on no evidence (faults)" if without else "")
            + (f"; {noted} of another engine are worded differently, which is no failure" if noted else "")
            + (
                f"; {apart} made under another version of the file, verdict compared with the present one"
                if apart
                else ""
            )
        )
        if differing:
            sys.exit(1)

    def _try_protocol(self, protocol_id: str) -> None:
        """A table of the open courses that would be told something else; a change is no fault."""
        courses = Course.objects.open().real().select_related("patient", "current_decision").order_by("pk")
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
