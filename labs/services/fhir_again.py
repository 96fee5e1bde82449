"""Read a kept FHIR request again for what waits in it, beside what its resources say by now."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from labs.formats.fhir_json import FhirFault
from labs.formats.fhir_words import Asked, Request, SentObservation, SentReport, sent_in
from labs.formats.parsed import (
    ParsedMessage,
    ParsedObservation,
    ParsedPatient,
    ParsedReport,
    Problem,
    Rejected,
)
from labs.models import FhirPart, FhirResource, FhirWriting, LabMessage, Patient, QuarantinedResult
from labs.services.again import Again, Place
from labs.services.fhir import people_named, recorder_of, request_of
from labs.services.fhir_changes import MOVED, REPORT_IN_ERROR, Old, has_moved, withdraws
from labs.services.fhir_gather import IN_ERROR, Gathered
from labs.services.fhir_plan import Planned, Stored, add_parts
from labs.services.fhir_store import link_results
from labs.services.identity import match_patients, trust_in
from labs.services.measure import name_analyte
from labs.services.record import Tally
from labs.services.site import Site
from labs.services.storing import store_all

_NOT_KEPT = Rejected(
    code="fhir-request",
    reason="This FHIR request came before requests were kept with all it takes to read them again; ask the "
    "laboratory to send the resource again, and it is read with the set-up of then.",
)
_READS_OTHERWISE = Rejected(
    code="fhir-request",
    reason="The request reads differently by now than when it was taken in; ask the laboratory to send the "
    "resource again.",
)
WITHDRAWN_SINCE = Problem(
    code="withdrawn-since",
    reason="The laboratory took this resource back after it had sent this, so it is not taken in. It can be"
    " rejected; if it is to count, the laboratory sends it again as corrected.",
)
LATER_VERSION = Problem(
    code="later-version",
    reason="The laboratory has sent a later version of this resource, and this one cannot be put before it"
    " without doubt. Judge the later one; this one can then be read again, or rejected.",
)


def open_kept(message: LabMessage) -> ParsedMessage | Rejected:
    """The results of a request as they were sent, whatever became of their resources; nothing is written."""
    writings = _writings_of(message)
    if "base" not in message.request or not writings:
        return _NOT_KEPT
    try:
        request = request_of(message)
    except FhirFault as fault:
        return Rejected(code=f"fhir-{fault.code}"[:40], reason=fault.reason)
    asked = [entry for entry in request.entries if isinstance(entry, Asked)]
    kinds = {entry.sent.position: entry.kind for entry in asked}
    if any(kinds.get(position) != row.resource.kind for position, row in writings.items()):
        return _READS_OTHERWISE
    reports = tuple(
        ParsedReport(position=one.position, patient=one.patient, observations=one.observations)
        for entry in asked
        for one in sent_in(entry)
        if entry.sent.position in writings
    )
    return ParsedMessage(reports=reports, sent_at=request.stated_at)


def record_again(message: LabMessage, now: datetime, again: Again) -> Tally:
    """Judge and store what waits in a request, inside the caller's transaction; the rest is not touched.

    Which resource each entry made or changed was decided when it came: that is looked up, not asked again.
    An entry that was refused then, or only found what was there, does nothing now either.
    """
    request = request_of(message)
    stored = Stored()
    planned = _planned(message, request, stored)
    site = Site()
    merged = site.people
    trust = trust_in(message.sender)
    by_name = match_patients(people_named(planned, request), trust=trust, merged=merged)
    recorder = recorder_of(message, now, site=site, again=again)
    gathered = _GatheredAgain(
        message=message,
        request=request,
        stored=stored,
        people={**by_name, **again.patients},
        codes=recorder.local_codes,
        merged=merged,
    )
    gathered.look_at(again, planned, certain=frozenset(_certain(by_name)))
    gathered.gather(planned)
    parsed = ParsedMessage(reports=tuple(gathered.reports), sent_at=request.stated_at)
    recorder.judge(parsed, people=gathered.people)
    store_all([recorder])
    _leave_unread(again, gathered.reports, recorder.tally)
    link_results(recorder.landed, gathered.owners, stored=stored)
    _name_patients(planned, gathered.people)
    return recorder.tally


class _GatheredAgain(Gathered):
    """What a request said, as news only where its resources have not been told of since."""

    again: Again
    versions: dict[int, int]
    asked_at: dict[Place, datetime]
    certain: frozenset[ParsedPatient]

    def look_at(self, again: Again, planned: Iterable[Planned], *, certain: frozenset[ParsedPatient]) -> None:
        """Take in what waits, which version each place wrote, and who was certain without anybody's word."""
        self.again, self.certain = again, certain
        self.versions = {one.position: each.version for each in planned for one in sent_in(each.asked)}
        self.asked_at = {
            place: row.ordered_at for (place, _code), row in again.waiting.items() if row.ordered_at
        }

    def compared(
        self,
        sent: SentObservation,
        resource: FhirResource,
        parts: Mapping[str, FhirPart],
        *,
        patient: Patient | Problem,
    ) -> tuple[tuple[ParsedObservation, ...], tuple[Old, ...]]:
        """What this version says, as far as no later word of the laboratory stands against it."""
        now, old = super().compared(sent, resource, parts, patient=patient)
        version = self.versions[sent.position]
        if version <= (resource.in_error_version or 0) and not withdraws(sent):
            return tuple(one._replace(doubt=REPORT_IN_ERROR) for one in now), old
        if version == resource.version:
            return now, old
        if withdraws(sent):  # an older withdrawal takes back nothing that was stated after it
            now, old = sent.observations, ()
        doubts = [self._doubt(one, sent, resource, parts.get(one.part), patient) for one in now]
        return tuple(one._replace(doubt=doubt) for one, doubt in zip(now, doubts, strict=True)), old

    def _doubt(
        self,
        one: ParsedObservation,
        sent: SentObservation,
        resource: FhirResource,
        part: FhirPart | None,
        patient: Patient | Problem,
    ) -> Problem | None:
        """Why an older version is not taken in even as history, or none."""
        if _is_taken_back(resource):
            return WITHDRAWN_SINCE
        if withdraws(sent) or isinstance(patient, Problem):
            return LATER_VERSION
        at = self.dated(sent, [one], known=None)
        if part is None:
            return None if self._later_one_waits(one, resource, patient, at) else LATER_VERSION
        if has_moved(part.result, one, patient, local_codes=self.codes, merged=self.merged):
            return MOVED
        stands = part.result.current
        return None if stands is not None and stands.ordered_at > at else LATER_VERSION

    def _later_one_waits(
        self, one: ParsedObservation, resource: FhirResource, patient: Patient, at: datetime
    ) -> bool:
        """Whether the later version waits as the very same result, and so keeps this one from being used."""
        named = name_analyte(one.codes, local_codes=self.codes)
        if isinstance(named, Problem) or isinstance(one.collected, Problem):
            return False
        return QuarantinedResult.objects.filter(
            message_id=resource.message_id,
            position=resource.position,
            part=one.part[:64],
            state=QuarantinedResult.State.OPEN,
            patient=patient,
            analyte=named[0].short,
            collected_at=one.collected.instant,
            order_number=resource.order_number,
            sub_id=one.sub_id,
            ordered_at__gt=at,
        ).exists()

    def checked_patient(self, sent: SentObservation, report: SentReport | None) -> Patient | Problem:
        """Whose a result is; what two people said of a result whose report names another is their word."""
        agreed = any((one.position, one.part[:64]) in self.again.agreed for one in sent.observations)
        if agreed and sent.patient in self.certain:
            return self.people[sent.patient]
        return super().checked_patient(sent, report)

    def void_results(self, each: Planned, sent: SentReport, active: Sequence[Planned]) -> None:
        """A report entered in error took back its results when it came; nothing is left to do."""

    def dated(
        self,
        sent: SentObservation,
        observations: Sequence[ParsedObservation],
        *,
        known: datetime | None,
        is_now: bool = False,
    ) -> datetime:
        """When the laboratory gave these their status, as was found when they came."""
        found = [self.asked_at.get((one.position, one.part[:64])) for one in observations]
        return next(filter(None, found), None) or super().dated(sent, observations, known=None)


