"""Word the answers of the FHIR door: what became of a request, and every error as an OperationOutcome."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from labs.fhir_shapes import resource_shape
from labs.formats.fhir_json import (
    ABSENT,
    AMBIGUOUS,
    CONFLICT,
    RULE,
    STALE,
    SYNTAX,
    TOO_LARGE,
    UNSUPPORTED,
    FhirFault,
    dump,
)
from labs.models import FhirPart, FhirResource
from labs.services import EntryAnswer, FhirReading, StoredAnswer

STATUS = {
    SYNTAX: HTTPStatus.BAD_REQUEST,
    RULE: HTTPStatus.UNPROCESSABLE_ENTITY,
    UNSUPPORTED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ABSENT: HTTPStatus.NOT_FOUND,
    CONFLICT: HTTPStatus.CONFLICT,
    STALE: HTTPStatus.PRECONDITION_FAILED,
    AMBIGUOUS: HTTPStatus.PRECONDITION_FAILED,
    TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


def outcome(issues: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def issue(*, severity: str, code: str, text: str, where: str = "") -> dict[str, Any]:
    """One issue of an OperationOutcome."""
    found: dict[str, Any] = {"severity": severity, "code": code, "diagnostics": text}
    return found | ({"expression": [where]} if where else {})


def refusal(faults: Iterable[FhirFault]) -> dict[str, Any]:
    """Why something was refused, with nothing of it stored."""
    return outcome(
        issue(severity="error", code=fault.code, text=fault.reason, where=fault.where) for fault in faults
    )


def told(reading: FhirReading, *, base: str, prefer: str) -> StoredAnswer:
    """The answer to a whole request."""
    if reading.faults:
        return StoredAnswer(status=STATUS[reading.faults[0].kind], body=dump(refusal(reading.faults)))
    if reading.bundle:
        entries = [{"response": _entry(each)} for each in reading.entries]
        body = {"resourceType": "Bundle", "type": f"{reading.bundle}-response", "entry": entries}
        return StoredAnswer(status=HTTPStatus.OK, body=dump(body))
    [entry] = reading.entries
    planned = entry.planned
    assert planned is not None  # a single resource is refused whole or planned
    resource = planned.resource
    headers = {
        "ETag": f'W/"{planned.version}"',
        "Location": f"{base}{resource.kind}/{resource.public_id}",
    }
    return StoredAnswer(status=_status(entry), headers=headers, body=_body(entry, resource, prefer))


def _body(entry: EntryAnswer, resource: FhirResource, prefer: str) -> str:
    """The resource as it stands, or what waits for a person, or nothing where that is preferred."""
    if entry.held or "return=OperationOutcome" in prefer:
        return dump(_kept(entry))
    if "return=minimal" in prefer:
        return ""
    parts = FhirPart.objects.filter(resource=resource).select_related("result__current").order_by("pk")
    return dump(resource_shape(resource, parts=list(parts), held=()))


def _status(entry: EntryAnswer) -> HTTPStatus:
    """202 where something waits for a person: it is kept, and counts for nothing yet."""
    if entry.held:
        return HTTPStatus.ACCEPTED
    planned = entry.planned
    return HTTPStatus.CREATED if planned is not None and planned.is_new else HTTPStatus.OK


def _kept(entry: EntryAnswer) -> dict[str, Any]:
    if not entry.held:
        return outcome([issue(severity="information", code="informational", text="Taken in.")])
    return outcome(
        issue(
            severity="warning",
            code="incomplete",
            text=f"Kept, and waits for a person ({row.reason_code}): {row.reason}",
            where=row.part,
        )
        for row in entry.held
    )


def _entry(entry: EntryAnswer) -> dict[str, Any]:
    """One entry's response inside a bundle."""
    if entry.fault is not None:
        return {"status": _words(STATUS[entry.fault.kind]), "outcome": refusal([entry.fault])}
    if entry.beside:
        return _beside(entry)
    planned = entry.planned
    assert planned is not None
    resource = planned.resource
    found: dict[str, Any] = {
        "status": _words(_status(entry)),
        "location": f"{resource.kind}/{resource.public_id}",
        "etag": f'W/"{planned.version}"',
    }
    return found | ({"outcome": _kept(entry)} if entry.held else {})


def _beside(entry: EntryAnswer) -> dict[str, Any]:
    if entry.patient is not None:
        return {"status": _words(HTTPStatus.OK), "location": f"Patient/{entry.patient.public_id}"}
    text = f"Kept with the request; a {entry.beside} is not made here."
    if entry.beside == "Patient":
        text = "This is nobody known here, and no patient is made from a feed; the results wait."
    told_so = outcome([issue(severity="information", code="informational", text=text)])
    return {"status": _words(HTTPStatus.ACCEPTED), "outcome": told_so}


def _words(status: HTTPStatus) -> str:
    return f"{status.value} {status.phrase}"
