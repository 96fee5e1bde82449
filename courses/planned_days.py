"""Read what hangs on the days of courses: their cycles as planned or given, and for whom what is asked."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from courses.chart import DISEASE
from courses.day_library import NoDayRules, day_rules
from courses.fact_kinds import LastingFlag
from courses.library import UnknownProtocol, protocol
from courses.models import ChartFact, Course, Cycle, PeritonealDisease, RecordKind
from courses.rules.derived_days import CyclePlan, DerivedDay, ForWhom, course_days
from courses.rules.facts import PregnancyFinding
from courses.rules.protocol import PregnancyCheck, Protocol
from courses.rules.values import Sex
from labs.clinic_days import age_on
from labs.models import Patient
from labs.same_person import read_people

_ASKED = (RecordKind.PREGNANCY, RecordKind.DISEASE_FLAGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseDays:
    """One course, its protocol where its file is there, its cycles, and everything that hangs on them."""

    course: Course
    plan: Protocol | None
    cycles: tuple[CyclePlan, ...]
    days: tuple[DerivedDay, ...]


def days_of(course: Course) -> CourseDays:
    """Everything that hangs on the cycles of one course, worked out anew from its protocol."""
    return days_of_all([course])[0]


def days_of_all(courses: Sequence[Course]) -> list[CourseDays]:
    """The same for many courses; four queries, however many they are."""
    planned: dict[int, list[CyclePlan]] = defaultdict(list)
    cycles = Cycle.objects.filter(course__in=courses).select_related("administration").order_by("number")
    for cycle in cycles:
        given = getattr(cycle, "administration", None)
        on = given.administered_on if given else cycle.planned_on
        planned[cycle.course_id].append(CyclePlan(number=cycle.number, on=on, is_given=given is not None))
    facts = _facts(course.patient_id for course in courses)
    return [
        _course_days(course, tuple(planned[course.pk]), facts.get(course.patient_id, []))
        for course in courses
    ]


def _course_days(course: Course, cycles: tuple[CyclePlan, ...], facts: list[ChartFact]) -> CourseDays:
    try:
        plan = protocol(course.protocol_id)
    except UnknownProtocol:
        return CourseDays(course=course, plan=None, cycles=cycles, days=())
    whom = for_whom(
        plan,
        patient=course.patient,
        on=cycles[-1].on if cycles else None,
        not_possible=_not_possible(facts),
        disease=_disease(course, facts),
    )
    # Of a course that is over nothing is planned any more; what follows its last cycle is the follow-up.
    left = cycles if course.is_open else ()
    return CourseDays(course=course, plan=plan, cycles=cycles, days=course_days(plan, left, whom))


def for_whom(
    plan: Protocol,
    *,
    patient: Patient,
    on: date | None,
    not_possible: bool = False,
    disease: bool | None = None,
) -> ForWhom:
    """What of a protocol is for a patient; unknown sex counts as not known, which plans it."""
    check = next((each for each in plan.checks if isinstance(each, PregnancyCheck)), None)
    outside = check is None or (
        on is not None and not check.from_age <= age_on(patient.birth_date, on) <= check.to_age
    )
    possible: bool | None = True if patient.sex == Sex.FEMALE.value else None
    if not_possible or outside or patient.sex == Sex.MALE.value:
        possible = False
    restart: tuple[timedelta, timedelta] | None
    try:
        analogue = day_rules(plan.id).rules.analogue
        restart = analogue.restart_from, analogue.restart_to
    except NoDayRules:
        restart = None
    return ForWhom(pregnancy_possible=possible, peritoneal_disease=disease, restart=restart)


def _facts(patient_ids: Iterable[int]) -> Mapping[int, list[ChartFact]]:
    """What decides whether some of it is for a patient, under all numbers of the person, oldest first."""
    people = read_people()
    wanted = {each: people.numbers_of(each) for each in patient_ids}
    rows = ChartFact.objects.counting().filter(
        patient__in=frozenset().union(*wanted.values()), kind__in=_ASKED
    )
    by_number: dict[int, list[ChartFact]] = defaultdict(list)
    for row in rows.order_by("pk"):
        by_number[row.patient_id].append(row)
    return {
        each: sorted((row for number in numbers for row in by_number[number]), key=lambda row: row.pk)
        for each, numbers in wanted.items()
    }


def _not_possible(facts: list[ChartFact]) -> bool:
    """Whether the newest answer is that pregnancy is not possible; of one day the later record counts."""
    answers = [row.data for row in facts if row.kind == RecordKind.PREGNANCY and row.data]
    newest = max(answers, key=lambda data: str(data["on"]), default=None)
    return newest is not None and newest["finding"] == PregnancyFinding.NOT_POSSIBLE.value


def _disease(course: Course, facts: list[ChartFact]) -> bool | None:
    """What was recorded last and since the course began; the answer given at its start where nothing was."""
    flags = [
        row.data
        for row in facts
        if row.kind == RecordKind.DISEASE_FLAGS
        and row.data
        and row.data["flag"] == LastingFlag.PERITONEAL_DISEASE.value
        and row.recorded_at >= course.started_at
    ]
    newest = max(flags, key=lambda data: str(data["on"]), default=None)
    if newest is not None:
        return bool(newest["value"])
    return DISEASE[PeritonealDisease(course.peritoneal_disease)]
