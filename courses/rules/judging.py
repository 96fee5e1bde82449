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
from courses.rules.protocol import (
    CORRECTED_CALCIUM,
    CREATININE_CLEARANCE,
    Bound,
    Protocol,
    Reference,
    Surrogate,
    Test,
)

_PARTS = {CREATININE_CLEARANCE: (CREATININE,), CORRECTED_CALCIUM: (CALCIUM, ALBUMIN)}


@dataclass(frozen=True, slots=True)
class Judged:
    """A three-valued answer; the gaps say what would decide an unknown one."""

    holds: Tri
    gaps: frozenset[Gap] = frozenset()


def parts_of(quantity: str) -> tuple[str, ...]:
    """The analytes a quantity is made of."""
    return _PARTS.get(quantity, (quantity,))


def parts_or_surrogate(quantity: str, case: Case) -> tuple[str, ...]:
    """The analytes a quantity is made of, and the one a site lets stand in for it."""
    surrogate = case.protocol.prothrombin_surrogate
    if surrogate is None or surrogate.quantity != quantity:
        return parts_of(quantity)
    return (*parts_of(quantity), *parts_of(surrogate.bound.quantity))


def stood_in_for(analyte: str, protocol: Protocol) -> str:
    """The analyte whose place a surrogate takes; any other analyte is its own."""
    surrogate = protocol.prothrombin_surrogate
    return analyte if surrogate is None or surrogate.bound.quantity != analyte else surrogate.quantity


def surrogate_at(quantity: str, moment: Moment, case: Case) -> Surrogate | None:
    """What stands in at a moment: a site sets it, the quantity was not measured, the other one was."""
    surrogate = case.protocol.prothrombin_surrogate
    if surrogate is None or surrogate.quantity != quantity or quantity in moment.samples:
        return None
    return surrogate if surrogate.bound.quantity in moment.samples else None


def asked_quantity(quantity: str, moment: Moment, case: Case) -> str:
    """The quantity that is really asked at a moment: itself, or the one that stands in for it."""
    surrogate = surrogate_at(quantity, moment, case)
    return quantity if surrogate is None else surrogate.bound.quantity


def asked_bound(bound: Bound, moment: Moment, case: Case) -> Bound:
    """The bound that is really asked at a moment: itself, or the one that stands in for it."""
    surrogate = surrogate_at(bound.quantity, moment, case)
    return bound if surrogate is None else surrogate.bound


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
    """Whether a quantity, or what stands in for it, meets its bound at a moment."""
    asked = asked_bound(bound, moment, case)
    known = quantity_at(asked.quantity, moment, case)
    return _meets(known, asked.test, limit_of(asked, moment, case), asked.quantity)


def limit_of(bound: Bound, moment: Moment, case: Case) -> Known:
    """The number a quantity is compared with, whatever it is a multiple of."""
    if bound.reference is None:
        return Known(exactly(bound.exact))
    if bound.reference is not Reference.BASELINE:
        return _scaled(normal_limit(bound.quantity, bound.reference, moment), bound)
    key = (bound.quantity, bound.limit)  # the baseline is the same at every moment
    if key not in case.known:
        case.known[key] = _scaled(quantity_at_baseline(bound.quantity, case), bound)
    return case.known[key]


def _scaled(known: Known, bound: Bound) -> Known:
    return Known(None if known.value is None else known.value.scaled(bound.exact), known.gaps)


def normal_limit(quantity: str, reference: Reference, moment: Moment) -> Known:
    """The limit of normal that came with the result.

    Corrected calcium borrows that of calcium; a creatinine clearance has none, for creatinine's is another.
    """
    upper = reference is Reference.ULN
    kind = GapKind.UPPER_LIMIT if upper else GapKind.LOWER_LIMIT
    if quantity == CREATININE_CLEARANCE:
        return Known(None, frozenset({gap(kind, quantity)}))
    analyte = parts_of(quantity)[0]
    sample = moment.samples.get(analyte)
    if sample is None:
        return Known(None, frozenset({gap(GapKind.RESULT, analyte)}))
    limit = sample.measurement.high if upper else sample.measurement.low
    if limit is None:
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

    `falls` says in which direction the toxicity pushes it. Where something stands in for the quantity, that
    must be back.
    """
    surrogate = surrogate_at(quantity, moment, case)
    if surrogate is not None:
        quantity, falls = surrogate.bound.quantity, surrogate.bound.is_low
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
