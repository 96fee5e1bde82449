"""The words of a protocol version and of CTCAE criteria: what the data files say, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from courses.rules.facts import InterruptionKind, SupportKind
from courses.rules.order_states import OrderKind
from courses.rules.planning import Planning
from courses.rules.values import Action, Source

CREATININE_CLEARANCE = "creatinine_clearance"
CORRECTED_CALCIUM = "corrected_calcium"
DERIVED = {CREATININE_CLEARANCE: "mL/min", CORRECTED_CALCIUM: "mmol/L"}


class Test(StrEnum):
    """How a value is compared with its limit."""

    __test__ = False  # the name is the domain's; pytest shall not collect it

    BELOW = "below"
    AT_MOST = "at_most"
    ABOVE = "above"
    AT_LEAST = "at_least"


class Reference(StrEnum):
    """What a limit is a multiple of."""

    LLN = "lln"
    ULN = "uln"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One comparison of one quantity: with a number, or with a multiple of a reference."""

    quantity: str
    test: Test
    limit: Decimal
    exact: Fraction
    reference: Reference | None = None

    @property
    def is_low(self) -> bool:
        """Whether falling values meet the bound."""
        return self.test in (Test.BELOW, Test.AT_MOST)


class Condition(StrEnum):
    """What must be so for a grade's row to apply: how the baseline lay to its own limits, or a circumstance.

    A normal baseline is one not above its upper limit. Whether a specimen was fasting is never recorded.
    """

    BASELINE_NORMAL = "normal"
    BASELINE_ABNORMAL = "abnormal"
    BASELINE_LOW = "low"
    ANTICOAGULATED = "anticoagulated"
    FASTING = "fasting"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeRow:
    """One line of a criterion: the bound that makes a grade; `grade_to` when symptoms decide up to which."""

    grade: int
    grade_to: int
    bound: Bound
    condition: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One CTCAE term: published bounds beside the comparisons, most severe first."""

    term: str
    quantity: str
    unit: str
    published: Mapping[int, str]
    rows: tuple[GradeRow, ...]
    source: Source
    graded_by_people: tuple[int, ...] = ()
    also_reported_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """One version of CTCAE, by term; `names` leads from every name of a term, folded, to the term."""

    version: str
    title: str
    by_term: Mapping[str, Criterion]
    names: Mapping[str, str]

    def named(self, name: str) -> Criterion | None:
        """The criterion of a term, also under the name another version, or other people, give it."""
        term = self.names.get(" ".join(name.split()).casefold())
        return None if term is None else self.by_term[term]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How many cycles, how much activity, how far apart; days count from the last administration."""

    cycles: int
    activity_gbq: Decimal
    reduced_activity_gbq: Decimal
    interval_days: int
    window_first_day: int
    window_last_day: int
    reduced_counts_as_cycle: bool
    source: Source
    window_source: Source
    reduced_source: Source


class ClockStart(StrEnum):
    """From which day the limit of a delay is counted."""

    LAST_ADMINISTRATION = "last_administration"
    NOMINAL_DAY = "nominal_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayLimit:
    """How long a toxicity may delay the next cycle before the course stops."""

    days: int
    counted_from: ClockStart
    stops_on_limit_day: bool
    subtract_other_delay: bool
    warn_days: tuple[int, ...]
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierDraw:
    """A further draw before the last one: from so many to so many days before the planned day."""

    from_days_before: int
    to_days_before: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class LabRow:
    """One analyte before each administration: how fresh, when it is due, and whether it is always needed."""

    analyte: str
    always: bool
    validity_days: int
    due_days_before: int
    source: Source
    earlier: EarlierDraw | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRule:
    """By how many days at most a physician may let a result be older than its row says."""

    days: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRule:
    """For how many days after a transfusion or growth factor a result may alarm but proves no recovery."""

    kind: SupportKind
    analytes: tuple[str, ...]
    days: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogate:
    """A bound that stands in for one of another quantity which was not measured; a site sets it or not."""

    quantity: str
    bound: Bound
    source: Source


class When(StrEnum):
    """Before which administrations something is looked at."""

    FIRST_CYCLE = "first_cycle"
    EVERY_CYCLE = "every_cycle"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """What every check before an administration has: its id, its name, when it is made, its source."""

    id: str
    name: str
    when: When
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PregnancyCheck(CheckRow):
    """Pregnancy excluded, for women of these ages in completed years.

    From `hcg_at_least` on, in the canonical unit, hCG does not leave it excluded.
    """

    from_age: int
    to_age: int
    validity_days: int
    due_days_before: int
    if_pregnant: Action
    hcg_at_least: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagingCheck(CheckRow):
    """Receptor imaging recorded, with an uptake of at least so much; a note up to `note_uptake`."""

    least_uptake: int
    note_uptake: int
    if_below: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalogueCheck(CheckRow):
    """Days between the last injection of an analogue and the administration."""

    long_acting_days: int
    long_acting_note_days: int
    short_acting_days: int
    due_days_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllergyCheck(CheckRow):
    """Allergies and earlier reactions reviewed since the last administration, within so many days."""

    validity_days: int
    due_days_before: int
    if_contraindicated: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartFailureCheck(CheckRow):
    """The heart failure classes (New York Heart Association) that end treatment."""

    stops_from_class: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptionCheck(CheckRow):
    """Illness and surgery: treatment waits until they are over, and so many days more."""

    wait_days: Mapping[InterruptionKind, int]


