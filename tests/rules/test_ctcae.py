"""Every term is graded as the golden tables say, and every bound has lines below, at and above it."""

import csv
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from courses import library
from courses.rules.ctcae import (
    GradeRange,
    _bound_against_abnormal_baseline,
    condition_holds,
    grade,
    grade_of_numbers,
    row_holds,
)
from courses.rules.derived import Case, GapKind, Moment, gap
from courses.rules.evidence import read_history
from courses.rules.facts import DiseaseFlags, Facts
from courses.rules.judging import Judged
from courses.rules.protocol import (
    CORRECTED_CALCIUM,
    CREATININE_CLEARANCE,
    Bound,
    Condition,
    Criterion,
    GradeRow,
    Reference,
    Test,
)
from courses.rules.values import Chart, Measurement, Sex, Weight
from tests.case_reader import UNITS
from tests.strategies import measurement

GOLDEN = Path(__file__).parent.parent / "golden"
VERSIONS = ("5.0", "6.0")
PROTOCOL = library.protocol("lutathera_us_2024_04")
BASELINE_DAY, DAY = date(2026, 1, 5), date(2026, 4, 27)
FLAGS = {"yes": True, "no": False, "unknown": None}


def read_lines(version: str) -> list[dict[str, str]]:
    """The findings of one version, each with its grade."""
    text = (GOLDEN / f"grades_{version.replace('.', '_')}.csv").read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


LINES = [(version, line) for version in VERSIONS for line in read_lines(version)]


def name(line: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in line.items() if value and key != "unit")


def one(quantity: str, value: str, line: dict[str, str], day: date) -> list[Measurement]:
    """The results that make a quantity: a calcium comes with an albumin of 40, which leaves it as it is."""
    limits = {key: Decimal(line[key]) if line[key] else None for key in ("low", "high")}
    if quantity == CREATININE_CLEARANCE:
        return [measurement("CREAT", "88.42", day)]
    if quantity == "corrected_calcium":
        return [measurement("CA", value, day, **limits), measurement("ALB", "40", day)]
    return [measurement(quantity, value, day, **limits)]


def graded(criterion: Criterion, line: dict[str, str]) -> GradeRange:
    """The grade of one line. A man of 68 with a creatinine of 1 mg/dL has as many mL/min as kilograms."""
    chart = Chart(birth_date=date(1957, 6, 1), sex=Sex.MALE)
    measurements = one(criterion.quantity, line["value"], line, DAY)
    weights = [Weight(on=DAY, kg=Decimal(line["value"]))]
    if line["baseline"]:
        measurements += one(criterion.quantity, line["baseline"], line, BASELINE_DAY)
        weights.append(Weight(on=BASELINE_DAY, kg=Decimal(line["baseline"])))
    flags = DiseaseFlags(anticoagulated=FLAGS[line["anticoagulated"]]) if line["anticoagulated"] else None
    chart = replace(
        chart,
        measurements=tuple(measurements),
        weights=tuple(weights),
        facts=Facts(disease_flags=flags),
    )
    history = read_history(chart)
    baselines = {s.analyte: s for s in history.decisive if s.day == BASELINE_DAY}
    case = Case(chart=chart, history=replace(history, baselines=baselines), protocol=PROTOCOL)
    now = {s.analyte: s for s in history.decisive if s.day == DAY}
    return grade(criterion, Moment(day=DAY, interval=1, samples=now), case)


@pytest.mark.parametrize(("version", "line"), LINES, ids=[f"{v}: {name(line)}" for v, line in LINES])
def test_the_finding_gets_the_grade_of_the_golden_table(version: str, line: dict[str, str]) -> None:
    found = graded(library.criteria(version).by_term[line["term"]], line)
    shown = str(found.low) if found.is_exact else f"{found.low}-{found.high}"
    assert shown == line["grade"]
    assert bool(found.ungradable) is not found.is_exact


