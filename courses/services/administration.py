"""Write the administration of a cycle, whichever door it came by, and what follows from it."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from courses.day_library import NoDayRules, day_rules
from courses.library import UnknownProtocol, protocol
from courses.models import (
    Administration,
    Course,
    CourseStatus,
    Cycle,
    Directive,
    IncidentKind,
    Order,
)
from courses.rules.activity import both_units, is_event
from courses.rules.order_states import OrderKind, OrderState
from courses.rules.protocol import Protocol
from courses.services.authority import Refused, check_right
from courses.services.baseline import lock_baselines
from courses.services.incidents import open_incident
from courses.services.orders import move_order
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

RECORD = "courses.record_administration"
ELSE_SAY = "Nurses, physicians and physicists record what was given."
# The product of an administration whose protocol file and directive are both missing.
_NO_PRODUCT = "unknown: protocol file missing"


def record_administration(
    *,
    cycle: Cycle,
    administered_on: date,
    administered_gbq: Decimal,
    by: User,
    deviation: str = "",
    now: datetime | None = None,
) -> Administration:
    """Record, as a back-entry, an infusion that took place; what happened is never refused.

    1. check the right; 2. lock the course; 3. note a deviation where no signed order covers it; 4. append the
    administration and what follows from it; 5. open an incident for what was given without a valid order or
    far from it.

    Raises NotAllowed; Refused for a day in the future or a cycle already recorded: neither happened.
    """
    check_right(by, RECORD, else_say=ELSE_SAY)
    now = now or database_now()
    if administered_on > clinic_day(now, clinic_zone()):
        raise Refused("An administration in the future has not happened; check the day.")
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=cycle.course_id)
        if Administration.objects.filter(cycle=cycle).exists():
            raise Refused(
                f"Cycle {cycle.number} already has its administration; a correction is a new record."
            )
        directive = _directive(cycle)
        invalid = list(_invalid(cycle=cycle))
        said = [deviation] if deviation else []
        administration = append_administration(
            course=course,
            cycle=cycle,
            on=administered_on,
            gbq=administered_gbq,
            product=None,
            deviation="; ".join(
                [*said, *invalid, *_apart(directive, on=administered_on, gbq=administered_gbq)]
            ),
            by=by,
            now=now,
        )
        _open_incidents(administration, invalid=invalid, directive=directive, now=now)
    return administration


def append_administration(
    *,
    course: Course,
    cycle: Cycle,
    on: date,
    gbq: Decimal,
    product: str | None,
    deviation: str,
    by: User,
    now: datetime,
) -> Administration:
    """Append the administration and follow it; the caller holds the course's lock.

    1. append it; 2. with the first one lock the baselines; 3. close the cycle's orders; 4. move the cycles
    that follow to the protocol's interval from this day; 5. complete the course after its last cycle.
    """
    plan = plan_of(course)
    administration = Administration.objects.create(
        cycle=cycle,
        administered_on=on,
        administered_gbq=gbq,
        product=product or (plan.product if plan else _directed_product(cycle)),
        deviation=deviation,
        recorded_at=now,
        recorded_by=by,
    )
    lock_baselines(course=course, by=by, now=now)
    close_orders(cycle=cycle, by=by, now=now)
    replan_later_cycles(course=course, given=cycle, on=on)
    _move_on(course)
    return administration


def nominal_day(plan: Protocol, origin: date, intervals: int) -> date:
    """The protocol's nominal day so many intervals after a day."""
    return add_days(origin, plan.schedule.interval_days * intervals)


def plan_of(course: Course) -> Protocol | None:
    """The course's protocol; none where its file is missing: what happened is recorded all the same."""
    try:
        return protocol(course.protocol_id)
    except UnknownProtocol:
        return None


