"""Read the chosen courses from the database as plain rows: as many queries for 40 people as for thousands."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db.models import QuerySet

from courses import library
from courses.chart import administrations, given_cycles, measurements_of, unread_of, weights_of
from courses.chart_facts import Recorded, declared_measurements, recorded_in
from courses.cohort.grading import worst_grades
from courses.cohort.people import Everybody, Person
from courses.cohort.signing import CourseSigning, read_signing
from courses.cohort.words import (
    FULL,
    PER_GBQ,
    REDUCED,
    UNKNOWN,
    CohortRows,
    CourseRow,
    CycleRow,
    DecisionRow,
    DelayRow,
    GradeRow,
    Selection,
    StopRow,
)
from courses.json_table import Fault
from courses.models import BaselineLock, Course, Cycle
from courses.rules.protocol import Protocol
from courses.rules.values import Chart, GivenCycle, Sex
from labs.clinic_days import add_days, clinic_day, days_between, start_of_day
from labs.models import Observation
from labs.zones import clinic_zone

# Past so many results one request would keep a web process busy for too long (our choice).
LARGEST = 100_000


class TooMany(ValueError):
    """More results than one report counts; the choice is to be narrowed."""

    def __init__(self, results: int) -> None:
        super().__init__(f"{results} results are more than the {LARGEST} that one report counts")
        self.results = results


def courses_of(selection: Selection) -> QuerySet[Course]:
    """The courses that are reported, of people alone; the oldest first."""
    rows, zone = Course.objects.real().order_by("pk"), clinic_zone()
    if selection.first is not None:
        rows = rows.filter(started_at__gte=start_of_day(selection.first, zone))
    if selection.last is not None:
        rows = rows.filter(started_at__lt=start_of_day(add_days(selection.last, 1), zone))
    if selection.protocol_id:
        rows = rows.filter(protocol_id=selection.protocol_id)
    return rows.filter(status=selection.status) if selection.status else rows


def gather(selection: Selection, *, now: datetime) -> CohortRows:
    """Everything a report counts, as it stands now. Raises TooMany."""
    reading = _Reading(courses_of(selection), today=clinic_day(now, clinic_zone()))
    found = reading.everybody.results().count()
    if found > LARGEST:
        raise TooMany(found)
    reading.read()
    return reading.rows


class _Reading:
    """One reading of the chosen courses: what is asked once for all, then person by person."""

    def __init__(self, courses: QuerySet[Course], *, today: date) -> None:
        self.today, self.rows = today, CohortRows()
        self.everybody = Everybody(courses)
        self._chosen = courses

    def read(self) -> None:
        """Ask for everything that is small, then pass over the results of one person after the other."""
        self._signing: dict[int, CourseSigning] = read_signing(self._chosen)
        self._given: dict[int, tuple[GivenCycle, ...]] = {}
        self._firsts: dict[int, list[date]] = defaultdict(list)
        self._read_given()
        self._cycles: dict[int, list[tuple[int, date]]] = defaultdict(list)
        cycles = Cycle.objects.filter(course__in=self._chosen).order_by("course", "number")
        for course_id, number, planned_on in cycles.values_list("course", "number", "planned_on"):
            self._cycles[course_id].append((number, planned_on))
        self._locked: dict[int, list[tuple[int | None, int | None]]] = defaultdict(list)
        locks = BaselineLock.objects.current().filter(course__in=self._chosen)
        for course_id, result, declared in locks.values_list("course", "result", "declared"):
            self._locked[course_id].append((result, declared))
        self._disputed = self.everybody.versions()
        courses: dict[int, list[Course]] = defaultdict(list)
        for course in self._chosen.select_related("patient"):
            courses[self.everybody.person_of(course.patient_id)].append(course)
        for person in self.everybody.persons(until=self.today):
            self.rows.results += len(person.marked)
            for course in courses.pop(person.number, []):
                self._add(course, person)
        for number, silent in courses.items():
            for course in silent:
                self._add(course, Person(number=number))

    def _read_given(self) -> None:
        """What was given in every course of these people: another course ends the time after this one."""
        rows: dict[int, list[Any]] = defaultdict(list)
        person_of: dict[int, int] = {}
        given = administrations().filter(
            self.everybody.of("cycle__course__patient"), administered_on__lte=self.today
        )
        for row in given.select_related("cycle__course"):
            rows[row.cycle.course_id].append(row)
            person_of[row.cycle.course_id] = self.everybody.person_of(row.cycle.course.patient_id)
        for course_id, of_course in rows.items():
            self._given[course_id] = given_cycles(of_course)
            self._firsts[person_of[course_id]].append(min(each.on for each in self._given[course_id]))

    def _add(self, course: Course, person: Person) -> None:
        """Every row of one course."""
        given, signing = self._given.get(course.pk, ()), self._signing[course.pk]
        protocol = library.shelf().protocols.get(course.protocol_id)
        recorded = self._recorded(course, person)
        version = protocol.criteria.version if protocol is not None and recorded is not None else ""
        self.rows.courses.append(
            CourseRow(
                course=course.pk,
                person=person.number,
                protocol=course.protocol_id,
                ctcae=version,
                status=course.status,
                ending=signing.ending(course.status),
                given=len(given),
                activity_100kbq=sum(_in_100kbq(each) for each in given),
            )
        )
        self.rows.stops.extend(StopRow(course.pk, rule) for rule in signing.stop_rules)
        self.rows.cycles.extend(self._cycle_rows(course, person, protocol, version))
        self.rows.decisions.extend(_decision_rows(course, person, given, signing))
        if recorded is None:
            return
        self.rows.delays.extend(
            DelayRow(
                course.pk,
                person.number,
                each.cycle,
                each.cause.value,
                None if each.ended_on is None else days_between(each.began_on, each.ended_on),
            )
            for each in recorded.delays
        )
        if protocol is not None and given:
            chart = self._chart(course, person, recorded, given)
            self.rows.grades.extend(
                GradeRow(course.pk, person.number, version, each.cycle, each.term, each.low, each.high)
                for each in worst_grades(chart, protocol)
            )
            self.rows.terms = {**self.rows.terms, version: tuple(protocol.criteria.by_term)}

    def _recorded(self, course: Course, person: Person) -> Recorded | None:
        """What people recorded; none where a row of it can no longer be read."""
        mine = [fact for fact in person.facts if fact.course_id in (None, course.pk)]
        try:
            return recorded_in(mine, course=course, today=self.today, locked=self._locked.get(course.pk, ()))
        except Fault:
            self.rows.unreadable += 1
            return None

    def _chart(
        self, course: Course, person: Person, recorded: Recorded, given: tuple[GivenCycle, ...]
    ) -> Chart:
        """As a decision would read it, up to the first cycle of a later course."""
        zone, last = clinic_zone(), max(each.on for each in given)
        until = min((day for day in self._firsts[person.number] if day > last), default=self.today)
        patient = course.patient
        measurements = measurements_of(
            person.marked, zone=zone, today=until, recorded=recorded, versions=self._versions
        )
        return Chart(
            birth_date=patient.birth_date,
            sex=Sex(patient.sex) if patient.sex in set(Sex) else None,
            measurements=(
                *measurements,
                *unread_of(person.unread, zone=zone, today=until),
                *declared_measurements(recorded.declared, zone=zone),
            ),
            weights=weights_of(person.weights),
            cycles=given,
            planned_on=None,
            prior_activity_gbq=Decimal(0),
            peritoneal_or_mesenteric_disease=None,
            baseline_locked=course.baseline_locked_at is not None,
            facts=recorded.facts,
            **recorded.records,
        )

    def _versions(self, results: list[int]) -> Iterable[Observation]:
        return [row for result in results for row in self._disputed.get(result, ())]

    def _cycle_rows(
        self, course: Course, person: Person, protocol: Protocol | None, version: str
    ) -> Iterable[CycleRow]:
        given = {each.number: each for each in self._given.get(course.pk, ())}
        before = {b.number: days_between(a.on, b.on) for a, b in pairwise(sorted(given.values(), key=_day))}
        directed = self._signing[course.pk].directed_gbq
        for number, planned_on in self._cycles[course.pk]:
            was, interval = given.get(number), before.get(number)
            late = (
                None if protocol is None or interval is None else interval - protocol.schedule.window_last_day
            )
            yield CycleRow(
                course=course.pk,
                person=person.number,
                ctcae=version,
                cycle=number,
                planned_on=planned_on,
                given_on=was.on if was else None,
                elsewhere=bool(was and was.elsewhere),
                activity_100kbq=_in_100kbq(was) if was else None,
                level=_level(directed.get(number), protocol) if was else "",
                interval_days=interval,
                late_days=late,
            )


def _day(cycle: GivenCycle) -> date:
    return cycle.on


def _in_100kbq(cycle: GivenCycle) -> int:
    return int(cycle.activity_gbq * PER_GBQ)


def _level(directed_gbq: Any, protocol: Protocol | None) -> str:
    """Whether the signed directive was for less than the protocol's full activity."""
    if directed_gbq is None or protocol is None:
        return UNKNOWN
    return REDUCED if directed_gbq < protocol.schedule.activity_gbq else FULL


def _decision_rows(
    course: Course, person: Person, given: tuple[GivenCycle, ...], signing: CourseSigning
) -> Iterable[DecisionRow]:
    """The newest usable result that was there when a decision was made, drawn since the cycle before."""
    zone = clinic_zone()
    usable = [
        (each.result.current.received_at, clinic_day(each.result.collected_at, zone))
        for each in person.marked
        if each.result.current is not None and each.result.is_usable and not each.codes
    ]
    for cycle, meaning, made_at, signed_at in signing.decisions:
        since = max((each.on for each in given if each.number < cycle), default=date.min)
        came = max((at for at, drawn in usable if at <= made_at and drawn > since), default=None)
        days = None if came is None else days_between(clinic_day(came, zone), clinic_day(signed_at, zone))
        yield DecisionRow(course.pk, cycle, meaning, days)
