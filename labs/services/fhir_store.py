"""Store the resources of a FHIR request: bodies, identifiers, and which results they state."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from labs.formats.fhir_json import copied, dump
from labs.formats.parsed import ParsedPatient, Problem
from labs.models import FhirKey, FhirPart, FhirResource, FhirWriting, LabMessage, Patient
from labs.services.fhir_plan import Planned, Stored


def save_resources(
    active: Sequence[Planned],
    *,
    stored: Stored,
    people: Mapping[ParsedPatient, Patient | Problem],
    names: Mapping[str, str],
    message: LabMessage,
    now: datetime,
) -> None:
    """Store bodies and identifiers, before any result: a twin of this request shows itself here.

    And which entry made which version: read again, the request's conditions are not decided anew.
    """
    for each in active:
        _write(each, people=people, names=names, message=message, now=now)
    FhirResource.objects.bulk_create([each.resource for each in active if each.is_new])
    again = {each.resource.pk: each.resource for each in active if not each.is_new}
    columns = ["version", "status", "body", "patient", "message", "position", "updated_at"]
    FhirResource.objects.bulk_update(again.values(), columns)
    # In one order, so that two requests cannot wait for each other.
    keys = sorted(_new_keys(active, stored), key=lambda key: (key.kind, key.system, key.value))
    FhirKey.objects.bulk_create(keys)
    FhirWriting.objects.bulk_create(
        FhirWriting(
            message=message,
            position=each.asked.sent.position,
            resource=each.resource,
            version=each.version,
        )
        for each in active
    )


def _write(
    each: Planned,
    *,
    people: Mapping[ParsedPatient, Patient | Problem],
    names: Mapping[str, str],
    message: LabMessage,
    now: datetime,
) -> None:
    sent, resource = each.asked.sent, each.resource
    body = dump(_with_names(sent.body, names))
    if each.is_new:
        resource.made_by, resource.made_position = message, sent.position
    else:
        each.is_changed = body != resource.body
        resource.version += each.is_changed
    each.version = resource.version
    patient = people.get(sent.patient) if sent.patient is not None else None
    if isinstance(patient, Patient):
        resource.patient = patient
    if each.is_changed:
        resource.body, resource.status, resource.updated_at = body, sent.status[:32], now
    resource.message, resource.position = message, sent.position


def note_in_error(resources: Sequence[FhirResource]) -> None:
    """Note that a report entered in error took these versions back, for results of them that still wait."""
    for resource in resources:
        resource.in_error_version = resource.version
    FhirResource.objects.bulk_update(resources, ["in_error_version"])


def _new_keys(active: Sequence[Planned], stored: Stored) -> Iterator[FhirKey]:
    known = set(stored.known_keys)
    for each in active:
        for key in each.asked.sent.keys:
            if (each.asked.kind, key) not in known:
                known.add((each.asked.kind, key))
                yield FhirKey(
                    resource=each.resource,
                    sender=each.resource.sender,
                    kind=each.asked.kind,
                    system=key[0],
                    value=key[1],
                )


def link_results(
    landed: Mapping[tuple[int, str], int],
    owners: Mapping[tuple[int, str], tuple[FhirResource, str]],
    *,
    stored: Stored,
) -> None:
    """Note which results each resource states by now."""
    new, moved = [], []
    for place, result_id in landed.items():
        if place not in owners:
            continue
        resource, key = owners[place]
        part = stored.parts.setdefault(resource.pk, {}).get(key)
        if part is None:
            part = FhirPart(resource=resource, part=key, result_id=result_id)
            stored.parts[resource.pk][key] = part
            new.append(part)
        elif part.result_id != result_id:
            part.result_id = result_id
            moved.append(part)
    FhirPart.objects.bulk_create(new)
    FhirPart.objects.bulk_update(moved, ["result"])


def _with_names(body: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    """A resource as it is stored: without what the server gives, and with its references resolved."""
    whole = {key: part for key, part in copied(dict(body)).items() if key not in {"id", "meta"}}
    meta = body.get("meta")
    if isinstance(meta, dict):
        kept = {key: part for key, part in meta.items() if key in {"profile", "security", "tag", "source"}}
        whole |= {"meta": copied(kept)} if kept else {}
    parts: list[Any] = [whole]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            reference = part.get("reference")
            if isinstance(reference, str) and reference in names:
                part["reference"] = names[reference]
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return whole
