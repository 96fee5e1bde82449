"""Say how each result of a sample would be understood, and every reason why it would wait."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from labs.formats.parsed import (
    Act,
    ParsedNumber,
    ParsedObservation,
    ParsedPatient,
    ParsedRange,
    ParsedReport,
    ParsedTime,
    Problem,
)
from labs.models import Patient
from labs.services.identity import Trust, match_patients
from labs.services.meaning import Understood, time_fault, understand, unlikely
from labs.services.measure import Context, local_codes_of, name_analyte, unit_of, unit_spellings_of
from labs.services.opening import Opened
from labs.services.record import too_long
from labs.units import Analyte, convert, fold_unit

_ACTS = {
    Act.STORE: "stored",
    Act.PROMOTE: "makes the preliminary value stored before final; waits where there is none",
    Act.WITHDRAW: "takes the result back; a value that comes along is no result",
    Act.NO_RESULT: "no result yet, nothing is stored",
}
_UNBORN = date.fromordinal(2)  # where nobody says when the patient was born, no time is too early


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedResult:
    """One result: how each part of it was understood, and every reason why it would wait."""

    sent: ParsedObservation
    analyte: Analyte | None
    loinc: str
    number: ParsedNumber | None
    value: Decimal | None
    unit: str
    factor: Decimal | None
    range: ParsedRange
    status_word: str
    status_does: str
    collected: ParsedTime | None
    quality: tuple[str, ...]
    problems: tuple[Problem, ...]
    says_nothing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedReport:
    """One order's results: whom they name, and which of our patients that is, or why nobody."""

    report: ParsedReport
    patient: Patient | None
    problem: Problem | None
    results: tuple[ExplainedResult, ...]

    @property
    def person(self) -> ParsedPatient:
        """Whom the sample names."""
        return self.report.patient


def explain_reports(opened: Opened, *, look_up_patients: bool, now: datetime) -> tuple[ExplainedReport, ...]:
    """Every report of an opened message with its results; patients only where they may be looked up."""
    people: dict[ParsedPatient, Patient | Problem] = {}
    if look_up_patients:
        named = (report.patient for report in opened.parsed.reports)
        people = dict(match_patients(named, trust=Trust(opened.bare_number_ok)))
    codes, units = local_codes_of(opened.codes), unit_spellings_of(opened.sender)
    found = []
    for report in opened.parsed.reports:
        person = report.damage or people.get(report.patient)
        patient = person if isinstance(person, Patient) else None
        context = Context(
            local_codes=codes,
            birth_date=patient.birth_date if patient else report.patient.birth_date or _UNBORN,
            sent_at=opened.parsed.sent_at,
            received_at=now,
            unit_spellings=units,
        )
        problem = person if isinstance(person, Problem) else None
        results = tuple(_result(report, sent, context, problem) for sent in report.observations)
        found.append(ExplainedReport(report=report, patient=patient, problem=problem, results=results))
    return tuple(found)


def _result(
    report: ParsedReport, sent: ParsedObservation, context: Context, of_person: Problem | None
) -> ExplainedResult:
    named = name_analyte(sent.codes, local_codes=context.local_codes)
    analyte = None if isinstance(named, Problem) else named[0]
    unit = unit_of(sent, analyte, context) if analyte else None
    factor = analyte.units[fold_unit(unit)] if analyte is not None and isinstance(unit, str) else None
    number = sent.number if isinstance(sent.number, ParsedNumber) else None
    value = None
    if analyte is not None and isinstance(unit, str) and number is not None:
        value = convert(analyte=analyte, value=number.value, unit=unit)
    judged = understand(sent, context=context)
    problems = {each.code: each for each in _problems(sent, context, analyte)}
    for more in (of_person, too_long(report, sent), judged if isinstance(judged, Problem) else None):
        if more is not None:
            problems.setdefault(more.code, more)
    says_nothing = sent.status is not None and sent.status.act is Act.NO_RESULT
    return ExplainedResult(
        sent=sent,
        analyte=analyte,
        loinc="" if isinstance(named, Problem) else named[1],
        number=number,
        value=value,
        unit=unit if isinstance(unit, str) else "",
        factor=factor,
        range=judged.range if isinstance(judged, Understood) else ParsedRange(),
        status_word=sent.status.word if sent.status else "",
        status_does=_ACTS[sent.status.act] if sent.status else "",
        collected=sent.collected if isinstance(sent.collected, ParsedTime) else None,
        quality=sent.quality,
        problems=() if says_nothing else tuple(problems.values()),
        says_nothing=says_nothing,
    )


def _problems(sent: ParsedObservation, context: Context, analyte: Analyte | None) -> Iterator[Problem]:
    """Every reason why a result would wait; the reader itself names only the first."""
    act = sent.status.act if sent.status else Act.STORE
    named = name_analyte(sent.codes, local_codes=context.local_codes)
    if isinstance(named, Problem):
        yield named
    if isinstance(sent.collected, Problem):
        yield sent.collected
    elif fault := time_fault(sent.collected.instant, context):
        yield fault
    if act in (Act.WITHDRAW, Act.NO_RESULT):
        return
    if isinstance(sent.number, Problem) and not (act is Act.PROMOTE and sent.number.code == "no-value"):
        yield sent.number
    if analyte is None:
        return
    unit = unit_of(sent, analyte, context)
    if isinstance(unit, Problem):
        if isinstance(sent.number, ParsedNumber) or act is Act.STORE:
            yield unit
    elif isinstance(sent.number, ParsedNumber) and (
        doubt := unlikely(sent, sent.number, analyte=analyte, unit=unit)
    ):
        yield doubt
