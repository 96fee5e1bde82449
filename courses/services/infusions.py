"""Record what reached a patient: recording what happened is never refused."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import (
    Administration,
    Course,
    Cycle,
    Directive,
    DispensedUnit,
    Infusion,
    InfusionEnd,
    StartAuthorisation,
    TherapyDay,
)
from courses.rules.activity import BadActivity, Measured, decayed, net_administered
from courses.rules.values import GivenCycle
from courses.services.administration import (
    ELSE_SAY,
    RECORD,
    append_administration,
    close_orders,
    plan_of,
    replan_later_cycles,
)
from courses.services.assess import assess_at_gate
from courses.services.at_start import not_this_patient
from courses.services.authority import check_right, printed_name, stated
from courses.services.baseline import lock_baselines
from courses.services.day_state import standing_of
from courses.services.day_version import check_version
from courses.services.departures import departures_of, open_reviews
from courses.services.orders import void_directive
from courses.services.start import authorisation_for
from courses.services.therapy_day import BadStep, rules_of, touch
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

_STORED = Decimal("0.0001")
# Beyond these a unit or a date was mistyped, whatever is given: no clinical bounds, our own choice.
MOST_GBQ = 1000
_FAR_APART = timedelta(days=14)


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
    *,
    cycle: Cycle,
    infused: Infused,
    by: User,
    day: TherapyDay | None = None,
    version: int | None = None,
    now: datetime | None = None,
) -> Infusion:
    """Record one infusion that took place, as it took place.

    1. check the right; 2. lock the course, and refuse where its day was read in another version; 3. find the
    authorisation that covers its start, and whatever departs from the directive; 4. append the infusion; 5.
    open an incident for each departure that asks for one; 6. a complete one gives the cycle its
    administration, a part waits for a physician's judgement; 7. assess the course, so that nothing rests on
    what has been used.

    Raises NotAllowed, StaleDay; BadStep where times or activities cannot be.
    """
    check_right(by, RECORD, else_say=ELSE_SAY)
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=cycle.course_id)
        now = now or database_now()
        if day is not None:
            check_version(TherapyDay.objects.get(pk=day.pk), version)
        cycle = Cycle.objects.select_related("course__patient").get(pk=cycle.pk)
        infusion = append_infusion(cycle=cycle, day=day, infused=infused, by=by, now=now)
        lock_baselines(course=course, by=by, now=now, begun=_begun(infusion))
        settle(course=course, infusion=infusion, by=by, now=now)
        assess_at_gate(course_id=course.pk, now=now)
    return infusion


def _begun(infusion: Infusion) -> GivenCycle:
    """The infusion as the rules see a treatment: from its day on nothing is a baseline."""
    return GivenCycle(
        number=infusion.cycle.number,
        on=clinic_day(infusion.started_at, clinic_zone()),
        activity_gbq=infusion.delivered_gbq,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrects:
    """What a new version corrects, why, who saw it as well, and what was delivered by it."""

    infusion: Infusion
    reason: str
    second: User | None
    delivered_gbq: Decimal


def append_infusion(
    *,
    cycle: Cycle,
    day: TherapyDay | None,
    infused: Infused,
    by: User,
    now: datetime,
    correction: Corrects | None = None,
) -> Infusion:
    """The infusion with its departures, and the incidents that these ask for; under the course's lock."""
    check_possible(infused, now=now)
    corrects = correction.infusion if correction else None
    if corrects is None and _is_known(cycle, infused):
        raise BadStep("started_at: this infusion is recorded already; correct that record instead")
    authorisation, why = _authorisation(day, infused, besides=corrects)
    directive = _directive(cycle, day=day, authorisation=authorisation, corrects=corrects)
    delivered = correction.delivered_gbq if correction else delivered_by(cycle, infused)
    product = infused.unit.product if infused.unit else stated(infused.product) or _planned_product(cycle)
    departures = list(
        departures_of(
            cycle,
            product=product,
            delivered=delivered,
            route=stated(infused.route),
            ended_how=infused.ended_how,
            directive=directive,
            other_patient=not_this_patient(cycle, day=day, started_at=infused.started_at, unit=infused.unit),
        )
    )
    said = [f"given without a valid authorisation: {why}"] if authorisation is None else []
    if Administration.objects.filter(cycle=cycle).exists() and corrects is None:
        said.append("the cycle already had its administration")
    residual = _residual(cycle, infused)
    second = correction.second if correction else None
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
        route=stated(infused.route),
        deviation="; ".join([*said, *(sentence for _, sentence in departures)]),
        corrects=corrects,
        reason=correction.reason if correction else "",
        second_by=second,
        second_name=printed_name(second) if second else "",
        recorded_by=by,
        recorded_at=now,
    )
    if day is not None:
        # Whoever judges what they read of the day has not seen this yet.
        touch(TherapyDay.objects.get(pk=day.pk))
    open_reviews(infusion, why=why, departures=departures, now=now)
    return infusion


