"""What the steps of a day say of the infusion at hand, as it is recorded at its end and corrected later."""

from datetime import datetime
from decimal import Decimal

from courses.day_facts import effective_steps, steps_of_run
from courses.models import Infusion, InfusionEnd, TherapyDay, TherapyStep
from courses.rules.activity import Measured
from courses.services.day_state import DayState, day_state
from courses.services.infusions import Infused
from courses.services.therapy_day import BadStep


def infused_on(
    day: TherapyDay, *, state: DayState, route: str = "", delivered_gbq: Decimal | None = None
) -> Infused:
    """Start, end, assay and residuals as the steps say; the unit is the one authorised or handed out.

    Raises BadStep where no start or no end stands.
    """
    rows = steps_of_run(day)
    start, end = _last(rows, "infusion_start"), _last(rows, "infusion_end")
    if start is None:
        raise BadStep("infusion_start: is not recorded; record when the infusion was started")
    if end is None or end.happened_at < start.happened_at:
        raise BadStep("infusion_end: is not recorded; record when and how the infusion ended")
    started = day.authorisations.filter(authorised_at__lte=start.happened_at).order_by("-pk").first()
    unit = started.unit if started is not None else state.standing.unit
    assay = _last(rows, "assay")
    measured = None
    if assay is not None and assay.happened_at <= start.happened_at:
        measured = Measured(gbq=Decimal(assay.data["gbq"]), at=assay.happened_at)
    elif unit is not None:
        measured = Measured(gbq=unit.measured_gbq, at=unit.measured_at)
    return Infused(
        started_at=start.happened_at,
        ended_at=end.happened_at,
        ended_how=InfusionEnd(end.data["how"]),
        unit=unit,
        assay=measured,
        residuals=tuple(
            Measured(gbq=Decimal(row.data["gbq"]), at=row.happened_at)
            for row in rows
            if row.kind == "residual" and row.happened_at >= end.happened_at
        ),
        route=route,
        delivered_gbq=delivered_gbq,
    )


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
