"""The words a FHIR request is read into: what is asked of this door, entry by entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from labs.formats.fhir_json import FhirFault
from labs.formats.parsed import ParsedObservation, ParsedPatient

OBSERVATION, REPORT, BUNDLE = "Observation", "DiagnosticReport", "Bundle"
Key = tuple[str, str]  # the system and value of a business identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the reader is told of the sender and of this door."""

    zone: ZoneInfo
    base: str
    deepest: int
    most: int


ANY_VERSION = 0  # `If-Match: *`: whichever it is, but there must be one


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one HTTP request, or one entry of a bundle, asks to be done with a resource."""

    method: str
    target: str
    if_match: str = ""
    if_none_exist: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentObservation:
    """One Observation as sent: its own value and its components, not yet judged."""

    position: int
    patient: ParsedPatient
    keys: tuple[Key, ...]
    status: str
    issued_at: datetime | None
    observations: tuple[ParsedObservation, ...]
    members: tuple[str, ...]
    body: Mapping[str, Any]
    name: str = ""  # the address by which other entries of the same request name it


@dataclass(frozen=True, slots=True, kw_only=True)
class SentReport:
    """One DiagnosticReport as sent: whose, of which results, and those it contains."""

    position: int
    patient: ParsedPatient | None
    keys: tuple[Key, ...]
    status: str
    issued_at: datetime | None
    results: tuple[str, ...]
    contained: tuple[SentObservation, ...]
    body: Mapping[str, Any]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One resource to create or to update, and under which condition."""

    place: int
    kind: str
    sent: SentObservation | SentReport
    id: str = ""  # update this resource
    criterion: Key | None = None  # update or find the one with this identifier
    is_update: bool = False
    version: int | None = None  # only if it still has this version
    where: str = ""


def sent_in(entry: Asked) -> tuple[SentObservation, ...]:
    """The Observations of an entry: itself, or those that a report contains."""
    return entry.sent.contained if isinstance(entry.sent, SentReport) else (entry.sent,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A resource that explains others and is itself no resource of this door: it is kept with the message."""

    place: int
    kind: str
    name: str = ""
    patient: ParsedPatient | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One entry that cannot be done, and why."""

    place: int
    fault: FhirFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole request, read: one resource, or the entries of a bundle in their order."""

    bundle: str
    entries: tuple[Asked | Beside | Refused, ...]
    stated_at: datetime | None = None
    notes: tuple[str, ...] = ()
