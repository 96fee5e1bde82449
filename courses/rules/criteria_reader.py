"""Turn the data of a criteria file into Criteria; refuse gaps, overlaps, and words that differ from rows."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from courses.rules.data_reader import TableReader
from courses.rules.protocol import (
    DERIVED,
    Bound,
    Condition,
    Criteria,
    Criterion,
    GradeRow,
    Reference,
    Test,
)
from courses.rules.published import disagreement

_WORST = 4
_CIRCUMSTANCES = {"when_anticoagulated": Condition.ANTICOAGULATED, "when_fasting": Condition.FASTING}


class _Baseline(StrEnum):
    NORMAL = Condition.BASELINE_NORMAL.value
    ABNORMAL = Condition.BASELINE_ABNORMAL.value
    LOW = Condition.BASELINE_LOW.value


def read_criteria(data: object, *, units: Mapping[str, str]) -> Criteria:
    """Read one version of the criteria. Raises DataError."""
    table = TableReader(data)
    version, title = table.text("ctcae_version"), table.text("title")
    by_term: dict[str, Criterion] = {}
    names: dict[str, str] = {}
    for item in table.tables("criterion"):
        criterion = _criterion(item, units)
        for key, name in _names_of(criterion):
            if name.casefold() in names:
                raise item.fault(key, f"{name!r} stands twice", "keep one")
            names[name.casefold()] = criterion.term
        by_term[criterion.term] = criterion
    table.finish()
    return Criteria(version=version, title=title, by_term=by_term, names=names)


def _names_of(criterion: Criterion) -> list[tuple[str, str]]:
    """Every name of a term with the key it stands under."""
    return [("term", criterion.term), *(("also_reported_as", name) for name in criterion.also_reported_as)]


def read_bound(
    table: TableReader, *, quantity: str, units: Mapping[str, str], own_unit: bool = True
) -> Bound:
    """The one comparison a table holds: `below = 75`, `above_uln = 3`, `rises_percent = 40` and their like.

    A plain number names its unit here, unless the unit already stands above it (`own_unit` false).
    """
    unit = _unit_of(table, quantity, units)
    found = [key for key in table.names() if key in _BOUND_KEYS]
    if len(found) != 1:
        raise table.fault(
            "(bound)", "must hold exactly one comparison", f"use one of: {', '.join(_BOUND_KEYS)}"
        )
    test, reference, percent = _BOUND_KEYS[found[0]]
    limit = table.positive(found[0])
    if percent:
        limit = 1 + Decimal(percent) * limit / 100
        if limit <= 0:
            raise table.fault(found[0], "must be below 100", "correct the percentage")
    if own_unit and reference is None and table.text("unit") != unit:
        raise table.fault(
            "unit", f"must be the canonical unit {unit!r}", "convert the number, then write the unit"
        )
    return Bound(quantity=quantity, test=test, limit=limit, exact=Fraction(limit), reference=reference)


def _unit_of(table: TableReader, quantity: str, units: Mapping[str, str]) -> str:
    """The canonical unit of a known quantity."""
    unit = DERIVED.get(quantity) or units.get(quantity)
    if unit is None:
        raise table.fault("quantity", f"{quantity!r} is not known", "use an analyte's short name")
    return unit


def _bound_keys() -> dict[str, tuple[Test, Reference | None, int]]:
    """Every comparison a data file may use: its test, its reference, and the direction of a percentage."""
    keys: dict[str, tuple[Test, Reference | None, int]] = {test.value: (test, None, 0) for test in Test}
    for test in Test:
        for reference in Reference:
            keys[f"{test.value}_{reference.value}"] = (test, reference, 0)
    keys["rises_percent"] = (Test.AT_LEAST, Reference.BASELINE, 1)
    keys["falls_percent"] = (Test.AT_MOST, Reference.BASELINE, -1)
    return keys


_BOUND_KEYS = _bound_keys()


def _criterion(table: TableReader, units: Mapping[str, str]) -> Criterion:
    quantity = table.text("quantity")
    unit = _unit_of(table, quantity, units)
    if table.text("unit") != unit:
        raise table.fault(
            "unit", f"is not the canonical unit of {quantity} ({unit})", "convert the bounds to it"
        )
    people = tuple(
        _grade_number(table, "graded_by_people", grade) for grade in _list(table, "graded_by_people")
    )
    criterion = Criterion(
        term=table.text("term"),
        quantity=quantity,
        unit=unit,
        published=_published(table.table("published")),
        rows=tuple(_row(row, quantity, units) for row in table.tables("rows")),
        source=table.source(),
        graded_by_people=people,
        also_reported_as=table.texts("also_reported_as") if table.has("also_reported_as") else (),
    )
    table.finish()
    _refuse_gaps(table, criterion)
    _refuse_overlaps(table, criterion)
    found = disagreement(criterion)
    if found is not None:
        grade, words = found
        raise table.fault(f"published.{grade}", words, "correct the published words or the rows")
    return criterion


def _list(table: TableReader, key: str) -> list[Any]:
    value = table.raw(key) if table.has(key) else []
    if not isinstance(value, list):
        raise table.fault(key, "must be a list of grades", "write it as [4]")
    return value


def _grade_number(table: TableReader, key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _WORST:
        raise table.fault(key, f"{value!r} is not a grade", f"use whole numbers from 1 to {_WORST}")
    return value


def _published(table: TableReader) -> dict[int, str]:
    found = {}
    for key in table.names():
        number = int(key) if key.isdigit() else key
        found[_grade_number(table, key, number)] = table.text(key)
    table.finish()
    return found


def _row(table: TableReader, quantity: str, units: Mapping[str, str]) -> GradeRow:
    grade = _grade_number(table, "grade", table.raw("grade"))
    to = _grade_number(table, "grade_to", table.raw("grade_to")) if table.has("grade_to") else grade
    condition = _condition(table)
    bound = read_bound(table, quantity=quantity, units=units, own_unit=False)
    table.finish()
    return GradeRow(grade=grade, grade_to=to, bound=bound, condition=condition)


def _condition(table: TableReader) -> Condition | None:
    """What must be so for a row to apply; one thing at the most."""
    given = [key for key in table.names() if key in ("when_baseline", *_CIRCUMSTANCES)]
    if len(given) > 1:
        raise table.fault(given[1], f"stands beside {given[0]}", "keep one condition for each row")
    if not given:
        return None
    if given[0] == "when_baseline":
        return Condition(table.choice("when_baseline", _Baseline).value)
    if not table.flag(given[0]):
        raise table.fault(given[0], "false says nothing", "write true, or leave it out")
    return _CIRCUMSTANCES[given[0]]


def _refuse_gaps(table: TableReader, criterion: Criterion) -> None:
    """Every published grade has a row or is left to people, and nothing else has."""
    graded = {grade for row in criterion.rows for grade in range(row.grade, row.grade_to + 1)}
    graded |= set(criterion.graded_by_people)
    for grade in sorted(criterion.published.keys() - graded):
        raise table.fault(
            "rows", f"gap: published grade {grade} has no row", "add it, or list it as graded_by_people"
        )
    for grade in sorted(graded - criterion.published.keys()):
        raise table.fault("published", f"gap: grade {grade} has a row but no published words", "add them")


def _refuse_overlaps(table: TableReader, criterion: Criterion) -> None:
    """Rows run from the most severe down, all in one direction, each bound milder than the one above it."""
    grades = [row.grade for row in criterion.rows]
    if grades != sorted(grades, reverse=True):
        raise table.fault("rows", "must stand most severe first", "sort them by grade, highest first")
    if len({row.bound.is_low for row in criterion.rows}) != 1:
        raise table.fault("rows", "compare in both directions", "write one criterion for each direction")
    groups: dict[object, GradeRow] = {}
    for row in criterion.rows:
        key = (row.condition, row.bound.reference)
        above = groups.get(key)
        if above is not None and not _milder(row.bound, above.bound):
            raise table.fault(
                "rows",
                f"overlap: grade {row.grade} can never be reached beside {above.grade}",
                "correct a bound",
            )
        groups[key] = row


def _milder(bound: Bound, above: Bound) -> bool:
    """Whether a bound lets through what the more severe one above it does not."""
    return bound.limit > above.limit if bound.is_low else bound.limit < above.limit
