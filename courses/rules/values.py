"""The words of the decision core: what goes into a recommendation, and what comes out."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum

from courses.rules.facts import (
    Attribution,
    Facts,
    ManualGrade,
    OccurrenceReview,
    Override,
    PrecautionaryHold,
    Support,
    Waiver,
)
from courses.rules.order_states import OrderKind

_NO_FACTS = Facts()


class Action(IntEnum):
    """What the protocol says to do, mildest first: several reasons combine by the largest."""

    PROCEED = 0
    REDUCE = 1
    HOLD = 2
    DELAY = 3
    STOP = 4

    @property
    def word(self) -> str:
        """The word other programs see."""
        return self.name.lower()

    @property
    def is_go(self) -> bool:
        """Whether activity may be given."""
        return self <= Action.REDUCE


class Sex(StrEnum):
    """Sex as the creatinine clearance formula knows it; anything else is unknown."""

    FEMALE = "female"
    MALE = "male"


class Status(StrEnum):
    """The life of a result, in the words of contracts and FHIR."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    CORRECTED = "corrected"
    AMENDED = "amended"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


class DelayCause(StrEnum):
    """Why a cycle was put off."""

    TOXICITY = "toxicity"
    SUPPLY = "supply"
    PATIENT = "patient"
    CAPACITY = "capacity"
    OTHER = "other"


class Occurrence(StrEnum):
    """Whether a toxicity is the first of its family in the course, or came again after treatment resumed."""

    FIRST = "first"
    RECURRENT = "recurrent"


