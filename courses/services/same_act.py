"""Whether an act that is refused now is the one that the same person did a moment ago, by a second press."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from courses.day_data import read_step
from courses.json_table import Fault
from courses.models import (
    AminoAcidBag,
    AssayDirection,
    Course,
    Cycle,
    CycleMove,
    DispensedUnit,
    Order,
    RecallAnswer,
    TherapyDay,
    TherapyStep,
)
from courses.rules.activity import BadActivity, read_activity
from courses.rules.day_values import Happened
from courses.rules.order_states import OrderState
from courses.services.authority import stated
from courses.services.dispensing import BagMade, UnitMade
from courses.services.ending import standing_end
from labs.clock import database_now

# Longer than a slow page, shorter than a second thought.
_MOMENT = timedelta(minutes=1)


def is_just_now(at: datetime, *, now: datetime | None = None) -> bool:
    """Whether an act of this instant may have been the first press of the button."""
    return (now or database_now()) - at <= _MOMENT


def just_moved(cycle: Cycle, *, to: date, cause: str, reason: str, by: User) -> bool:
    """Whether this person has just planned the cycle for this day, for the same cause and reason."""
    move = CycleMove.objects.filter(cycle=cycle).order_by("-pk").first()
    if move is None or not is_just_now(move.moved_at):
        return False
    done = (move.moved_by_id, move.to_on, move.cause, move.reason)
    return done == (by.pk, to, cause, stated(reason))


def just_ended(course: Course, *, cause: str, reason: str, ended_on: date, by: User) -> bool:
    """Whether this person has just ended the course in the same words."""
    end = standing_end(course)
    if end is None or not is_just_now(end.signed_at):
        return False
    return (end.signed_by_id, end.cause, end.reason, end.ended_on) == (
        by.pk, cause, stated(reason), ended_on
    )  # fmt: skip


def just_asked(order: Order, code: str, *, by: User, note: str) -> bool:
    """Whether this person has just asked for this order to be cancelled, or answered, in the same words."""
    event = order.events.order_by("-pk").first()
    return (
        event is not None
        and (event.reason_code, event.actor_id, event.note) == (code, by.pk, stated(note))
        and is_just_now(event.at)
    )


def just_became(order: Order, to: OrderState, *, by: User, note: str = "") -> bool:
    """Whether this person has just brought the order where it stands, for the same reason."""
    event = order.events.order_by("-pk").first()
    if event is None or not is_just_now(event.at):
        return False
    return (order.state, event.to_state, event.actor_id, event.note) == (
        to.value, to.value, by.pk, stated(note)
    )  # fmt: skip


def just_dispensed(order: Order, made: UnitMade | BagMade | None, *, by: User) -> bool:
    """Whether this person has just handed out exactly this for the order."""
    if not just_became(order, OrderState.DISPENSED, by=by):
        return False
    if made is None:
        return True
    rows = DispensedUnit.objects if isinstance(made, UnitMade) else AminoAcidBag.objects
    out = rows.filter(order=order).order_by("-pk").first()
    if out is None:
        return False
    names = ("lot", "volume_ml", "prepared_name", "verified_name")
    own = ("form", "product_code", "measured_at") if isinstance(made, UnitMade) else _OF_BAG
    is_same = all(getattr(out, name) == getattr(made, name) for name in (*names, *own))
    if isinstance(made, UnitMade) and isinstance(out, DispensedUnit):
        is_same = is_same and str(out.vial.public_id) == str(made.vial)
        is_same = is_same and _is_activity(made.activity, out.measured_gbq)
    return is_same


_OF_BAG = ("lysine_g", "arginine_g", "expires_at")


def just_directed(order: Order, *, activity: str, measured_at: datetime, reason: str, by: User) -> bool:
    """Whether this person has just directed this very measurement."""
    said = AssayDirection.objects.filter(order=order).order_by("-pk").first()
    if said is None or not is_just_now(said.signed_at):
        return False
    is_same = (said.signer_id, said.measured_at, said.reason) == (by.pk, measured_at, stated(reason))
    return is_same and _is_activity(activity, said.measured_gbq)


def just_answered(order: Order, *, outcome: str, note: str, by: User) -> bool:
    """Whether this person has just said the same of the called-back unit, and no recall is open."""
    answer = RecallAnswer.objects.filter(recall__order=order).order_by("-pk").first()
    if answer is None or not is_just_now(answer.answered_at):
        return False
    if order.recalls.filter(answer__isnull=True).exists():
        return False
    return (answer.answered_by_id, answer.outcome, answer.note) == (by.pk, outcome, stated(note))


def just_recorded(day: TherapyDay, kind: Happened, *, by: User) -> TherapyStep | None:
    """The entry of this kind that this person has just made, if nobody corrected it."""
    rows = day.steps.filter(kind=kind.value, recorded_by=by, corrects__isnull=True)
    step = rows.filter(corrected_by__isnull=True).select_related("second_by").order_by("-pk").first()
    return step if step is not None and is_just_now(step.recorded_at) else None


def says_the_same(
    step: TherapyStep, *, data: Mapping[str, Any], happened_at: datetime | None, second: str
) -> bool:
    """Whether an entry is what a form says; without a time the form was for the minute of the press."""
    try:
        read = read_step(Happened(step.kind), data)
    except Fault:
        return False
    beside = step.second_by.username if step.second_by is not None else ""
    return step.data == read and step.happened_at == (happened_at or step.happened_at) and beside == second


def just_authorised(day: TherapyDay, *, by: User) -> bool:
    """Whether this person has just authorised the start, and nothing was recorded since."""
    start = day.authorisations.order_by("-pk").first()
    if start is None or start.authorised_by_id != by.pk or not is_just_now(start.authorised_at):
        return False
    return not day.steps.filter(recorded_at__gt=start.authorised_at).exists()


def _is_activity(text: str, gbq: Any) -> bool:
    try:
        return bool(read_activity(text) == gbq)
    except BadActivity:
        return False