def _writings_of(message: LabMessage) -> dict[int, FhirWriting]:
    rows = FhirWriting.objects.filter(message=message).select_related("resource")
    return {row.position: row for row in rows}


def _planned(message: LabMessage, request: Request, stored: Stored) -> list[Planned]:
    """Each entry that made a version, with its resource locked and what that states by now in `stored`."""
    writings = _writings_of(message)
    ids = {row.resource_id for row in writings.values()}
    rows = {row.pk: row for row in FhirResource.objects.filter(pk__in=ids).order_by("pk").select_for_update()}
    add_parts(stored, rows.values())
    return [
        Planned(
            asked=entry,
            resource=rows[writing.resource_id],
            is_new=False,
            is_changed=False,
            version=writing.version,
        )
        for entry in request.entries
        if isinstance(entry, Asked) and (writing := writings.get(entry.sent.position)) is not None
    ]


def _certain(people: Mapping[ParsedPatient, Patient | Problem]) -> Iterable[ParsedPatient]:
    return (person for person, found in people.items() if isinstance(found, Patient))


def _is_taken_back(resource: FhirResource) -> bool:
    """Whether the resource as it stands takes back all it stated; a cancelled report says nothing of that."""
    if resource.kind == FhirResource.Kind.REPORT:
        return resource.status == IN_ERROR
    return resource.status in {IN_ERROR, "cancelled"}


def _leave_unread(again: Again, reports: Iterable[ParsedReport], tally: Tally) -> None:
    """What was not met this time goes on waiting; only doubt of a stored result ends with its cause."""
    met = {(one.position, one.part[:64]) for report in reports for one in report.observations}
    for (place, _code), row in again.waiting.items():
        if place not in met and not place[1].endswith(" as stored") and row.pk not in again.still:
            again.still[row.pk] = row
            tally.held += 1


def _name_patients(planned: Iterable[Planned], people: Mapping[ParsedPatient, Patient | Problem]) -> None:
    """Note whose a resource is, where nobody knew when it came and it still says the same."""
    known = []
    for each in planned:
        patient = people.get(each.asked.sent.patient) if each.asked.sent.patient is not None else None
        resource = each.resource
        is_current = each.version == resource.version
        if isinstance(patient, Patient) and is_current and resource.patient_id is None:
            resource.patient = patient
            known.append(resource)
    FhirResource.objects.bulk_update(known, ["patient"])
