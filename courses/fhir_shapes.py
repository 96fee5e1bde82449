"""The pieces that every FHIR resource of a course is made of: references, codes, quantities, instants."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from courses.models import Course
from courses.rules.decimals import plain
from labs.models import Patient

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
# Code systems of our own: what a rule, a reason code and a protocol are called here.
RULES = "urn:prrt-clinic:rule"
REASONS = "urn:prrt-clinic:reason"
PROTOCOLS = "urn:prrt-clinic:protocol"
EVIDENCE = "urn:prrt-clinic:evidence"
MEANINGS = "urn:prrt-clinic:meaning"
PRODUCT_CODES = "urn:prrt-clinic:product-code"
LABELS = "urn:prrt-clinic:label"
CYCLES = "urn:prrt-clinic:cycle"
SHA256 = "urn:oid:2.16.840.1.101.3.4.2.1"  # the arc of the hash itself
Shape = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """What a caller may be told beside the resource itself: who the patient is, what was given, why."""

    names: bool
    administrations: bool
    decisions: bool


def head(kind: str, id_: str | UUID, *, version: int | None = None, at: datetime | None = None) -> Shape:
    """How a resource begins; with its version where it has one."""
    found: Shape = {"resourceType": kind, "id": str(id_)}
    if version is not None and at is not None:
        found["meta"] = {"versionId": str(version), "lastUpdated": instant(at)}
    return found


def reference(kind: str, id_: str | UUID) -> dict[str, str]:
    """A reference to another resource of this door."""
    return {"reference": f"{kind}/{id_}"}


def subject(patient: Patient, viewer: Viewer) -> Shape:
    """The patient by our opaque id; number and name only for those who may know whose it is."""
    found: Shape = dict(reference("Patient", patient.public_id))
    if viewer.names:
        number: Shape = {"value": patient.mrn}
        if patient.fhir_system:
            number = {"system": patient.fhir_system, **number}
        else:
            number |= {"assigner": {"display": patient.assigning_authority}}
        name = f"{patient.family}, {patient.given}" if patient.given else patient.family
        found |= {"identifier": number, "display": name}
    return found


def quantity(value: Decimal, unit: str) -> Shape:
    """An amount in UCUM, every digit that counts and no trailing zero."""
    return {"value": Decimal(plain(value)), "unit": unit, "system": UCUM, "code": unit}


def concept(text: str, *, system: str = "", code: str = "", version: str = "") -> Shape:
    """A coded word with its text; without a code, the text alone."""
    if not code:
        return {"text": text}
    coding = {"system": system} | ({"version": version} if version else {}) | {"code": code}
    return {"coding": [coding], "text": text}


def protocol_concept(course_or_decision: Any) -> Shape:
    """The protocol version that a course follows or a decision was made under, by name and hash."""
    name, sha256 = course_or_decision.protocol_id, course_or_decision.protocol_sha256
    return concept(f"protocol {name}", system=PROTOCOLS, code=name, version=sha256)


def group(course: Course, cycle_number: int) -> dict[str, str]:
    """What ties the orders of one cycle together."""
    return {"system": CYCLES, "value": f"{course.public_id}.{cycle_number}"}


def instant(at: datetime) -> str:
    """An instant in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
