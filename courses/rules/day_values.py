"""The words of a day of therapy: what happened, what it is held to, and how each step stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from courses.rules.activity import Measured
from courses.rules.day_rules import DayRules
from courses.rules.values import Source
from courses.rules.wording import day_words


class Happened(StrEnum):
    """Everything that is recorded of a day of therapy."""

    IDENTITY = "identity"
    PREGNANCY = "pregnancy"
    POTASSIUM = "potassium"
    ANALOGUE = "analogue"
    ALLERGY = "allergy"
    ANTIEMETIC = "antiemetic"
    STEROID = "steroid"
    AMINO_START = "amino_start"
    AMINO_PAUSED = "amino_paused"
    AMINO_RESUMED = "amino_resumed"
    UNIT_SCANNED = "unit_scanned"
    ASSAY = "assay"
    START_CHECK = "start_check"
    INFUSION_START = "infusion_start"
    LINE_CHECK = "line_check"
    INFUSION_PAUSED = "infusion_paused"
    INFUSION_RESUMED = "infusion_resumed"
    INFUSION_END = "infusion_end"
    RESIDUAL = "residual"
    AMINO_END = "amino_end"
    RESCUE = "rescue"
    OBSERVATION = "observation"
    ANALOGUE_RESTART = "analogue_restart"
    RELEASE_SURVEY = "release_survey"
    RELEASED = "released"
    NOT_GIVEN = "not_given"
    NOTE = "note"


class StepState(StrEnum):
    """How one step of the day stands."""

    DONE = "done"
    DUE = "due"
    WAITING = "waiting"
    BLOCKED = "blocked"
    WARNING = "warning"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened, as it stands after corrections; `second` is the other person's name."""

    kind: Happened
    at: datetime
    by: str
    data: Mapping[str, str]
    second: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directed:
    """What the written directive of the cycle says; `holds` is false once it is void or called back."""

    product: str
    activity_gbq: Decimal
    revision: int
    administer_on: date
    holds: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What pharmacy handed out: its label, its own assay, and the revision it was made for."""

    label: str
    product: str
    product_code: str
    measured: Measured
    handed_out_at: datetime
    expires_at: datetime
    revision: int
    directed_in_writing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """A bag of amino acids that pharmacy handed out."""

    label: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PotassiumValue:
    """One potassium as it was told, also one that was corrected since; `doubt` as below.

    Values of one specimen, whenever they are told, bear the same `specimen`.
    """

    value: Decimal
    high: Decimal | None
    unit: str
    collected_at: datetime
    specimen: str
    comparator: str = ""
    doubt: str = ""

    @property
    def is_high(self) -> bool:
        """Whether it lies above its own upper limit."""
        if self.high is None:
            return False
        return self.value > self.high or (self.comparator.startswith(">") and self.value >= self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class PotassiumSeen:
    """The newest potassium of the chart; `doubt` says why it is not relied on, empty where it is.

    `told` is every value of the days in which one is valid, the newest among them.
    """

    value: Decimal | None
    high: Decimal | None
    unit: str
    collected_at: datetime
    days_old: int
    comparator: str = ""
    doubt: str = ""
    told: tuple[PotassiumValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Whether the decision made on live data is a signed go, and in words why or why not."""

    allowed: bool
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """Everything the rules of the day may know at one instant.

    The two identifiers are one of `patient_numbers` (several where numbers were merged) and `birth_date`;
    `potassium` was collected before the amino acids were started at `amino_from`, and at `potassium_late`
    another one while they ran; `next_planned_on` is the day of the next cycle;
    `cover_ordered` whether corticosteroid cover belongs to the cycle's orders; of peritoneal or mesenteric
    disease None says that nobody knows. `is_looking_back`: a start of the past is judged, by what was asked
    of people then.
    """

    rules: DayRules
    steps: tuple[Step, ...]
    go: Go
    directed: Directed | None
    unit: Unit | None
    bags: tuple[Bag, ...]
    potassium: PotassiumSeen | None
    patient_numbers: tuple[str, ...]
    birth_date: date
    today: date
    now: datetime
    zone: ZoneInfo
    amino_from: datetime | None = None
    potassium_late: datetime | None = None
    next_planned_on: date | None = None
    cover_ordered: bool = False
    peritoneal_disease: bool | None = False
    is_looking_back: bool = False

    def of(self, *kinds: Happened) -> list[Step]:
        """The steps of these kinds that have happened by now, oldest first."""
        now = self.now.astimezone(UTC)  # two times of one zone would be compared by the clock on the wall
        known = [step for step in self.steps if step.kind in kinds and step.at.astimezone(UTC) <= now]
        return sorted(known, key=lambda step: step.at.astimezone(UTC))

    def newest(self, *kinds: Happened) -> Step | None:
        """The latest of them; none where nothing happened."""
        found = self.of(*kinds)
        return found[-1] if found else None

    @property
    def moment(self) -> datetime:
        """When what comes before the start is judged: at the start, and now while there is none."""
        started = self.newest(Happened.INFUSION_START)
        return started.at if started else self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """One step of the day: how it stands, what, why and what next, and where the rule comes from.

    `for_start` and `for_release`: unless it is done, warned of or not needed, nothing starts or is released.
    """

    id: str
    name: str
    state: StepState
    sentence: str
    remedy: str = ""
    source: Source | None = None
    until: datetime | None = None
    for_start: bool = False
    for_release: bool = False

    @property
    def is_open(self) -> bool:
        """Whether something has still to come right here."""
        return self.state in (StepState.DUE, StepState.WAITING, StepState.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One thing that stands in the way, and what to do about it."""

    code: str
    sentence: str
    remedy: str


def since(earlier: datetime, later: datetime) -> timedelta:
    """How much time passed, whatever the clocks on the wall did meanwhile."""
    return later.astimezone(UTC) - earlier.astimezone(UTC)


def after(instant: datetime, span: timedelta) -> datetime:
    """The instant so much time later, in UTC: within one zone Python adds on the clock of the wall."""
    return instant.astimezone(UTC) + span


def minutes(span: timedelta) -> str:
    """Whole minutes that have passed: `25 min`, `3 h 5 min`."""
    whole = max(0, span // timedelta(minutes=1))
    hours, rest = divmod(whole, 60)
    if not hours:
        return f"{whole} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def clock(instant: datetime, facts: DayFacts) -> str:
    """The clinic's clock, with the day where it is another one: `08:10`, `08:10 on 4 May 2026`."""
    local = instant.astimezone(facts.zone)
    shown = f"{local:%H:%M}"
    return shown if local.date() == facts.today else f"{shown} on {day_words(local.date())}"
