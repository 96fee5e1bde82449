"""Read who is to be seen after the last cycle, and which draw between two cycles has not come."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import (
    Case,
    Exists,
    Max,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
    prefetch_related_objects,
)

from courses.library import UnknownProtocol, protocol, protocol_ids
from courses.models import (
    Administration,
    Course,
    CourseEnd,
    CourseStatus,
    Decision,
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
    last_on: date
    visits: tuple[VisitLine, ...]
    # A physician signed that nobody needs to see the patient for this any more.
    closed: FollowUpAct | None = None
    is_between_cycles: bool = False

    @property
    def patient(self) -> Patient:
        """Whose it is."""
        return self.course.patient

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


def follow_ups(
    *,
    today: date,
    keep: Callable[[FollowUpLine], bool] | None = None,
    begin: int = 0,
    most: int | None = None,
) -> list[FollowUpLine]:
    """Everybody who was treated and whose follow-up nobody signed closed, the most urgent first.

    Of a person with several courses the newest treated one counts; while it is open, only the draw between
    two cycles is looked at. `keep` chooses among them, `begin` and `most` are a page of what is chosen; only
    of that page patient and decision are read. Six queries, however many patients there are.
    """
    people = read_people()
    lines = _lines(_followed(people), people=people, today=today)
    found = [line for line in lines if line.visits or not line.is_between_cycles]
    chosen = sorted((line for line in found if keep is None or keep(line)), key=_urgency)
    page = chosen[begin:] if most is None else chosen[begin : begin + most]
    slim = Decision.objects.defer("situation", "answer")
    prefetch_related_objects(
        [line.course for line in page], "patient", Prefetch("current_decision", queryset=slim)
    )
    return page


def follow_up_of(course: Course, *, today: date) -> FollowUpLine | None:
    """The follow-up of one course, closed or not; none before its first administration, or after death."""
    people = read_people()
    alone = _treated().filter(pk=course.pk).exclude(_is_over_by_death())
    act = FollowUpAct.objects.filter(course=course).order_by("-pk").first()
    return next(iter(_lines(alone, people=people, today=today, act=act)), None)


def _treated() -> QuerySet[Course]:
    """Courses of which something was given, by the day of the last administration; as little as is needed."""
    given = Administration.objects.filter(cycle__course=OuterRef("pk"))
    last = given.order_by("-administered_on").values("administered_on")[:1]
    rows = Course.objects.filter(Exists(given)).annotate(last_on=Subquery(last))
    return rows.only("public_id", "patient_id", "protocol_id", "status", "current_decision_id")


def _is_over_by_death() -> Q:
    dead = CourseEnd.objects.filter(
        course=OuterRef("pk"), cause=EndCause.DEATH, undo__confirmation__isnull=True
    )
    return Q(status__in=_OVER) & Q(Exists(dead))


def _is_closed() -> Exists:
    """Whether the newest act says so: asked in a way that the database answers for all courses at once."""
    newer = FollowUpAct.objects.filter(course=OuterRef("course"), pk__gt=OuterRef("pk"))
    return Exists(FollowUpAct.objects.filter(~Exists(newer), course=OuterRef("pk"), is_closed=True))


def _followed(people: People) -> list[Course]:
    """Of every person the newest treated course, unless it is over by death or its follow-up is closed.

    The database leaves out all others; only of merged numbers it is found out here which course is newest.
    """
    later = Administration.objects.filter(
        cycle__course__patient=OuterRef("patient"), cycle__course__gt=OuterRef("pk")
    )
    merged = {*people.survivor.keys(), *people.survivor.values()}
    goes_on = ~_is_over_by_death() & ~Q(_is_closed())
    rows = (
        _treated()
        .filter(patient__is_canary=False)
        .filter(~Exists(later))
        .filter(goes_on | Q(patient__in=merged))
        .annotate(is_over=Case(When(goes_on, then=Value(value=False)), default=Value(value=True)))
        .order_by("pk")
    )
    newest = {people.survivor_of(course.patient_id): course for course in rows}
    return [course for course in newest.values() if not course.is_over]


def _urgency(line: FollowUpLine) -> tuple[date, int]:
    upcoming = line.upcoming
    return (upcoming.visit.last if upcoming is not None else date.max, line.course.pk)


def _lines(
    courses: Iterable[Course], *, people: People, today: date, act: FollowUpAct | None = None
) -> list[FollowUpLine]:
    treated = list(courses)
    records: dict[int, dict[str, FollowUpRecord]] = defaultdict(dict)
    ids = [course.pk for course in treated]
    for record in FollowUpRecord.objects.effective().filter(course__in=ids).order_by("pk"):
        records[record.course_id][record.visit] = record
    draws = _draws(treated, people=people)
    return [_line(course, act, records[course.pk], draws, today=today) for course in treated]


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