@pytest.mark.parametrize("version", VERSIONS)
def test_the_golden_table_has_two_hundred_lines_and_every_term_in_its_own_unit(version: str) -> None:
    lines, criteria = read_lines(version), library.criteria(version)
    assert len(lines) >= 200
    assert {line["term"] for line in lines} == set(criteria.by_term)
    assert {line["term"]: line["unit"] for line in lines} == {
        criterion.term: criterion.unit for criterion in criteria.by_term.values()
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_grade_a_number_makes_stands_in_the_golden_table(version: str) -> None:
    lines = read_lines(version)
    for criterion in library.criteria(version).by_term.values():
        told = {
            number
            for line in lines
            if line["term"] == criterion.term
            for number in range(int(line["grade"][0]), int(line["grade"][-1]) + 1)
        }
        made = {number for row in criterion.rows for number in range(row.grade, row.grade_to + 1)}
        assert made - told == set(), criterion.term


def applies(row: GradeRow, line: dict[str, str]) -> bool:
    """Whether a line meets the condition of a row, read from the line alone."""
    baseline, low, high = (Decimal(line[key] or "NaN") for key in ("baseline", "low", "high"))
    if row.condition is Condition.BASELINE_NORMAL:
        return not (baseline.is_nan() or high.is_nan()) and baseline <= high
    if row.condition is Condition.BASELINE_ABNORMAL:
        return not (baseline.is_nan() or high.is_nan()) and baseline > high
    if row.condition is Condition.BASELINE_LOW:
        return not (baseline.is_nan() or low.is_nan()) and baseline < low
    return row.condition is not Condition.ANTICOAGULATED or line["anticoagulated"] == "yes"


def side(row: GradeRow, line: dict[str, str]) -> int | None:
    """Below, at or above the limit of a row: -1, 0 or 1; None without what it is a multiple of."""
    column = {Reference.LLN: "low", Reference.ULN: "high", Reference.BASELINE: "baseline"}
    of = "1" if row.bound.reference is None else line[column[row.bound.reference]]
    return int(Decimal(line["value"]).compare(row.bound.limit * Decimal(of))) if of else None


@pytest.mark.parametrize("version", VERSIONS)
def test_every_bound_has_a_line_below_at_and_above_it(version: str) -> None:
    lines = read_lines(version)
    lacking = []
    for criterion in library.criteria(version).by_term.values():
        own = [line for line in lines if line["term"] == criterion.term]
        for row in criterion.rows:
            found = {side(row, line) for line in own if applies(row, line)}
            told = criterion.quantity != CREATININE_CLEARANCE or row.bound.reference is None
            bound = f"{criterion.term} {row.bound.test.value} {row.bound.limit} {row.bound.reference or ''}"
            lacking += [(bound, where) for where in (-1, 0, 1) if told and where not in found]
    assert lacking == []


def test_an_ungradable_finding_says_what_would_decide() -> None:
    inr = library.criteria("5.0").by_term["INR increased"]
    unknown = next(
        line for line in read_lines("5.0") if line["anticoagulated"] == "unknown" and line["grade"] == "2-3"
    )
    found = graded(inr, unknown)
    assert {gap.kind for gap in found.gaps} == {GapKind.ANTICOAGULATION}
    assert found.ungradable == "not recorded whether the patient takes anticoagulants"
    glucose = next(
        line for line in read_lines("6.0") if line["term"] == "Hyperglycemia" and "-" in line["grade"]
    )
    fasting = graded(library.criteria("6.0").by_term["Hyperglycemia"], glucose)
    assert fasting.ungradable == "the grade depends on symptoms or circumstances a person must record"
    kidney = next(line for line in read_lines("5.0") if line["grade"] == "0-1" and line["unit"] == "mL/min")
    clearance = graded(library.criteria("5.0").by_term["Chronic kidney disease"], kidney)
    assert clearance.ungradable == "no lower limit of normal"


def test_the_canonical_units_of_the_cases_are_those_of_the_criteria() -> None:
    for version in VERSIONS:
        for criterion in library.criteria(version).by_term.values():
            assert criterion.unit == UNITS.get(criterion.quantity, criterion.unit)


SYMPTOM = frozenset({gap(GapKind.SYMPTOM, "Hyponatremia")})


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0, Judged(False)), (1, Judged(None, SYMPTOM)), (2, Judged(None, SYMPTOM)), (3, Judged(True))],
)
def test_a_grade_within_bounds_is_no_worse_than_another_only_where_both_ends_are(
    most: int, expected: Judged
) -> None:
    assert GradeRange(1, 3, SYMPTOM).at_most(most) == expected


CONDITIONS = [
    (version, criterion.term, row.condition)
    for version in VERSIONS
    for criterion in library.criteria(version).by_term.values()
    for row in criterion.rows
    if row.condition not in {None, Condition.ANTICOAGULATED}
]


def with_baselines(**values: str) -> Case:
    """A chart that has these baselines, each within its limits unless its value says otherwise."""
    drawn = tuple(measurement(short, value, BASELINE_DAY) for short, value in values.items())
    chart = Chart(birth_date=date(1957, 6, 1), sex=Sex.MALE, measurements=drawn)
    history = read_history(chart)
    baselines = {s.analyte: s for s in history.decisive}
    return Case(chart=chart, history=replace(history, baselines=baselines), protocol=PROTOCOL)


@pytest.mark.parametrize(("version", "term", "condition"), sorted(set(CONDITIONS)))
def test_a_condition_that_nobody_recorded_says_what_is_lacking(
    version: str, term: str, condition: Condition
) -> None:
    criterion = library.criteria(version).by_term[term]
    lacking = gap(GapKind.BASELINE, criterion.quantity)
    if condition is Condition.FASTING:
        lacking = gap(GapKind.SYMPTOM, term)
    assert condition_holds(condition, criterion, with_baselines()) == Judged(None, frozenset({lacking}))


