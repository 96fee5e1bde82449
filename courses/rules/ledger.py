"""Add up what a person was ever administered, and what organs absorbed: entries in, totals out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

_SHOWN = Decimal("0.01")


class EntryKind(StrEnum):
    """How a line came into the ledger."""

    ADMINISTRATION = "administration"
    INFUSION = "infusion"
    ELSEWHERE = "elsewhere"
    PRIOR = "prior"


# What another hospital gave can have been written down under each of a person's numbers.
_REPORTED = (EntryKind.ELSEWHERE, EntryKind.PRIOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One treatment, or one part of one, with where it is known from.

    `ref` names the row it was read from. `activity_gbq` is None where something was given and nobody knows
    how much; `on` is None where the day is not known, and `when` then says what is.
    """

    ref: str
    kind: EntryKind
    activity_gbq: Decimal | None
    on: date | None
    when: str = ""
    product: str = ""
    course: str = ""
    cycle: int | None = None
    number: str = ""
    hospital: str = ""
    deviation: str = ""
    note: str = ""
    provenance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the entries come to. `unknown` says how many have no activity: the total is then a least one."""

    total_gbq: Decimal
    by_course: Mapping[str, Decimal]
    elsewhere_gbq: Decimal
    deviations_gbq: Decimal
    unknown: int
    # The refs of entries that tell again what another one tells; they stand in no total.
    doubles: frozenset[str]

    @property
    def is_least(self) -> bool:
        """Whether more may have been given than the total says."""
        return self.unknown > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorbed:
    """The absorbed dose of one organ from one treatment."""

    ref: str
    organ: str
    gy: Decimal
    uncertainty_gy: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganTotal:
    """What one organ absorbed in all that was entered.

    `uncertainty_gy` is the root of the sum of the squares of the single uncertainties, which takes them for
    independent; None where any of them is not known.
    """

    organ: str
    total_gy: Decimal
    uncertainty_gy: Decimal | None
    entered: int
    limit_gy: Decimal | None = None

    @property
    def is_over(self) -> bool:
        """Whether the total lies above its limit; at the limit it does not."""
        return self.limit_gy is not None and self.total_gy > self.limit_gy

    @property
    def may_be_over(self) -> bool:
        """Whether the total with its uncertainty reaches beyond the limit; so does one of unknown size."""
        if self.limit_gy is None:
            return False
        if self.uncertainty_gy is None:
            return self.total_gy > 0
        return self.total_gy + self.uncertainty_gy > self.limit_gy


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The lines of one person, oldest first, and what they come to."""

    entries: tuple[Entry, ...]
    totals: Totals
    organs: tuple[OrganTotal, ...] = field(default=())


def add_up(entries: Iterable[Entry]) -> Totals:
    """The totals of a person's entries; their order changes nothing, and a row counts once.

    What deviated was given all the same: it is in every total. Two reports of treatment elsewhere that agree
    in day, activity and hospital are one treatment. Raises ValueError for two contents under one ref.
    """
    rows = _once(entries)
    doubles = _doubles(rows)
    counted = [row for row in rows if row.ref not in doubles]
    by_course: dict[str, Decimal] = {}
    for row in counted:
        if row.course:
            by_course[row.course] = by_course.get(row.course, Decimal(0)) + (row.activity_gbq or Decimal(0))
    return Totals(
        total_gbq=_sum(counted),
        by_course=by_course,
        elsewhere_gbq=_sum(row for row in counted if row.kind in _REPORTED),
        deviations_gbq=_sum(row for row in counted if row.deviation),
        unknown=sum(row.activity_gbq is None for row in counted),
        doubles=doubles,
    )


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The rows, each once, the oldest first; those without a day come before all others."""
    return tuple(sorted(_once(entries), key=lambda row: row.on or date.min))


def add_doses(doses: Iterable[Absorbed], *, limits: Mapping[str, Decimal | None]) -> tuple[OrganTotal, ...]:
    """What each organ of `limits` absorbed in all, beside its limit; a row counts once."""
    rows = {dose.ref: dose for dose in doses}
    return tuple(
        _organ_total(organ, [dose for dose in rows.values() if dose.organ == organ], limit)
        for organ, limit in limits.items()
    )


def _organ_total(organ: str, doses: list[Absorbed], limit: Decimal | None) -> OrganTotal:
    known = [dose.uncertainty_gy for dose in doses if dose.uncertainty_gy is not None]
    squares = sum((each * each for each in known), Decimal(0))
    root = squares.sqrt().quantize(_SHOWN) if len(known) == len(doses) else None
    return OrganTotal(
        organ=organ,
        total_gy=sum((dose.gy for dose in doses), Decimal(0)),
        uncertainty_gy=root,
        entered=len(doses),
        limit_gy=limit,
    )


def _once(entries: Iterable[Entry]) -> list[Entry]:
    """The entries by ref: read under two numbers of one person, a row is still one row."""
    rows: dict[str, Entry] = {}
    for entry in entries:
        if rows.setdefault(entry.ref, entry) != entry:
            raise ValueError(f"{entry.ref} stands in the ledger twice with different contents")
    return sorted(rows.values(), key=lambda row: row.ref)


def _doubles(rows: list[Entry]) -> frozenset[str]:
    """Reports of treatment elsewhere that repeat one which counts; the first by its ref counts."""
    seen: set[tuple[date, Decimal, tuple[str, ...]]] = set()
    found = set()
    for row in rows:
        if row.kind not in _REPORTED or row.on is None or row.activity_gbq is None or not row.hospital:
            continue
        same = (row.on, row.activity_gbq, tuple(row.hospital.casefold().split()))
        if same in seen:
            found.add(row.ref)
        seen.add(same)
    return frozenset(found)


def _sum(rows: Iterable[Entry]) -> Decimal:
    return sum((row.activity_gbq for row in rows if row.activity_gbq is not None), Decimal(0))
