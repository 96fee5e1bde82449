"""Read who is to be rung before and after the day of therapy, and who waits to be rung back."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from courses.call_library import call_plans
from courses.closed_days import closed_days
from courses.models import (
    Administration,
    CallOutcome,
    Course,
    CourseEnd,
    CourseQuerySet,
    Cycle,
    EndCause,
    Infusion,
    PatientCall,
)
from courses.rules.calls import LONGEST_CLOSURE_DAYS, Anchor, CallDays, CallPlan, CallState, days_of
from labs.clinic_days import add_days, clinic_day, start_of_day
from labs.models import Patient
from labs.similar_names import similar_to_each_other
from labs.zones import clinic_zone

_URGENCY = (CallState.OVERDUE, CallState.DUE, CallState.COMING, CallState.MISSED, CallState.DONE)
_TO_DO = (CallState.OVERDUE, CallState.DUE)
_Key = tuple[int, str, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """One call that belongs to a cycle: when it is due, where it stands, and who tried in vain."""

    course: Course
    cycle: Cycle
    plan: CallPlan
    about_on: date
    days: CallDays
    state: CallState
    call: PatientCall | None = None
    attempts: tuple[PatientCall, ...] = ()

    @property
    def patient(self) -> Patient:
        """Whom to ring."""
        return self.course.patient

    @property
    def is_to_do(self) -> bool:
        """Whether somebody has to ring now."""
        return self.state in _TO_DO


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBack:
    """A call after which somebody has still to ring back."""

    call: PatientCall
    is_overdue: bool

    @property
    def patient(self) -> Patient:
        """Whom to ring back."""
        return self.call.course.patient


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsToMake:
    """Everything there is to ring about: calls of cycles, and the ringing back that was promised."""

    lines: tuple[CallLine, ...]
    call_backs: tuple[CallBack, ...]

    def __len__(self) -> int:
        return len(self.lines) + len(self.call_backs)

    @property
    def alike(self) -> set[int]:
        """The keys of those on the list whose name may be taken for somebody else's on it."""
        people = [line.patient for line in self.lines]
        return similar_to_each_other([*people, *(each.patient for each in self.call_backs)])

    def first(self, shown: int) -> "CallsToMake":
        """The most urgent of each; the rest stands on the page of calls."""
        return CallsToMake(lines=self.lines[:shown], call_backs=self.call_backs[:shown])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """A day of therapy, planned or given, that calls hang on."""

    cycle: Cycle
    anchor: Anchor
    on: date


def calls_to_make(*, now: datetime) -> CallsToMake:
    """Whom to ring now, the most urgent first; seven queries, however many patients there are."""
    today = clinic_day(now, clinic_zone())
    near = (add_days(today, -_reach_back()), add_days(today, _reach_ahead()))
    lines = _lines(Course.objects.real(), near=near, today=today)
    return CallsToMake(
        lines=tuple(line for line in lines if line.is_to_do), call_backs=tuple(owed_call_backs(now=now))
    )


def owed_call_backs(*, now: datetime, course: Course | None = None) -> Iterator[CallBack]:
    """The ringing back that is still owed, of everybody or of one course, the earliest first.

    Nobody is chased to ring about somebody who has died.
    """
    rows = PatientCall.objects.to_ring_back().filter(course__patient__is_canary=False)
    rows = rows.exclude(course__in=_ended_by_death(Course.objects.all()).values("course"))
    if course is not None:
        rows = rows.filter(course=course)
    for call in rows.select_related("course__patient", "cycle"):
        yield CallBack(call=call, is_overdue=call.call_back_by is not None and call.call_back_by < now)


def calls_of(course: Course, *, now: datetime) -> list[CallLine]:
    """The calls of one course that belong to its last given and its next cycle, whatever their state."""
    today = clinic_day(now, clinic_zone())
    lines = _lines(Course.objects.filter(pk=course.pk), near=(date.min, date.max), today=today)
    ahead = min((line.about_on for line in lines if line.plan.anchor is Anchor.PLANNED), default=None)
    last = max((line.about_on for line in lines if line.plan.anchor is Anchor.GIVEN), default=None)
    return [
        line for line in lines if line.about_on == (ahead if line.plan.anchor is Anchor.PLANNED else last)
    ]


def _reach_back() -> int:
    """How many days after a therapy a call may still be made."""
    return max(call.missed_after_day for call in call_plans().plans.calls.values())


def _reach_ahead() -> int:
    """How many days before a therapy a call may fall due, whatever is closed in between."""
    return max(call.open_days_before for call in call_plans().plans.calls.values()) * LONGEST_CLOSURE_DAYS


def _lines(courses: CourseQuerySet, *, near: tuple[date, date], today: date) -> list[CallLine]:
    """Every call that hangs on a day of these courses within some days, the most urgent first."""
    days = _days(courses, near=near, today=today)
    calls = _calls(days)
    is_closed = _closed(days)
    found = [
        _line(day, plan, calls, is_closed, today=today)
        for day in days
        for plan in call_plans().plans.calls.values()
        if plan.anchor is day.anchor
    ]
    return sorted(found, key=_urgency)