Check = PregnancyCheck | ImagingCheck | AnalogueCheck | AllergyCheck | HeartFailureCheck | InterruptionCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """By how much a body weight may move before that is pointed out."""

    percent: Decimal
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRule:
    """How fresh a body weight must be, and what stands in where none was taken near the baseline."""

    validity_days: int
    due_days_before: int
    nearest_for_baseline: bool
    source: Source
    change: WeightChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adults:
    """The age in completed years from which a formula was derived; for younger people that is pointed out."""

    from_age: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CockcroftGault:
    """The constants of the creatinine clearance formula."""

    age_constant: Fraction
    divisor: Fraction
    female_factor: Fraction
    umol_per_l_in_mg_per_dl: Fraction
    source: Source
    adults: Adults | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalciumCorrection:
    """The constants of calcium corrected for albumin."""

    mmol_per_g: Fraction
    albumin_g_per_l: Fraction
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeBound:
    """A grade of another term that explains a toxicity away."""

    term: str
    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A term that does not count while all these grades hold, or, with `judged_by`, over a normal baseline.

    `judged_by` names the row whose own bounds then reach all that the trigger grade of the term reaches.
    """

    term: str
    explained_by: tuple[GradeBound, ...] = ()
    judged_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicityCriterion:
    """Bounds that trigger together; the quantities whose recovery resolves them, and whether they fall."""

    name: str
    bounds: tuple[Bound, ...]
    resolves_by: tuple[tuple[str, bool], ...]


class RecurrenceBy(StrEnum):
    """Whether a second occurrence is counted within the family or within the term."""

    FAMILY = "family"
    TERM = "term"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicityFamily:
    """One row of the dose-modification table: what triggers it, what resolves it, what follows.

    Graded families name CTCAE terms; bounded ones carry criteria; both may be reported by people as events,
    by a name of `reported_terms` or by one that holds a piece of a word of `reported_stems`.
    """

    id: str
    name: str
    terms: tuple[str, ...]
    reported_terms: tuple[str, ...]
    trigger_grade: int
    resolved_grade: int
    criteria: tuple[ToxicityCriterion, ...]
    tolerance_percent: Decimal
    on_first: Action
    on_recurrence: Action
    recurrence_by: RecurrenceBy
    other_events: bool
    milder_note: str
    spare_baseline_grade: bool
    exemptions: tuple[Exemption, ...]
    source: Source
    resolution_source: Source
    reported_stems: tuple[str, ...] = ()

    @property
    def never_acts(self) -> bool:
        """Whether this family is only ever a note."""
        return self.on_first is Action.PROCEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What must hold before the first, or before every, cycle; it acts while all its bounds are met."""

    id: str
    name: str
    when: When
    bounds: tuple[Bound, ...]
    explained_by: tuple[GradeBound, ...]
    action: Action
    source: Source


class OrderedWhen(StrEnum):
    """For whom something is ordered; not knowing whether pregnancy is possible counts as possible."""

    ALWAYS = "always"
    PERITONEAL = "peritoneal_or_mesenteric_disease"
    PREGNANCY_POSSIBLE = "pregnancy_possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order of the cycle's order set."""

    kind: OrderKind
    when: OrderedWhen
    items: tuple[tuple[tuple[str, str], ...], ...]
    source: Source
    # What whoever signs must have read where this is ordered.
    warning: str = ""


class Use(StrEnum):
    """What a protocol is for: a label in force, or research, which is never offered by itself."""

    LABEL = "label"
    RESEARCH = "research"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One dated, cited version of the rules a course follows, together with the criteria it grades by."""

    id: str
    title: str
    use: Use
    in_force_from: date
    product: str
    route: str
    schedule: Schedule
    delay_limit: DelayLimit
    labs: tuple[LabRow, ...]
    weight: WeightRule
    minimum_age: int
    minimum_age_source: Source
    count_interim_occurrences: bool
    interim_source: Source
    clearance: CockcroftGault
    calcium: CalciumCorrection
    families: tuple[ToxicityFamily, ...]
    floors: tuple[Floor, ...]
    checks: tuple[Check, ...]
    support: tuple[SupportRule, ...]
    prothrombin_surrogate: Surrogate | None
    orders: tuple[OrderRow, ...]
    criteria: Criteria
    other_criteria: Criteria | None
    names: Mapping[str, str]
    units: Mapping[str, str]
    # Without one no window is ever extended.
    waiver: WaiverRule | None = None
    planning: Planning = field(default_factory=Planning)

    def lab(self, analyte: str) -> LabRow | None:
        """The row of an analyte, or none when the protocol does not ask for it."""
        return next((row for row in self.labs if row.analyte == analyte), None)
