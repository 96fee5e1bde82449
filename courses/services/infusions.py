"""Record what reached a patient, and correct it: recording what happened is never refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import (
    Administration,
    Course,
    Cycle,
    Directive,
    DispensedUnit,
    IncidentKind,
    Infusion,
    InfusionEnd,
    StartAuthorisation,
    TherapyDay,
)
from courses.rules.activity import BadActivity, Measured, both_units, decayed, net_administered
from courses.rules.values import GivenCycle
from courses.services.administration import (
    ELSE_SAY,
    RECORD,
    append_administration,
    close_orders,
    is_far,
    plan_of,
    replan_later_cycles,
)
from courses.services.assess import assess_at_gate
from courses.services.authority import check_right, stated
from courses.services.baseline import lock_baselines
from courses.services.day_state import standing_of
from courses.services.incidents import open_incident
from courses.services.orders import void_directive
from courses.services.start import authorisation_for, open_unauthorised
from courses.services.therapy_day import BadStep, rules_of, touch
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

_STORED = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Infused:
    """What is known of one infusion.

    The delivered activity follows from assay and residuals; `delivered_gbq` is stated where these cannot say
    it, and then stands. Without a unit the product is named. `route` is stated where it was
    not the directed one.
    """

    started_at: datetime
    ended_at: datetime
    ended_how: InfusionEnd
    unit: DispensedUnit | None = None
    product: str = ""
    assay: Measured | None = None
    residuals: tuple[Measured, ...] = ()
    delivered_gbq: Decimal | None = None
    route: str = ""


def record_infusion(
    *, cycle: Cycle, infused: Infused, by: User, day: TherapyDay | None = None, now: datetime | None = None
) -> Infusion:
    """Record one infusion that took place, as it took place.

    1. check the right; 2. lock the course; 3. find the authorisation that covers its start, and whatever
    departs from the directive; 4. append the infusion; 5. open an incident for each departure that asks for
    one; 6. a complete one gives the cycle its administration, a part waits for a physician's judgement; 7.
    assess the course, so that nothing rests on what has been used.

    Raises NotAllowed; BadStep where times or activities cannot be.
    """
    check_right(by, RECORD, else_say=ELSE_SAY)
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=cycle.course_id)
        now = now or database_now()
        cycle = Cycle.objects.select_related("course__patient").get(pk=cycle.pk)
        infusion = _append(cycle=cycle, day=day, infused=infused, by=by, now=now)
        _touch(day)
        lock_baselines(course=course, by=by, now=now, begun=_begun(infusion))
        _settle(course=course, infusion=infusion, by=by, now=now)
        assess_at_gate(course_id=course.pk, now=now)
    return infusion


def _begun(infusion: Infusion) -> GivenCycle:
    """The infusion as the rules see a treatment: from its day on nothing is a baseline."""
    return GivenCycle(
        number=infusion.cycle.number,
        on=clinic_day(infusion.started_at, clinic_zone()),
        activity_gbq=infusion.delivered_gbq,
    )


def correct_infusion(
    *, infusion: Infusion, infused: Infused, reason: str, by: User, now: datetime | None = None
) -> Infusion:
    """Write a new version of an infusion; the earlier one stays on record with the reason.

    A part that was judged is judged again: the judgement spoke of other figures. Later cycles follow the
    corrected day. Raises NotAllowed, BadStep.
    """
    check_right(by, RECORD, else_say=ELSE_SAY)
    why = stated(reason)
    if not why:
        raise BadStep("reason: is missing; say in a few words what was wrong")
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=infusion.cycle.course_id)
        now = now or database_now()
        if Infusion.objects.filter(corrects=infusion).exists():
            raise BadStep("infusion: it was corrected before; correct the newest version")
        version = _append(
            cycle=infusion.cycle,
            day=infusion.therapy_day,
            infused=infused,
            by=by,
            now=now,
            corrects=infusion,
            reason=why,
        )
        _touch(infusion.therapy_day)
        _settle(course=course, infusion=version, by=by, now=now)
        assess_at_gate(course_id=course.pk, now=now)
    return version


def _touch(day: TherapyDay | None) -> None:
    """Another version of the day: whoever judges what they read of it has not seen this yet."""
    if day is not None:
        touch(TherapyDay.objects.get(pk=day.pk))


def _append(
    *,
    cycle: Cycle,
    day: TherapyDay | None,
    infused: Infused,
    by: User,
    now: datetime,
    corrects: Infusion | None = None,
    reason: str = "",
) -> Infusion:
    """Steps 3 to 5: the infusion with its departures, and the incidents that these ask for."""
    _check_times(infused, now=now)
    if corrects is None and _is_known(cycle, infused):
        raise BadStep("started_at: this infusion is recorded already; correct that record instead")
    authorisation, why = _authorisation(day, infused, besides=corrects)
    directive = _directive(cycle, day=day, authorisation=authorisation, corrects=corrects)
    delivered = _delivered(cycle, infused)
    product = infused.unit.product if infused.unit else stated(infused.product) or _planned_product(cycle)
    departures = list(_departures(cycle, infused, product=product, delivered=delivered, directive=directive))
    said = [f"given without a valid authorisation: {why}"] if authorisation is None else []
    if Administration.objects.filter(cycle=cycle).exists() and corrects is None:
        said.append("the cycle already had its administration")
    residual = _residual(cycle, infused)
    infusion = Infusion.objects.create(
        cycle=cycle,
        therapy_day=day,
        authorisation=authorisation,
        unit=infused.unit,
        directive=directive,
        product=product,
        started_at=infused.started_at,
        ended_at=infused.ended_at,
        ended_how=infused.ended_how,
        assay_gbq=infused.assay.gbq if infused.assay else None,
        assay_at=infused.assay.at if infused.assay else None,
        residual_gbq=residual.gbq if residual else None,
        residual_at=residual.at if residual else None,
        delivered_gbq=delivered,
        deviation="; ".join([*said, *(sentence for _, sentence in departures)]),
        corrects=corrects,
        reason=reason,
        recorded_by=by,
        recorded_at=now,
    )
    _open_incidents(infusion, why=why, departures=departures, now=now)
    return infusion


def _open_incidents(
    infusion: Infusion, *, why: str, departures: list[tuple[IncidentKind, str]], now: datetime
) -> None:
    """One review for each kind of departure; a correction opens only what its earlier version did not."""
    before = set()
    if infusion.corrects is not None:
        before = set(infusion.corrects.incidents.values_list("kind", flat=True))
    if infusion.authorisation_id is None and IncidentKind.UNAUTHORISED not in before:
        _open_without_authorisation(infusion, why=why, now=now)
    for kind, sentence in departures:
        if kind not in before:
            told = f"Cycle {infusion.cycle.number}: {sentence}."
            open_incident(cycle=infusion.cycle, kind=kind, sentence=told, infusion=infusion, now=now)


def _open_without_authorisation(infusion: Infusion, *, why: str, now: datetime) -> None:
    """Once: where the start itself was recorded on its day, the incident stands since then."""
    if infusion.corrects is not None and infusion.corrects.authorisation_id is None:
        return
    if infusion.therapy_day is not None:
        open_unauthorised(infusion.therapy_day, why=why, infusion=infusion, now=now)
        return
    open_incident(
        cycle=infusion.cycle,
        kind=IncidentKind.UNAUTHORISED,
        sentence=f"Cycle {infusion.cycle.number}: given without a valid authorisation: {why}.",
        infusion=infusion,
        now=now,
    )


def _check_times(infused: Infused, *, now: datetime) -> None:
    """Times as they can have been. Raises BadStep."""
    if infused.started_at.tzinfo is None or infused.ended_at.tzinfo is None:
        raise BadStep("started_at: a time without its zone says nothing; write the offset as well")
    if infused.ended_at < infused.started_at:
        raise BadStep("ended_at: lies before the start; check both times")
    if infused.ended_at > now:
        raise BadStep("ended_at: lies in the future; check the time")


def _is_known(cycle: Cycle, infused: Infused) -> bool:
    """Whether an infusion of this very start stands: one click too many is not a second infusion."""
    return Infusion.objects.effective().filter(cycle=cycle, started_at=infused.started_at).exists()


def _authorisation(
    day: TherapyDay | None, infused: Infused, *, besides: Infusion | None
) -> tuple[StartAuthorisation | None, str]:
    """The authorisation that covers this infusion, or none and why."""
    if day is None:
        return None, "no day of therapy was opened for it"
    found, why = authorisation_for(day, started_at=infused.started_at, besides=besides)
    if found is not None and (infused.unit is None or infused.unit.pk != found.unit_id):
        return None, "another unit was given than the start was authorised for"
    return found, why


def _directive(
    cycle: Cycle,
    *,
    day: TherapyDay | None,
    authorisation: StartAuthorisation | None,
    corrects: Infusion | None,
) -> Directive | None:
    """The directive that it is held against: the authorised one, else that of the cycle's live order."""
    if authorisation is not None:
        return authorisation.directive
    if corrects is not None:
        return corrects.directive
    newest = day.authorisations.order_by("-pk").first() if day is not None else None
    if newest is not None:
        return newest.directive
    return standing_of(cycle, decision=cycle.course.current_decision).directive


