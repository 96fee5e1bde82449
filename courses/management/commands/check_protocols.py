"""Check every data file of the courses and print the tables of the protocols to be signed; no database."""

import io
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from courses import library
from courses.call_library import call_plans
from courses.data_file import LibraryError
from courses.day_library import NoDayRules, PinnedRules, all_day_rules
from courses.day_table import day_rows
from courses.paper_library import paper_numbers, paper_words
from courses.protocol_table import Row, protocol_rows, versions_words
from courses.rules.data_reader import CONFIDENCES
from courses.rules.protocol import Criteria, Protocol, Use
from courses.rules.wording import unit_words
from courses.start_library import start_questions

_WIDTH = 140
_LINE = "_" * 20
_USES = {
    Use.LABEL: "For courses, once two people have approved it",
    Use.RESEARCH: "Research: never offered by itself",
}


class Command(BaseCommand):
    """Exit status 2 when a file is not whole."""

    help = "Check the files of protocols, criteria, days, calls and papers; print the tables to be signed."
    requires_system_checks: list[str] = []  # a check may ask the database; this command must not need one

    def handle(self, *args: Any, **options: Any) -> None:
        """Load everything, then print it with sources and confidence."""
        try:
            shelf = library.shelf()
            days = all_day_rules()
            for read in (call_plans, start_questions, paper_numbers, paper_words):
                read()
        except LibraryError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        lacking = [
            each.id for each in shelf.protocols.values() if each.use is Use.LABEL and each.id not in days
        ]
        if lacking:
            for protocol_id in lacking:
                self.stderr.write(str(NoDayRules(protocol_id)))
            sys.exit(2)
        text = io.StringIO()
        console = Console(file=text, width=_WIDTH, highlight=False)
        for criteria in shelf.criteria.values():
            title = f"CTCAE {criteria.version}: {criteria.title}"
            console.print(_table(title, list(_criteria_rows(criteria))))
        for protocol in shelf.protocols.values():
            _print_protocol(console, shelf, protocol)
        for pinned in {each.rules.id: each for each in days.values()}.values():
            _print_day(console, pinned)
        console.print("Confidence: " + "; ".join(f"{word} {words}" for word, words in CONFIDENCES.items()))
        self.stdout.write(text.getvalue())


def _print_protocol(console: Console, shelf: library.Shelf, protocol: Protocol) -> None:
    """One protocol version."""
    rows = list(protocol_rows(protocol))
    console.print(_table(f"{protocol.id}: {protocol.title}", rows))
    console.print(f"In force from {protocol.in_force_from}. {_USES[protocol.use]}.{_base(shelf, protocol)}")
    console.print(f"{versions_words(protocol)}.")
    console.print(f"SHA-256 {shelf.sha256[protocol.id]} (file, base and criteria)")
    _print_signing(console, rows)


def _print_day(console: Console, pinned: PinnedRules) -> None:
    """One file of the day of therapy, with the protocols it is for."""
    rules = pinned.rules
    rows = list(day_rows(rules))
    console.print(_table(f"{rules.id}: {rules.title}", rows))
    console.print(f"For the protocols {', '.join(rules.protocols)}.")
    console.print(f"SHA-256 {pinned.sha256} (file)")
    _print_signing(console, rows)


def _print_signing(console: Console, rows: list[Row]) -> None:
    """What is still to be confirmed, and the place to sign."""
    open_rows = sum(source.to_be_confirmed for _, _, source in rows)
    console.print(f"{open_rows} of {len(rows)} rows are to be confirmed by the clinic before real use.")
    console.print(f"Checked by: {_LINE}  Date: {_LINE}  Second reader: {_LINE}\n")


def _table(title: str, rows: list[Row]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=False)
    for name, ratio in (("rule", 3), ("value", 6), ("source", 6), ("confidence", 3), ("checked", 2)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for rule, value, source in rows:
        confidence = f"{source.confidence}: to be confirmed" if source.to_be_confirmed else source.confidence
        cite = f"{source.document}, {source.section}"
        table.add_row(rule, value, cite, confidence, source.checked.isoformat())
    return table


def _base(shelf: library.Shelf, protocol: Protocol) -> str:
    """What a variant takes everything else from."""
    base = shelf.base.get(protocol.id)
    return "" if base is None else f" A variant of {base}: what its own file does not say is said there."


def _criteria_rows(criteria: Criteria) -> Iterator[Row]:
    for criterion in criteria.by_term.values():
        words = [f"{grade}: {text}" for grade, text in sorted(criterion.published.items())]
        also = f"; also {', '.join(criterion.also_reported_as)}" if criterion.also_reported_as else ""
        value = f"{'; '.join(words)} ({criterion.quantity}, {unit_words(criterion.unit)}{also})"
        yield criterion.term, value, criterion.source
