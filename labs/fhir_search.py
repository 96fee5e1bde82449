"""Find results for FHIR's read and search, in a number of queries that does not grow with what is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet

from labs.fhir_answers import issue, outcome
from labs.fhir_shapes import resource_shape, result_of_id, result_shape
from labs.formats.fhir_json import SYNTAX, FhirFault
from labs.library import by_loinc
from labs.models import FhirKey, FhirPart, FhirResource, QuarantinedResult, Result

LOINC = "http://loinc.org"
PAGE, LARGEST_PAGE = 50, 200
_KNOWN = frozenset({"patient", "subject", "identifier", "code", "_count", "_after", "_format"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One resource with the version its ETag names."""

    shape: dict[str, Any]
    version: str


def read_one(kind: str, id_: str, *, sender: str | None) -> Found | None:
    """One resource by its id. With a sender, only that sender's own resources are seen."""
    resources = FhirResource.objects.filter(kind=kind)
    try:
        found = list(_shapes(_owned(resources.filter(public_id=UUID(id_)), sender)))
    except ValueError:
        found = []
    if not found and kind == "Observation" and sender is None and (number := result_of_id(id_)) is not None:
        results = Result.objects.filter(pk=number, current__isnull=False).select_related("current", "patient")
        found = [result_shape(result) for result in results]
    return Found(shape=found[0], version=found[0]["meta"]["versionId"]) if found else None


def search(query: Mapping[str, str], *, base: str, sender: str | None) -> dict[str, Any]:
    """A searchset of Observations. A feed finds its own resources by identifier, and nothing else."""
    if unknown := sorted(set(query) - _KNOWN):
        raise _fault(f"There is no search parameter {unknown[0][:40]!r}.", "not-supported", unknown[0][:40])
    for name, text in query.items():
        if "\0" in text:
            raise _fault("A text holds a character that no text may hold (NUL).", "value", name)
    if "identifier" in query:
        shapes, after = _by_identifier(query, sender), ""
        outcomes: list[dict[str, Any]] = []
    else:
        shapes, after = _results(query)
        outcomes = _waiting(query)
    entries = [
        {"fullUrl": f"{base}Observation/{shape['id']}", "resource": shape, "search": {"mode": "match"}}
        for shape in shapes
    ]
    entries += [{"resource": each, "search": {"mode": "outcome"}} for each in outcomes]
    links = [{"relation": "self", "url": _address(base, query)}]
    if after:
        links.append({"relation": "next", "url": _address(base, {**query, "_after": after})})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return bundle | ({"entry": entries} if entries else {})


def _by_identifier(query: Mapping[str, str], sender: str | None) -> list[dict[str, Any]]:
    """Resources that were sent here under this identifier."""
    system, mark, value = query["identifier"].partition("|")
    if not (system and mark and value):
        raise _fault("Write identifier=system|value, with both parts.", "value", "identifier")
    found = FhirResource.objects.filter(
        kind=FhirResource.Kind.OBSERVATION, keys__system=system, keys__value=value
    )
    if patient := _patient(query):
        found = found.filter(patient__public_id=patient)
    if analyte := _analyte(query):
        found = found.filter(parts__result__analyte=analyte)
    return list(_shapes(_owned(found.distinct(), sender)[:LARGEST_PAGE]))


def _owned(found: QuerySet[FhirResource], sender: str | None) -> QuerySet[FhirResource]:
    return found if sender is None else found.filter(sender=sender)


def _shapes(resources: QuerySet[FhirResource]) -> list[dict[str, Any]]:
    """Resources as they stand; three queries however many."""
    rows = list(resources)
    parts: dict[int, list[FhirPart]] = {}
    for part in FhirPart.objects.filter(resource__in=rows).select_related("result__current"):
        parts.setdefault(part.resource_id, []).append(part)
    waiting = QuarantinedResult.objects.filter(message__in={row.message_id for row in rows}, state="open")
    held = {(row.message_id, row.position): row for row in waiting}
    return [
        resource_shape(
            row,
            parts=parts.get(row.pk, []),
            held=[one] if (one := held.get((row.message_id, row.position))) else [],
        )
        for row in rows
    ]


def _results(query: Mapping[str, str]) -> tuple[list[dict[str, Any]], str]:
    """Current results of all doors, oldest row first, and where the next page begins."""
    found = Result.objects.filter(current__isnull=False).select_related("current", "patient")
    if patient := _patient(query):
        found = found.filter(patient__public_id=patient)
    if analyte := _analyte(query):
        found = found.filter(analyte=analyte)
    after = query.get("_after", "")
    if after:
        if not (after.isascii() and after.isdigit() and len(after) < 19):
            raise _fault("This is no place of ours; follow `next`.", "value", "_after")
        found = found.filter(pk__gt=int(after))
    count = _count(query)
    rows = list(found.order_by("pk")[: count + 1])
    page = rows[:count]
    parts = {
        part.result_id: part
        for part in FhirPart.objects.filter(result__in=page, part="")
        .select_related("resource")
        .order_by("-pk")
    }
    keys: dict[int, list[FhirKey]] = {}
    for key in FhirKey.objects.filter(resource__in={part.resource_id for part in parts.values()}):
        keys.setdefault(key.resource_id, []).append(key)
    shapes = [
        result_shape(
            row,
            part=(part := parts.get(row.pk)),
            keys=keys.get(part.resource_id, []) if part is not None else (),
        )
        for row in page
    ]
    return shapes, str(page[-1].pk) if len(rows) > count else ""


def _waiting(query: Mapping[str, str]) -> list[dict[str, Any]]:
    """A warning where results of the patient wait for a person: none of the others may be the newest."""
    patient = _patient(query)
    if patient is None:
        return []
    asked = Q(patient__public_id=patient, state=QuarantinedResult.State.OPEN)
    if analyte := _analyte(query):
        asked &= Q(analyte__in=["", analyte])
    count = QuarantinedResult.objects.filter(asked).count()
    if not count:
        return []
    text = f"{count} result(s) of this patient wait for a person and are not listed; one may be the newest."
    return [outcome([issue(severity="warning", code="incomplete", text=text)])]


def _patient(query: Mapping[str, str]) -> UUID | None:
    for name in ("patient", "subject"):
        if name in query:
            try:
                return UUID(query[name].removeprefix("Patient/"))
            except ValueError:
                raise _fault(f"{name} must be the id of a patient here.", "value", name) from None
    return None


def _analyte(query: Mapping[str, str]) -> str:
    """The analyte of a code; a code that stands for none finds nothing, which must not read as normal."""
    if "code" not in query:
        return ""
    system, mark, code = query["code"].rpartition("|")
    analyte = by_loinc(code) if not mark or system in {"", LOINC} else None
    if analyte is None:
        raise _fault("The code stands for no analyte known here; use its LOINC code.", "value", "code")
    return analyte.short


def _count(query: Mapping[str, str]) -> int:
    text = query.get("_count", str(PAGE))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= LARGEST_PAGE):
        raise _fault(f"_count must be 1 to {LARGEST_PAGE}.", "value", "_count")
    return int(text)


def _address(base: str, query: Mapping[str, str]) -> str:
    words = urlencode({name: text for name, text in query.items() if name != "_format"}, safe="|/:")
    return f"{base}Observation?{words}" if words else f"{base}Observation"


def _fault(reason: str, code: str, where: str) -> FhirFault:
    return FhirFault(kind=SYNTAX, code=code, reason=reason, where=where)
