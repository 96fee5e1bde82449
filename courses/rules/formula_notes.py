"""Point out what asks for a second look at the creatinine clearance: a young age, a weight that moved."""

from collections.abc import Iterator
from fractions import Fraction

from courses.rules.comparing import compared_age
from courses.rules.decimals import apart, plain
from courses.rules.derived import CREATININE, Case, weight_for
from courses.rules.eligibility import AGE_RULE
from courses.rules.intervals import exactly
from courses.rules.protocol import Test
from courses.rules.required import WEIGHT
from courses.rules.schedule import Dates
from courses.rules.values import Action, Comparison, Evidence, EvidenceKind, Reason, Weight
from courses.rules.wording import day_words
from labs.clinic_days import age_on


def formula_notes(*, case: Case, dates: Dates) -> Iterator[Reason]:
    """Notes only: neither ever changes an action."""
    yield from _age_note(case, dates)
    yield from _weight_note(case)


def _age_note(case: Case, dates: Dates) -> Iterator[Reason]:
    """Old enough to be treated, and younger than the people from whom the formula was derived."""
    adults, born = case.protocol.clearance.adults, case.chart.birth_date
    if adults is None or born is None:
        return
    age = age_on(born, max(born, dates.judged_for))
    if case.protocol.minimum_age <= age < adults.from_age:
        yield Reason(
            rule=AGE_RULE,
            action=Action.PROCEED,
            sentence=f"The patient, born on {day_words(born)}, is {age} years old on the planned day, "
            "and the creatinine clearance by Cockcroft and Gault was derived in people of "
            f"{adults.from_age} years or older: a physician agrees to its use, or judges the kidney function "
            "otherwise.",
            threshold=f"{adults.from_age} years or older",
            source=str(adults.source),
            comparisons=(compared_age(born, dates.judged_for, adults.from_age),),
        )


def _weight_note(case: Case) -> Iterator[Reason]:
    """The newest weight lies far from the one before it, or from the one of the baseline."""
    rule = case.protocol.weight.change
    weights = sorted(case.chart.weights, key=lambda weight: (weight.on, weight.kg))
    if rule is None or not weights:
        return
    newest, most = weights[-1], Fraction(rule.percent) / 100
    earlier = [weight for weight in weights if weight.on < newest.on]
    baseline = case.history.baselines.get(CREATININE)
    at_baseline = None if baseline is None else weight_for(baseline.day, case=case, baseline=True)
    beside = [weight for weight in (at_baseline, *earlier[-1:]) if weight in earlier]
    far = [weight for weight in dict.fromkeys(beside) if weight and _change(weight, newest) > most]
    if far:
        told = " and from ".join(_words(weight) for weight in far)
        yield Reason(
            rule=WEIGHT,
            action=Action.PROCEED,
            sentence=f"Body weight {_words(newest)}, more than {plain(rule.percent)} % away from {told}: "
            "check the weights, for the creatinine clearance rests on them.",
            threshold=f"at most {plain(rule.percent)} % of change",
            source=str(rule.source),
            evidence=tuple(_evidence(weight) for weight in (*far, newest)),
            comparisons=tuple(_compared(weight, newest, most) for weight in far),
        )


def _change(before: Weight, newest: Weight) -> Fraction:
    return abs(Fraction(newest.kg) - Fraction(before.kg)) / Fraction(before.kg)


def _words(weight: Weight) -> str:
    return f"{plain(weight.kg)} kg on {day_words(weight.on)}"


def _compared(before: Weight, newest: Weight, most: Fraction) -> Comparison:
    value, limit = apart(exactly(_change(before, newest) * 100), exactly(most * 100), computed=True)
    return Comparison(
        quantity="Change of body weight",
        value=value,
        unit="%",
        test=Test.ABOVE.value,
        limit=limit,
        met=True,
        value_from=f"from {_words(before)} to {_words(newest)}",
    )


def _evidence(weight: Weight) -> Evidence:
    return Evidence(
        kind=EvidenceKind.WEIGHT,
        name="Body weight",
        value=plain(weight.kg),
        unit="kg",
        on=weight.on,
        ref=weight.ref,
    )