def _urgency(line: CallLine) -> tuple[int, date, int]:
    """What lies before a therapy of today or tomorrow comes first: afterwards nobody can make it."""
    is_ahead = line.plan.anchor is Anchor.PLANNED and line.is_to_do
    return (0 if is_ahead else 1 + _URGENCY.index(line.state), line.days.last, line.course.pk)


def _line(
    day: _Day,
    plan: CallPlan,
    calls: Mapping[_Key, Sequence[PatientCall]],
    is_closed: Mapping[date, str],
    *,
    today: date,
) -> CallLine:
    days = days_of(plan, on=day.on, is_open=lambda each: each not in is_closed)
    told = calls.get((day.cycle.course_id, plan.id, day.on), ())
    spoken = next((call for call in told if call.outcome == CallOutcome.SPOKEN), None)
    return CallLine(
        course=day.cycle.course,
        cycle=day.cycle,
        plan=plan,
        about_on=day.on,
        days=days,
        state=days.state(today=today, is_done=spoken is not None),
        call=spoken,
        attempts=tuple(call for call in told if call.outcome == CallOutcome.NOT_REACHED),
    )


def _ended_by_death(courses: CourseQuerySet) -> QuerySet[CourseEnd]:
    return CourseEnd.objects.filter(course__in=courses, cause=EndCause.DEATH, undo__confirmation__isnull=True)


def _days(courses: CourseQuerySet, *, near: tuple[date, date], today: date) -> list[_Day]:
    """The days of therapy that calls hang on: planned and still to come, or something was given here.

    A part counts as given, whatever a physician says of it later: the patient was infused. Nobody rings about
    somebody who has died.
    """
    dead = set(_ended_by_death(courses).values_list("course", flat=True))
    given = _given(courses, near=near)
    found = [
        _Day(cycle=cycle, anchor=Anchor.GIVEN, on=on)
        for cycle, days in given.items()
        if cycle.course_id not in dead
        for on in days
    ]
    to_come = Cycle.objects.filter(
        course__in=courses.open(),
        administration__isnull=True,
        planned_on__range=(max(today, near[0]), near[1]),
    )
    for cycle in to_come.select_related("course__patient").order_by("planned_on", "pk"):
        if cycle.planned_on not in given.get(cycle, ()):
            found.append(_Day(cycle=cycle, anchor=Anchor.PLANNED, on=cycle.planned_on))
    return found


def _given(courses: CourseQuerySet, *, near: tuple[date, date]) -> dict[Cycle, set[date]]:
    """By cycle the days on which something of it was given here."""
    zone, found = clinic_zone(), defaultdict[Cycle, set[date]](set)
    administered = Administration.objects.filter(
        cycle__course__in=courses, elsewhere="", administered_on__range=near
    )
    for row in administered.select_related("cycle__course__patient").order_by("pk"):
        found[row.cycle].add(row.administered_on)
    infused = Infusion.objects.effective().filter(cycle__course__in=courses)
    if near[0] > date.min:
        infused = infused.filter(started_at__gte=start_of_day(near[0], zone))
    parts = infused.filter(cycle__administration__isnull=True)
    for part in parts.select_related("cycle__course__patient").order_by("pk"):
        found[part.cycle].add(clinic_day(part.started_at, zone))
    return found


def _calls(days: Sequence[_Day]) -> Mapping[_Key, Sequence[PatientCall]]:
    """The standing calls about these days, the oldest first."""
    found: dict[_Key, list[PatientCall]] = defaultdict(list)
    rows = PatientCall.objects.current().filter(
        course__in={day.cycle.course_id for day in days}, about_on__in={day.on for day in days}
    )
    for call in rows.order_by("pk"):
        if call.about_on is not None:
            found[(call.course_id, call.occasion, call.about_on)].append(call)
    return found


def _closed(days: Sequence[_Day]) -> Mapping[date, str]:
    """The closed days before the planned ones."""
    planned = [day.on for day in days if day.anchor is Anchor.PLANNED]
    return closed_days({add_days(on, -n) for on in planned for n in range(1, _reach_ahead() + 1)})


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseCalls:
    """What a page of a course shows: the calls of its cycles, what is owed, and what was recorded."""

    lines: tuple[CallLine, ...]
    call_backs: tuple[CallBack, ...]
    recorded: tuple[PatientCall, ...]
    more: int


def calls_for_page(course: Course, *, now: datetime, shown: int) -> CourseCalls:
    """The calls of one course, the newest first."""
    rows = PatientCall.objects.filter(course=course, corrected_by__isnull=True)
    newest = rows.select_related("cycle").order_by("-spoken_at", "-pk")
    return CourseCalls(
        lines=tuple(calls_of(course, now=now)),
        call_backs=tuple(owed_call_backs(now=now, course=course)),
        recorded=tuple(newest[:shown]),
        more=max(0, rows.count() - shown),
    )