class ActivityLevel(StrEnum):
    """What the cycles given and the toxicities so far leave of the activity: the label's ladder."""

    FULL = "full"
    REDUCED = "reduced"
    RESTORED = "restored"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One reported value of one analyte, in its canonical unit. `ref` names the stored evidence.

    `result` names what it is a version of; where it is empty, code and instant do. Two results of one
    specimen never stand in for each other.
    """

    analyte: str
    code: str
    value: Decimal | None
    unit: str
    collected_at: datetime
    collected_on: date
    comparator: str = ""
    status: Status = Status.FINAL
    low: Decimal | None = None
    high: Decimal | None = None
    quality: tuple[str, ...] = ()
    baseline: bool = False
    result: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A body weight and the day it was measured."""

    on: date
    kg: Decimal
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCycle:
    """An administration that took place; `elsewhere` names the hospital when it was another one."""

    number: int
    on: date
    activity_gbq: Decimal
    elsewhere: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UncountedPart:
    """A part of a cycle still open that reached the patient, and that a physician does not count for it."""

    cycle: int
    on: date
    activity_gbq: Decimal
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseEvent:
    """An adverse event graded by a person; `related` is None until attribution is recorded."""

    term: str
    grade: int
    began_on: date
    ended_on: date | None = None
    related: bool | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A recorded span of delay of one cycle, and its cause."""

    cycle: int
    cause: DelayCause
    began_on: date
    ended_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Everything the rules may know of one course at one moment.

    With `baseline_locked` only a result marked as baseline is one: nothing newer takes its place, nor what is
    left when it was withdrawn.
    """

    birth_date: date | None
    sex: Sex | None
    measurements: tuple[Measurement, ...] = ()
    weights: tuple[Weight, ...] = ()
    cycles: tuple[GivenCycle, ...] = ()
    adverse_events: tuple[AdverseEvent, ...] = ()
    delays: tuple[Delay, ...] = ()
    planned_on: date | None = None
    prior_activity_gbq: Decimal = Decimal(0)
    baseline_locked: bool = False
    peritoneal_or_mesenteric_disease: bool | None = None
    facts: Facts = _NO_FACTS
    support: tuple[Support, ...] = ()
    manual_grades: tuple[ManualGrade, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    occurrence_reviews: tuple[OccurrenceReview, ...] = ()
    precautionary_holds: tuple[PrecautionaryHold, ...] = ()
    overrides: tuple[Override, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    uncounted_parts: tuple[UncountedPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a number comes from, how sure we are of it, and when it was last checked."""

    document: str
    section: str
    confidence: str
    checked: date
    to_be_confirmed: bool = False

    def __str__(self) -> str:
        suffix = " (to be confirmed by the clinic)" if self.to_be_confirmed else ""
        return f"{self.document}, {self.section}{suffix}"


class EvidenceKind(Enum):
    """What a piece of evidence is."""

    LAB = "lab"
    WEIGHT = "weight"
    ADVERSE_EVENT = "adverse event"
    DERIVED = "derived"
    FACT = "recorded fact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One fact a reason rests on, as it was used; `until` is the day on which an event ended."""

    kind: EvidenceKind
    name: str
    value: str
    unit: str = ""
    code: str = ""
    collected_at: datetime | None = None
    on: date | None = None
    until: date | None = None
    ref: str = ""


class Purpose(StrEnum):
    """What a comparison was made for.

    Trigger: to act. Resolution: no longer to act, all of them. Return: back at the reference range or the
    baseline, one for each quantity is enough. Exception: to explain a finding away. Validity: to trust
    evidence.
    """

    TRIGGER = "trigger"
    RESOLUTION = "resolution"
    RETURN = "return"
    EXCEPTION = "exception"
    VALIDITY = "validity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison as it was made, in exact decimals, so that a reader can make it again.

    `test` is one of below, at_most, above, at_least; `to_limit` is how far the value lies from the limit on
    the side it is on; `to_next_grade` how far it may still worsen before the next grade, in words, or empty.
    `value_from` and `limit_from` say what a computed value, or a multiple, was worked out from.
    """

    quantity: str
    value: str
    unit: str
    test: str
    limit: str
    met: bool | None
    collected_at: datetime | None = None
    to_limit: str = ""
    to_next_grade: str = ""
    purpose: Purpose = Purpose.TRIGGER
    value_from: str = ""
    limit_from: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule's say: a sentence with evidence, threshold and source; action proceed makes it a note.

    `release` says what would end it, in words a nurse can act on; `release_on` the first day on which
    that can be, None when no day is known. Both are empty where nothing ends it.
    """

    rule: str
    action: Action
    sentence: str
    threshold: str
    source: str
    occurrence: Occurrence | None = None
    evidence: tuple[Evidence, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    release: str = ""
    release_on: date | None = None

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingEvidence:
    """Evidence that is not there: an analyte's short name, `weight`, `sex` or `birth_date`; why; the cure.

    `due_on` is the day by which it was to be drawn; None when it is not a matter of waiting.
    """

    item: str
    rule: str
    why: str
    resolve: str
    due_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeLine:
    """One CTCAE term with its grade, or why it cannot be graded; a surprising grade has a remark."""

    term: str
    analyte: str
    version: str
    grade: int | None
    ungradable: str = ""
    collected_on: date | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeDifference:
    """A term that another version of the criteria grades differently; a grade of None could not be given."""

    term: str
    grade: int | None
    version: str
    other_term: str
    other_grade: int | None
    other_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentRule:
    """A rule that was asked and says nothing, and why, with the comparisons it made."""

    rule: str
    name: str
    why: str
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToConfirm:
    """An occurrence seen only between cycles on which the decision rests alone, and nobody has confirmed."""

    rule: str
    onset: date
    sentence: str
    track: str = ""
    grade: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The first and last day the next administration may take place."""

    earliest: date
    latest: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DelaySoFar:
    """How far the planned day lies past the nominal one, and the limit of a delay by toxicity.

    `day` is the day of the limit's clock today: day 98 of `limit_days`, counted from `counted_from`.
    """

    days: int
    day: int
    toxicity_days: int
    limit_days: int
    counted_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One order the protocol wants for the cycle: its kind and what it holds, in words and numbers."""

    kind: OrderKind
    items: tuple[tuple[tuple[str, str], ...], ...]

    def items_as_dicts(self) -> list[dict[str, str]]:
        """The items as plain JSON-ready dictionaries."""
        return [dict(item) for item in self.items]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceOrder:
    """Draws or a test that the planned day asks for, from which day on, and whether they are lacking now.

    `since`: from which day on a specimen counts for what is lacking now; `seen_on`: the day of the newest
    specimen of it that came in, and did not do.
    """

    line: OrderLine
    opens_on: date
    is_due: bool
    since: date
    seen_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What must change for anybody to be told: action, activity, acting rules, missing evidence, waiting."""

    action: Action
    activity_gbq: Decimal | None
    rules: frozenset[str]
    missing: frozenset[str]
    awaiting_labs: bool

    @property
    def key(self) -> str:
        """One canonical text, equal exactly when the verdicts are equal."""
        activity = "-" if self.activity_gbq is None else f"{self.activity_gbq.normalize():f}"
        word = "awaiting" if self.awaiting_labs else self.action.word
        return "|".join([word, activity, ",".join(sorted(self.rules)), ",".join(sorted(self.missing))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What the protocol says of one chart on one day, and why."""

    protocol_id: str
    action: Action
    activity_gbq: Decimal | None
    cycle: int
    planned_on: date | None
    window: Window | None
    reasons: tuple[Reason, ...]
    missing: tuple[MissingEvidence, ...] = ()
    grades: tuple[GradeLine, ...] = ()
    delay: DelaySoFar | None = None
    stops_on: date | None = None
    awaiting_labs: bool = False
    labs_due: date | None = None
    not_considered: tuple[str, ...] = ()
    order_set: tuple[OrderLine, ...] = ()
    # Ordered without a signature once they are due; empty for a stop, and where the planned day has passed.
    evidence_orders: tuple[EvidenceOrder, ...] = ()
    silent: tuple[SilentRule, ...] = ()
    grade_differences: tuple[GradeDifference, ...] = ()
    to_confirm: tuple[ToConfirm, ...] = ()
    release: tuple[str, ...] = ()
    release_on: date | None = None
    activity_level: ActivityLevel | None = None
    activity_level_why: str = ""
    judged_for: date | None = None
    given: tuple[GivenCycle, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The part of this recommendation that people act on (rulings: a verdict)."""
        return Verdict(
            action=self.action,
            activity_gbq=self.activity_gbq,
            rules=frozenset(reason.rule for reason in self.reasons if reason.action > Action.PROCEED),
            missing=frozenset(gap.item for gap in self.missing),
            awaiting_labs=self.awaiting_labs,
        )

    @property
    def strongest(self) -> Reason | None:
        """The first reason of the most severe kind; None when every reason is a note."""
        acting = [reason for reason in self.reasons if reason.action is self.action]
        return acting[0] if acting and self.action > Action.PROCEED else None
