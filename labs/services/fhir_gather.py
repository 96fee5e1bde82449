"""Turn the resources of a FHIR request into what the recorder records, beside what they stated before."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from labs.formats.fhir_json import load
from labs.formats.fhir_observation import STATUSES
from labs.formats.fhir_words import OBSERVATION, Asked, Request, SentObservation, SentReport, sent_in
from labs.formats.parsed import ParsedObservation, ParsedPatient, ParsedReport, Problem
from labs.library import limits
from labs.models import FhirPart, FhirResource, LabMessage, LocalCode, Patient
from labs.same_person import People
from labs.services.fhir_changes import (
    NO_LONGER_STATED,
    REPORT_IN_ERROR,
    Old,
    against_stored,
    held,
    is_withdrawn,
    withdrawn,
    withdraws,
)
from labs.services.fhir_plan import Planned, Stored, results_of_report

IN_ERROR = "entered-in-error"
_NOBODY = ParsedPatient(numbers=(), family="", given="", birth_date=None, sex="unknown", partial=True)


class Gathered:
    """The reports to be recorded, and which entry and resource each observation in them speaks for."""

    def __init__(
        self,
        *,
        message: LabMessage,
        request: Request,
        stored: Stored,
        people: dict[ParsedPatient, Patient | Problem],
        codes: Mapping[str, Sequence[LocalCode]],
        merged: People,
    ) -> None:
        self.message, self.request, self.stored = message, request, stored
        self.people, self.codes, self.merged = people, codes, merged
        self.reports: list[ParsedReport] = []
        # Which resource, and which part of it, each observation of the message speaks for.
        self.owners: dict[tuple[int, str], tuple[FhirResource, str]] = {}
        self.places: dict[int, int] = {}
        # The Observations that a report entered in error lists, whether or not they state a result by now.
        self.in_error: list[FhirResource] = []
        # A report stands where its resource does, whatever is said of older results beside: so that reading
        # again finds it. These come after all of them.
        self.beyond = count(max(_positions(request), default=0) + 1)

    def gather(self, active: Sequence[Planned]) -> None:
        """Take in every resource that is made or changed."""
        reports = [each.asked.sent for each in active if isinstance(each.asked.sent, SentReport)]
        # Where two reports list one result, the one in error is heard.
        reports.sort(key=lambda report: report.status == IN_ERROR)
        listing = {name: report for report in reports for name in report.results if name}
        for each in active:
            sent, place = each.asked.sent, each.asked.place
            self.places[sent.position] = place
            if isinstance(sent, SentObservation):
                self._observation(sent, each.resource, prefix="", report=listing.get(sent.name))
                continue
            for one in sent.contained:
                self.places[one.position] = place
                self._observation(one, each.resource, prefix=f"{one.name}/", report=sent)
            if sent.status == IN_ERROR:
                self.void_results(each, sent, active)
            else:
                self._no_longer_contained(each, sent)

    def _observation(
        self, sent: SentObservation, resource: FhirResource, *, prefix: str, report: SentReport | None
    ) -> None:
        patient = self.checked_patient(sent, report)
        parts = {
            key.removeprefix(prefix): part
            for key, part in self.stored.parts.get(resource.pk, {}).items()
            if key.startswith(prefix)
        }
        now, old = self.compared(sent, resource, parts, patient=patient)
        if report is not None and report.status == IN_ERROR and not withdraws(sent):
            now = tuple(one._replace(number=REPORT_IN_ERROR) for one in now)
        if isinstance(patient, Problem) and not isinstance(self.people[sent.patient], Problem):
            now = tuple(one._replace(number=patient) for one in now)
        for one in now:
            self.owners[one.position, one.part] = (resource, f"{prefix}{one.part}")
        order = "|".join(sent.keys[0]) if prefix and sent.keys else resource.order_number
        known = [part.result.current.ordered_at for part in parts.values() if part.result.current]
        at = self.dated(sent, now, known=max(known, default=None))
        self._report(sent, now, patient=sent.patient, order=order, at=at, position=sent.position)
        self._about_old(sent, old)

    def compared(
        self,
        sent: SentObservation,
        resource: FhirResource,
        parts: Mapping[str, FhirPart],
        *,
        patient: Patient | Problem,
    ) -> tuple[tuple[ParsedObservation, ...], tuple[Old, ...]]:
        """What a resource says now, beside what its earlier versions stated in `parts`."""
        return against_stored(sent, parts, patient=patient, local_codes=self.codes, merged=self.merged)

    def checked_patient(self, sent: SentObservation, report: SentReport | None) -> Patient | Problem:
        """Whose the result is; not certain where the report that lists it is about somebody else."""
        patient = self.people[sent.patient]
        if report is None or report.patient is None or isinstance(patient, Problem):
            return patient
        named = self.people[report.patient]
        if isinstance(named, Problem) or not self._is_one_person(named, patient):
            reason = "The report that lists this result is not certainly about the same patient."
            return Problem(code="two-patients", reason=reason)
        return patient

    def _is_one_person(self, one: Patient, other: Patient) -> bool:
        return self.merged.survivor_of(one.pk) == self.merged.survivor_of(other.pk)

    def _no_longer_contained(self, each: Planned, sent: SentReport) -> None:
        """A result that a report contained before and contains no more must not silently stay."""
        here = {one.name for one in sent.contained}
        stands_in = _in_the_name_of(sent)
        old = [
            held(part, NO_LONGER_STATED, sent=stands_in)
            for key, part in self.stored.parts.get(each.resource.pk, {}).items()
            if key.partition("/")[0] not in here and not is_withdrawn(part)
        ]
        self._about_old(stands_in, old)

    def void_results(self, each: Planned, sent: SentReport, active: Sequence[Planned]) -> None:
        """A report entered in error takes back its results at once, and each then waits for a person."""
        listed = [*sent.results, *_listed_in(each.before)]
        results_of_report(self.stored, each.resource, listed)
        speaks = {one.asked.sent.name: one for one in active if one.asked.sent.name}
        resources = [
            speaks[name].resource
            if name in speaks
            else self.stored.by_id.get((OBSERVATION, name.partition("/")[2]))
            for name in dict.fromkeys(listed)
        ]
        stands_in = _in_the_name_of(sent)
        self.in_error += filter(None, resources)
        old: list[Old] = []
        for resource in [*filter(None, resources), each.resource]:
            for part in self.stored.parts.get(resource.pk, {}).values():
                if is_withdrawn(part):
                    continue
                place = f"result {len(old) // 2 + 1}"
                old.append(withdrawn(part, sent=stands_in, status=STATUSES[IN_ERROR], place=place))
                old.append(held(part, REPORT_IN_ERROR, sent=stands_in, place=place))
        self._about_old(stands_in, old, is_now=True)

    def _about_old(self, sent: SentObservation, old: Sequence[Old], *, is_now: bool = False) -> None:
        """What is said of stored results; `is_now`: it is newer than all that was said of them."""
        for each in old:
            self.people[each.patient] = each.result.patient
            known = each.result.current.ordered_at if each.result.current else None
            at = self.dated(sent, (each.said,), known=known, is_now=is_now)
            self._report(
                sent,
                (each.said,),
                patient=each.patient,
                order=each.result.filler_order,
                at=at,
                position=next(self.beyond),
            )

    def dated(
        self,
        sent: SentObservation,
        observations: Sequence[ParsedObservation],
        *,
        known: datetime | None,
        is_now: bool = False,
    ) -> datetime:
        """When the laboratory gave these their status; `known` is when it dated what stands so far.

        An update that states no time of its own is newer than what it updates, whatever the laboratory's
        clock had said of that.
        """
        at = sent.issued_at or (None if is_now else self.request.stated_at)
        return at or max(filter(None, (self.message.received_at, known)))

    def _report(
        self,
        sent: SentObservation,
        observations: tuple[ParsedObservation, ...],
        *,
        patient: ParsedPatient,
        order: str,
        at: datetime,
        position: int,
    ) -> None:
        """Add what is to be recorded."""
        if not observations:
            return
        self.reports.append(
            ParsedReport(
                position=position,
                patient=patient,
                filler_order=order,
                panel=_panel(sent.body),
                status=sent.status,
                ordered_at=at,
                ordered_by="reported" if sent.issued_at else "sent",
                observations=observations,
            )
        )


def _in_the_name_of(report: SentReport) -> SentObservation:
    """What a report says of results that are stored already."""
    return SentObservation(
        position=report.position,
        patient=report.patient or _NOBODY,
        keys=(),
        status=report.status,
        issued_at=None,
        observations=(),
        members=(),
        body={},
    )


def _positions(request: Request) -> Iterator[int]:
    """The place of every resource in the request."""
    for entry in request.entries:
        if isinstance(entry, Asked):
            yield entry.sent.position
            yield from (one.position for one in sent_in(entry))


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
