"""What the steps of a day say of the infusion at hand, as it is recorded at its end and corrected later."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from courses.day_facts import effective_steps, steps_of_run
from courses.models import DispensedUnit, Infusion, InfusionEnd, TherapyDay, TherapyStep
from courses.rules.activity import Measured
from courses.services.day_state import DayState, day_state
from courses.services.infusions import Infused
from courses.services.therapy_day import BadStep


def infused_on(
    day: TherapyDay, *, state: DayState, route: str = "", delivered_gbq: Decimal | None = None
) -> Infused:
    """Start, end, assay and residuals as the steps say; the unit is the one that was in hand.

    Raises BadStep where no start or no end stands.
    """
    rows = steps_of_run(day)
    start, end = _last(rows, "infusion_start"), _last(rows, "infusion_end")
    if start is None:
        raise BadStep("infusion_start: is not recorded; record when the infusion was started")
    if end is None or end.happened_at < start.happened_at:
        raise BadStep("infusion_end: is not recorded; record when and how the infusion ended")
    before = [row for row in rows if row.happened_at <= start.happened_at]
    in_hand = _in_hand(day, before, start=start, state=state)
    return Infused(
        started_at=start.happened_at,
        ended_at=end.happened_at,
        ended_how=InfusionEnd(end.data["how"]),
        unit=in_hand.unit,
        product=in_hand.product,
        assay=_measured(before, in_hand),
        residuals=tuple(
            Measured(gbq=Decimal(row.data["gbq"]), at=row.happened_at)
            for row in rows
            if row.kind == "residual" and row.happened_at >= end.happened_at
        ),
        route=route,
        delivered_gbq=delivered_gbq,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _InHand:
    """What was given; `since` is set where it is another unit than the one ordered, and says since when.

    Without a unit nobody knows the label. `product` is then named only where the code is no known one.
    """

    unit: DispensedUnit | None
    product: str = ""
    since: datetime | None = None


def _in_hand(day: TherapyDay, before: list[TherapyStep], *, start: TherapyStep, state: DayState) -> _InHand:
    """The unit whose label was scanned last before the start; without one the authorised or ordered one."""
    started = day.authorisations.filter(authorised_at__lte=start.happened_at).order_by("-pk").first()
    unit = started.unit if started is not None else state.standing.unit
    scan = _last(before, "unit_scanned")
    if scan is None or (unit is not None and scan.data["label"] == unit.label):
        return _InHand(unit=unit)
    found = (
        DispensedUnit.objects.filter(label=scan.data["label"]).select_related("order__cycle__course").first()
    )
    code = scan.data["product_code"]
    is_known = found is not None or code in state.facts.rules.dispensing.product_codes
    product = "" if is_known else f"unknown: product code {code}"
    return _InHand(unit=found, product=product, since=scan.happened_at)


def _measured(before: list[TherapyStep], in_hand: _InHand) -> Measured | None:
    """What was measured at the bedside, else pharmacy's own; of another unit nothing from before its scan."""
    assay = _last(before, "assay")
    if assay is not None and (in_hand.since is None or assay.happened_at >= in_hand.since):
        return Measured(gbq=Decimal(assay.data["gbq"]), at=assay.happened_at)
    unit = in_hand.unit
    return Measured(gbq=unit.measured_gbq, at=unit.measured_at) if unit is not None else None


def entries_about(infusion: Infusion, *, state: DayState) -> Infused | None:
    """What the day's entries say of its newest infusion by now; none where they may be about another one."""
    day = state.day
    recorded = Infusion.objects.effective().filter(therapy_day=day).order_by("started_at", "pk")
    if infusion.therapy_day_id != day.pk or recorded.last() != infusion:
        return None
    starts = [row for row in effective_steps(day) if row.kind == "infusion_start"]
    if len(starts) != recorded.count():
        return None
    try:
        return infused_on(day, state=state, route=infusion.route)
    except BadStep:
        return None


def entries_of(infusion: Infusion, *, now: datetime) -> Infused | None:
    """The same of an infusion alone; none where it was recorded without the sheet of a day."""
    day = infusion.therapy_day
    if day is None:
        return None
    state = day_state(day, decision=day.cycle.course.current_decision, now=now)
    return entries_about(infusion, state=state)


def _last(rows: list[TherapyStep], kind: str) -> TherapyStep | None:
    found = [row for row in rows if row.kind == kind]
    return found[-1] if found else None
