"""Write what happens to a course: its start, and the administrations that took place."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from courses.fact_kinds import LastingFlag
from courses.library import UnknownProtocol, protocol, protocol_sha256
from courses.models import (
    Administration,
    Course,
    CourseStatus,
    Cycle,
    Directive,
    Order,
    PeritonealDisease,
    RecordKind,
)
from courses.rules.order_states import OrderKind, OrderState
from courses.rules.protocol import Protocol
from courses.services.authority import Refused, check_right, stated
from courses.services.baseline import lock_baselines
from courses.services.facts import append_fact
from courses.services.orders import move_order
from courses.services.protocols import check_usable
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.models import Patient
from labs.same_person import numbers_of
from labs.zones import clinic_zone

# The product of an administration whose protocol file and directive are both missing.
_NO_PRODUCT = "unknown: protocol file missing"

__all__ = ["GivenElsewhere", "Refused", "record_administration", "start_course"]


_STOPPED = (
    "A physician signed that this patient's treatment is stopped. A stop is lifted only by a rescission of "
    "two physicians: open the stopped course, choose “Rescind the stop”, and have a second one confirm it."
)


class GivenElsewhere(NamedTuple):
    """A cycle of this course that another hospital gave."""

    on: date
    administered_gbq: Decimal
    hospital: str


def start_course(
    *,
    patient: Patient,
    protocol_id: str,
    first_planned_on: date | None,
    peritoneal_disease: PeritonealDisease,
    dialysis: bool | None,
    anticoagulated: bool | None,
    by: User,
    nyha_class: int | None = None,
    prior_treatment: Sequence[Mapping[str, Any]] | None = None,
    earlier: Sequence[GivenElsewhere] = (),
    allow_research: bool = False,
    now: datetime | None = None,
) -> Course:
    """Open a course with all its cycles planned at the protocol's interval.

    `first_planned_on` is the day of the first cycle given here; with cycles of another hospital (`earlier`,
    oldest first) it may be None: then the next one hangs on the last of them. Of the lasting facts None says
    that nobody knows yet. `prior_treatment` answers whether the patient was treated so before: each as the
    fact's JSON without its day; without an answer the course holds before cycle 1. Research protocols are
    started only where `allow_research` says so.

    Raises NotAllowed without the right; Refused when the patient has an open course or a signed stop, the
    protocol is not approved or says another thing; BadFact when an answer cannot be.
    """
    check_right(by, "courses.plan_cycle", else_say="Only nurses and physicians start a course.")
    now = now or database_now()
    plan = protocol(protocol_id)
    today = clinic_day(now, clinic_zone())
    _check_earlier(earlier, plan=plan, patient=patient, today=today)
    first = _first_here(earlier, plan=plan, wanted=first_planned_on)
    with transaction.atomic():
        # The patient row is the lock: two people starting a course at once end with one course.
        Patient.objects.select_for_update().get(pk=patient.pk)
        check_usable(protocol_id, allow_research=allow_research)
        numbers = numbers_of(patient.pk)
        if Course.objects.open().filter(patient__in=numbers).exists():
            raise Refused("This patient already has an open course; complete or stop it first.")
        if Course.objects.filter(patient__in=numbers, status=CourseStatus.STOPPED).exists():
            raise Refused(_STOPPED)
        course = Course.objects.create(
            patient=patient,
            protocol_id=protocol_id,
            protocol_sha256=protocol_sha256(protocol_id),
            status=CourseStatus.ACTIVE if earlier else CourseStatus.PLANNED,
            peritoneal_disease=peritoneal_disease,
            started_at=now,
            started_by=by,
        )
        _plan_cycles(course, plan=plan, earlier=earlier, first=first)
        _record_earlier(course, earlier, plan=plan, by=by, now=now)
        _record_flags(
            {
                LastingFlag.DIALYSIS: dialysis,
                LastingFlag.ANTICOAGULATED: anticoagulated,
                LastingFlag.NYHA_CLASS: nyha_class,
            },
            patient=patient,
            by=by,
            now=now,
        )
        for answered in prior_treatment or ():
            append_fact(
                kind=RecordKind.PRIOR_TREATMENT,
                data={"on": today.isoformat(), **answered},
                by=by,
                patient=patient,
                course=None,
                now=now,
            )
        if earlier:
            # The treatment has begun: what is compared with is fixed, as with the first cycle given here.
            lock_baselines(course=course, by=by, now=now)
    return course


def _check_earlier(
    earlier: Sequence[GivenElsewhere], *, plan: Protocol, patient: Patient, today: date
) -> None:
    """Cycles of another hospital as they can have been. Raises Refused."""
    if len(earlier) >= plan.schedule.cycles:
        raise Refused(f"All {plan.schedule.cycles} cycles of this protocol have been given elsewhere.")
    for number, given in enumerate(earlier, start=1):
        if not stated(given.hospital):
            raise Refused(f"Cycle {number} was given elsewhere: name the hospital.")
        if given.administered_gbq <= 0:
            raise Refused(f"Cycle {number} was given elsewhere: its activity must be above zero.")
        if not patient.birth_date <= given.on <= today:
            raise Refused(f"Cycle {number} cannot have been given on {given.on}; check the day.")
    if any(later.on <= before.on for before, later in pairwise(earlier)):
        raise Refused("Cycles given elsewhere: each must lie after the one before it.")


def _first_here(earlier: Sequence[GivenElsewhere], *, plan: Protocol, wanted: date | None) -> date:
    """The planned day of the first cycle given here. Raises Refused."""
    if wanted is not None:
        if earlier and wanted <= earlier[-1].on:
            raise Refused("The next cycle must lie after the last one given elsewhere.")
        return wanted
    if not earlier:
        raise Refused("Name the planned day of the first cycle.")
    return _nominal(plan, earlier[-1].on, 1)


def _plan_cycles(course: Course, *, plan: Protocol, earlier: Sequence[GivenElsewhere], first: date) -> None:
    """The cycles given elsewhere on their days, the others at the protocol's interval from the first here."""
    days = [given.on for given in earlier]
    days += [_nominal(plan, first, number) for number in range(plan.schedule.cycles - len(earlier))]
    Cycle.objects.bulk_create(
        Cycle(course=course, number=number, planned_on=day) for number, day in enumerate(days, start=1)
    )


