"""Say which stored resource each entry of a FHIR request is about, or why it cannot be done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from labs.formats.fhir_json import ABSENT, AMBIGUOUS, CONFLICT, STALE, FhirFault
from labs.formats.fhir_words import ANY_VERSION, OBSERVATION, Asked, Key, Refused, Request, SentReport
from labs.models import FhirKey, FhirPart, FhirResource, LabMessage


@dataclass(slots=True, kw_only=True)
class Planned:
    """One entry with the resource it makes, changes, or merely finds."""

    asked: Asked
    resource: FhirResource
    is_new: bool
    is_found: bool = False  # If-None-Exist found it: nothing is done
    is_changed: bool = True
    before: str = ""  # the body that was stored
    version: int = 1  # the one this entry made, or found


@dataclass(slots=True, kw_only=True)
class Stored:
    """What is stored of this sender's resources that a request speaks of, locked."""

    by_id: dict[tuple[str, str], FhirResource] = field(default_factory=dict)
    by_key: dict[tuple[str, Key], FhirResource] = field(default_factory=dict)
    known_keys: set[tuple[str, Key]] = field(default_factory=set)
    parts: dict[int, dict[str, FhirPart]] = field(default_factory=dict)


def stored_for(request: Request, *, message: LabMessage) -> Stored:
    """Every resource that the request names by id, by identifier or as a report's result; three queries."""
    sender = message.sender
    asked = [entry for entry in request.entries if isinstance(entry, Asked)]
    ids = {entry.id for entry in asked if entry.id} | {
        reference.removeprefix(f"{OBSERVATION}/")
        for entry in asked
        if isinstance(entry.sent, SentReport)
        for reference in entry.sent.results
        if reference.startswith(f"{OBSERVATION}/")
    }
    keys = {(entry.kind, key) for entry in asked for key in entry.sent.keys}
    found_keys = [
        row
        for row in FhirKey.objects.filter(
            sender=sender,
            system__in={key[0] for _kind, key in keys},
            value__in={key[1] for _kind, key in keys},
        )
        if (row.kind, (row.system, row.value)) in keys
    ]
    wanted = Q(sender=sender, public_id__in=_ids(ids)) | Q(pk__in={row.resource_id for row in found_keys})
    rows = {row.pk: row for row in FhirResource.objects.filter(wanted).order_by("pk").select_for_update()}
    stored = Stored()
    stored.by_id = {(row.kind, str(row.public_id)): row for row in rows.values()}
    stored.by_key = {(row.kind, (row.system, row.value)): rows[row.resource_id] for row in found_keys}
    stored.known_keys = set(stored.by_key)
    add_parts(stored, rows.values())
    return stored


def add_parts(stored: Stored, resources: Iterable[FhirResource]) -> None:
    """The results that these resources state by now; one query."""
    ids = [resource.pk for resource in resources]
    for part in FhirPart.objects.filter(resource_id__in=ids).select_related(
        "result__current", "result__patient"
    ):
        stored.parts.setdefault(part.resource_id, {})[part.part] = part


def results_of_report(stored: Stored, report: FhirResource, references: Sequence[str]) -> None:
    """Take in the Observations that a stored report listed, where this request does not."""
    ids = _ids(reference.removeprefix(f"{OBSERVATION}/") for reference in references)
    missing = [each for each in ids if (OBSERVATION, str(each)) not in stored.by_id]
    rows = list(
        FhirResource.objects.filter(sender=report.sender, kind=OBSERVATION, public_id__in=missing)
        .order_by("pk")
        .select_for_update()
    )
    stored.by_id |= {(OBSERVATION, str(row.public_id)): row for row in rows}
    add_parts(stored, rows)


def plan(entry: Asked, *, stored: Stored, message: LabMessage) -> Planned | Refused:
    """The resource an entry is about, with its conditions kept; a new one where there is none."""
    try:
        found, by_condition = _find(entry, stored)
        _must_match(entry, found)
    except FhirFault as fault:
        return Refused(place=entry.place, fault=fault)
    if found is not None:
        return Planned(
            asked=entry,
            resource=found,
            is_new=False,
            is_found=by_condition,
            before=found.body,
            version=found.version,
        )
    keys = entry.sent.keys
    resource = FhirResource(
        kind=entry.kind,
        sender=message.sender,
        order_number="|".join(keys[0]) if keys else "",
        status=entry.sent.status[:32],
    )
    return Planned(asked=entry, resource=resource, is_new=True)


def _must_match(entry: Asked, found: FhirResource | None) -> None:
    if entry.version is None:
        return
    if found is None:
        reason = "If-Match asks for a resource that is there, and there is none; leave it out to make one."
        raise _fault(entry, STALE, "conflict", reason)
    if entry.version not in {found.version, ANY_VERSION}:
        reason = "The resource has changed since the version that If-Match names; read it again first."
        raise _fault(entry, STALE, "conflict", reason)


def _find(entry: Asked, stored: Stored) -> tuple[FhirResource | None, bool]:
    """The stored resource, and whether a create's own condition found it."""
    owners = {row.pk: row for key in entry.sent.keys if (row := stored.by_key.get((entry.kind, key)))}
    if entry.id:
        found = stored.by_id.get((entry.kind, entry.id))
        if found is None:
            reason = f"There is no {entry.kind} with this id; post a new one, the server gives the id."
            raise _fault(entry, ABSENT, "not-found", reason)
        if owners.keys() - {found.pk}:
            reason = "An identifier of the resource belongs to another resource."
            raise _fault(entry, CONFLICT, "duplicate", reason)
        return found, False
    if len(owners) > 1:
        reason = "The identifiers belong to more than one resource; name the one that is meant."
        raise _fault(entry, AMBIGUOUS, "multiple-matches", reason)
    found = next(iter(owners.values()), None)
    matched = entry.criterion is not None and (entry.kind, entry.criterion) in stored.by_key
    return found, matched and not entry.is_update


def _ids(texts: Iterable[str]) -> list[UUID]:
    """Those that are ids of ours; others name nothing here."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def _fault(entry: Asked, kind: str, code: str, reason: str) -> FhirFault:
    return FhirFault(kind=kind, code=code, reason=reason, where=entry.where)
