"""The words of a cohort report: what was chosen, what was read of it, and the tables made from that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

# Of a term of which results came and none may be used: no grade at all.
UNUSABLE = -1
FULL, REDUCED, UNKNOWN = "full activity", "reduced", "not known"
# Activities are whole numbers of 100 kBq, the last digit that is stored: sums stay exact.
PER_GBQ = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which courses are reported: by the clinic day of their start, their protocol, where they stand."""

    first: date | None = None
    last: date | None = None
    protocol_id: str = ""
    status: str = ""

    def sentences(self) -> tuple[tuple[str, str], ...]:
        """Each filter by its name, in words."""
        return (
            ("courses started from", self.first.isoformat() if self.first else "the beginning"),
            ("courses started to", self.last.isoformat() if self.last else "today"),
            ("protocol version", self.protocol_id or "every version"),
            ("course status", self.status or "every status"),
        )

    @property
    def query(self) -> dict[str, str]:
        """The same as an address carries it; what was not chosen is left out."""
        days = {"first": self.first, "last": self.last}
        found = {name: day.isoformat() for name, day in days.items() if day is not None}
        chosen = {"protocol": self.protocol_id, "status": self.status}
        return found | {name: word for name, word in chosen.items() if word}


class CourseRow(NamedTuple):
    """One course; `ctcae` is empty where its protocol version is not installed or its record unreadable."""

    course: int
    person: int
    protocol: str
    ctcae: str
    status: str
    ending: str
    given: int
    activity_100kbq: int


class CycleRow(NamedTuple):
    """One cycle, given or not; `interval_days` counts from the cycle before, `late_days` from its window."""

    course: int
    person: int
    ctcae: str
    cycle: int
    planned_on: date
    given_on: date | None
    elsewhere: bool
    activity_100kbq: int | None
    level: str
    interval_days: int | None
    late_days: int | None


class GradeRow(NamedTuple):
    """The worst grade of a term between one given cycle and the next: surely `low`, perhaps up to `high`."""

    course: int
    person: int
    ctcae: str
    cycle: int
    term: str
    low: int
    high: int


class DelayRow(NamedTuple):
    """One recorded delay of a cycle; without an end its length is not known."""

    course: int
    person: int
    cycle: int
    cause: str
    days: int | None


class DecisionRow(NamedTuple):
    """One signed decision, and the clinic days from the last result it could rest on to its signature."""

    course: int
    cycle: int
    meaning: str
    days: int | None


class StopRow(NamedTuple):
    """One rule that a signed stop rests on."""

    course: int
    rule: str


@dataclass(slots=True, kw_only=True)
class CohortRows:
    """Everything that was read of the chosen courses; `terms` are those each version of CTCAE grades."""

    courses: list[CourseRow] = field(default_factory=list)
    cycles: list[CycleRow] = field(default_factory=list)
    grades: list[GradeRow] = field(default_factory=list)
    delays: list[DelayRow] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    stops: list[StopRow] = field(default_factory=list)
    terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    results: int = 0
    # Courses with a recorded fact that can no longer be read; nothing of theirs is graded.
    unreadable: int = 0


Cell = str | int | Decimal | date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the report, the same on the page and in every file; a cell of None has no value."""

    key: str
    title: str
    about: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    # How many columns, from the left, name what a row is about.
    names: int = 1

    def column(self, name: str) -> int:
        """Where a column stands."""
        return self.header.index(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What a report rests on: for the cover of every file, and at the foot of the page."""

    made_at: datetime
    zone: str
    clinic: str
    software: str
    engine: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The tables with their cover, and how long it took to count them."""

    selection: Selection
    cover: Cover
    tables: tuple[Table, ...]
    results: int
    seconds: int
    notes: tuple[str, ...]

    def table(self, key: str) -> Table | None:
        """One table by its key."""
        return next((table for table in self.tables if table.key == key), None)
