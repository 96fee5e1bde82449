"""Write what happens to a course: its start, and the administrations that took place."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from courses.library import protocol, protocol_sha256
from courses.models import Administration, Course, CourseStatus, Cycle, Order, PeritonealDisease
from courses.rules.order_states import OrderKind, OrderState
from courses.rules.protocol import Protocol
from courses.services.orders import move_order
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.models import Patient
from labs.zones import clinic_zone


class Refused(Exception):
    """A plan or start that the protocol or the record does not allow; the text says why and what to do."""


def start_course(
    *,
    patient: Patient,
    protocol_id: str,
    first_planned_on: date,
    peritoneal_disease: PeritonealDisease,
    by: User,
    now: datetime | None = None,
) -> Course:
    """Open a course with all its cycles planned at the protocol's interval.

    Raises Refused when the patient already has an open course, or the protocol says another thing.
    """
    now = now or database_now()
    plan = protocol(protocol_id)
    with transaction.atomic():
        # The patient row is the lock: two people starting a course at once end with one course.
        Patient.objects.select_for_update().get(pk=patient.pk)
        if Course.objects.open().filter(patient=patient).exists():
            raise Refused("This patient already has an open course; complete or stop it first.")
        course = Course.objects.create(
            patient=patient,
            protocol_id=protocol_id,
            protocol_sha256=protocol_sha256(protocol_id),
            peritoneal_disease=peritoneal_disease,
            started_at=now,
            started_by=by,
        )
        Cycle.objects.bulk_create(
            Cycle(course=course, number=number, planned_on=_nominal(plan, first_planned_on, number - 1))
            for number in range(1, plan.schedule.cycles + 1)
        )
    return course


def _nominal(plan: Protocol, origin: date, intervals: int) -> date:
    """The protocol's nominal day so many intervals after a day."""
    return add_days(origin, plan.schedule.interval_days * intervals)


def record_administration(
    *,
    cycle: Cycle,
    administered_on: date,
    administered_gbq: Decimal,
    by: User,
    deviation: str = "",
    now: datetime | None = None,
) -> Administration:
    """Record an infusion that took place; what happened is never refused.

    1. lock the course; 2. note a deviation where no signed order covers it; 3. append the administration;
    4. close the cycle's orders; 5. move the cycles that follow to the protocol's interval from this day;
    6. complete the course after its last cycle.

    Raises Refused for a day in the future or a cycle already recorded: neither happened.
    """
    now = now or database_now()
    if administered_on > clinic_day(now, clinic_zone()):
        raise Refused("An administration in the future has not happened; check the day.")
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=cycle.course_id)
        if Administration.objects.filter(cycle=cycle).exists():
            raise Refused(
                f"Cycle {cycle.number} already has its administration; a correction is a new record."
            )
        plan = protocol(course.protocol_id)
        administration = Administration.objects.create(
            cycle=cycle,
            administered_on=administered_on,
            administered_gbq=administered_gbq,
            product=plan.product,
            deviation="; ".join(
                _deviations(cycle=cycle, on=administered_on, gbq=administered_gbq, stated=deviation)
            ),
            recorded_at=now,
            recorded_by=by,
        )
        _close_orders(cycle=cycle, by=by, now=now)
        _replan_later_cycles(course=course, plan=plan, given=cycle, administered_on=administered_on)
        _move_on(course)
    return administration


def _move_on(course: Course) -> None:
    """An open course with a cycle behind it is active, and completed after its last; a stop stays a stop."""
    if course.status not in (CourseStatus.PLANNED, CourseStatus.ACTIVE):
        return
    left = Cycle.objects.filter(course=course, administration__isnull=True).exists()
    course.status = CourseStatus.ACTIVE if left else CourseStatus.COMPLETED
    course.save(update_fields=["status"])


def _deviations(*, cycle: Cycle, on: date, gbq: Decimal, stated: str) -> Iterator[str]:
    """What departs from a signed directive that holds, in words."""
    if stated:
        yield stated
    order = (
        Order.objects.select_related("directive__voided")
        .filter(cycle=cycle, kind=OrderKind.RADIOPHARMACEUTICAL.value)
        .exclude(state__in=[OrderState.VOID.value, OrderState.CANCELLED.value])
        .order_by("-pk")
        .first()
    )
    directive = order.directive if order else None
    if order is None or directive is None:
        yield "given without a signed directive"
        return
    if order.state in (OrderState.SUSPENDED.value, OrderState.PROPOSED.value):
        yield f"given while its order was {order.state}"
    if hasattr(directive, "voided"):
        yield "its directive no longer held"
    if directive.administer_on != on:
        yield f"directive says {directive.administer_on.isoformat()}"
    if directive.activity_gbq != gbq:
        yield f"directive says {directive.activity_gbq.normalize():f} GBq"


def _close_orders(*, cycle: Cycle, by: User, now: datetime) -> None:
    """What was ordered for a cycle that has been given is done; what was not active is cancelled."""
    for order in Order.objects.live().filter(cycle=cycle):
        open_to_give = order.state not in (OrderState.PROPOSED.value, OrderState.SUSPENDED.value)
        after = OrderState.DONE if open_to_give else OrderState.CANCELLED
        move_order(order=order, to=after, reason_code="administered", actor=by, decision=None, now=now)


def _replan_later_cycles(*, course: Course, plan: Protocol, given: Cycle, administered_on: date) -> None:
    """Later cycles hang on the day of this one."""
    for later in Cycle.objects.filter(course=course, number__gt=given.number, administration__isnull=True):
        later.planned_on = _nominal(plan, administered_on, later.number - given.number)
        later.save(update_fields=["planned_on"])
