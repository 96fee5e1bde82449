"""Compare what a FHIR resource says now with the results it stated before: none may silently stay or move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labs.formats.fhir_observation import STATUSES
from labs.formats.fhir_words import SentObservation
from labs.formats.parsed import (
    Act,
    Code,
    ParsedObservation,
    ParsedPatient,
    ParsedRange,
    ParsedStatus,
    ParsedTime,
    Problem,
)
from labs.library import analytes
from labs.models import FhirPart, LocalCode, Patient, Result
from labs.models.result import WITHDRAWN
from labs.same_person import People
from labs.services.measure import name_analyte

MOVED = Problem(
    code="identity-changed",
    reason="The resource named another patient, test or collection time before. Ask the laboratory which is"
    " right; it should withdraw the resource (entered-in-error) and send a new one.",
)
NO_LONGER_STATED = Problem(
    code="no-longer-stated",
    reason="The laboratory's newer version of the resource no longer states this result.",
)
REPORT_IN_ERROR = Problem(
    code="report-in-error",
    reason="The report that lists this result was entered in error, so the result does not count. Ask the"
    " laboratory whether the result itself stands; it would have to send it again as corrected.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """Something to be said of a result that is stored already: whose it is, and what is said."""

    result: Result
    said: ParsedObservation

    @property
    def patient(self) -> ParsedPatient:
        """The patient it is stored for, named by our own id."""
        reference = f"Patient/{self.result.patient.public_id}"
        return ParsedPatient(
            numbers=(), family="", given="", birth_date=None, sex="unknown", reference=reference, partial=True
        )


def is_withdrawn(part: FhirPart) -> bool:
    """Whether the result was taken back, so that nothing of it stands."""
    current = part.result.current
    return current is not None and current.status in WITHDRAWN


def withdraws(sent: SentObservation) -> bool:
    """Whether a resource takes back what it stated."""
    status = STATUSES.get(sent.status)
    return status is not None and status.act is Act.WITHDRAW


def against_stored(
    sent: SentObservation,
    parts: Mapping[str, FhirPart],
    *,
    patient: Patient | Problem,
    local_codes: Mapping[str, Sequence[LocalCode]],
    merged: People,
) -> tuple[tuple[ParsedObservation, ...], tuple[Old, ...]]:
    """What is to be recorded of a resource whose earlier version stated `parts`."""
    live = {key: part for key, part in parts.items() if not is_withdrawn(part)}
    if parts and withdraws(sent):
        # A withdrawal takes back what was stated, whatever else its body says or leaves out by now.
        taken_back = tuple(withdrawn(part, sent=sent, status=STATUSES[sent.status]) for part in live.values())
        return (), taken_back
    stating = {
        one.part: one for one in sent.observations if one.status is None or one.status.act is Act.STORE
    }
    now, old = list(sent.observations), []
    for key, part in live.items():
        if key not in stating:
            old.append(held(part, NO_LONGER_STATED, sent=sent))
        elif has_moved(part.result, stating[key], patient, local_codes=local_codes, merged=merged):
            old.append(held(part, MOVED, sent=sent))
            now[now.index(stating[key])] = stating[key]._replace(number=MOVED)
    return tuple(now), tuple(old)


def withdrawn(part: FhirPart, *, sent: SentObservation, status: ParsedStatus, place: str = "") -> Old:
    """The withdrawal of a stored result."""
    return Old(result=part.result, said=_said(part.result, sent, status=status, part=place or part.part))


def held(part: FhirPart, problem: Problem, *, sent: SentObservation, place: str = "") -> Old:
    """A stored result about which a person must ask."""
    place = place or f"{part.part} as stored"
    said = _said(part.result, sent, status=STATUSES["final"], part=place)
    return Old(result=part.result, said=said._replace(number=problem))


def _said(result: Result, sent: SentObservation, *, status: ParsedStatus, part: str) -> ParsedObservation:
    current = result.current
    loinc = current.loinc if current is not None else analytes()[result.analyte].loinc
    precision = current.time_precision if current is not None else "second"
    return ParsedObservation(
        position=sent.position,
        part=part,
        codes=(Code(code=loinc, system="LN"),),
        sub_id=result.sub_id,
        number=NO_LONGER_STATED,
        sent_value="",
        units=(),
        sent_unit="",
        range=ParsedRange(),
        status=status,
        status_sent=sent.status,
        collected=ParsedTime(
            instant=result.collected_at, precision=precision, text="", zone_source="as stored"
        ),
        raw=sent.observations[0].raw if sent.observations else "",
    )


def has_moved(
    result: Result,
    sent: ParsedObservation,
    patient: Patient | Problem,
    *,
    local_codes: Mapping[str, Sequence[LocalCode]],
    merged: People,
) -> bool:
    """Whether the resource now speaks of another patient, test or time; unknown counts as another.

    Merged numbers are one patient: a correction under one corrects what is filed under the other.
    """
    named = name_analyte(sent.codes, local_codes=local_codes)
    if isinstance(patient, Problem) or isinstance(named, Problem) or isinstance(sent.collected, Problem):
        return True
    if merged.survivor_of(result.patient_id) != merged.survivor_of(patient.pk):
        return True
    return (result.analyte, result.collected_at) != (named[0].short, sent.collected.instant)
