"""Record what a kept FHIR request asks: resources, their results, and an answer for every entry."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction

from labs.formats.fhir_json import RULE, FhirFault, copied, dump, load
from labs.formats.fhir_observation import STATUSES
from labs.formats.fhir_request import read_request
from labs.formats.fhir_words import (
    OBSERVATION,
    Ask,
    Asked,
    Beside,
    Profile,
    Refused,
    Request,
    SentObservation,
    SentReport,
)
from labs.formats.parsed import ParsedMessage, ParsedObservation, ParsedPatient, ParsedReport, Problem
from labs.library import limits
from labs.models import FhirKey, FhirPart, FhirResource, LabMessage, Patient, QuarantinedResult, Sender
from labs.services.fhir_changes import (
    REPORT_IN_ERROR,
    Old,
    against_stored,
    held,
    is_withdrawn,
    withdrawn,
    withdraws,
)
from labs.services.fhir_plan import Planned, Stored, plan, results_of_report, stored_for
from labs.services.identity import match_patients
from labs.services.meaning import local_codes_of
from labs.services.record import Recorder, Tally
from labs.zones import clinic_zone

_TRIES = 3  # a twin that makes the same resource at the same moment is seen on the second
IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryAnswer:
    """What became of one entry: the resource, or why not, and what of it waits for a person."""

    place: int
    planned: Planned | None = None
    patient: Patient | None = None
    beside: str = ""
    fault: FhirFault | None = None
    held: tuple[QuarantinedResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirReading:
    """What became of a request. With faults, nothing of it was stored."""

    bundle: str = ""
    entries: tuple[EntryAnswer, ...] = ()
    faults: tuple[FhirFault, ...] = ()
    tally: Tally = field(default_factory=Tally)
    notes: tuple[str, ...] = ()


class _RefusedWhole(Exception):
    """At least one entry cannot be done, and the request is one whole."""

    def __init__(self, faults: Sequence[FhirFault]) -> None:
        super().__init__("The request was refused.")
        self.faults = tuple(faults)


def read_fhir(message: LabMessage, now: datetime) -> FhirReading:
    """Read and record one kept request inside the caller's transaction."""
    profile = Profile(
        zone=_zone_of(message.sender),
        base=f"{settings.SITE_URL}/fhir/",
        deepest=limits().fhir_levels,
        most=limits().results_in_message,
    )
    try:
        request = read_request(bytes(message.body), ask=Ask(**message.request), profile=profile)
        for last in range(_TRIES):
            try:
                with transaction.atomic():
                    return _Work(message=message, request=request, now=now).do()
            except IntegrityError:
                if last == _TRIES - 1:
                    raise
    except FhirFault as fault:
        return FhirReading(faults=(fault,))
    except _RefusedWhole as refused:
        return FhirReading(faults=refused.faults)
    raise AssertionError("every try either returns or raises")


def _zone_of(sender: str) -> ZoneInfo:
    """The zone of a date without time: the sender's where it is set up, else the clinic's."""
    row = Sender.objects.filter(name=sender).first()
    return ZoneInfo(row.zone) if row is not None else clinic_zone()


