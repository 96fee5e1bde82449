"""Move a cycle to another day: shown first with all it moves and breaks, then done whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.closed_days import closed_days
from courses.models import ChartFact, Course, Cycle, CycleMove, Order, RecordKind
from courses.plan_state import PlanState, digest_of, open_bookings, plan_state
from courses.rules.derived_days import MovedDay, moved_days
from courses.rules.order_states import OrderState
from courses.rules.orders import DATE_CHANGED
from courses.services.administration import replan_later_cycles
from courses.services.assess import assess_at_gate
from courses.services.authority import BadFact, check_right, printed_name, stated
from courses.services.bookings import move_booking
from courses.services.facts import append_fact
from courses.services.move_checks import check_move, plan_for_move
from courses.services.move_effects import broken_by
from courses.services.orders import move_order
from labs.clinic_days import add_days, clinic_day, days_between
from labs.clock import database_now
from labs.models import Patient
from labs.zones import clinic_zone

PLAN = "courses.plan_cycle"
_MAY_NOT = "Only nurses and physicians plan cycles."


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a move changes and breaks, as it was when it was shown; `digest` stands for all of it."""

    number: int
    before: PlanState
    after: PlanState
    moved: tuple[MovedDay, ...]
    warnings: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What whoever confirms has seen."""
        return digest_of(self.number, self.before, self.after, self.warnings)


class StalePlan(Exception):
    """The plan, or what the move would do to it, is no longer what was shown; `preview` is what it is now."""

    def __init__(self, preview: Preview) -> None:
        super().__init__("Something has changed since this was shown: read it again, then confirm.")
        self.preview = preview


class _Undo(Exception):
    """Takes back a move that was only tried."""

    def __init__(self, preview: Preview) -> None:
        self.preview = preview


def preview_move(
    *,
    cycle: Cycle,
    to: date,
    cause: str,
    reason: str,
    by: User,
    supplier_agreed: bool = False,
    now: datetime | None = None,
) -> Preview:
    """What moving the cycle would do: it is done under the locks, looked at, and taken back.

    Raises NotAllowed, BadFact, OrderRefused.
    """
    check_right(by, PLAN, else_say=_MAY_NOT)
    try:
        with transaction.atomic():
            _, preview = _move(
                cycle, to=to, cause=cause, reason=reason, by=by, agreed=supplier_agreed, now=now, trying=True
            )
            raise _Undo(preview)
    except _Undo as tried:
        return tried.preview


def reschedule(
    *,
    cycle: Cycle,
    to: date,
    cause: str,
    reason: str,
    by: User,
    seen: str,
    supplier_agreed: bool = False,
    now: datetime | None = None,
) -> CycleMove:
    """Plan a cycle for another day, and the later ones at the protocol's interval from it.

    1. check the right; 2. lock patient and course; 3. refuse what cannot be; 4. move the cycles, end what was
    signed or proposed for the old day, ask the supplier for the new one, record the delay; 5. assess the
    course: what was handed out is called back; 6. refuse it whole where that is not what was shown (`seen`);
    7. append the move with what it breaks. What hangs on the days is derived, so that nothing else is moved.

    Raises NotAllowed, BadFact, OrderRefused, StalePlan.
    """
    check_right(by, PLAN, else_say=_MAY_NOT)
    with transaction.atomic():
        move, preview = _move(
            cycle, to=to, cause=cause, reason=reason, by=by, agreed=supplier_agreed, now=now, trying=False
        )
        if preview.digest != seen:
            raise StalePlan(preview)
        move.warnings = list(preview.warnings)
        move.save(force_insert=True)
    return move


def note_move(*, cycle: Cycle, to: date, cause: str, reason: str, by: User, now: datetime) -> None:
    """Plan a cycle of a day on which nothing was given for another day, with the cause of that.

    The caller holds the course's lock, has ended the day's orders, and assesses the course after it.
    """
    found = Cycle.objects.select_related("course__patient").get(pk=cycle.pk)
    if found.planned_on == to:
        return
    planned = dict(found.course.cycles.values_list("number", "planned_on"))
    move = CycleMove(
        cycle=found,
        from_on=found.planned_on,
        to_on=to,
        cause=cause,
        reason=stated(reason),
        moved_by=by,
        printed_name=printed_name(by),
        moved_at=now,
    )
    found.planned_on = to
    found.save(update_fields=["planned_on"])
    replan_later_cycles(course=found.course, given=found, on=to)
    _ask_for_vials(found.course, planned=planned, by=by, reason=move.reason, agreed=None, now=now)
    move.warnings = [
        f"The clinic is closed on {to.isoformat()}: {why}." for why in closed_days([to]).values()
    ]
    if move.to_on > move.from_on:
        move.delay = _delay(move, course=found.course, by=by, now=now)
    move.save(force_insert=True)


def _move(
    cycle: Cycle,
    *,
    to: date,
    cause: str,
    reason: str,
    by: User,
    agreed: bool,
    now: datetime | None,
    trying: bool,
) -> tuple[CycleMove, Preview]:
    """Steps 2 to 5, in the caller's transaction."""
    Patient.objects.select_for_update(no_key=True).get(pk=cycle.course.patient_id)
    course = Course.objects.select_for_update().get(pk=cycle.course_id)
    now = now or database_now()
    today = clinic_day(now, clinic_zone())
    if not course.is_open:
        raise BadFact("course: it is closed; none of its cycles is moved any more")
    plan, cycle = plan_for_move(course), Cycle.objects.select_related("course").get(pk=cycle.pk)
    check_move(cycle, plan=plan, to=to, cause=cause, reason=reason, today=today)
    # What stands is judged first, so that the difference is the move's alone.
    assess_at_gate(course_id=course.pk, now=now)
    late = frozenset(
        each.pk for each in open_bookings(course) if each.cut_off_at is not None and each.cut_off_at < now
    )
    before = _state(course, late)
    move = CycleMove(
        cycle=cycle,
        from_on=cycle.planned_on,
        to_on=to,
        cause=cause,
        reason=stated(reason),
        moved_by=by,
        printed_name=printed_name(by),
        moved_at=now,
    )
    _carry_out(move, course=course, before=before, agreed=agreed or trying, now=now)
    assess_at_gate(course_id=course.pk, now=now)
    after = _state(course, late)
    moved = moved_days(before.days, after.days)
    warnings = broken_by(cycle, plan=plan, before=before, after=after, moved=moved, today=today)
    return move, Preview(number=cycle.number, before=before, after=after, moved=moved, warnings=warnings)


