"""Days of therapy whose units are measured: what was entered of assay and residual, and what lacks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Prefetch, Q

from courses.models import Cycle, DayOutcome, Order, TherapyDay, TherapyStep
from courses.rules.day_values import Happened
from courses.rules.order_states import OrderKind
from labs.models import Patient

BACK = timedelta(days=14)
MOST = 60
_LOOKED_AT = (Happened.ASSAY, Happened.INFUSION_END, Happened.RESIDUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDay:
    """One day: whose, the order whose page takes the figures, and its measurements as they stand."""

    patient: Patient
    cycle: Cycle
    order: Order
    opened_at: datetime
    assays: tuple[TherapyStep, ...]
    residuals: tuple[TherapyStep, ...]
    # An infusion ended and nobody measured what was left. An assay at the bedside is one more, not a must:
    # the unit was measured when it was dispensed.
    lacks_residual: bool


def measured_days(*, now: datetime) -> list[MeasuredDay]:
    """The days that are open or began within two weeks, those that lack a residual first; three queries."""
    standing = TherapyStep.objects.filter(
        kind__in=[kind.value for kind in _LOOKED_AT], corrected_by__isnull=True, taken_back=False
    ).order_by("happened_at", "pk")
    orders = Order.objects.filter(kind=OrderKind.RADIOPHARMACEUTICAL.value).order_by("-pk")
    rows = (
        TherapyDay.objects.filter(Q(opened_at__gte=now - BACK) | Q(ended_at__isnull=True))
        .filter(cycle__course__patient__is_canary=False)
        .exclude(outcome=DayOutcome.NOT_GIVEN)
        .select_related("cycle__course__patient")
        .prefetch_related(
            Prefetch("steps", queryset=standing, to_attr="measured"),
            Prefetch("cycle__orders", queryset=orders, to_attr="radioactive"),
        )
        .order_by("-opened_at", "-pk")[:MOST]
    )
    found = [line for day in rows if (line := _line(day)) is not None]
    return sorted(found, key=lambda line: not line.lacks_residual)


def _line(day: TherapyDay) -> MeasuredDay | None:
    orders: list[Order] = getattr(day.cycle, "radioactive", [])
    if not orders:
        return None
    steps: list[TherapyStep] = getattr(day, "measured", [])
    by_kind = {kind: tuple(each for each in steps if each.kind == kind.value) for kind in _LOOKED_AT}
    return MeasuredDay(
        patient=day.cycle.course.patient,
        cycle=day.cycle,
        order=orders[0],
        opened_at=day.opened_at,
        assays=by_kind[Happened.ASSAY],
        residuals=by_kind[Happened.RESIDUAL],
        lacks_residual=bool(by_kind[Happened.INFUSION_END]) and not by_kind[Happened.RESIDUAL],
    )