def close_orders(*, cycle: Cycle, by: User, now: datetime) -> None:
    """What was ordered for a cycle that has been given is done; what was not active is cancelled.

    The analogue comes back hours after the infusion: its order stays until somebody says that it was given.
    """
    for order in Order.objects.live().filter(cycle=cycle):
        open_to_give = order.state not in (OrderState.PROPOSED.value, OrderState.SUSPENDED.value)
        if open_to_give and order.kind == OrderKind.ANALOGUE_RESTART.value:
            continue
        after = OrderState.DONE if open_to_give else OrderState.CANCELLED
        move_order(order=order, to=after, reason_code="administered", actor=by, decision=None, now=now)


def replan_later_cycles(*, course: Course, given: Cycle, on: date) -> None:
    """Later cycles hang on the day of this one."""
    plan = plan_of(course)
    if plan is None:
        return
    for later in Cycle.objects.filter(course=course, number__gt=given.number, administration__isnull=True):
        later.planned_on = nominal_day(plan, on, later.number - given.number)
        later.save(update_fields=["planned_on"])


def _directed_product(cycle: Cycle) -> str:
    """What the cycle's newest directive names, where the protocol can no longer say it."""
    newest = Directive.objects.filter(cycle=cycle).order_by("-revision").first()
    return newest.product if newest else _NO_PRODUCT


def _move_on(course: Course) -> None:
    """An open course with a cycle behind it is active, and completed after its last; a stop stays a stop."""
    if course.status not in (CourseStatus.PLANNED, CourseStatus.ACTIVE):
        return
    left = Cycle.objects.filter(course=course, administration__isnull=True).exists()
    course.status = CourseStatus.ACTIVE if left else CourseStatus.COMPLETED
    course.save(update_fields=["status"])


def _order(cycle: Cycle) -> Order | None:
    """The newest order of the cycle for the radiopharmaceutical that was not ended otherwise."""
    return (
        Order.objects.select_related("directive__voided")
        .filter(cycle=cycle, kind=OrderKind.RADIOPHARMACEUTICAL.value)
        .exclude(state__in=[OrderState.VOID.value, OrderState.CANCELLED.value])
        .order_by("-pk")
        .first()
    )


def _directive(cycle: Cycle) -> Directive | None:
    order = _order(cycle)
    return order.directive if order else None


def _invalid(*, cycle: Cycle) -> Iterator[str]:
    """Why no signed order covered it, in words."""
    order = _order(cycle)
    if order is None or order.directive is None:
        yield "given without a signed directive"
        return
    if order.state in (OrderState.SUSPENDED.value, OrderState.PROPOSED.value):
        yield f"given while its order was {order.state}"
    if hasattr(order.directive, "voided"):
        yield "its directive no longer held"


def _apart(directive: Directive | None, *, on: date, gbq: Decimal) -> Iterator[str]:
    """What departs from the directive, in words."""
    if directive is None:
        return
    if directive.administer_on != on:
        yield f"directive says {directive.administer_on.isoformat()}"
    if directive.activity_gbq != gbq:
        yield f"directive says {directive.activity_gbq.normalize():f} GBq"


def _open_incidents(
    administration: Administration, *, invalid: list[str], directive: Directive | None, now: datetime
) -> None:
    """Reviews of what was given without a valid order, and of an activity far from the directive."""
    cycle = administration.cycle
    if invalid:
        open_incident(
            cycle=cycle,
            kind=IncidentKind.UNAUTHORISED,
            sentence=f"Cycle {cycle.number}: {'; '.join(invalid)}.",
            administration=administration,
            now=now,
        )
    if directive is not None and is_far(cycle, administration.administered_gbq, directive.activity_gbq):
        open_incident(
            cycle=cycle,
            kind=IncidentKind.ACTIVITY,
            sentence=f"Cycle {cycle.number}: {both_units(administration.administered_gbq)} were given; the "
            f"directive says {both_units(directive.activity_gbq)}.",
            administration=administration,
            now=now,
        )


def is_far(cycle: Cycle, delivered_gbq: Decimal, directed_gbq: Decimal) -> bool:
    """Whether an activity asks for a review as a medical event; without rules of the day nobody can say."""
    try:
        percent = day_rules(cycle.course.protocol_id).rules.dispensing.event_percent
    except NoDayRules:
        return False
    return is_event(delivered_gbq, directed_gbq, event_percent=percent)
