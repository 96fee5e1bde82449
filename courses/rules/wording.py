"""The plain words of sentences: days, quantities, bounds, and numbers that never cross their limit."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from courses.rules.derived import CREATININE, Case, Moment, clearance, quantity_at, weight_for
from courses.rules.evidence import Sample, Standing
from courses.rules.intervals import Interval
from courses.rules.judging import limit_of, parts_of
from courses.rules.protocol import CREATININE_CLEARANCE, DERIVED, Bound, Protocol, Reference, Test
from courses.rules.values import AdverseEvent, Evidence, EvidenceKind

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
_TESTS = {
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
_REFERENCES = {
    Reference.LLN: "the lower limit of normal",
    Reference.ULN: "the upper limit of normal",
    Reference.BASELINE: "the baseline",
}


def day_words(day: date) -> str:
    """4 May 2026."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def unit_words(unit: str) -> str:
    """The unit as people write it."""
    return unit.replace("10*9/L", "×10^9/L").replace("umol", "µmol").replace("[IU]", "IU")


def plain(number: Decimal) -> str:
    """Without exponent or trailing zeros."""
    return f"{number.normalize():f}"


def shown(value: Fraction, *, beside: Fraction | None = None, places: int = 1) -> str:
    """A number in as few places as keep it on its own side of the limit it is compared with."""
    while True:
        rounded = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(
            Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN
        )
        text = Fraction(rounded)
        same_side = beside is None or (
            (text < beside) == (value < beside) and (text > beside) == (value > beside)
        )
        if same_side or places >= 12:
            return plain(rounded)
        places += 1


def interval_words(value: Interval, *, beside: Fraction | None = None) -> str:
    """An exact value, or the bounds it lies between."""
    if value.low is not None and value.low == value.high:
        return shown(value.low, beside=beside)
    low = "" if value.low is None else shown(value.low)
    high = "" if value.high is None else shown(value.high)
    if not high:
        return f"{low} or more"
    return f"{high} or less" if low in ("", "0") else f"{low} to {high}"


def name_of(quantity: str, protocol: Protocol) -> str:
    """The quantity's name."""
    return protocol.names[quantity]


def unit_of(quantity: str, protocol: Protocol) -> str:
    """The quantity's unit as people write it."""
    return unit_words(DERIVED.get(quantity) or protocol.units[quantity])


def value_words(sample: Sample) -> str:
    """The value as reported, with its comparator; what lies between two contradicting ones."""
    if sample.standing is Standing.CONFLICT and sample.value is not None:
        return interval_words(sample.value)
    m = sample.measurement
    return "no number" if m.value is None else f"{m.comparator}{plain(m.value)}"


def sample_words(sample: Sample, protocol: Protocol) -> str:
    """Platelets 60 ×10^9/L on 4 May 2026."""
    name, unit = name_of(sample.analyte, protocol), unit_of(sample.analyte, protocol)
    return f"{name} {value_words(sample)} {unit} on {day_words(sample.day)}"


def quantity_words(bound: Bound, moment: Moment, case: Case) -> str:
    """What a bound looked at, as it stood."""
    sample = moment.samples[parts_of(bound.quantity)[0]]
    if bound.quantity not in DERIVED:
        return sample_words(sample, case.protocol)
    known, limit = quantity_at(bound.quantity, moment, case).value, limit_of(bound, moment, case).value
    name, unit = name_of(bound.quantity, case.protocol), unit_of(bound.quantity, case.protocol)
    beside = limit.low if limit is not None else None
    value = "unknown" if known is None else interval_words(known, beside=beside)
    return f"{name} {value} {unit} on {day_words(sample.day)}"


def limit_words(bound: Bound, moment: Moment | None, case: Case) -> str:
    """The number of a bound: 75 ×10^9/L, or 3 × the upper limit of normal (63 µmol/L)."""
    unit = unit_of(bound.quantity, case.protocol)
    if bound.reference is None:
        return f"{plain(bound.limit)} {unit}"
    reference = _REFERENCES[bound.reference]
    times = reference if bound.limit == 1 else f"{plain(bound.limit)} × {reference}"
    limit = None if moment is None else limit_of(bound, moment, case).value
    return times if limit is None else f"{times} ({interval_words(limit)} {unit})"


def bound_words(bound: Bound, moment: Moment | None, case: Case) -> str:
    """The condition of a bound: below 75 ×10^9/L."""
    return f"{_TESTS[bound.test]} {limit_words(bound, moment, case)}"


def release_words(bound: Bound, moment: Moment | None, case: Case) -> str:
    """The opposite of a bound: 75 ×10^9/L or more."""
    return _OPPOSITE[bound.test].format(limit_words(bound, moment, case))


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


def event_evidence(event: AdverseEvent) -> Evidence:
    """An adverse event as evidence."""
    return Evidence(
        kind=EvidenceKind.ADVERSE_EVENT,
        name=event.term,
        value=f"grade {event.grade}",
        on=event.began_on,
        ref=event.ref,
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
            value=interval_words(known, beside=None),
            unit=DERIVED[CREATININE_CLEARANCE],
            on=moment.day,
        ),
    )
