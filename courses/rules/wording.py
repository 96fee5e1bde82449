"""The plain words of sentences: days, quantities, values and bounds."""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from courses.rules.decimals import apart, exact_text, plain
from courses.rules.derived import CREATININE, Case, Moment, clearance, quantity_at, weight_for
from courses.rules.evidence import Sample, Standing
from courses.rules.facts import Attribution, ManualGrade, OccurrenceReview
from courses.rules.intervals import ZERO, Interval
from courses.rules.judging import limit_of, parts_of, surrogate_at
from courses.rules.protocol import CREATININE_CLEARANCE, DERIVED, Bound, Protocol, Reference, Test
from courses.rules.values import AdverseEvent, Evidence, EvidenceKind, GivenCycle, UncountedPart

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
TESTS = {
    Test.BELOW: "below",
    Test.AT_MOST: "at or below",
    Test.ABOVE: "above",
    Test.AT_LEAST: "at or above",
}
_OPPOSITE = {
    Test.BELOW: "{} or more",
    Test.AT_MOST: "above {}",
    Test.ABOVE: "{} or less",
    Test.AT_LEAST: "below {}",
}
_NEEDED = {
    Test.BELOW: "at least {}",
    Test.AT_MOST: "above {}",
    Test.ABOVE: "at most {}",
    Test.AT_LEAST: "below {}",
}
REFERENCES = {
    Reference.LLN: "the lower limit of normal",
    Reference.ULN: "the upper limit of normal",
    Reference.BASELINE: "the baseline",
}


def day_words(day: date) -> str:
    """4 May 2026."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def cycle_words(cycle: GivenCycle) -> str:
    """Cycle 2 of 9 March 2026, or, where another hospital gave it: cycle 1 at St Anna, 12 January 2026."""
    if cycle.elsewhere:
        return f"cycle {cycle.number} at {cycle.elsewhere}, {day_words(cycle.on)}"
    return f"cycle {cycle.number} of {day_words(cycle.on)}"


def treatment_words(given: GivenCycle | UncountedPart) -> str:
    """A cycle as `cycle_words`, or: the part of cycle 2 of 4 May 2026 that does not count."""
    if isinstance(given, GivenCycle):
        return cycle_words(given)
    return f"the part of cycle {given.cycle} of {day_words(given.on)} that does not count"


def days_words(number: int) -> str:
    """1 day, 28 days."""
    return f"{number} day" if number == 1 else f"{number} days"


def unit_words(unit: str) -> str:
    """The unit as people write it."""
    return unit.replace("10*9/L", "×10^9/L").replace("umol", "µmol").replace("[IU]", "IU")


def unended(text: str) -> str:
    """What a person wrote, without its full stop, so that a sentence may go on after it."""
    return text.strip().rstrip(".;")


def measured(value: str, unit: str) -> str:
    """A value with its unit as people write it; without one for a plain ratio."""
    return value if unit in ("", "1") else f"{value} {unit}"


def interval_words(value: Interval, word: Callable[[Fraction], str]) -> str:
    """An exact value, or the bounds it lies between, each end put into words."""
    if value.low is not None and value.low == value.high:
        return word(value.low)
    if value.high is None:
        return f"{word(value.low or ZERO)} or more"
    return f"{word(value.low)} to {word(value.high)}" if value.low else f"{word(value.high)} or less"


def shown(value: Fraction) -> str:
    """A computed number in one place."""
    return exact_text(Fraction(round(value * 10), 10))


def name_of(quantity: str, protocol: Protocol) -> str:
    """The quantity's name."""
    return protocol.names[quantity]


def unit_of(quantity: str, protocol: Protocol) -> str:
    """The quantity's unit as people write it."""
    return unit_words(DERIVED.get(quantity) or protocol.units[quantity])


def value_words(sample: Sample) -> str:
    """The value as reported, with its comparator; what lies between two contradicting ones."""
    if sample.standing is Standing.CONFLICT and sample.value is not None:
        return interval_words(sample.value, exact_text)
    m = sample.measurement
    return "no number" if m.value is None else f"{m.comparator}{plain(m.value)}"


def sample_words(sample: Sample, protocol: Protocol) -> str:
    """Platelets 60 ×10^9/L on 4 May 2026."""
    name, unit = name_of(sample.analyte, protocol), unit_of(sample.analyte, protocol)
    return f"{name} {measured(value_words(sample), unit)} on {day_words(sample.day)}"


def quantity_words(bound: Bound, moment: Moment, case: Case) -> str:
    """What a bound looked at, as it stood."""
    sample = moment.samples[parts_of(bound.quantity)[0]]
    if bound.quantity not in DERIVED:
        return sample_words(sample, case.protocol)
    known, limit = quantity_at(bound.quantity, moment, case).value, limit_of(bound, moment, case).value
    name, unit = name_of(bound.quantity, case.protocol), unit_words(DERIVED[bound.quantity])
    value, _ = apart(known, limit, computed=True)
    return f"{name} {value if known is None else measured(value, unit)} on {day_words(sample.day)}"


