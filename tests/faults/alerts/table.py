"""The table of the fault harness: what was owed, lost and doubled in each situation, and how fast."""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

FILE = "PRRT_FAULT_TABLE"

SITUATIONS: Mapping[str, str] = {
    "T1": "normal load through the laboratory's door",
    "T2": "every result that should alert has its alert",
    "T3": "nobody acknowledges: the next step's mail",
    "T4": "acknowledged: sending stops",
    "T5": "mail server refuses for long, then is back",
    "T6": "mail server takes the text and never answers",
    "T7": "greylisting; one address refused for good",
    "T8": "Redis flushed over and over; Redis stopped",
    "T9": "kill -9 at six points of sending",
    "T10": "SIGTERM while many are being sent",
    "T11": "PostgreSQL restarted, killed, and down",
    "T12": "beat dead, beat often, runner dead, workers frozen",
    "T13": "the application's clock is wrong",
    "T14": "a storm of alerts",
    "T15": "one result delivered often, at once, out of order",
    "T16": "scanners follow every link of every mail",
    "T17": "patient data in nothing that leaves",
    "T18": "rota against a minute-by-minute oracle",
    "T19": "a step with nobody",
    "T20": "acknowledged, then silence",
    "T21": "worse after the acknowledgement; corrected before it",
    "T22": "the laboratory feed falls silent",
    "T23": "rebuilt from events: who was told what, when",
    "T24": "each watched condition broken on purpose",
    "T25": "soak: one fault after another",
}


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies, by nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(kw_only=True)
class Row:
    """One situation as it was played, and the pass lines it missed."""

    id: str
    scaled: str
    part: str = ""
    owed: int | None = None
    lost: int | None = None
    doubled: int | None = None
    seconds: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def line(self, holds: bool, words: str) -> None:
        """A pass line: noted when it is missed, so that every line is looked at."""
        if not holds:
            self.missed.append(words)

    def within(self, *, p50: float = 0, p95: float = 0, p99: float = 0, worst: float = 0) -> None:
        """Pass lines for the time taken; those that are 0 are not asked for."""
        for name, share, most in (
            ("p50", 0.5, p50),
            ("p95", 0.95, p95),
            ("p99", 0.99, p99),
            ("worst", 1, worst),
        ):
            if most:
                found = percentile(self.seconds, share) if self.seconds else math.inf
                self.line(found <= most, f"{name} {found:.1f} s, at most {most:g} s")

    @property
    def passed(self) -> bool:
        """Whether every line held."""
        return not self.missed


@contextmanager
def situation(number: str, *, scaled: str, part: str = "") -> Iterator[Row]:
    """Play one situation; its row is written down however it ends, and a missed line fails the test."""
    row = Row(id=number, scaled=scaled, part=part)
    try:
        yield row
    except BaseException as error:
        row.missed.append(f"{type(error).__name__}: {str(error)[:200]}")
        raise
    finally:
        _write(row)
    assert row.passed, f"{number} missed: {'; '.join(row.missed)}"


def _write(row: Row) -> None:
    print(
        f"\n{row.id} {row.part}: owed {row.owed}, lost {row.lost}, doubled {row.doubled}, {_times(row)}",
        end="",
    )
    print(f" {row.notes} {'pass' if row.passed else row.missed}")
    if place := os.environ.get(FILE):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def _times(row: Row) -> tuple[str, ...]:
    if not row.seconds:
        return ("-",) * 4
    return tuple(f"{percentile(row.seconds, share):.1f}" for share in (0.5, 0.95, 0.99, 1))


def read(place: Path) -> list[Row]:
    """The rows that a run wrote down."""
    lines = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
    return [Row(**json.loads(line)) for line in lines]


def show(rows: Sequence[Row], *, wanted: Sequence[str]) -> bool:
    """Print the table; false when a row missed a line, or when a wanted one was not played at all."""
    table = Table(title="Alerts under faults (times in seconds)", title_justify="left", show_lines=True)
    for column in ("", "situation, and how it is scaled"):
        table.add_column(column)
    for column in ("owed", "lost", "doubled", "p50", "p95", "p99", "worst"):
        table.add_column(column, justify="right")
    table.add_column("")
    played = {row.id for row in rows}
    absent = [Row(id=each, scaled="", missed=["was not played"]) for each in wanted if each not in played]
    for row in sorted([*rows, *absent], key=lambda row: int(row.id[1:])):
        what = f"{SITUATIONS[row.id]}{f': {row.part}' if row.part else ''}\n{row.scaled}"
        facts = ("-" if fact is None else str(fact) for fact in (row.owed, row.lost, row.doubled))
        said = "pass" if row.passed else "FAIL: " + "; ".join(row.missed)
        table.add_row(row.id, "\n".join([what, *row.notes]), *facts, *_times(row), said)
    Console(width=170).print(table)
    return all(row.passed for row in rows) and not absent
