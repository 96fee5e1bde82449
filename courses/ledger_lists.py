"""The ledger as pages list it: lines that lead to courses, totals by course, people who were treated."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from courses.models import AbsorbedDose, Administration, Course, Cycle, Infusion, Organ
from courses.rules.ledger import Entry
from labs.models import Patient
from labs.same_person import numbers_of, read_people

SHOWN = 200  # people on the physicist's list; the newest courses come first


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One entry, the course it belongs to, and whether another line tells the same treatment."""

    entry: Entry
    course: Course | None
    is_double: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseTotal:
    """What one course comes to."""

    course: Course
    total_gbq: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Treated:
    """One person who was treated: how many cycles, and for each organ how many of them have a figure."""

    patient: Patient
    given: int
    entered: tuple[tuple[str, int], ...]

    @property
    def lacks(self) -> bool:
        """Whether any given cycle has no figure for some organ."""
        return any(count < self.given for _, count in self.entered)


def ledger_lines(
    patient_id: int, entries: Iterable[Entry], *, doubles: frozenset[str]
) -> tuple[LedgerLine, ...]:
    """The entries with the courses they belong to."""
    courses = _courses(patient_id)
    return tuple(
        LedgerLine(entry=entry, course=courses.get(entry.course), is_double=entry.ref in doubles)
        for entry in entries
    )


def course_totals(patient_id: int, by_course: Mapping[str, Decimal]) -> tuple[CourseTotal, ...]:
    """What each course comes to, the oldest course first."""
    return tuple(
        CourseTotal(course=course, total_gbq=by_course[key])
        for key, course in _courses(patient_id).items()
        if key in by_course
    )


def given_cycles(patient_id: int) -> list[Cycle]:
    """The cycles of one person of which something was given, the oldest first."""
    return list(
        _given(Cycle.objects.filter(course__patient_id__in=numbers_of(patient_id)))
        .select_related("administration", "course")
        .order_by("course", "number")
    )


def people_treated(*, most: int = SHOWN) -> list[Treated]:
    """So many people of whom something was given, those who lack a figure first, the newest numbers first.

    Only their cycles are read, in a fixed number of queries.
    """
    given = _given(Cycle.objects.filter(course__patient__is_canary=False))
    found = _whose(_lacking(given), most=most)
    if len(found) < most:
        found += _whose(given, but=found, most=most - len(found))
    return _people(found, given)[:most]


def people_lacking_a_figure(*, most: int) -> list[Treated]:
    """So many of those people alone whose figures are not all entered."""
    given = _given(Cycle.objects.filter(course__patient__is_canary=False))
    return _people(_whose(_lacking(given), most=most), given)[:most]


def _whose(cycles: QuerySet[Cycle], *, most: int, but: Iterable[int] = ()) -> list[int]:
    theirs = Exists(cycles.filter(course__patient=OuterRef("pk")))
    found = Patient.objects.filter(theirs).exclude(pk__in=list(but)).order_by("-pk")
    return list(found.values_list("pk", flat=True)[:most])


def _lacking(cycles: QuerySet[Cycle]) -> QuerySet[Cycle]:
    """Those without a figure for some organ."""
    lacks = Q()
    for organ in Organ.values:
        lacks |= ~Q(Exists(AbsorbedDose.objects.effective().filter(cycle=OuterRef("pk"), organ=organ)))
    return cycles.filter(lacks)


def _people(patient_ids: Iterable[int], cycles: QuerySet[Cycle]) -> list[Treated]:
    """The people with these numbers, every number of theirs counted, those who lack a figure first."""
    people = read_people()
    wanted = {people.survivor_of(each) for each in patient_ids}
    numbers = frozenset[int]().union(*(people.numbers_of(each) for each in wanted))
    doses = Prefetch("absorbed_doses", queryset=AbsorbedDose.objects.effective(), to_attr="figures")
    rows = cycles.filter(course__patient__in=numbers).select_related("course__patient")
    by_person: dict[int, list[Cycle]] = defaultdict(list)
    patients: dict[int, Patient] = {}
    for cycle in rows.prefetch_related(doses).order_by("-course", "number"):
        person = people.survivor_of(cycle.course.patient_id)
        by_person[person].append(cycle)
        patients.setdefault(person, cycle.course.patient)
    lines = [_treated(patients[person], found) for person, found in by_person.items()]
    return sorted(lines, key=lambda line: not line.lacks)


def _treated(patient: Patient, cycles: list[Cycle]) -> Treated:
    organs = [{dose.organ for dose in getattr(cycle, "figures", ())} for cycle in cycles]
    return Treated(
        patient=patient,
        given=len(cycles),
        entered=tuple(
            (organ.label, sum(organ.value in each for each in organs)) for organ in Organ.__members__.values()
        ),
    )


def _given(cycles: QuerySet[Cycle]) -> QuerySet[Cycle]:
    parts = Infusion.objects.effective().filter(cycle=OuterRef("pk"))
    whole = Administration.objects.filter(cycle=OuterRef("pk"))
    return cycles.filter(Q(Exists(whole)) | Q(Exists(parts)))


def _courses(patient_id: int) -> dict[str, Course]:
    rows = Course.objects.filter(patient_id__in=numbers_of(patient_id)).order_by("pk")
    return {str(course.public_id): course for course in rows}
