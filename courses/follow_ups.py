"""Read who is to be seen after the last cycle, and which draw between two cycles has not come."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Max

from courses.library import UnknownProtocol, protocol, protocol_ids
from courses.models import (
    Course,
    CourseEnd,
    CourseStatus,
    EndCause,
    FollowUpAct,
    FollowUpRecord,
)
from courses.models.course_end import VisitOutcome
from courses.rules.follow_up import NADIR, Visit, VisitState, visits
from labs.clinic_days import clinic_day
from labs.models import Patient, Result
from labs.models.result import VERIFIED
from labs.same_person import People, read_people
from labs.zones import clinic_zone

_OVER = (CourseStatus.COMPLETED, CourseStatus.STOPPED, CourseStatus.ENDED)
Draws = Mapping[int, Sequence[tuple[str, date]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLine:
    """One visit, where it stands, and what was recorded of it."""

    visit: Visit
    state: VisitState
    record: FollowUpRecord | None = None

    @property
    def words(self) -> str:
        """What it is, as people read it."""
        if self.visit.key == NADIR:
            return "Draw for the lowest counts"
        return f"{self.visit.months} months after the last cycle"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpLine:
    """One patient after treatment, or between two cycles: every visit, and the next one to come."""

    course: Course
    patient: Patient
    last_on: date
    visits: tuple[VisitLine, ...]
    # A physician signed that nobody needs to see the patient for this any more.
    closed: FollowUpAct | None = None
    is_between_cycles: bool = False

    @property
    def overdue(self) -> tuple[VisitLine, ...]:
        """Visits that have not come in time."""
        return tuple(line for line in self.visits if line.state is VisitState.OVERDUE)

    @property
    def upcoming(self) -> VisitLine | None:
        """The first visit that nobody recorded: overdue, due, or coming."""
        return next((line for line in self.visits if line.state is not VisitState.DONE), None)

    @property
    def state(self) -> VisitState:
        """Where the line as a whole stands."""
        found = self.upcoming
        return found.state if found is not None else VisitState.DONE

    @property
    def wants_somebody(self) -> bool:
        """Whether somebody has to do something now; all others stand on the list, with their next day."""
        return self.state is not VisitState.COMING and not (
            self.is_between_cycles and self.state is VisitState.DONE
        )

    @property
    def has_no_plan(self) -> bool:
        """Whether the protocol names no visits: then a physician closes it, or sees the patient by hand."""
        return not self.visits


def follow_ups(*, today: date) -> list[FollowUpLine]:
    """Everybody who was treated and whose follow-up nobody signed closed, the most urgent first.

    Of a person with several courses the newest treated one counts; while it is open, only the draw between
    two cycles is looked at. Six queries, however many patients there are.
    """
    lines = _lines(Course.objects.real(), today=today)
    found = [line for line in lines if line.closed is None and (line.visits or not line.is_between_cycles)]
    return sorted(found, key=_urgency)


def follow_up_of(course: Course, *, today: date) -> FollowUpLine | None:
    """The follow-up of one course, closed or not; none before its first administration, or after death."""
    return next(iter(_lines(Course.objects.filter(pk=course.pk), today=today, alone=True)), None)


def _urgency(line: FollowUpLine) -> tuple[date, int]:
    upcoming = line.upcoming
    return (upcoming.visit.last if upcoming is not None else date.max, line.course.pk)


def _lines(courses: Iterable[Course], *, today: date, alone: bool = False) -> list[FollowUpLine]:
    rows = courses.select_related("patient", "current_decision").annotate(  # type: ignore[attr-defined]
        last_on=Max("cycles__administration__administered_on")
    )
    treated = [course for course in rows.order_by("pk") if course.last_on is not None]
    people = read_people()
    if not alone:
        newest = {people.survivor_of(course.patient_id): course for course in treated}
        treated = [course for course in treated if newest[people.survivor_of(course.patient_id)] is course]
    ids = [course.pk for course in treated]
    dead = set(
        CourseEnd.objects.filter(
            course__in=ids, cause=EndCause.DEATH, undo__confirmation__isnull=True
        ).values_list("course", flat=True)
    )
    acts = {act.course_id: act for act in FollowUpAct.objects.filter(course__in=ids).order_by("pk")}
    records: dict[int, dict[str, FollowUpRecord]] = defaultdict(dict)
    for record in FollowUpRecord.objects.effective().filter(course__in=ids).order_by("pk"):
        records[record.course_id][record.visit] = record
    draws = _draws(treated, people=people)
    return [
        _line(course, acts.get(course.pk), records[course.pk], draws, today=today)
        for course in treated
        if course.pk not in dead or course.is_open
    ]


def _line(
    course: Course,
    act: FollowUpAct | None,
    records: Mapping[str, FollowUpRecord],
    draws: Draws,
    *,
    today: date,
) -> FollowUpLine:
    last_on: date = course.last_on  # type: ignore[attr-defined]  # annotated above
    try:
        every = visits(protocol(course.protocol_id), last_on=last_on)
    except UnknownProtocol:
        every = ()
    between = course.is_open
    done = {key for key, record in records.items() if record.outcome != VisitOutcome.TAKEN_BACK}
    done |= {each.key for each in every if each.key == NADIR and not lacking(each, draws.get(course.pk, ()))}
    wanted = [each for each in every if each.key == NADIR or not between]
    return FollowUpLine(
        course=course,
        patient=course.patient,
        last_on=last_on,
        visits=tuple(
            VisitLine(visit=each, state=each.state(today=today, done=done), record=records.get(each.key))
            for each in wanted
        ),
        closed=act if act is not None and act.is_closed else None,
        is_between_cycles=between,
    )


def lacking(visit: Visit, draws: Iterable[tuple[str, date]], *, until: date | None = None) -> list[str]:
    """Which analytes of a visit no final result gives that was collected from its first day on."""
    there = {analyte for analyte, on in draws if on >= visit.first and (until is None or on <= until)}
    return [short for short in visit.analytes if short not in there]


def draws_of(course: Course, *, since: date) -> list[tuple[str, date]]:
    """The final results of a course's patient collected since a day: analyte and day."""
    return _collected(read_people().numbers_of(course.patient_id), since=since)


