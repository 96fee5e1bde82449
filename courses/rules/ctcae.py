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
from courses.rules.intervals import Tri, exactly
from courses.rules.judging import (
    Judged,
    bound_holds,
    compare,
    normal_limit,
    unless,
)
from courses.rules.protocol import Criterion, GradeRow, Reference, Test

_WORDS = {
    GapKind.LOWER_LIMIT: "no lower limit of normal",
    GapKind.UPPER_LIMIT: "no upper limit of normal",
    GapKind.BASELINE: "no baseline",
    GapKind.BOUNDS: "the result is known only within bounds",
    GapKind.SYMPTOM: "the grade depends on symptoms a person must record",
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
    """The possible grades of a term.

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


def row_holds(row: GradeRow, criterion: Criterion, moment: Moment, case: Case) -> Judged:
    """A row holds when its bound is met, and the baseline is as the row wants it."""
    if row.baseline_normal is None:
        return bound_holds(row.bound, moment, case)
    abnormal = _baseline_abnormal(criterion, case)
    met = _bound_against_abnormal_baseline(row, moment, case)
    if row.baseline_normal:
        return unless(met, abnormal)
    return unless(met, Judged(None if abnormal.holds is None else not abnormal.holds, abnormal.gaps))


def _baseline_abnormal(criterion: Criterion, case: Case) -> Judged:
    """Whether the baseline lay above its own upper limit of normal (the direction these rows know)."""
    quantity = criterion.quantity
    if quantity not in case.abnormal:
        case.abnormal[quantity] = _above_normal(case.history.baselines.get(quantity))
    holds = case.abnormal[quantity]
    return Judged(holds, frozenset() if holds is not None else frozenset({gap(GapKind.BASELINE, quantity)}))


def _above_normal(sample: Sample | None) -> Tri:
    """Whether a result lies above the limit it came with; unknown without either."""
    if sample is None or sample.value is None or sample.measurement.high is None:
        return None
    return compare(sample.value, Test.ABOVE, exactly(sample.measurement.high))


def _bound_against_abnormal_baseline(row: GradeRow, moment: Moment, case: Case) -> Judged:
    """A multiple of an unknown abnormal baseline exceeds the same multiple of the upper limit of normal."""
    if row.bound.reference is not Reference.BASELINE:
        return bound_holds(row.bound, moment, case)
    known = quantity_at_baseline(row.bound.quantity, case)
    if known.value is not None:
        return bound_holds(row.bound, moment, case)
    value = quantity_at(row.bound.quantity, moment, case).value
    upper = normal_limit(row.bound.quantity, Reference.ULN, moment).value
    surely_less: Tri = None
    if value is not None and upper is not None:
        surely_less = compare(value, Test.AT_MOST, upper.scaled(row.bound.exact))
    return Judged(False) if surely_less else Judged(None, known.gaps)
