"""Grade one CTCAE term at one moment: a grade, or the grades that remain possible and what would decide."""

from dataclasses import dataclass

from courses.rules.derived import (
    Case,
    Gap,
    GapKind,
    Moment,
    gap,
    quantity_at,
    quantity_at_baseline,
)
from courses.rules.evidence import Sample
from courses.rules.intervals import Tri, exactly, negated
from courses.rules.judging import (
    Judged,
    both,
    bound_holds,
    compare,
    normal_limit,
    parts_of,
)
from courses.rules.manual_grades import manual_grade
from courses.rules.protocol import Condition, Criterion, GradeRow, Reference, Test

ANTICOAGULATION = "anticoagulation"
_LOW, _HIGH = Test.BELOW, Test.ABOVE
_WORDS = {
    GapKind.LOWER_LIMIT: "no lower limit of normal",
    GapKind.UPPER_LIMIT: "no upper limit of normal",
    GapKind.BASELINE: "no baseline",
    GapKind.BOUNDS: "the result is known only within bounds",
    GapKind.SYMPTOM: "the grade depends on symptoms or circumstances a person must record",
    GapKind.ANTICOAGULATION: "not recorded whether the patient takes anticoagulants",
}


@dataclass(frozen=True, slots=True)
class GradeRange:
    """The grades that are possible; one only when the term could be graded."""

    low: int
    high: int
    gaps: frozenset[Gap] = frozenset()

    @property
    def is_exact(self) -> bool:
        """Whether the grade is known."""
        return self.low == self.high

    @property
    def ungradable(self) -> str:
        """Why no single grade can be given; empty when it can."""
        if self.is_exact:
            return ""
        return "; ".join(sorted({_WORDS.get(g.kind, f"no result of {g.item}") for g in self.gaps}))

    def at_least(self, grade: int) -> Judged:
        """Whether the grade is this one or worse."""
        if self.low >= grade:
            return Judged(True)
        return Judged(False) if self.high < grade else Judged(None, self.gaps)

    def at_most(self, grade: int) -> Judged:
        """Whether the grade is this one or milder."""
        answer = self.at_least(grade + 1)
        return Judged(None if answer.holds is None else not answer.holds, answer.gaps)


def grade(criterion: Criterion, moment: Moment, case: Case) -> GradeRange:
    """The possible grades of a term: what the numbers give, raised by a grade that a person gave."""
    return raised_by_people(grade_of_numbers(criterion, moment, case), criterion, moment, case)


def raised_by_people(numbers: GradeRange, criterion: Criterion, moment: Moment, case: Case) -> GradeRange:
    """What the numbers give, raised by the grade that a person gave at this moment, if one did."""
    given = manual_grade(criterion, moment, case)
    return numbers if given is None else _raised(numbers, given.grade)


def _raised(found: GradeRange, given: int) -> GradeRange:
    """A person's grade only raises; where nothing but symptoms left grades open, it settles them."""
    if given < found.low:
        return found
    if given >= found.high or all(gap.kind is GapKind.SYMPTOM for gap in found.gaps):
        return GradeRange(given, given)
    return GradeRange(given, found.high, found.gaps)


def grade_of_numbers(criterion: Criterion, moment: Moment, case: Case) -> GradeRange:
    """The grades the numbers alone leave possible.

    Rows are read most severe first: a row that holds fixes the lowest possible grade, a row that cannot be
    judged keeps its grade possible. Nothing that could not be tested is ever taken for normal.
    """
    high: int | None = None
    gaps: set[Gap] = set()
    for row in criterion.rows:
        judged = row_holds(row, criterion, moment, case)
        if judged.holds is False:
            continue
        high = row.grade_to if high is None else max(high, row.grade_to)
        if judged.holds is None:
            gaps |= judged.gaps
            continue
        if row.grade_to > row.grade:
            gaps.add(gap(GapKind.SYMPTOM, criterion.term))
        return GradeRange(row.grade, high, frozenset(gaps) if high > row.grade else frozenset())
    return GradeRange(0, high or 0, frozenset(gaps))


