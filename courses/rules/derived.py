"""Values computed from others: creatinine clearance (Cockcroft-Gault) and calcium corrected for albumin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from fractions import Fraction

from courses.rules.evidence import History, Sample
from courses.rules.intervals import Interval, Tri
from courses.rules.protocol import CORRECTED_CALCIUM, CREATININE_CLEARANCE, Protocol
from courses.rules.values import Chart, Sex, Weight
from labs.clinic_days import age_on, days_between

CREATININE, CALCIUM, ALBUMIN = "CREAT", "CA", "ALB"
DIALYSIS = "dialysis"


class GapKind(Enum):
    """What kind of thing is not known."""

    RESULT = "result"
    LOWER_LIMIT = "lower limit of normal"
    UPPER_LIMIT = "upper limit of normal"
    BASELINE = "baseline"
    WEIGHT = "weight"
    SEX = "sex"
    BIRTH_DATE = "birth date"
    BOUNDS = "known only within bounds"
    SYMPTOM = "symptoms recorded by a person"
    ANTICOAGULATION = "whether the patient takes anticoagulants"
    DIALYSIS = "not to be judged on dialysis"
    DIALYSIS_UNKNOWN = "whether the patient is on dialysis"
    SUPPORT = "taken under a transfusion or growth factor"


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """One thing that is not known: its kind, and the analyte it belongs to."""

    kind_word: str
    item: str

    @property
    def kind(self) -> GapKind:
        """The kind as a word of the closed list."""
        return GapKind(self.kind_word)


def gap(kind: GapKind, item: str) -> Gap:
    """One thing that is not known."""
    return Gap(kind.value, item)


@dataclass(frozen=True, slots=True)
class Known:
    """A quantity at a moment: its value, or what is missing to know it."""

    value: Interval | None
    gaps: frozenset[Gap] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What stays the same while a chart is judged: the chart, its sifted results, and the protocol.

    `abnormal` and `known` remember what was found of baselines and clearances, worked out once each. Without
    `today` and the day it is judged for, no day of release is told.
    """

    chart: Chart
    history: History
    protocol: Protocol
    today: date | None = None
    judged_for: date | None = None
    abnormal: dict[object, Tri] = field(default_factory=dict, compare=False)
    known: dict[object, Known] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The newest samples as they stood when one specimen had been taken."""

    day: date
    interval: int
    samples: Mapping[str, Sample]


def quantity_at(quantity: str, moment: Moment, case: Case) -> Known:
    """A measured or derived quantity as it stood at a moment."""
    if quantity == CREATININE_CLEARANCE:
        return clearance(sample=moment.samples.get(CREATININE), case=case)
    if quantity == CORRECTED_CALCIUM:
        return _corrected_calcium(moment, case)
    return _measured(quantity, moment)


def quantity_at_baseline(quantity: str, case: Case) -> Known:
    """The same quantity at the baseline."""
    if quantity not in case.known:
        case.known[quantity] = _at_baseline(quantity, case)
    return case.known[quantity]


def _at_baseline(quantity: str, case: Case) -> Known:
    missing = frozenset({gap(GapKind.BASELINE, CREATININE if quantity == CREATININE_CLEARANCE else quantity)})
    baselines = case.history.baselines
    if quantity == CREATININE_CLEARANCE:
        sample = baselines.get(CREATININE)
        return Known(None, missing) if sample is None else clearance(sample=sample, case=case, baseline=True)
    sample = baselines.get(quantity)
    return Known(None, missing) if sample is None else Known(sample.value)


def _measured(analyte: str, moment: Moment) -> Known:
    sample = moment.samples.get(analyte)
    if sample is None:
        return Known(None, frozenset({gap(GapKind.RESULT, analyte)}))
    return Known(sample.value)


def weight_for(day: date, *, case: Case, baseline: bool = False) -> Weight | None:
    """The weight measured nearest to a day, within the protocol's validity; of equally near ones the newest.

    For the baseline the nearest of all stands in where none was taken in time, if the protocol says so.
    """
    rule = case.protocol.weight
    nearest = min(
        case.chart.weights,
        key=lambda weight: (abs(days_between(weight.on, day)), days_between(weight.on, day), weight.kg),
        default=None,
    )
    if nearest is None or (baseline and rule.nearest_for_baseline):
        return nearest
    return nearest if abs(days_between(nearest.on, day)) <= rule.validity_days else None


def clearance(*, sample: Sample | None, case: Case, baseline: bool = False) -> Known:
    """Creatinine clearance in mL/min by Cockcroft-Gault, exactly, from a creatinine in umol/L."""
    if sample is None or sample.value is None:
        return Known(None, frozenset({gap(GapKind.RESULT, CREATININE)}))
    key = (sample.at, sample.value, baseline)
    if key not in case.known:
        case.known[key] = _clearance(sample.day, sample.value, case, baseline)
    return case.known[key]


def _clearance(day: date, creatinine: Interval, case: Case, baseline: bool) -> Known:
    chart, formula = case.chart, case.protocol.clearance
    dialysis = dialysis_gaps(chart)
    if dialysis:
        return Known(None, dialysis)
    weight = weight_for(day, case=case, baseline=baseline)
    if weight is None or chart.sex is None or chart.birth_date is None or chart.birth_date > day:
        return Known(None, _person_gaps(weight, case))
    age = age_on(chart.birth_date, day)
    factor = formula.female_factor if chart.sex is Sex.FEMALE else 1
    numerator = (formula.age_constant - age) * Fraction(weight.kg) * factor * formula.umol_per_l_in_mg_per_dl
    return Known(creatinine.inverted(numerator / formula.divisor))


def dialysis_gaps(chart: Chart) -> frozenset[Gap]:
    """What keeps a clearance from being judged at all: dialysis, or not knowing of it.

    Where disease flags are not considered nothing is asked.
    """
    flags = chart.facts.disease_flags
    if flags is None or flags.dialysis is False:
        return frozenset()
    return frozenset({gap(GapKind.DIALYSIS if flags.dialysis else GapKind.DIALYSIS_UNKNOWN, DIALYSIS)})


def _person_gaps(weight: Weight | None, case: Case) -> frozenset[Gap]:
    """Which facts about the person the formula lacks."""
    found = set()
    if weight is None:
        found.add(gap(GapKind.WEIGHT, "weight"))
    if case.chart.sex is None:
        found.add(gap(GapKind.SEX, "sex"))
    if not found or case.chart.birth_date is None:
        found.add(gap(GapKind.BIRTH_DATE, "birth_date"))
    return frozenset(found)


def _corrected_calcium(moment: Moment, case: Case) -> Known:
    """Calcium in mmol/L corrected to a normal albumin."""
    calcium, albumin = _measured(CALCIUM, moment), _measured(ALBUMIN, moment)
    if calcium.value is None or albumin.value is None:
        return Known(None, calcium.gaps | albumin.gaps)
    rule = case.protocol.calcium
    lacking = albumin.value.mirrored(rule.albumin_g_per_l).scaled(rule.mmol_per_g)
    return Known(calcium.value.plus(lacking))
