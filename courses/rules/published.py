"""Read the published words of a grade as bounds, and say where they differ from the rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from courses.rules.protocol import Condition, Criterion, GradeRow, Reference, Test

_REFERENCES = {"LLN": Reference.LLN, "ULN": Reference.ULN, "baseline": Reference.BASELINE}
_CONDITIONS = {
    "baseline normal": Condition.BASELINE_NORMAL,
    "baseline abnormal": Condition.BASELINE_ABNORMAL,
    "baseline low": Condition.BASELINE_LOW,
    "anticoagulated": Condition.ANTICOAGULATED,
    "fasting": Condition.FASTING,
}
_NUMBER = r"\d+(?:\.\d+)?"
_PLACE = rf"(?:{_NUMBER}|LLN|ULN|baseline)"
_TIMES = r"(?: x (?:LLN|ULN|baseline))?"
# <75.0 - 50.0 / >1.5 - 3.0 x ULN if baseline normal / 125 - 129, symptomatic
_CLAUSE = re.compile(
    rf"(?P<sign>[<>]?)(?P<start>{_PLACE})(?P<start_of>{_TIMES})"
    rf"(?: - (?P<end>{_PLACE})(?P<end_of>{_TIMES}))?"
    rf"(?: if (?P<condition>{'|'.join(_CONDITIONS)}))?(?:, [a-z ]+)?"
)
_PEOPLE = re.compile(r"[a-z][a-z -]*")


@dataclass(frozen=True, slots=True)
class _Place:
    """A limit: a number, or a multiple of a reference."""

    limit: Decimal
    reference: Reference | None


@dataclass(frozen=True, slots=True)
class _Begin:
    """Where a range begins, how a value is compared with it, and when that applies."""

    test: Test
    start: _Place
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class _Range:
    """One published range of a grade."""

    begin: _Begin
    end: _Place | None


def disagreement(criterion: Criterion) -> tuple[int, str] | None:
    """The first grade whose published words and rows differ, and how; None when all agree.

    Every published range must begin where a row of its grade begins, every row must be published, and a range
    must end where the next worse row begins. Words without a number are for people.
    """
    for grade, words in sorted(criterion.published.items()):
        rows = [row for row in criterion.rows if row.grade <= grade <= row.grade_to]
        try:
            ranges = list(_ranges(words, low=criterion.rows[0].bound.is_low))
        except ValueError as error:
            return grade, str(error)
        for found in ranges:
            row = next((row for row in rows if _begin_of(row) == found.begin), None)
            if row is None:
                return grade, f"{words!r} names a bound that no row of grade {grade} has"
            if found.end != _next(row, criterion):
                return grade, f"{words!r} does not end where the next worse row begins"
        begins = [found.begin for found in ranges]
        if any(_begin_of(row) not in begins for row in rows):
            return grade, f"{words!r} leaves out a bound that a row of grade {grade} has"
    return None


def _begin_of(row: GradeRow) -> _Begin:
    return _Begin(row.bound.test, _Place(row.bound.limit, row.bound.reference), row.condition)


def _next(row: GradeRow, criterion: Criterion) -> _Place | None:
    """Where the next worse row of the same reference begins, of the same condition where there is one.

    A range that begins at a limit of normal may end at a plain number.
    """
    above = list(reversed(criterion.rows[: criterion.rows.index(row)]))
    worse = [other for other in above if other.condition is row.condition]
    worse += [other for other in above if other.condition is None and row.condition is not None]
    same = [other for other in worse if other.bound.reference is row.bound.reference]
    plain = worse if row.bound.reference in (Reference.LLN, Reference.ULN) else []
    chosen = next(iter(same or plain), None)
    return None if chosen is None else _Place(chosen.bound.limit, chosen.bound.reference)


def _ranges(words: str, *, low: bool) -> Iterator[_Range]:
    """The ranges of a grade's published words. Raises ValueError when a clause cannot be read."""
    for clause in words.split("; "):
        if _PEOPLE.fullmatch(clause):
            continue
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            raise ValueError(f"{clause!r} cannot be read as a bound")
        yield _range(found, low=low)


def _range(found: re.Match[str], *, low: bool) -> _Range:
    """One clause; without a sign a range includes its beginning, and a falling one is in whole numbers."""
    condition = _CONDITIONS[found["condition"]] if found["condition"] else None
    times = found["end_of"] if found["end"] and found["end"] not in _REFERENCES else ""
    start = _place(found["start"], found["start_of"] or times)
    end = _place(found["end"], times) if found["end"] else None
    if found["sign"]:
        return _Range(_Begin(Test.BELOW if found["sign"] == "<" else Test.ABOVE, start, condition), end)
    if not low or end is None:
        return _Range(_Begin(Test.AT_LEAST, start, condition), end)
    return _Range(_Begin(Test.BELOW, _Place(end.limit + 1, None), condition), start)


def _place(word: str, times: str) -> _Place:
    """75, LLN, or 1.5 x ULN."""
    if word in _REFERENCES:
        return _Place(Decimal(1), _REFERENCES[word])
    reference = times.removeprefix(" x ")
    return _Place(Decimal(word), _REFERENCES[reference] if reference else None)