def grade_at_baseline(criterion: Criterion, case: Case) -> GradeRange | None:
    """The grades the numbers of the baseline leave possible; none without a baseline of every part."""
    moment = baseline_moment(criterion, case)
    return None if moment is None else grade_of_numbers(criterion, moment, case)


def baseline_moment(criterion: Criterion, case: Case) -> Moment | None:
    """The baselines of what a term is graded by, as if drawn together; none where one of them lacks."""
    parts, baselines = parts_of(criterion.quantity), case.history.baselines
    if any(part not in baselines for part in parts):
        return None
    samples = {part: baselines[part] for part in parts}
    return Moment(day=samples[parts[0]].day, interval=0, samples=samples)


def row_holds(row: GradeRow, criterion: Criterion, moment: Moment, case: Case) -> Judged:
    """A row holds when its bound is met, and its condition is so."""
    if row.condition is None:
        return bound_holds(row.bound, moment, case)
    applies = condition_holds(row.condition, criterion, case)
    if applies.holds is False:
        return applies
    if row.condition is Condition.BASELINE_ABNORMAL:
        met = _bound_against_abnormal_baseline(row, moment, case)
    else:
        met = bound_holds(row.bound, moment, case)
    return both([met, applies])


def condition_holds(condition: Condition, criterion: Criterion, case: Case) -> Judged:
    """Whether a row applies; what nobody has recorded is unknown."""
    if condition is Condition.ANTICOAGULATED:
        return _anticoagulated(case)
    if condition is Condition.FASTING:
        return Judged(None, frozenset({gap(GapKind.SYMPTOM, criterion.term)}))
    key = (condition, criterion.quantity)
    if key not in case.abnormal:
        case.abnormal[key] = _baseline_is(condition, criterion.quantity, case)
    holds = case.abnormal[key]
    if holds is not None:
        return Judged(holds)
    return Judged(None, frozenset({gap(GapKind.BASELINE, criterion.quantity)}))


def _baseline_is(condition: Condition, quantity: str, case: Case) -> Tri:
    """Whether the baseline lies below its lower limit, above its upper one, or not above it."""
    side = _LOW if condition is Condition.BASELINE_LOW else _HIGH
    outside = _outside_normal(case.history.baselines.get(quantity), side)
    return negated(outside) if condition is Condition.BASELINE_NORMAL else outside


def _anticoagulated(case: Case) -> Judged:
    """Whether the patient takes anticoagulants; no, where disease flags are not considered."""
    flags = case.chart.facts.disease_flags
    if flags is None:
        return Judged(False)
    if flags.anticoagulated is None:
        return Judged(None, frozenset({gap(GapKind.ANTICOAGULATION, ANTICOAGULATION)}))
    return Judged(flags.anticoagulated)


def _outside_normal(sample: Sample | None, side: Test) -> Tri:
    """Whether a result lies beyond a limit it came with; unknown without either."""
    if sample is None or sample.value is None:
        return None
    limit = sample.measurement.low if side is _LOW else sample.measurement.high
    return None if limit is None else compare(sample.value, side, exactly(limit))


def _bound_against_abnormal_baseline(row: GradeRow, moment: Moment, case: Case) -> Judged:
    """A multiple of an unknown abnormal baseline exceeds the same multiple of the upper limit of normal."""
    if row.bound.reference is not Reference.BASELINE:
        return bound_holds(row.bound, moment, case)
    known = quantity_at_baseline(row.bound.quantity, case)
    if known.value is not None:
        return bound_holds(row.bound, moment, case)
    value = quantity_at(row.bound.quantity, moment, case).value
    upper = normal_limit(row.bound.quantity, Reference.ULN, moment).value
    if value is None or upper is None:
        return Judged(None, known.gaps)
    surely_less = compare(value, Test.AT_MOST, upper.scaled(row.bound.exact))
    return Judged(False) if surely_less else Judged(None, known.gaps)