class _Work:
    """One request, recorded with a number of queries that does not grow with what is stored."""

    def __init__(self, *, message: LabMessage, request: Request, now: datetime) -> None:
        self.message, self.request, self.now = message, request, now
        self.codes = local_codes_of(message.sender)
        self.recorder = Recorder(message=message, sender=message.sender, local_codes=self.codes, now=now)
        self.stored = Stored()
        self.planned: list[Planned] = []
        self.refused: list[Refused] = []
        self.people: dict[ParsedPatient, Patient | Problem] = {}
        self.reports: list[ParsedReport] = []
        # Which resource, and which part of it, each observation of the message speaks for.
        self.owners: dict[tuple[int, str], tuple[FhirResource, str]] = {}
        self.places: dict[int, int] = {}

    def do(self) -> FhirReading:
        """All steps in order."""
        self.stored = stored_for(self.request, message=self.message)
        self._plan()
        if self.refused and self.request.bundle != "batch":
            raise _RefusedWhole([each.fault for each in self.refused])
        self.people = dict(match_patients(self._persons(), bare_number_ok=False))
        self._save_resources()
        self._gather()
        parsed = ParsedMessage(reports=tuple(self.reports), sent_at=self.request.stated_at)
        tally = self.recorder.record(parsed, people=self.people)
        self._link()
        notes = [
            *self.request.notes,
            *(f"Entry {each.place + 1} was refused: {each.fault.reason}" for each in self.refused),
        ]
        return FhirReading(
            bundle=self.request.bundle, entries=tuple(self._answers()), tally=tally, notes=tuple(notes)
        )

    def _plan(self) -> None:
        for entry in self.request.entries:
            if isinstance(entry, Refused):
                self.refused.append(entry)
            elif isinstance(entry, Asked):
                found = self._without_result(entry) or plan(entry, stored=self.stored, message=self.message)
                if isinstance(found, Refused):
                    self.refused.append(found)
                    continue
                self.planned.append(found)
                # The next entry of a batch meets this one as if it were stored.
                self.stored.by_key |= {(entry.kind, key): found.resource for key in entry.sent.keys}

    def _without_result(self, entry: Asked) -> Refused | None:
        """The refusal of a report that lists a result nobody has."""
        here = {one.sent.name for one in self.request.entries if isinstance(one, Asked)}
        for reference in entry.sent.results if isinstance(entry.sent, SentReport) else ():
            kind, _slash, id_ = reference.partition("/")
            if kind == OBSERVATION and reference not in here and (kind, id_) not in self.stored.by_id:
                reason = f"{reference[:60]} is no Observation of yours here; send it first, or in one bundle."
                where = f"{entry.where}.result"
                fault = FhirFault(kind=RULE, code="not-found", reason=reason, where=where)
                return Refused(place=entry.place, fault=fault)
        return None

    @property
    def _active(self) -> list[Planned]:
        return [each for each in self.planned if not each.is_found]

    def _persons(self) -> Iterator[ParsedPatient]:
        for each in self._active:
            sent = each.asked.sent
            if sent.patient is not None:
                yield sent.patient
            if isinstance(sent, SentReport):
                yield from (one.patient for one in sent.contained)
        for entry in self.request.entries:
            if isinstance(entry, Beside) and entry.patient is not None:
                yield entry.patient

    def _save_resources(self) -> None:
        """Store bodies and identifiers first: a twin of this request shows itself here."""
        names = self._names()
        for each in self._active:
            sent, resource = each.asked.sent, each.resource
            body = dump(_with_names(sent.body, names))
            if each.is_new:
                resource.made_by, resource.made_position = self.message, sent.position
            else:
                each.is_changed = body != resource.body
                resource.version += each.is_changed and resource.pk is not None
            patient = self.people.get(sent.patient) if sent.patient is not None else None
            if isinstance(patient, Patient):
                resource.patient = patient
            if each.is_changed:
                resource.body, resource.status = body, sent.status
                resource.updated_at = self.now
            resource.message, resource.position = self.message, sent.position
        FhirResource.objects.bulk_create([each.resource for each in self._active if each.is_new])
        again = {each.resource.pk: each.resource for each in self._active if not each.is_new}
        columns = ["version", "status", "body", "patient", "message", "position", "updated_at"]
        FhirResource.objects.bulk_update(again.values(), columns)
        FhirKey.objects.bulk_create(list(self._new_keys()))

    def _new_keys(self) -> Iterator[FhirKey]:
        known = set(self.stored.known_keys)
        for each in self._active:
            for key in each.asked.sent.keys:
                if (each.asked.kind, key) not in known:
                    known.add((each.asked.kind, key))
                    yield FhirKey(
                        resource=each.resource,
                        sender=self.message.sender,
                        kind=each.asked.kind,
                        system=key[0],
                        value=key[1],
                    )

    def _names(self) -> dict[str, str]:
        """What the names inside the request stand for here."""
        names = {
            each.asked.sent.name: f"{each.asked.kind}/{each.resource.public_id}"
            for each in self.planned
            if each.asked.sent.name
        }
        for entry in self.request.entries:
            if isinstance(entry, Beside) and entry.patient is not None and entry.name:
                patient = self.people[entry.patient]
                if isinstance(patient, Patient):
                    names[entry.name] = f"Patient/{patient.public_id}"
        return names

    def _gather(self) -> None:
        """Turn every resource into what the recorder records."""
        listing = {
            name: each.asked.sent
            for each in self._active
            if isinstance(each.asked.sent, SentReport)
            for name in each.asked.sent.results
            if name
        }
        for each in self._active:
            sent, place = each.asked.sent, each.asked.place
            self.places[sent.position] = place
            if isinstance(sent, SentObservation):
                self._observation(sent, each.resource, prefix="", report=listing.get(sent.name))
                continue
            for one in sent.contained:
                self.places[one.position] = place
                self._observation(one, each.resource, prefix=f"{one.name}/", report=sent)
            if sent.status == IN_ERROR:
                self._void_results(each, sent)

    def _observation(
        self, sent: SentObservation, resource: FhirResource, *, prefix: str, report: SentReport | None
    ) -> None:
        patient = self._checked_patient(sent, report)
        parts = {
            key.removeprefix(prefix): part
            for key, part in self.stored.parts.get(resource.pk, {}).items()
            if key.startswith(prefix)
        }
        now, old = against_stored(sent, parts, patient=patient, local_codes=self.codes)
        if report is not None and report.status == IN_ERROR and not withdraws(sent):
            now = tuple(replace(one, number=REPORT_IN_ERROR) for one in now)
        if isinstance(patient, Problem) and not isinstance(self.people[sent.patient], Problem):
            now = tuple(replace(one, number=patient) for one in now)
        for one in now:
            self.owners[one.position, one.part] = (resource, f"{prefix}{one.part}")
        order = "|".join(sent.keys[0]) if prefix and sent.keys else resource.order_number
        self._report(sent, now, patient=sent.patient, order=order, panel=_panel(sent.body))
        self._about_old(sent, old)

    def _checked_patient(self, sent: SentObservation, report: SentReport | None) -> Patient | Problem:
        """Whose the result is; not certain where the report that lists it is about somebody else."""
        patient = self.people[sent.patient]
        if report is None or report.patient is None or isinstance(patient, Problem):
            return patient
        if self.people[report.patient] != patient:
            reason = "The report that lists this result is not certainly about the same patient."
            return Problem(code="two-patients", reason=reason)
        return patient

    def _void_results(self, each: Planned, sent: SentReport) -> None:
        """A report entered in error takes back its results at once, and each then waits for a person."""
        listed = [*sent.results, *_listed_in(each.before)]
        results_of_report(self.stored, each.resource, listed)
        speaks = {one.asked.sent.name: one for one in self._active if one.asked.sent.name}
        resources = [
            speaks[name].resource
            if name in speaks
            else self.stored.by_id.get((OBSERVATION, name.partition("/")[2]))
            for name in dict.fromkeys(listed)
        ]
        stands_in = SentObservation(
            position=sent.position,
            patient=sent.patient or _NOBODY,
            keys=(),
            status=sent.status,
            issued_at=None,
            observations=(),
            members=(),
            body={},
        )
        old: list[Old] = []
        for resource in [*filter(None, resources), each.resource]:
            for part in self.stored.parts.get(resource.pk, {}).values():
                if is_withdrawn(part):
                    continue
                place = f"result {len(old) // 2 + 1}"
                old.append(withdrawn(part, sent=stands_in, status=STATUSES[IN_ERROR], place=place))
                old.append(held(part, REPORT_IN_ERROR, sent=stands_in, place=place))
        self._about_old(stands_in, old)

    def _about_old(self, sent: SentObservation, old: Sequence[Old]) -> None:
        for each in old:
            self.people[each.patient] = each.result.patient
            self._report(
                sent,
                (each.said,),
                patient=each.patient,
                order=each.result.filler_order,
                panel=_panel(sent.body),
            )

    def _report(
        self,
        sent: SentObservation,
        observations: tuple[ParsedObservation, ...],
        *,
        patient: ParsedPatient,
        order: str,
        panel: str,
    ) -> None:
        if not observations:
            return
        at = sent.issued_at or self.request.stated_at or self.message.received_at
        self.reports.append(
            ParsedReport(
                position=len(self.reports) + 1,
                patient=patient,
                filler_order=order,
                panel=panel,
                status=sent.status,
                ordered_at=at,
                ordered_by="reported" if sent.issued_at else "sent",
                observations=observations,
            )
        )

    def _link(self) -> None:
        """Note which results each resource states by now."""
        new, moved = [], []
        for place, result in self.recorder.landed.items():
            if place not in self.owners:
                continue
            resource, key = self.owners[place]
            part = self.stored.parts.setdefault(resource.pk, {}).get(key)
            if part is None:
                part = FhirPart(resource=resource, part=key, result=result)
                self.stored.parts[resource.pk][key] = part
                new.append(part)
            elif part.result_id != result.pk:
                part.result = result
                moved.append(part)
        FhirPart.objects.bulk_create(new)
        FhirPart.objects.bulk_update(moved, ["result"])

    def _answers(self) -> Iterator[EntryAnswer]:
        planned = {each.asked.place: each for each in self.planned}
        refused = {each.place: each for each in self.refused}
        held_at: dict[int, list[QuarantinedResult]] = {}
        for row in self.recorder.quarantined:
            held_at.setdefault(self.places[row.position], []).append(row)
        for place, entry in enumerate(self.request.entries):
            if place in refused:
                yield EntryAnswer(place=place, fault=refused[place].fault)
            elif isinstance(entry, Beside):
                patient = self.people.get(entry.patient) if entry.patient else None
                known = patient if isinstance(patient, Patient) else None
                yield EntryAnswer(place=place, beside=entry.kind, patient=known)
            else:
                yield EntryAnswer(place=place, planned=planned[place], held=tuple(held_at.get(place, ())))


_NOBODY = ParsedPatient(numbers=(), family="", given="", birth_date=None, sex="unknown", partial=True)


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


def _panel(body: Mapping[str, Any]) -> str:
    """What a resource calls its test, in words."""
    code = body.get("code")
    if not isinstance(code, dict):
        return ""
    words = code.get("text") or next((one.get("display") for one in code.get("coding") or ()), "")
    return str(words or "")


def _listed_in(stored: str) -> list[str]:
    """The results that the stored body of a report lists."""
    body = load(stored.encode(), deepest=limits().fhir_levels) if stored else {}
    return [str(each.get("reference", "")) for each in body.get("result") or ()]