def _delivered(cycle: Cycle, infused: Infused) -> Decimal:
    """What reached the patient, at the start: assay without residuals, or what was stated. Raises BadStep."""
    if infused.assay is None or infused.delivered_gbq is not None:
        if infused.delivered_gbq is None:
            raise BadStep(
                "delivered_gbq: nothing was measured; state what was delivered, with its unit, as well as "
                "it is known"
            )
        return infused.delivered_gbq.quantize(_STORED)
    half_life = rules_of(cycle.course).rules.dispensing.half_life
    try:
        net = net_administered(
            infused.assay, infused.residuals, start=infused.started_at, half_life=half_life
        )
    except BadActivity as bad:
        raise BadStep(f"residuals: {bad}") from bad
    return net.quantize(_STORED)


def _residual(cycle: Cycle, infused: Infused) -> Measured | None:
    """All residuals together, at the instant of the last one."""
    if not infused.residuals or infused.assay is None or infused.delivered_gbq is not None:
        return None
    half_life = rules_of(cycle.course).rules.dispensing.half_life
    last = max(each.at for each in infused.residuals)
    total = sum((decayed(each, to=last, half_life=half_life) for each in infused.residuals), Decimal(0))
    return Measured(gbq=total.quantize(_STORED), at=last)


def _planned_product(cycle: Cycle) -> str:
    plan = plan_of(cycle.course)
    return plan.product if plan else "unknown: nobody named it"