def check_possible(infused: Infused, *, now: datetime) -> None:
    """Times and activities as they can have been. Raises BadStep."""
    if infused.started_at.tzinfo is None or infused.ended_at.tzinfo is None:
        raise BadStep("started_at: a time without its zone says nothing; write the offset as well")
    if infused.ended_at < infused.started_at:
        raise BadStep("ended_at: lies before the start; check both times")
    if infused.ended_at > now:
        raise BadStep("ended_at: lies in the future; check the time")
    if infused.delivered_gbq is not None and infused.delivered_gbq >= MOST_GBQ:
        raise BadStep(f"delivered_gbq: write it below {MOST_GBQ} GBq; check the unit")
    assay = [("assay", infused.assay)] if infused.assay else []
    for field, measured in (*assay, *(("residual", each) for each in infused.residuals)):
        if measured.gbq >= MOST_GBQ:
            raise BadStep(f"{field}: write it below {MOST_GBQ} GBq; check the unit")
        if measured.at > now:
            raise BadStep(f"{field}_at: lies in the future; check the time")
        if abs(measured.at - infused.started_at) > _FAR_APART:
            raise BadStep(f"{field}_at: lies weeks from the start of the infusion; check both dates")


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


def delivered_by(cycle: Cycle, infused: Infused) -> Decimal:
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
    if not infused.residuals or infused.assay is None:
        return None
    half_life = rules_of(cycle.course).rules.dispensing.half_life
    last = max(each.at for each in infused.residuals)
    total = sum((decayed(each, to=last, half_life=half_life) for each in infused.residuals), Decimal(0))
    return Measured(gbq=total.quantize(_STORED), at=last)


def _planned_product(cycle: Cycle) -> str:
    plan = plan_of(cycle.course)
    return plan.product if plan else "unknown: nobody named it"


def settle(*, course: Course, infusion: Infusion, by: User, now: datetime) -> None:
    """What an infusion means for its cycle: given, a part that waits, or one that was given already."""
    cycle = infusion.cycle
    if Administration.objects.filter(cycle=cycle).exists():
        replan_later_cycles(course=course, given=cycle, on=last_day_of(cycle))
    elif infusion.ended_how == InfusionEnd.COMPLETE and infusion.delivered_gbq > 0:
        administer(course=course, infusion=infusion, by=by, now=now)
    elif infusion.corrects_id is None:
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
        on=last_day_of(infusion.cycle),
        gbq=sum((part.delivered_gbq for part in parts), Decimal(0)),
        product=infusion.product,
        deviation="; ".join(part.deviation for part in parts if part.deviation),
        by=by,
        now=now,
    )


def last_day_of(cycle: Cycle) -> date:
    """The clinic's day on which the last infusion of a cycle was started."""
    newest = Infusion.objects.effective().filter(cycle=cycle).order_by("started_at").last()
    assert newest is not None
    return clinic_day(newest.started_at, clinic_zone())