def _state(course: Course, late: frozenset[int]) -> PlanState:
    found = Course.objects.select_related("patient", "current_decision__cycle").get(pk=course.pk)
    return plan_state(found, past_cut_off=late)


def _carry_out(move: CycleMove, *, course: Course, before: PlanState, agreed: bool, now: datetime) -> None:
    """Step 4."""
    cycle, by = move.cycle, move.moved_by
    cycle.planned_on = move.to_on
    cycle.save(update_fields=["planned_on"])
    replan_later_cycles(course=course, given=cycle, on=move.to_on)
    # Whatever was ordered names the old day, be it only in its words: it is proposed anew for the new one.
    for order in Order.objects.live().filter(cycle=cycle).exclude(state=OrderState.DISPENSED.value):
        move_order(
            order=order, to=OrderState.VOID, reason_code=DATE_CHANGED, actor=by, decision=None, now=now
        )
    _ask_for_vials(course, planned=dict(before.cycles), by=by, reason=move.reason, agreed=agreed, now=now)
    if move.to_on > move.from_on:
        move.delay = _delay(move, course=course, by=by, now=now)


def _ask_for_vials(
    course: Course, *, planned: Mapping[int, date], by: User, reason: str, agreed: bool | None, now: datetime
) -> None:
    """Ask the supplier for the days of now, where `planned` were those before.

    `agreed`: whether the supplier agreed to what comes after their cut-off; None leaves that order where it
    is, and the first page says that it is for another day. Raises OrderRefused.
    """
    for booking in open_bookings(course):
        is_late = booking.cut_off_at is not None and booking.cut_off_at < now
        shift = days_between(planned[booking.cycle.number], booking.cycle.planned_on)
        if shift and not (is_late and agreed is None):
            move_booking(
                booking=booking,
                needed_on=max(add_days(booking.needed_on, shift), clinic_day(now, clinic_zone())),
                by=by,
                reason=reason,
                supplier_agreed=bool(agreed),
                now=now,
            )


def _delay(move: CycleMove, *, course: Course, by: User, now: datetime) -> ChartFact:
    """The delay as the chart reads it: from the old day to the new one, by its cause."""
    return append_fact(
        kind=RecordKind.DELAY,
        data={
            "cycle": move.cycle.number,
            "cause": move.cause,
            "from": move.from_on.isoformat(),
            "to": move.to_on.isoformat(),
        },
        by=by,
        patient=course.patient,
        course=course,
        reason=move.reason,
        now=now,
    )
