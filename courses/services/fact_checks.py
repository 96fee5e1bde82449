"""Check a fact against the patient, the course and the day before it is recorded."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from courses.fact_kinds import KINDS, BaselineChoice, DeclaredBaseline, ResultMark
from courses.library import UnknownProtocol, protocol
from courses.models import Administration, Course, Cycle, RecordKind
from courses.rules.facts import Attribution, ManualGrade, OccurrenceReview
from courses.rules.values import Delay
from labs.clinic_days import clinic_day
from labs.models import Observation, Patient, Result
from labs.models.result import VERIFIED
from labs.same_person import numbers_of
from labs.zones import clinic_zone


def faults_of(
    *, kind: RecordKind, value: Any, patient: Patient, course: Course | None, today: date
) -> Iterator[str]:
    """What cannot be so, one line for each fault, each naming the field."""
    for name in KINDS[kind].days:
        day = getattr(value, name)
        if day is not None and day > today:
            yield f"{_key(name)}: {day} lies after today, {today}"
        if day is not None and day < patient.birth_date:
            yield f"{_key(name)}: {day} lies before the patient's birth"
    if course is not None:
        yield from _faults_in_course(value, course)
    if isinstance(value, ResultMark | BaselineChoice):
        yield from _faults_of_result(value, patient, course)


def _key(name: str) -> str:
    """The key of a day as the JSON names it."""
    return {"began_on": "from", "ended_on": "to"}.get(name, name)


def _faults_in_course(value: Any, course: Course) -> Iterator[str]:
    if isinstance(value, ManualGrade | Attribution | OccurrenceReview):
        yield from _faults_under_protocol(value, course)
    elif isinstance(value, Delay):
        if not Cycle.objects.filter(course=course, number=value.cycle).exists():
            yield f"cycle: this course has no cycle {value.cycle}"
    elif isinstance(value, DeclaredBaseline):
        if value.low is not None and value.high is not None and value.low > value.high:
            yield "low: lies above high; check both limits"
        yield from _faults_of_baseline_day("on", value.on, course)


def _faults_under_protocol(
    value: ManualGrade | Attribution | OccurrenceReview, course: Course
) -> Iterator[str]:
    """What the course's protocol does not know of; nothing can be said where its file is missing."""
    try:
        plan = protocol(course.protocol_id)
    except UnknownProtocol as unknown:
        key = "rule" if isinstance(value, OccurrenceReview) else "term"
        yield f"{key}: the course's protocol file is missing ({unknown}); put it back, or move the course"
        return
    if not isinstance(value, OccurrenceReview):
        known = {
            name for each in plan.criteria.by_term.values() for name in (each.term, *each.also_reported_as)
        }
        if value.term not in known:
            yield f"term: {value.term!r} is not a term of CTCAE {plan.criteria.version} graded here"
    elif value.rule not in {family.id for family in plan.families}:
        yield f"rule: {value.rule!r} is not a rule of this course's protocol"


def _faults_of_baseline_day(key: str, day: date, course: Course) -> Iterator[str]:
    """A baseline is from before the treatment, whoever chooses it."""
    first = (
        Administration.objects.filter(cycle__course=course)
        .order_by("administered_on")
        .values_list("administered_on", flat=True)
        .first()
    )
    if first is not None and day >= first:
        yield f"{key}: {day} does not lie before the first administration, {first}: a baseline does"


def _faults_of_result(
    value: ResultMark | BaselineChoice, patient: Patient, course: Course | None
) -> Iterator[str]:
    result = named_result(value.result, patient=patient)
    if result is None:
        yield "result: this patient has no such result"
        return
    if result.current is None or result.in_conflict or result.current.status not in VERIFIED:
        yield "result: only a final result can be named here; wait for the laboratory's final one"
    if isinstance(value, BaselineChoice) and course is not None:
        if result.analyte != value.analyte:
            yield f"analyte: the result is one of {result.analyte}, not of {value.analyte}"
        day = clinic_day(result.collected_at, clinic_zone())
        yield from _faults_of_baseline_day("result", day, course)


def named_result(version: UUID, *, patient: Patient) -> Result | None:
    """The patient's result that a version belongs to; none when the patient has no such version."""
    found = (
        Observation.objects.select_related("result__current")
        .filter(public_id=version, patient__in=numbers_of(patient.pk))
        .first()
    )
    return None if found is None else found.result
