"""Correct the record of an infusion: a new version, by two people where what was given changes."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import Administration, Course, Infusion, InfusionEnd, Order
from courses.rules.activity import BadActivity, Measured, net_administered
from courses.rules.order_states import OrderKind, OrderState, is_legal
from courses.services.administration import ELSE_SAY, RECORD
from courses.services.assess import assess_at_gate
from courses.services.authority import NotAllowed, check_right, stated
from courses.services.infusions import (
    Corrects,
    Infused,
    append_infusion,
    check_possible,
    delivered_by,
    settle,
)
from courses.services.orders import move_order, recall_order, void_directive
from courses.services.therapy_day import BadStep, rules_of
from labs.clock import database_now

_STORED = Decimal("0.0001")
# Assay and residual are each kept to a tenth of a megabecquerel: what follows from them differs by no more.
_LAST_PLACES = 3 * _STORED
_CODE = "part-corrected"


class StaleInfusion(BadStep):
    """Another version of the infusion's record stands by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What of a record was wrong, as it is right; what is left out stays as it was.

    A corrected measurement lets the delivered activity follow from the measurements again; a stated
    `delivered_gbq` stands.
    """

    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended_how: InfusionEnd | None = None
    product: str = ""
    assay_gbq: Decimal | None = None
    assay_at: datetime | None = None
    residual_gbq: Decimal | None = None
    residual_at: datetime | None = None
    delivered_gbq: Decimal | None = None
    route: str | None = None


def corrected(infusion: Infusion, wrong: Wrong, *, entries: Infused | None = None) -> Infused:
    """The infusion as it is right: what was recorded, or what the day's `entries` say, and what was wrong.

    Raises BadStep.
    """
    base = as_recorded(infusion)
    if entries is not None:
        base = replace(entries, product=base.product, route=base.route)
    assay = _measured("assay", base.assay, gbq=wrong.assay_gbq, at=wrong.assay_at)
    left = base.residuals[-1] if len(base.residuals) == 1 else None
    residual = _measured("residual", left, gbq=wrong.residual_gbq, at=wrong.residual_at)
    residuals = base.residuals if residual is left else tuple(filter(None, [residual]))
    is_measured_anew = assay is not base.assay or residuals is not base.residuals
    if wrong.product and infusion.unit is not None:
        raise BadStep(f"product: follows from the unit that was given, {infusion.unit.label}; leave it empty")
    return replace(
        base,
        started_at=wrong.started_at or base.started_at,
        ended_at=wrong.ended_at or base.ended_at,
        ended_how=wrong.ended_how or base.ended_how,
        product=stated(wrong.product) or base.product,
        assay=assay,
        residuals=residuals,
        delivered_gbq=wrong.delivered_gbq
        if wrong.delivered_gbq is not None or is_measured_anew
        else base.delivered_gbq,
        route=base.route if wrong.route is None else wrong.route,
    )


def as_recorded(infusion: Infusion) -> Infused:
    """An infusion as it stands on record; what was delivered is stated where no measurement gives it."""
    assay = _taken(infusion.assay_gbq, infusion.assay_at)
    unit = infusion.unit
    if assay and unit and (assay.at, assay.gbq) == (unit.measured_at, unit.measured_gbq.quantize(_STORED)):
        assay = Measured(gbq=unit.measured_gbq, at=unit.measured_at)  # kept to more places there
    residual = _taken(infusion.residual_gbq, infusion.residual_at)
    found = Infused(
        started_at=infusion.started_at,
        ended_at=infusion.ended_at,
        ended_how=InfusionEnd(infusion.ended_how),
        unit=unit,
        product=infusion.product if unit is None else "",
        assay=assay,
        residuals=tuple(filter(None, [residual])),
        route=infusion.route,
    )
    return found if _follows(infusion, found) else replace(found, delivered_gbq=infusion.delivered_gbq)


def entries_differ(infusion: Infusion, entries: Infused) -> bool:
    """Whether the day's entries say another infusion than its record; what was stated is nobody's entry."""
    said = (entries.unit, entries.started_at, entries.ended_at, entries.ended_how)
    if said != (infusion.unit, infusion.started_at, infusion.ended_at, infusion.ended_how):
        return True
    if as_recorded(infusion).delivered_gbq is not None:
        return False
    try:
        return abs(delivered_by(infusion.cycle, entries) - infusion.delivered_gbq) > _LAST_PLACES
    except BadStep:
        return True


def newest_version(infusion: Infusion) -> Infusion:
    """The version of this record that counts."""
    while (later := Infusion.objects.filter(corrects=infusion).first()) is not None:
        infusion = later
    return infusion


def correct_infusion(
    *,
    infusion: Infusion,
    infused: Infused,
    reason: str,
    by: User,
    second: User | None = None,
    now: datetime | None = None,
) -> Infusion:
    """Write a new version of an infusion; the earlier one stays on record with the reason.

    1. check the right and the reason; 2. lock the course; 3. where the delivered activity or the start
    changes a second person has seen it too, whom the caller has verified; 4. append the version, held
    against directive and bounds anew; 5. a part that was judged is judged again, so that what was ordered as
    its remainder is called back; 6. later cycles follow the corrected day, and the course is assessed.

    Raises NotAllowed, BadStep, StaleInfusion.
    """
    check_right(by, RECORD, else_say=ELSE_SAY)
    why = stated(reason)
    if not why:
        raise BadStep("reason: is missing; say in a few words what was wrong")
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=infusion.cycle.course_id)
        now = now or database_now()
        if Infusion.objects.filter(corrects=infusion).exists():
            raise StaleInfusion(
                "infusion: it was corrected before; read it again and correct the newest version"
            )
        check_possible(infused, now=now)
        recorded = as_recorded(infusion)
        delivered = infusion.delivered_gbq
        if _figures(infused) != _figures(recorded):
            delivered = delivered_by(infusion.cycle, infused)
        if delivered != infusion.delivered_gbq or infused.started_at != infusion.started_at:
            _check_second(second, by=by)
        else:
            second = None
        version = append_infusion(
            cycle=infusion.cycle,
            day=infusion.therapy_day,
            infused=infused,
            by=by,
            now=now,
            correction=Corrects(infusion=infusion, reason=why, second=second, delivered_gbq=delivered),
        )
        if not Administration.objects.filter(cycle=infusion.cycle).exists():
            _take_back_remainder(infusion, by=by, now=now)
        settle(course=course, infusion=version, by=by, now=now)
        assess_at_gate(course_id=course.pk, now=now)
    return version


def _figures(infused: Infused) -> tuple[object, ...]:
    """What the delivered activity follows from."""
    return infused.started_at, infused.assay, infused.residuals, infused.delivered_gbq


def _check_second(second: User | None, *, by: User) -> None:
    """Another person who may record what was given. Raises BadStep, NotAllowed."""
    if second is None:
        raise BadStep(
            "second: is missing; where the delivered activity or the start changes, a second person proves "
            "with name and password to have seen it too"
        )
    if second.pk == by.pk:
        raise BadStep("second: is you again; another person is needed")
    if not second.has_perm(RECORD):
        raise NotAllowed("The second person must be a nurse, a physician or a physicist.")


def _take_back_remainder(infusion: Infusion, *, by: User, now: datetime) -> None:
    """The remainder that was ordered after the earlier version: it was judged on other figures."""
    orders = Order.objects.live().filter(
        cycle=infusion.cycle,
        kind=OrderKind.RADIOPHARMACEUTICAL.value,
        directive__remainder_of__infusion=infusion,
    )
    for order in orders:
        if order.state == OrderState.DISPENSED.value:
            recall_order(order=order, reason_code=_CODE, decision=None, now=now)
        elif is_legal(before=OrderState(order.state), after=OrderState.SUSPENDED):
            move_order(
                order=order, to=OrderState.SUSPENDED, reason_code=_CODE, actor=by, decision=None, now=now
            )
        assert order.directive_id is not None
        void_directive(directive_id=order.directive_id, reason_code=_CODE, decision=None, now=now)


def _measured(
    field: str, before: Measured | None, *, gbq: Decimal | None, at: datetime | None
) -> Measured | None:
    """A measurement with what was wrong of it corrected. Raises BadStep."""
    if gbq is None and at is None:
        return before
    if gbq is None and before is None:
        raise BadStep(f"{field}: is missing; write the activity that was measured, with its unit")
    if at is None and before is None:
        raise BadStep(f"{field}_at: is missing; say when it was measured")
    if at is not None and at.tzinfo is None:
        raise BadStep(f"{field}_at: has no time zone; write the offset as well")
    found_gbq = gbq if gbq is not None else before.gbq if before else Decimal(0)
    found_at = at if at is not None else before.at if before else None
    assert found_at is not None
    return Measured(gbq=found_gbq, at=found_at)


def _taken(gbq: Decimal | None, at: datetime | None) -> Measured | None:
    return None if gbq is None or at is None else Measured(gbq=gbq, at=at)


def _follows(infusion: Infusion, found: Infused) -> bool:
    """Whether the measurements on record give what was delivered, but for the last place kept of each."""
    if found.assay is None:
        return False
    half_life = rules_of(infusion.cycle.course).rules.dispensing.half_life
    try:
        net = net_administered(found.assay, found.residuals, start=found.started_at, half_life=half_life)
    except BadActivity:
        return False
    return abs(net - infusion.delivered_gbq) <= _LAST_PLACES
