"""The words every format is read into: messages, reports, observations, or exactly why not.

What there is much of is a named tuple: a frozen dataclass takes several times as long to make.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import NamedTuple
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A whole message that cannot be read, and why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One part of a message that cannot be read, and why."""

    code: str
    reason: str


def too_many(count: int, *, most: int | None) -> Rejected | None:
    """The refusal of a message with more results than one may hold, where that is limited."""
    if most is None or count <= most:
        return None
    reason = f"It holds more than the {most} results that are read at once. The sender must split it."
    return Rejected(code="too-many-results", reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderProfile:
    """What a sender leaves unsaid: the zone of times without offset, the character set without MSH-18.

    And whether the report's status (OBR-25) stands for a result's own where that is blank.
    """

    zone: ZoneInfo
    charset: str
    status_from_report: bool = False


class ParsedTime(NamedTuple):
    """An instant, how precisely it was stated, the text it came from, and where its zone came from."""

    instant: datetime
    precision: str
    text: str
    zone_source: str
    # The hour occurred twice, because clocks were put back, and nothing says which one is meant.
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedNumber:
    """A measured number with its comparator; `<10` is not 10."""

    value: Decimal
    comparator: str = ""


class ParsedRange(NamedTuple):
    """A reference range as sent; either bound may be absent."""

    low: Decimal | None = None
    high: Decimal | None = None


class Act(Enum):
    """What a result status asks the receiver to do."""

    STORE = "store"
    CONFIRM = "confirm"
    PROMOTE = "promote"
    WITHDRAW = "withdraw"
    NO_RESULT = "no result"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedStatus:
    """A result status: the word of our doors and what it asks for."""

    word: str
    act: Act


class Code(NamedTuple):
    """One way a test was named: code, text, coding system."""

    code: str
    text: str = ""
    system: str = ""


class PatientNumber(NamedTuple):
    """One number of a patient, with everything that says who gave it."""

    number: str
    authorities: tuple[str, ...] = ()
    type: str = ""


class ParsedPatient(NamedTuple):
    """Whom a message says it is about."""

    numbers: tuple[PatientNumber, ...]
    family: str
    given: str
    birth_date: date | None
    sex: str
    # A FHIR reference to a patient of ours, and whether only what is stated is compared: a resource may
    # name a patient by our own number alone.
    reference: str = ""
    partial: bool = False
    # How the reference calls the person, in the sender's own words.
    shown: str = ""


class ParsedObservation(NamedTuple):
    """One result as sent, read but not yet judged."""

    position: int
    codes: tuple[Code, ...]
    number: ParsedNumber | Problem
    sent_value: str
    units: tuple[str, ...]
    sent_unit: str
    range: ParsedRange
    status: ParsedStatus | None
    status_sent: str
    collected: ParsedTime | Problem
    raw: str
    part: str = ""
    sub_id: str = ""
    ref_text: str = ""
    flags: str = ""
    quality: tuple[str, ...] = ()
    comment: str = ""
    # Why a result that reads well must wait nevertheless.
    doubt: Problem | None = None


class ParsedReport(NamedTuple):
    """The observations of one order for one patient."""

    position: int
    patient: ParsedPatient
    observations: tuple[ParsedObservation, ...]
    filler_order: str = ""
    placer_order: str = ""
    panel: str = ""
    status: str = ""
    ordered_at: datetime | None = None
    ordered_by: str = ""
    damage: Problem | None = None


class ParsedMessage(NamedTuple):
    """A message read whole."""

    reports: tuple[ParsedReport, ...]
    # Rows of a file that state no result.
    empty_rows: tuple[int, ...] = ()
    sent_at: datetime | None = None
    receiver: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()
