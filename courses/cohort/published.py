"""Read the published laboratory rates; refuse one without its whole, its source or how it was counted."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from courses import library
from courses.rules.data_reader import TableReader
from courses.rules.values import Source

FILE = Path(__file__).with_name("published.toml")
NOT_STATED = "not_stated"


class Basis(StrEnum):
    """How a rate was counted: grades of laboratory values, and nothing else."""

    LABORATORY = "laboratory"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedShare:
    """A printed percentage of so many patients, and the counts that round to it."""

    percent: Decimal
    of: int
    counts: tuple[int, ...]

    def __str__(self) -> str:
        return f"{' or '.join(map(str, self.counts))} of {self.of} ({self.percent} %)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRate:
    """What a study found of one term; None where it does not say."""

    term: str
    any_grade: PublishedShare | None
    grade_3_4: PublishedShare | None
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One study whose laboratory grades were counted."""

    id: str
    name: str
    population: str
    of: int
    criteria: str
    rates: Mapping[str, PublishedRate]


@cache
def published() -> tuple[Study, ...]:
    """The studies of the product's file. Raises DataError when it is not whole."""
    terms = {term for version in library.shelf().criteria.values() for term in version.by_term}
    return read_published(tomllib.loads(FILE.read_text("utf-8")), terms=terms)


def read_published(data: Mapping[str, Any], *, terms: Collection[str]) -> tuple[Study, ...]:
    """The studies of a file, in its order; `terms` are those that results are graded by. Raises DataError."""
    table = TableReader(data)
    studies: dict[str, Study] = {}
    for item in table.tables("study"):
        study = _study(item, terms)
        if study.id in studies:
            raise item.fault("id", f"{study.id!r} stands twice", "keep one")
        studies[study.id] = study
    table.finish()
    return tuple(studies.values())


def _study(table: TableReader, terms: Collection[str]) -> Study:
    table.choice("basis", Basis)
    of = table.positive("of")
    if of != of.to_integral_value():
        raise table.fault("of", "must be a whole number of patients", "correct the number")
    rates: dict[str, PublishedRate] = {}
    for item in table.tables("rate"):
        rate = _rate(item, of=int(of))
        if rate.term not in terms:
            raise item.fault(
                "term", f"no result is graded by {rate.term!r}", "use a term of the criteria files"
            )
        if rate.term in rates:
            raise item.fault("term", f"{rate.term!r} stands twice", "keep one")
        rates[rate.term] = rate
    found = Study(
        id=table.text("id"),
        name=table.text("name"),
        population=table.text("population"),
        of=int(of),
        criteria=table.text("criteria"),
        rates=rates,
    )
    table.finish()
    return found


def _rate(table: TableReader, *, of: int) -> PublishedRate:
    rate = PublishedRate(
        term=table.text("term"),
        any_grade=_share(table, "any", of=of),
        grade_3_4=_share(table, "grade_3_4", of=of),
        source=table.source(),
    )
    if rate.any_grade is None and rate.grade_3_4 is None:
        raise table.fault("any", "says nothing of any grade", "state a percentage, or remove the rate")
    if rate.any_grade and rate.grade_3_4 and rate.grade_3_4.percent > rate.any_grade.percent:
        raise table.fault("grade_3_4", "is more than every grade together", "correct one of them")
    table.finish()
    return rate


def _share(table: TableReader, key: str, *, of: int) -> PublishedShare | None:
    """A percentage as it was printed, and every count that is printed so."""
    text = table.text(key)
    if text == NOT_STATED:
        return None
    try:
        percent = Decimal(text)
    except InvalidOperation:
        raise table.fault(
            key, f"{text!r} is no percentage", f"write it as printed, or {NOT_STATED!r}"
        ) from None
    if not (percent.is_finite() and 0 <= percent <= 100):
        raise table.fault(key, f"{text!r} is no percentage", "a percentage lies between 0 and 100")
    half = Decimal(5).scaleb(int(percent.as_tuple().exponent) - 1)
    counts = tuple(n for n in range(of + 1) if abs(Decimal(100 * n) - percent * of) <= half * of)
    if not counts:
        raise table.fault(key, f"no count of {of} rounds to {text} %", "correct the percentage or its whole")
    return PublishedShare(percent=percent, of=of, counts=counts)
