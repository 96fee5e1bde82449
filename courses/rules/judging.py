"""Judge one bound at one moment: true, false, or unknown with what is missing to know."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from courses.rules.derived import (
    ALBUMIN,
    CALCIUM,
    CREATININE,
    Case,
    Gap,
    GapKind,
    Known,
    Moment,
    gap,
    quantity_at,
    quantity_at_baseline,
)
from courses.rules.intervals import Interval, Tri, all_of, any_of, exactly, is_at_most, is_below, negated
from courses.rules.protocol import CORRECTED_CALCIUM, CREATININE_CLEARANCE, Bound, Reference, Test

_PARTS = {CREATININE_CLEARANCE: (CREATININE,), CORRECTED_CALCIUM: (CALCIUM, ALBUMIN)}


@dataclass(frozen=True, slots=True)
class Judged:
    """A three-valued answer; the gaps say what would decide an unknown one."""

    holds: Tri
    gaps: frozenset[Gap] = frozenset()


def parts_of(quantity: str) -> tuple[str, ...]:
    """The analytes a quantity is made of."""
    return _PARTS.get(quantity, (quantity,))


def both(answers: Iterable[Judged]) -> Judged:
    """All must hold; the gaps of the unknown ones are kept while the whole is unknown."""
    found = list(answers)
    return _with_gaps(all_of(answer.holds for answer in found), found)


def either(answers: Iterable[Judged]) -> Judged:
    """One must hold; the gaps of the unknown ones are kept while the whole is unknown."""
    found = list(answers)
    return _with_gaps(any_of(answer.holds for answer in found), found)


def unless(answer: Judged, excuse: Judged) -> Judged:
    """It holds and is not excused."""
    return both([answer, Judged(negated(excuse.holds), excuse.gaps)])


def _with_gaps(holds: Tri, answers: list[Judged]) -> Judged:
    if holds is not None:
        return Judged(holds)
    return Judged(None, frozenset(g for answer in answers if answer.holds is None for g in answer.gaps))


def bound_holds(bound: Bound, moment: Moment, case: Case) -> Judged:
    """Whether a quantity meets its bound at a moment."""
    known = quantity_at(bound.quantity, moment, case)
    return _meets(known, bound.test, limit_of(bound, moment, case), bound.quantity)


def limit_of(bound: Bound, moment: Moment, case: Case) -> Known:
    """The number a quantity is compared with, whatever it is a multiple of."""
    if bound.reference is None:
        return Known(exactly(bound.exact))
    if bound.reference is Reference.BASELINE:
        known = quantity_at_baseline(bound.quantity, case)
    else:
        known = normal_limit(bound.quantity, bound.reference, moment)
    return Known(None if known.value is None else known.value.scaled(bound.exact), known.gaps)


def normal_limit(quantity: str, reference: Reference, moment: Moment) -> Known:
    """The limit of normal that came with the result; a derived quantity borrows its first part's."""
    analyte = parts_of(quantity)[0]
    sample = moment.samples.get(analyte)
    if sample is None:
        return Known(None, frozenset({gap(GapKind.RESULT, analyte)}))
    lower = reference is Reference.LLN
    limit = sample.measurement.low if lower else sample.measurement.high
    if limit is None:
        kind = GapKind.LOWER_LIMIT if lower else GapKind.UPPER_LIMIT
        return Known(None, frozenset({gap(kind, analyte)}))
    return Known(exactly(limit))


def compare(value: Interval, test: Test, limit: Interval) -> Tri:
    """One comparison, three-valued."""
    if test is Test.BELOW:
        return is_below(value, limit)
    if test is Test.AT_MOST:
        return is_at_most(value, limit)
    return negated(is_at_most(value, limit) if test is Test.ABOVE else is_below(value, limit))


def recovered(quantity: str, *, falls: bool, tolerance: Fraction, moment: Moment, case: Case) -> Judged:
    """Whether a quantity is back: within its reference range, or within the tolerance of the baseline.

    `falls` says in which direction the toxicity pushes it.
    """
    known = quantity_at(quantity, moment, case)
    test = Test.AT_LEAST if falls else Test.AT_MOST
    normal = normal_limit(quantity, Reference.LLN if falls else Reference.ULN, moment)
    baseline = quantity_at_baseline(quantity, case)
    if baseline.value is not None:
        baseline = Known(baseline.value.scaled(1 - tolerance if falls else 1 + tolerance))
    return either([_meets(known, test, limit, quantity) for limit in (normal, baseline)])


def _meets(known: Known, test: Test, limit: Known, quantity: str) -> Judged:
    """One comparison of what may be unknown on either side."""
    if known.value is None or limit.value is None:
        return Judged(None, known.gaps | limit.gaps)
    holds = compare(known.value, test, limit.value)
    if holds is None:
        return Judged(None, frozenset(gap(GapKind.BOUNDS, part) for part in parts_of(quantity)))
    return Judged(holds)
