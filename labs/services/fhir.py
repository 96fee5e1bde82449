"""Record what a kept FHIR request asks: resources, their results, and an answer for every entry."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction

from labs.formats.fhir_json import RULE, FhirFault
from labs.formats.fhir_request import read_request
from labs.formats.fhir_words import (
    OBSERVATION,
    Ask,
    Asked,
    Beside,
    Profile,
    Refused,
    Request,
    SentReport,
    sent_in,
)
from labs.formats.parsed import ParsedMessage, ParsedPatient, Problem
from labs.library import limits
from labs.models import LabMessage, Patient, QuarantinedResult, Sender
from labs.services.again import Again
from labs.services.fhir_gather import Gathered
from labs.services.fhir_plan import Planned, Stored, plan, stored_for
from labs.services.fhir_store import link_results, note_in_error, save_resources
from labs.services.identity import match_patients, trust_in
from labs.services.record import Recorder, Tally
from labs.services.site import Site
from labs.services.storing import store_all
from labs.zones import clinic_zone

_TRIES = 3  # a twin that makes the same resource at the same moment is seen on the second


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
    try:
        request = request_of(message)
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


def request_of(message: LabMessage) -> Request:
    """What the kept bytes ask, read with the address of this door as it was then. Raises FhirFault."""
    asked = dict(message.request)
    profile = Profile(
        zone=_zone_of(message.sender),
        base=asked.pop("base", f"{settings.SITE_URL}/fhir/"),
        deepest=limits().fhir_levels,
        most=limits().results_in_message,
    )
    return read_request(bytes(message.body), ask=Ask(**asked), profile=profile)


def recorder_of(message: LabMessage, now: datetime, *, site: Site, again: Again | None = None) -> Recorder:
    """What records the results of a request, with the codes and units of its sender."""
    return Recorder(
        message=message,
        sender=message.sender,
        site=site,
        local_codes=site.local_codes(message.sender),
        confirmed=again.confirmed if again else None,
        again=again,
        now=now,
    )


def people_named(planned: Iterable[Planned], request: Request) -> Iterator[ParsedPatient]:
    """Everybody whom these resources, or the Patients beside them, name."""
    for each in planned:
        if each.asked.sent.patient is not None:
            yield each.asked.sent.patient
        yield from (one.patient for one in sent_in(each.asked))
    for entry in request.entries:
        if isinstance(entry, Beside) and entry.patient is not None:
            yield entry.patient


def _zone_of(sender: str) -> ZoneInfo:
    """The zone of a date without time: the sender's where it is set up, else the clinic's."""
    row = Sender.objects.filter(name=sender).first()
    return ZoneInfo(row.zone) if row is not None else clinic_zone()


class _Work:
    """One request, recorded with a number of queries that does not grow with what is stored."""

    def __init__(self, *, message: LabMessage, request: Request, now: datetime) -> None:
        self.message, self.request, self.now = message, request, now
        site = Site()
        self.merged = site.people
        self.recorder = recorder_of(message, now, site=site)
        self.stored = Stored()
        self.planned: list[Planned] = []
        self.refused: list[Refused] = []
        self.people: dict[ParsedPatient, Patient | Problem] = {}

    def do(self) -> FhirReading:
        """All steps in order."""
        self.stored = stored_for(self.request, message=self.message)
        self._plan()
        if self.refused and self.request.bundle != "batch":
            raise _RefusedWhole([each.fault for each in self.refused])
        named = people_named(self._active, self.request)
        self.people = dict(match_patients(named, trust=trust_in(self.message.sender), merged=self.merged))
        save_resources(
            self._active,
            stored=self.stored,
            people=self.people,
            names=self._names(),
            message=self.message,
            now=self.now,
        )
        gathered = Gathered(
            message=self.message,
            request=self.request,
            stored=self.stored,
            people=self.people,
            codes=self.recorder.local_codes,
            merged=self.merged,
        )
        gathered.gather(self._active)
        note_in_error(gathered.in_error)
        parsed = ParsedMessage(reports=tuple(gathered.reports), sent_at=self.request.stated_at)
        self.recorder.judge(parsed, people=self.people)
        [tally] = store_all([self.recorder])
        link_results(self.recorder.landed, gathered.owners, stored=self.stored)
        notes = [
            *self.request.notes,
            *(f"Entry {each.place + 1} was refused: {each.fault.reason}" for each in self.refused),
        ]
        return FhirReading(
            bundle=self.request.bundle,
            entries=tuple(self._answers(gathered.places)),
            tally=tally,
            notes=tuple(notes),
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

    def _answers(self, places: Mapping[int, int]) -> Iterator[EntryAnswer]:
        planned = {each.asked.place: each for each in self.planned}
        refused = {each.place: each for each in self.refused}
        held_at: dict[int, list[QuarantinedResult]] = {}
        for row in self.recorder.quarantined:
            held_at.setdefault(places[row.position], []).append(row)
        for place, entry in enumerate(self.request.entries):
            if place in refused:
                yield EntryAnswer(place=place, fault=refused[place].fault)
            elif isinstance(entry, Beside):
                patient = self.people.get(entry.patient) if entry.patient else None
                known = patient if isinstance(patient, Patient) else None
                yield EntryAnswer(place=place, beside=entry.kind, patient=known)
            else:
                yield EntryAnswer(place=place, planned=planned[place], held=tuple(held_at.get(place, ())))
