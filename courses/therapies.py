"""The therapies of the days to come, how far each is, and which of them must not go ahead and why."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, Q
from django.db.models.functions import Coalesce

from courses.decision_words import leading_reason
from courses.models import (
    Course,
    CourseQuerySet,
    CourseStatus,
    Cycle,
    Decision,
    Directive,
    Incident,
    IncidentActKind,
    Infusion,
    Order,
    Recall,
    TherapyDay,
    Vial,
    VialBooking,
)
from courses.rules.action_words import GO, NOT_GO
from courses.services.vial_state import nothing_left
from courses.therapy_state import TherapyRows, TherapyState, therapy_state, unfit
from courses.vial_deadlines import OPEN_BOOKINGS, VialDeadline, next_deadline, soon_of, vial_deadlines
from labs.clinic_days import add_days
from labs.models import Patient
from labs.similar_names import similar_to_each_other

SHOWN = 50  # rows of one list; more are counted in words and stand on the full list
DAYS_AHEAD = 7
_OVER = (CourseStatus.STOPPED, CourseStatus.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TherapyLine:
    """One planned therapy: whose, when, what was decided and why, and how far it is."""

    course: Course
    patient: Patient
    cycle: Cycle | None
    action: str
    why: str
    state: TherapyState
    # Somebody else on the same list has a name that may be taken for this one.
    is_name_alike: bool = False

    @property
    def next_step(self) -> str:
        """The one thing that stands between it and being given."""
        return self.state.next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Therapies:
    """Two lists: what is planned, and what of today or before the next vial deadline must not go ahead."""

    planned: tuple[TherapyLine, ...]
    more: bool
    stopped_short: tuple[TherapyLine, ...]
    more_stopped_short: bool
    deadlines: tuple[VialDeadline, ...]
    more_deadlines: bool
    next_deadline: date | None

    @property
    def deadlines_alike(self) -> set[int]:
        """The keys of those among the deadlines whose name may be taken for somebody else's there."""
        return similar_to_each_other([each.cycle.course.patient for each in self.deadlines])


def therapies(*, today: date, now: datetime) -> Therapies:
    """Both lists; the number of queries does not depend on the number of patients."""
    deadlines = vial_deadlines(today=today, now=now)
    until, soon = next_deadline(deadlines, today=today), soon_of(deadlines, today=today)
    planned = list(_planned(today)[: SHOWN + 1])
    at_risk = list(_at_risk(today, until=until, deadlines=deadlines)[: SHOWN + 1])
    used_up = nothing_left()
    lines = [_line(course, used_up, today=today) for course in planned[:SHOWN]]
    refused = [_line(course, used_up, today=today) for course in at_risk[:SHOWN]]
    return Therapies(
        planned=_marked(lines),
        more=len(planned) > SHOWN,
        stopped_short=_marked([line for line in refused if not line.state.may_go]),
        more_stopped_short=len(at_risk) > SHOWN,
        deadlines=tuple(soon[:SHOWN]),
        more_deadlines=len(soon) > SHOWN,
        next_deadline=until,
    )


def signature_stands() -> Exists:
    """Whether the course's current verdict carries a signature, also one given before it was confirmed."""
    origin = Coalesce(OuterRef("current_decision__confirms_id"), OuterRef("current_decision_id"))
    # Asked of the decisions, where both halves have an index; of the signatures it would read them all.
    return Exists(Decision.objects.filter(Q(pk=origin) | Q(confirms_id=origin), signatures__isnull=False))


def given_in_part() -> Exists:
    """Whether a part was given in the course and waits for a physician's judgement."""
    return Exists(Infusion.objects.waiting().filter(cycle__course_id=OuterRef("pk")))


def _called_back() -> Exists:
    """Whether something of the cycle is called back and pharmacy has not answered."""
    return Exists(Recall.objects.unanswered().filter(order__cycle_id=OuterRef("current_decision__cycle_id")))


def _planned(today: date) -> CourseQuerySet:
    """Open courses whose next cycle is planned within the week, or whose day passed without a reason."""
    soon = Q(current_decision__cycle__planned_on__range=(today, add_days(today, DAYS_AHEAD)))
    passed = Q(current_decision__cycle__planned_on__lt=today, current_decision__action__in=GO)
    return _with_rows(Course.objects.open().filter(soon | passed))


def _at_risk(today: date, *, until: date | None, deadlines: Iterable[VialDeadline]) -> CourseQuerySet:
    """What is planned for today; and until the next vial deadline, or due by it, what may not be given.

    Also of courses that are over: their vial, their bed and their patient are still on the way.
    """
    last = max(today, until or today)
    due = [each.cycle.pk for each in deadlines if each.on <= last]
    is_today = Q(current_decision__cycle__planned_on=today)
    near = Q(current_decision__cycle__planned_on__range=(today, last)) | Q(
        current_decision__cycle__in=due, current_decision__cycle__planned_on__gte=today
    )
    refused = near & (
        Q(current_decision__action__in=NOT_GO, current_decision__awaiting_labs=False)
        | Q(_called_back())
        | Q(given_in_part())
        | (Q(current_decision__action__in=GO) & _of_another_day())
    )
    over = Q(status__in=_OVER) & (is_today | (near & _still_coming()))
    undecided = Q(current_decision__isnull=True) & Exists(
        Cycle.objects.filter(
            course=OuterRef("pk"), administration__isnull=True, planned_on__range=(today, last)
        )
    )
    is_open = Q(status__in=[CourseStatus.PLANNED, CourseStatus.ACTIVE])
    found = Course.objects.filter((is_open & (is_today | refused | undecided)) | over)
    return _with_rows(found.filter(current_decision__cycle__administration__isnull=True))