def _collected(numbers: Iterable[int], *, since: date) -> list[tuple[str, date]]:
    rows = Result.objects.filter(
        patient__in=list(numbers),
        in_conflict=False,
        current__status__in=sorted(VERIFIED),
        collected_at__date__gte=since,
    )
    zone = clinic_zone()
    return [(analyte, clinic_day(at, zone)) for analyte, at in rows.values_list("analyte", "collected_at")]


def _draws(courses: Sequence[Course], *, people: People) -> Draws:
    """By course the newest final result of each analyte of the draw between cycles; one query."""
    owners: dict[int, list[Course]] = defaultdict(list)
    for course in courses:
        for number in people.numbers_of(course.patient_id):
            owners[number].append(course)
    rows: Iterable[tuple[int, str, datetime]] = (
        Result.objects.filter(
            patient__in=list(owners),
            analyte__in=_drawn(),
            in_conflict=False,
            current__status__in=sorted(VERIFIED),
        )
        .values("patient", "analyte")
        .annotate(newest=Max("collected_at"))
        .order_by()
        .values_list("patient", "analyte", "newest")
    )
    zone = clinic_zone()
    found: dict[int, list[tuple[str, date]]] = defaultdict(list)
    for patient_id, analyte, at in rows:
        for course in owners.get(patient_id, ()):
            found[course.pk].append((analyte, clinic_day(at, zone)))
    return found


def _drawn() -> list[str]:
    """The analytes that any protocol draws between two cycles."""
    plans = (protocol(each).planning.nadir_draw for each in protocol_ids())
    return sorted({short for plan in plans if plan is not None for short in plan.analytes})