def limit_words(bound: Bound, moment: Moment | None, case: Case) -> str:
    """The number of a bound: 75 ×10^9/L, or 3 × the upper limit of normal (63 µmol/L)."""
    unit = unit_of(bound.quantity, case.protocol)
    if bound.reference is None:
        return measured(plain(bound.limit), unit)
    reference = REFERENCES[bound.reference]
    times = reference if bound.limit == 1 else f"{plain(bound.limit)} × {reference}"
    limit = None if moment is None else limit_of(bound, moment, case).value
    if moment is None or limit is None:
        return times
    value = quantity_at(bound.quantity, moment, case).value
    _, beside = apart(value, limit, computed=bound.quantity in DERIVED)
    return f"{times} ({measured(beside, unit)})"


def bound_words(bound: Bound, moment: Moment | None, case: Case) -> str:
    """The condition of a bound: below 75 ×10^9/L."""
    return f"{TESTS[bound.test]} {limit_words(bound, moment, case)}"


def release_words(bound: Bound, moment: Moment | None, case: Case) -> str:
    """The opposite of a bound: 75 ×10^9/L or more."""
    return _OPPOSITE[bound.test].format(limit_words(bound, moment, case))


def needed_words(bound: Bound, moment: Moment | None, case: Case) -> str:
    """The same where several are told together: at least 75 ×10^9/L, with no "or" of its own."""
    return _NEEDED[bound.test].format(limit_words(bound, moment, case))


def surrogate_words(bounds: Iterable[Bound], moment: Moment, case: Case) -> str:
    """That one quantity stands in for another which was not measured; empty where none does."""
    for bound in bounds:
        surrogate = surrogate_at(bound.quantity, moment, case)
        if surrogate is not None:  # a site sets one at most
            return (
                f" ({name_of(surrogate.bound.quantity, case.protocol)} stands in for "
                f"{name_of(surrogate.quantity, case.protocol)}, which was not measured, by the site's choice)"
            )
    return ""


def lab_evidence(sample: Sample, protocol: Protocol) -> Evidence:
    """A result as evidence."""
    m = sample.measurement
    return Evidence(
        kind=EvidenceKind.LAB,
        name=protocol.names[m.analyte],
        value=value_words(sample),
        unit=m.unit,
        code=m.code,
        collected_at=m.collected_at,
        on=m.collected_on,
        ref=m.ref,
    )


def said_evidence(name: str, value: str, said: ManualGrade | Attribution | OccurrenceReview) -> Evidence:
    """What a person recorded of a finding as evidence, with who recorded it and why."""
    told = f"{name}, {said.by}: {said.reason}"
    return Evidence(kind=EvidenceKind.FACT, name=told, value=value, on=said.on, ref=said.ref)


def event_evidence(event: AdverseEvent) -> Evidence:
    """An adverse event as evidence."""
    return Evidence(
        kind=EvidenceKind.ADVERSE_EVENT,
        name=event.term,
        value=f"grade {event.grade}",
        on=event.began_on,
        until=event.ended_on,
        ref=event.ref,
    )


_CAUSES = {True: "related to the treatment", False: "of another cause", None: "cause not stated"}


def event_span_words(event: AdverseEvent) -> str:
    """From 10 March 2026 to 12 March 2026, of another cause."""
    until = "not over" if event.ended_on is None else f"to {day_words(event.ended_on)}"
    comma = "," if event.ended_on is None else ""
    return f"from {day_words(event.began_on)}{comma} {until}, {_CAUSES[event.related]}"


def parts_evidence(parts: Iterable[UncountedPart]) -> Evidence:
    """Parts that do not count, as one piece of evidence: one more, or a corrected one, makes it another."""
    by_day = sorted(parts, key=lambda part: (part.on, part.ref))
    total = sum((part.activity_gbq for part in by_day), Decimal(0))
    return Evidence(
        kind=EvidenceKind.FACT,
        name="Given in parts that do not count",
        value=plain(total),
        unit="GBq",
        on=by_day[-1].on,
        ref=by_day[-1].ref,
    )


def clearance_evidence(moment: Moment, case: Case) -> tuple[Evidence, ...]:
    """The inputs of the creatinine clearance beside its value."""
    sample = moment.samples.get(CREATININE)
    known = clearance(sample=sample, case=case).value
    weight = None if sample is None else weight_for(sample.day, case=case)
    if known is None or weight is None:
        return ()
    return (
        Evidence(
            kind=EvidenceKind.WEIGHT,
            name="Body weight",
            value=plain(weight.kg),
            unit="kg",
            on=weight.on,
            ref=weight.ref,
        ),
        Evidence(
            kind=EvidenceKind.DERIVED,
            name=case.protocol.names[CREATININE_CLEARANCE],
            value=interval_words(known, shown),
            unit=DERIVED[CREATININE_CLEARANCE],
            on=moment.day,
        ),
    )