def _of_another_day() -> Q:
    """The vial that is ordered or here, or the directive, is not for the planned day."""
    planned_on, cycle = F("cycle__planned_on"), OuterRef("current_decision__cycle_id")
    booked = VialBooking.objects.filter(cycle_id=cycle, state__in=OPEN_BOOKINGS).exclude(needed_on=planned_on)
    directed = Directive.objects.filter(cycle_id=cycle, voided__isnull=True).exclude(administer_on=planned_on)
    gone_by_then = Vial.objects.effective().filter(cycle_id=cycle, expires_at__date__lt=planned_on)
    return Q(Exists(booked)) | Q(Exists(directed)) | Q(Exists(gone_by_then))


def _still_coming() -> Q:
    """Something of the cycle is ordered or here, though its course is over."""
    cycle = OuterRef("current_decision__cycle_id")
    booked = VialBooking.objects.filter(cycle_id=cycle, state__in=OPEN_BOOKINGS)
    return Q(Exists(booked)) | Q(Exists(Vial.objects.effective().filter(cycle_id=cycle)))


def _with_rows(courses: CourseQuerySet) -> CourseQuerySet:
    """Each course with what its state is told from, in a fixed number of queries."""
    cycle = "current_decision__cycle"
    directives = Directive.objects.filter(voided__isnull=True).order_by("-revision")
    bookings = VialBooking.objects.filter(state__in=OPEN_BOOKINGS)
    days = TherapyDay.objects.open().order_by("-pk")
    incidents = Incident.objects.filter(cycle_id=OuterRef(f"{cycle}_id")).exclude(
        acts__kind=IncidentActKind.CLOSED
    )
    return (
        courses.real()
        .select_related("patient", cycle)
        .prefetch_related(
            Prefetch(f"{cycle}__orders", queryset=Order.objects.order_by("-pk"), to_attr="all_orders"),
            Prefetch(f"{cycle}__directives", queryset=directives, to_attr="held_directives"),
            Prefetch(f"{cycle}__bookings", queryset=bookings, to_attr="open_bookings"),
            Prefetch(f"{cycle}__vials", queryset=Vial.objects.effective(), to_attr="here"),
            Prefetch(f"{cycle}__therapy_days", queryset=days, to_attr="open_days"),
        )
        .annotate(
            is_signed=signature_stands(),
            is_given_in_part=given_in_part(),
            is_recalled=_called_back(),
            has_incident=Exists(incidents),
        )
        .order_by(F(f"{cycle}__planned_on").asc(nulls_first=True), "pk")
    )


def _line(course: Course, used_up: Any, *, today: date) -> TherapyLine:
    decision = course.current_decision
    cycle = decision.cycle if decision is not None else None
    rows = _rows(course, cycle, used_up, today=today)
    action = "none" if decision is None else "waiting" if decision.awaiting_labs else decision.action
    return TherapyLine(
        course=course,
        patient=course.patient,
        cycle=cycle,
        action=action,
        why=_why(rows, today=today),
        state=therapy_state(rows, today=today),
    )


def _rows(course: Course, cycle: Cycle | None, used_up: Any, *, today: date) -> TherapyRows:
    def first(name: str) -> Any:
        return next(iter(getattr(cycle, name, ())), None)

    newest: dict[str, Order] = {}
    for order in getattr(cycle, "all_orders", ()):
        newest.setdefault(order.kind, order)
    return TherapyRows(
        decision=course.current_decision,
        planned_on=cycle.planned_on if cycle is not None else today,
        is_open=course.is_open,
        is_signed=bool(getattr(course, "is_signed", False)),
        is_given_in_part=bool(getattr(course, "is_given_in_part", False)),
        is_recalled=bool(getattr(course, "is_recalled", False)),
        has_incident=bool(getattr(course, "has_incident", False)),
        directive=first("held_directives"),
        orders=tuple(newest.values()),
        booking=first("open_bookings"),
        vial=next((vial for vial in getattr(cycle, "here", ()) if vial.pk not in used_up), None),
        therapy_day=first("open_days"),
    )


def _why(rows: TherapyRows, *, today: date) -> str:
    """Why it may not be given, where the decision or the course says so."""
    if not rows.is_open:
        return "The course was stopped or ended."
    if rows.decision is None:
        return "This course has not been assessed yet, so nothing may be given."
    if rows.decision.action in GO:
        return unfit(rows, today=today) if rows.is_signed else "Nobody has signed it."
    if rows.decision.awaiting_labs:
        return "Its laboratory results are not in."
    return leading_reason(rows.decision.answer)


def _marked(lines: list[TherapyLine]) -> tuple[TherapyLine, ...]:
    """The same lines, with those marked whose names may be taken for another's on the list."""
    alike = similar_to_each_other([line.patient for line in lines])
    return tuple(replace(line, is_name_alike=line.patient.pk in alike) for line in lines)