def _departures(
    cycle: Cycle, infused: Infused, *, product: str, delivered: Decimal, directive: Directive | None
) -> Iterator[tuple[IncidentKind, str]]:
    """What departs from the directive and asks for a review, in words."""
    if directive is not None and product != directive.product:
        yield IncidentKind.PRODUCT, f"{product} was given; the directive says {directive.product}"
    if directive is not None and is_far(cycle, delivered, directive.activity_gbq):
        shown, directed = both_units(delivered), both_units(directive.activity_gbq)
        yield IncidentKind.ACTIVITY, f"{shown} were delivered; the directive says {directed}"
    if route := stated(infused.route):
        yield IncidentKind.ROUTE, f"another route than directed: {route}"
    elif infused.ended_how == InfusionEnd.EXTRAVASATION:
        yield IncidentKind.ROUTE, "extravasation"


def _settle(*, course: Course, infusion: Infusion, by: User, now: datetime) -> None:
    """What an infusion means for its cycle: given, a part that waits, or one that was given already."""
    cycle = infusion.cycle
    if Administration.objects.filter(cycle=cycle).exists():
        replan_later_cycles(course=course, given=cycle, on=_last_day(cycle))
    elif infusion.ended_how == InfusionEnd.COMPLETE and infusion.delivered_gbq > 0:
        administer(course=course, infusion=infusion, by=by, now=now)
    else:
        # What comes next, whatever the judgement, is signed anew.
        close_orders(cycle=cycle, by=by, now=now)
        if infusion.directive_id is not None:
            void_directive(
                directive_id=infusion.directive_id, reason_code="given-in-part", decision=None, now=now
            )


def administer(*, course: Course, infusion: Infusion, by: User, now: datetime) -> None:
    """The cycle's administration: everything that reached the patient in it, on the day of the last part."""
    parts = list(Infusion.objects.effective().filter(cycle=infusion.cycle).order_by("started_at", "pk"))
    append_administration(
        course=course,
        cycle=infusion.cycle,
        on=_last_day(infusion.cycle),
        gbq=sum((part.delivered_gbq for part in parts), Decimal(0)),
        product=infusion.product,
        deviation="; ".join(part.deviation for part in parts if part.deviation),
        by=by,
        now=now,
    )


def _last_day(cycle: Cycle) -> date:
    """The clinic's day on which the last infusion of a cycle was started."""
    newest = Infusion.objects.effective().filter(cycle=cycle).order_by("started_at").last()
    assert newest is not None
    return clinic_day(newest.started_at, clinic_zone())