def test_each_quantity_has_its_own_baseline_and_each_side_its_own_limit() -> None:
    by_term = library.criteria("5.0").by_term
    alt, ast = by_term["Alanine aminotransferase increased"], by_term["Aspartate aminotransferase increased"]
    case = with_baselines(ALT="20", AST="900")
    normal, abnormal, low = (
        Condition.BASELINE_NORMAL,
        Condition.BASELINE_ABNORMAL,
        Condition.BASELINE_LOW,
    )
    for criterion, is_high in ((alt, False), (ast, True)):
        assert condition_holds(abnormal, criterion, case) == Judged(is_high)
        assert condition_holds(normal, criterion, case) == Judged(not is_high)
        assert condition_holds(low, criterion, case) == Judged(False)


MULTIPLES = [
    (version, criterion, row)
    for version in VERSIONS
    for criterion in library.criteria(version).by_term.values()
    for row in criterion.rows
    if row.condition is Condition.BASELINE_ABNORMAL and row.bound.reference is Reference.BASELINE
]


@pytest.mark.parametrize(
    ("version", "criterion", "row"),
    MULTIPLES,
    ids=[f"{version} {criterion.term} {row.grade}" for version, criterion, row in MULTIPLES],
)
@pytest.mark.parametrize(("steps", "expected"), [(0, False), (1, None)])
def test_a_multiple_of_an_unknown_abnormal_baseline_is_surely_no_less_than_that_of_the_upper_limit(
    version: str, criterion: Criterion, row: GradeRow, steps: int, expected: bool | None
) -> None:
    upper = Decimal(100)
    value = upper * row.bound.limit + steps
    drawn = measurement(criterion.quantity, str(value), DAY, low=None, high=upper)
    case = with_baselines()
    [sample] = read_history(Chart(birth_date=None, sex=None, measurements=(drawn,))).decisive
    moment = Moment(day=DAY, interval=1, samples={criterion.quantity: sample})
    lacking = frozenset({gap(GapKind.BASELINE, criterion.quantity)})
    assert row_holds(row, criterion, moment, case) == Judged(
        expected, lacking if expected is None else frozenset()
    )
    unlimited = replace(sample, measurement=replace(drawn, high=None))
    without_limit = replace(moment, samples={criterion.quantity: unlimited})
    assert row_holds(row, criterion, without_limit, case) == Judged(None, lacking)
    assert row_holds(row, criterion, replace(moment, samples={}), case) == Judged(None, lacking)


def with_drawn(*drawn: Measurement, facts: Facts | None = None) -> tuple[Moment, Case]:
    """What one draw brought in a chart without a baseline."""
    chart = Chart(birth_date=None, sex=None, measurements=drawn, facts=facts or Facts())
    case = Case(chart=chart, history=replace(read_history(chart), baselines={}), protocol=PROTOCOL)
    samples = {sample.analyte: sample for sample in case.history.decisive}
    return Moment(day=DAY, interval=1, samples=samples), case


def test_a_grade_that_symptoms_decide_says_of_which_term_they_are() -> None:
    moment, case = with_drawn(measurement("NA", "127", DAY))
    hyponatremia = library.criteria("5.0").by_term["Hyponatremia"]
    assert grade_of_numbers(hyponatremia, moment, case) == GradeRange(2, 3, SYMPTOM)


def test_a_grade_that_is_known_lacks_nothing_whichever_of_its_rows_is_read_first() -> None:
    facts = Facts(disease_flags=DiseaseFlags(anticoagulated=None))
    moment, case = with_drawn(measurement("INR", "2.6", DAY), facts=facts)
    inr = library.criteria("5.0").by_term["INR increased"]
    plain, anticoagulated, *_ = [row for row in inr.rows if row.grade == 3]
    for rows in ((plain, anticoagulated), (anticoagulated, plain)):
        assert grade_of_numbers(replace(inr, rows=rows), moment, case) == GradeRange(3, 3)


@pytest.mark.parametrize(("calcium", "expected"), [("5.2", False), ("5.3", None)])
def test_a_multiple_of_an_unknown_baseline_is_told_of_a_computed_quantity_as_well(
    calcium: str, expected: bool | None
) -> None:
    """Twice the unknown abnormal baseline of a corrected calcium lies above twice the upper limit, 2.6."""
    bound = Bound(
        quantity=CORRECTED_CALCIUM,
        test=Test.ABOVE,
        limit=Decimal(2),
        exact=Fraction(2),
        reference=Reference.BASELINE,
    )
    row = GradeRow(grade=3, grade_to=3, bound=bound, condition=Condition.BASELINE_ABNORMAL)
    drawn = measurement("CA", calcium, DAY, low=Decimal("2.1"), high=Decimal("2.6"))
    moment, case = with_drawn(drawn, measurement("ALB", "40", DAY))
    lacking = frozenset({gap(GapKind.BASELINE, CORRECTED_CALCIUM)})
    assert _bound_against_abnormal_baseline(row, moment, case) == Judged(
        expected, lacking if expected is None else frozenset()
    )