def _record_earlier(
    course: Course, earlier: Sequence[GivenElsewhere], *, plan: Protocol, by: User, now: datetime
) -> None:
    """The administrations of another hospital; nothing was ordered for them here."""
    cycles = {cycle.number: cycle for cycle in course.cycles.all()}
    Administration.objects.bulk_create(
        Administration(
            cycle=cycles[number],
            administered_on=given.on,
            administered_gbq=given.administered_gbq,
            product=plan.product,
            elsewhere=stated(given.hospital),
            recorded_at=now,
            recorded_by=by,
        )
        for number, given in enumerate(earlier, start=1)
    )


def _record_flags(
    answers: dict[LastingFlag, bool | int | None], *, patient: Patient, by: User, now: datetime
) -> None:
    """The lasting facts that were answered; the others stay to be recorded."""
    for flag, value in answers.items():
        if value is not None:
            append_fact(
                kind=RecordKind.DISEASE_FLAGS,
                data={"flag": flag.value, "value": value, "on": clinic_day(now, clinic_zone()).isoformat()},
                by=by,
                patient=patient,
                course=None,
                now=now,
            )


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

    1. lock the course; 2. note a deviation where no signed order covers it; 3. append the administration,
    and with the first one lock the baselines; 4. close the cycle's orders; 5. move the cycles that follow to
    the protocol's interval from this day; 6. complete the course after its last cycle.

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
        plan = _plan_of(course)
        administration = Administration.objects.create(
            cycle=cycle,
            administered_on=administered_on,
            administered_gbq=administered_gbq,
            product=plan.product if plan else _directed_product(cycle),
            deviation="; ".join(
                _deviations(cycle=cycle, on=administered_on, gbq=administered_gbq, stated=deviation)
            ),
            recorded_at=now,
            recorded_by=by,
        )
        lock_baselines(course=course, by=by, now=now)
        _close_orders(cycle=cycle, by=by, now=now)
        if plan is not None:
            _replan_later_cycles(course=course, plan=plan, given=cycle, administered_on=administered_on)
        _move_on(course)
    return administration


def _plan_of(course: Course) -> Protocol | None:
    """The course's protocol; none where its file is missing: what happened is recorded all the same."""
    try:
        return protocol(course.protocol_id)
    except UnknownProtocol:
        return None


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
