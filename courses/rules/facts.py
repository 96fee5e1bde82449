"""What people record about a patient beside results: the facts that checks, grades and memory rest on."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

SHORTEST_OVERRIDE = 20  # letters that can be seen in the reason of an override


class PregnancyFinding(StrEnum):
    """What is known of a pregnancy; `not_possible` is a lasting answer."""

    NEGATIVE = "negative"
    POSITIVE = "positive"
    NOT_POSSIBLE = "not_possible"


class ImagingModality(StrEnum):
    """How somatostatin receptors were imaged."""

    PET = "pet"
    SCINTIGRAPHY = "scintigraphy"


class AnalogueKind(StrEnum):
    """Which somatostatin analogue was injected; `none` says that the patient receives none."""

    LONG_ACTING = "long_acting"
    SHORT_ACTING = "short_acting"
    NONE = "none"


class AllergyFinding(StrEnum):
    """What a review of allergies and earlier reactions found."""

    NONE = "none"
    PREMEDICATE = "premedicate"
    CONTRAINDICATED = "contraindicated"


# From the mildest to the gravest. Of two answers of one day the graver counts.
ALLERGY_ORDER = tuple(AllergyFinding)


class InterruptionKind(StrEnum):
    """What else than a toxicity may interrupt a course."""

    INTERCURRENT_ILLNESS = "intercurrent_illness"
    SURGERY = "surgery"
    MAJOR_SURGERY = "major_surgery"


class SupportKind(StrEnum):
    """What makes a blood count look better than the marrow is."""

    PLATELETS = "platelet_transfusion"
    RED_CELLS = "red_cell_transfusion"
    GROWTH_FACTOR = "growth_factor"


class PriorAnswer(StrEnum):
    """Whether the patient was ever treated so before; `unknown` is an answer, and holds."""

    NONE = "none"
    GIVEN = "given"
    UNKNOWN = "unknown"


class OverrideCode(StrEnum):
    """Why a physician overrides a rule: few words, stable, so that they can be counted."""

    BENEFIT = "benefit_outweighs_risk"
    LONG_STANDING = "long_standing_finding"
    OTHER_CAUSE = "explained_by_another_cause"
    FURTHER_TESTS = "further_tests_reassure"
    BOARD = "tumour_board_decided"
    PATIENT = "informed_wish_of_the_patient"
    OTHER = "other"


class WaivedThing(StrEnum):
    """What of the evidence a physician may waive: an earlier draw, or the last days of a window."""

    EARLIER_DRAW = "earlier_draw"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class PregnancyRecord:
    """A pregnancy test, or that pregnancy is not possible, and the day it was established."""

    on: date
    finding: PregnancyFinding
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SstrImaging:
    """Somatostatin receptor imaging: the lowest uptake of the lesions, on the Krenning scale 0 to 4."""

    on: date
    modality: ImagingModality
    uptake: int
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalogueRecord:
    """An injection of a somatostatin analogue, or that none is given, and its day."""

    on: date
    kind: AnalogueKind
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllergyReview:
    """A review of allergies and earlier reactions, and its day."""

    on: date
    finding: AllergyFinding
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """An illness or an operation; open while `ended_on` is None. Major surgery ends on its own day."""

    kind: InterruptionKind
    began_on: date
    ended_on: date | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiseaseFlags:
    """Lasting facts of the patient; None is not recorded."""

    nyha_class: int | None = None
    dialysis: bool | None = None
    anticoagulated: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorTreatment:
    """An answer to whether the patient was treated so before, and the day on which it was given.

    Of a treatment: product, administered activity, its day or month (`2024-03`), hospital, and who says so.
    """

    on: date
    answer: PriorAnswer
    product: str = ""
    administered_gbq: Decimal | None = None
    day: date | None = None
    month: str = ""
    hospital: str = ""
    provenance: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What checks look at. A field of None is not considered here; an empty one was looked for and is not
    recorded, which is unknown and holds where it matters."""

    pregnancy: tuple[PregnancyRecord, ...] | None = None
    sstr_imaging: tuple[SstrImaging, ...] | None = None
    analogue_injections: tuple[AnalogueRecord, ...] | None = None
    allergy_review: tuple[AllergyReview, ...] | None = None
    interruptions: tuple[Interruption, ...] | None = None
    disease_flags: DiseaseFlags | None = None
    prior_treatment: tuple[PriorTreatment, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A transfusion or a growth factor, and its day."""

    kind: SupportKind
    on: date
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualGrade:
    """A grade a person gave to the finding of one specimen day; it can only raise what the number gives."""

    term: str
    grade: int
    on: date
    by: str
    reason: str
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A physician's word on whether findings of a term up to a grade, from a day on, come of the treatment.

    It speaks of findings since the first cycle, and ends when a finding of the term is worse than the grade,
    or has gone.
    """

    term: str
    grade: int
    on: date
    related: bool
    by: str
    reason: str
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OccurrenceReview:
    """A physician's word on an occurrence seen only between cycles, known by its rule and first day.

    `on` is the day of the review: what shows after it is not covered. None covers whatever stays interim.
    `track` names the term or criterion that was looked at; a dismissal without one covers only the single
    occurrence of its rule and day. `grade` is the worst grade that was looked at; it covers none worse.
    """

    rule: str
    onset: date
    counts: bool
    by: str
    reason: str
    on: date | None = None
    track: str | None = None
    grade: int | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecautionaryHold:
    """Somebody of the clinic holds the course until they, or a physician, take it back."""

    on: date
    by: str
    reason: str
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedValue:
    """One thing an overridden rule rested on, as it stood: `kind` is a word of `EvidenceKind`."""

    kind: str
    name: str
    value: str
    code: str = ""
    unit: str = ""
    at: datetime | None = None
    on: date | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A physician overrides what one rule asked of one cycle; `second` is the physician who confirmed it.

    `action` is the word of what was overridden; `values` are what the rule rested on then.
    """

    rule: str
    cycle: int
    action: str
    code: OverrideCode
    on: date
    by: str
    reason: str
    values: tuple[UsedValue, ...] = ()
    second: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """For one cycle a physician does without an earlier draw, or lets a result be `days` older."""

    analyte: str
    what: WaivedThing
    cycle: int
    on: date
    by: str
    reason: str
    days: int = 0
    ref: str = ""
