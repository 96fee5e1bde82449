"""Write one comparison down so that a reader can make it again: numbers, origins, distance."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from courses.rules.ctcae import condition_holds
from courses.rules.decimals import apart, exact_text, interval_text, plain
from courses.rules.derived import (
    ALBUMIN,
    CALCIUM,
    CREATININE,
    Case,
    Moment,
    quantity_at,
    weight_for,
)
from courses.rules.evidence import Sample
from courses.rules.intervals import exactly
from courses.rules.judging import bound_holds, compare, limit_of, normal_limit, parts_of, surrogate_at
from courses.rules.protocol import (
    CORRECTED_CALCIUM,
    CREATININE_CLEARANCE,
    DERIVED,
    Bound,
    Criterion,
    GradeBound,
    GradeRow,
    Reference,
    Test,
)
from courses.rules.values import Comparison, GivenCycle, Purpose, Sex, UncountedPart
from courses.rules.wording import REFERENCES, TESTS, day_words, measured, sample_words, unit_words
from labs.clinic_days import age_on, days_between

_OPPOSITE = {
    Test.BELOW: Test.AT_LEAST,
    Test.AT_LEAST: Test.BELOW,
    Test.ABOVE: Test.AT_MOST,
    Test.AT_MOST: Test.ABOVE,
}


def opposite(bound: Bound) -> Bound:
    """The bound that is met exactly when this one is not."""
    return replace(bound, test=_OPPOSITE[bound.test])


def compared_bound(
    bound: Bound, moment: Moment, case: Case, *, purpose: Purpose = Purpose.TRIGGER, term: str = ""
) -> Comparison:
    """One bound at one moment; `term` names the criteria whose next grade is told beside it."""
    value, limit = quantity_at(bound.quantity, moment, case).value, limit_of(bound, moment, case).value
    sample = moment.samples.get(parts_of(bound.quantity)[0])
    at = None if sample is None else sample.at
    name, unit = case.protocol.names[bound.quantity], _unit(bound.quantity, case)
    value_text, limit_text = apart(value, limit, computed=bound.quantity in DERIVED)
    met = None if value is None or limit is None else compare(value, bound.test, limit)
    doubt = _no_proof(bound, moment) if purpose in (Purpose.RESOLUTION, Purpose.RETURN) else ""
    return Comparison(
        quantity=name,
        value=value_text,
        unit=unit,
        test=bound.test.value,
        limit=limit_text,
        met=None if doubt else met,
        collected_at=at,
        to_limit=_distance(value_text, limit_text, unit),
        to_next_grade=_to_next_grade(term, moment, case) if term else "",
        purpose=purpose,
        value_from=doubt or value_from(bound.quantity, moment, case),
        limit_from=limit_from(bound, moment, case),
    )


def _no_proof(bound: Bound, moment: Moment) -> str:
    """Why a specimen cannot show that something resolved; empty when it can."""
    samples = (moment.samples.get(part) for part in parts_of(bound.quantity))
    return "; ".join(sample.why for sample in samples if sample is not None and not sample.clears)


def counted(
    quantity: str,
    number: int,
    unit: str,
    test: Test,
    limit: int,
    *,
    purpose: Purpose = Purpose.TRIGGER,
    collected_at: datetime | None = None,
    value_from: str = "",
    limit_from: str = "",
) -> Comparison:
    """One comparison of whole numbers: days, years, grades."""
    return Comparison(
        quantity=quantity,
        value=str(number),
        unit=unit,
        test=test.value,
        limit=str(limit),
        met=compare(exactly(Fraction(number)), test, exactly(Fraction(limit))),
        collected_at=collected_at,
        to_limit=_distance(str(number), str(limit), unit),
        purpose=purpose,
        value_from=value_from,
        limit_from=limit_from,
    )


def counted_days(
    quantity: str, since: date, day: date, test: Test, limit: int, *, purpose: Purpose = Purpose.VALIDITY
) -> Comparison:
    """How many days lie between two days, compared with a number of days."""
    between = f"from {day_words(since)} to {day_words(day)}"
    return counted(quantity, days_between(since, day), "d", test, limit, purpose=purpose, value_from=between)


def compared_window(last: GivenCycle | UncountedPart, day: date, test: Test, edge: date) -> Comparison:
    """The day judged for against one edge of the window, in days since what was given last."""
    given = "administration" if isinstance(last, GivenCycle) else "part that does not count"
    return counted_days(
        f"Days since the last {given}",
        last.on,
        day,
        test,
        days_between(last.on, edge),
        purpose=Purpose.TRIGGER,
    )


def compared_age(birth_date: date, day: date, least: int) -> Comparison:
    """The age in completed years on a day against the least one."""
    age = age_on(birth_date, max(birth_date, day))
    return counted("Age", age, "a", Test.BELOW, least, value_from=f"born on {day_words(birth_date)}")


def trigger_rows(criterion: Criterion, least_grade: int) -> tuple[GradeRow, ...]:
    """The mildest rows of a grade or worse, one for each thing they look at."""
    found: dict[object, GradeRow] = {}
    for row in criterion.rows:  # most severe first, so that the mildest stays
        if row.grade_to >= least_grade:
            bound = row.bound
            found[bound.quantity, bound.test, bound.reference, row.condition] = row
    return tuple(found.values())


def compared_grade(
    term: str, least_grade: int, moment: Moment, case: Case, *, purpose: Purpose = Purpose.TRIGGER
) -> Iterator[Comparison]:
    """The comparisons that make a grade of a term, or a worse one; rows that do not apply are left out."""
    for bound in bounds_of_grade(term, least_grade, case):
        yield compared_bound(bound, moment, case, purpose=purpose, term=term)


def compared_resolution(term: str, resolved_grade: int, moment: Moment, case: Case) -> Iterator[Comparison]:
    """The comparisons that must all be met for a term to be of the resolved grade or milder."""
    for bound in resolution_bounds(term, resolved_grade, case):
        yield compared_bound(opposite(bound), moment, case, purpose=Purpose.RESOLUTION)


def resolution_bounds(term: str, resolved_grade: int, case: Case) -> tuple[Bound, ...]:
    """The bounds of which none may be met for a term to be of the resolved grade or milder."""
    return tuple(bounds_of_grade(term, resolved_grade + 1, case))


def bounds_of_grade(term: str, least_grade: int, case: Case) -> Iterator[Bound]:
    """The bounds of which one must be met for a term to be of a grade or worse, where they apply."""
    criterion = case.protocol.criteria.by_term[term]
    for row in trigger_rows(criterion, least_grade):
        if applies(row, criterion, case):
            yield row.bound


def applies(row: GradeRow, criterion: Criterion, case: Case) -> bool:
    """Whether the condition of a row (a normal baseline, say) is not surely absent."""
    return row.condition is None or condition_holds(row.condition, criterion, case).holds is not False


def compared_excuses(bounds: Iterable[GradeBound], moment: Moment, case: Case) -> Iterator[Comparison]:
    """The comparisons by which grades of other terms explain a finding away, or do not.

    One that makes the least grade must be met, and all those that keep it from a worse one.
    """
    for bound in bounds:
        if bound.at_least > 0:
            yield from compared_grade(bound.term, bound.at_least, moment, case, purpose=Purpose.EXCEPTION)
        for worse in bounds_of_grade(bound.term, bound.at_most + 1, case):
            yield compared_bound(opposite(worse), moment, case, purpose=Purpose.EXCEPTION)


def compared_recovery(
    quantity: str, *, falls: bool, tolerance: Fraction, moment: Moment, case: Case
) -> Iterator[Comparison]:
    """Back within the reference range, or within the tolerance of the baseline: one of them is enough."""
    for bound in recovery_bounds(quantity, falls=falls, tolerance=tolerance, moment=moment, case=case):
        yield compared_bound(bound, moment, case, purpose=Purpose.RETURN)


def recovery_bounds(
    quantity: str, *, falls: bool, tolerance: Fraction, moment: Moment, case: Case
) -> tuple[Bound, Bound]:
    """The two bounds of which one must be met for a quantity, or what stands in for it, to count as back."""
    surrogate = surrogate_at(quantity, moment, case)
    if surrogate is not None:
        quantity, falls = surrogate.bound.quantity, surrogate.bound.is_low
    test = Test.AT_LEAST if falls else Test.AT_MOST
    factor = 1 - tolerance if falls else 1 + tolerance
    normal = Reference.LLN if falls else Reference.ULN
    return (
        Bound(quantity=quantity, test=test, limit=Decimal(1), exact=Fraction(1), reference=normal),
        Bound(
            quantity=quantity,
            test=test,
            limit=Decimal(factor.numerator) / Decimal(factor.denominator),
            exact=factor,
            reference=Reference.BASELINE,
        ),
    )


def _distance(value: str, limit: str, unit: str) -> str:
    """15 ×10^9/L below 75, from the numbers as printed; empty where one of them is not one number."""
    try:
        one, other = Decimal(value), Decimal(limit)
    except ArithmeticError:
        return ""
    distance = measured(plain(abs(one - other)), unit_words(unit))
    if one < other:
        return f"{distance} below {limit}"
    return f"{distance} above {limit}" if one > other else f"exactly at {limit}"


def _to_next_grade(term: str, moment: Moment, case: Case) -> str:
    """10 above grade 3 (below 50): how far the value may still worsen before it is graded worse."""
    criterion = case.protocol.criteria.by_term[term]
    for row in reversed(criterion.rows):
        held = bound_holds(row.bound, moment, case).holds
        if held is not False or not applies(row, criterion, case):
            continue
        value = quantity_at(row.bound.quantity, moment, case).value
        limit = limit_of(row.bound, moment, case).value
        value_text, limit_text = apart(value, limit, computed=row.bound.quantity in DERIVED)
        distance = _distance(value_text, limit_text, _unit(row.bound.quantity, case))
        grade = f"grade {row.grade} ({TESTS[row.bound.test]} {limit_text})"
        return f"{distance.removesuffix(limit_text)}{grade}" if distance else ""
    return ""


def value_from(quantity: str, moment: Moment, case: Case) -> str:
    """How a derived value came about, with its numbers put in; empty for a measured one."""
    if quantity == CREATININE_CLEARANCE:
        sample = moment.samples.get(CREATININE)
        return "" if sample is None else _clearance_from(sample, case)
    if quantity == CORRECTED_CALCIUM and {CALCIUM, ALBUMIN} <= moment.samples.keys():
        rule, protocol = case.protocol.calcium, case.protocol
        return (
            f"{sample_words(moment.samples[CALCIUM], protocol)} + {exact_text(rule.mmol_per_g)} × "
            f"({exact_text(rule.albumin_g_per_l)} - {sample_words(moment.samples[ALBUMIN], protocol)})"
        )
    return ""


def _clearance_from(sample: Sample, case: Case, *, baseline: bool = False) -> str:
    """Cockcroft-Gault with its numbers: age, weight with its day, sex, creatinine."""
    weight = weight_for(sample.day, case=case, baseline=baseline)
    chart, formula = case.chart, case.protocol.clearance
    if weight is None or chart.sex is None or chart.birth_date is None or chart.birth_date > sample.day:
        return ""
    female = chart.sex is Sex.FEMALE
    factor = f" × {exact_text(formula.female_factor)} (female)" if female else " (male)"
    return (
        f"Cockcroft-Gault: ({exact_text(formula.age_constant)} - "
        f"{age_on(chart.birth_date, sample.day)} years) × "
        f"{plain(weight.kg)} kg (weighed on {day_words(weight.on)}){factor} × "
        f"{exact_text(formula.umol_per_l_in_mg_per_dl)} / ({exact_text(formula.divisor)} × "
        f"{sample_words(sample, case.protocol)})"
    )


def limit_from(bound: Bound, moment: Moment, case: Case) -> str:
    """What a limit is a multiple of: 3 × the upper limit of normal 21 µmol/L; empty for a plain number."""
    if bound.reference is None:
        return ""
    name = REFERENCES[bound.reference]
    times = "" if bound.limit == 1 else f"{plain(bound.limit)} × "
    if bound.reference is not Reference.BASELINE:
        known = normal_limit(bound.quantity, bound.reference, moment).value
        unit = unit_words(_unit(bound.quantity, case))
        return f"{times}{name}" + ("" if known is None else f" {measured(interval_text(known), unit)}")
    sample = case.history.baselines.get(parts_of(bound.quantity)[0])
    if sample is None:
        return f"{times}{name}"
    inputs = _clearance_from(sample, case, baseline=True) if bound.quantity == CREATININE_CLEARANCE else ""
    return f"{times}{name}: {inputs or sample_words(sample, case.protocol)}"


def _unit(quantity: str, case: Case) -> str:
    return DERIVED.get(quantity) or case.protocol.units[quantity]
