"""What pharmacy and physics measure at the bedside: assay and residual of a day, without the rest of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from courses.day_data import MEASURE
from courses.models import Order, TherapyDay, TherapyStep
from courses.rules.day_values import Happened
from courses.rules.order_states import OrderKind
from courses.services.authority import Refused, check_right
from courses.services.therapy_day import BadStep, correct_step, locked_day, record_step
from labs.clock import database_now

MEASURED = (Happened.ASSAY, Happened.RESIDUAL)
_ELSE_SAY = "Pharmacists and physicists record measured activities."


class StaleMeasurements(Exception):
    """Somebody measured meanwhile, or the day is another one; `day` is the one that stands now."""

    def __init__(self, day: TherapyDay) -> None:
        super().__init__("Another measurement was recorded since you read this: read it again, then decide.")
        self.day = day


def day_of_order(order: Order) -> TherapyDay | None:
    """The day on which what was ordered is given: the open one of its cycle, else the newest."""
    if order.kind != OrderKind.RADIOPHARMACEUTICAL.value:
        return None
    days = TherapyDay.objects.filter(cycle=order.cycle_id).select_related("cycle__course__patient")
    return days.open().first() or days.order_by("-pk").first()


def measurements_of(day: TherapyDay) -> list[TherapyStep]:
    """The measurements of a day as they stand."""
    rows = day.steps.filter(
        kind__in=[kind.value for kind in MEASURED], corrected_by__isnull=True, taken_back=False
    )
    return list(rows.order_by("happened_at", "pk"))


def version_of(day: TherapyDay) -> int:
    """Which version of a day's measurements somebody reads: each entry and each correction makes another."""
    return 1 + day.steps.filter(kind__in=[kind.value for kind in MEASURED]).count()


def record_measurement(
    *,
    day: TherapyDay,
    version: int,
    kind: str,
    data: Mapping[str, Any],
    by: User,
    happened_at: datetime | None = None,
    now: datetime | None = None,
) -> TherapyStep:
    """Record one measured activity on the day as it was read.

    Raises NotAllowed, BadStep, StaleMeasurements.
    """
    check_right(by, MEASURE, else_say=_ELSE_SAY)
    if kind not in [each.value for each in MEASURED]:
        raise BadStep(f"kind: {kind!r} is not one of: {', '.join(each.value for each in MEASURED)}")
    with transaction.atomic():
        _check(day, version)
        return record_step(
            day=day, kind=kind, data=data, by=by, happened_at=happened_at, now=now or database_now()
        )


def correct_measurement(
    *,
    step: TherapyStep,
    version: int,
    reason: str,
    by: User,
    data: Mapping[str, Any] | None = None,
    happened_at: datetime | None = None,
    take_back: bool = False,
    now: datetime | None = None,
) -> TherapyStep:
    """Write a new version of a measurement, or take it back; the earlier one stays on record.

    Raises NotAllowed, Refused, BadStep, StaleMeasurements.
    """
    check_right(by, MEASURE, else_say=_ELSE_SAY)
    if step.kind not in [each.value for each in MEASURED]:
        raise Refused("Only measured activities are corrected here; the rest is corrected on the day's page.")
    with transaction.atomic():
        _check(step.therapy_day, version)
        return correct_step(
            step=step,
            reason=reason,
            by=by,
            data=data,
            happened_at=happened_at,
            take_back=take_back,
            now=now or database_now(),
        )


def _check(day: TherapyDay, version: int) -> None:
    """Under the course's lock. Raises StaleMeasurements."""
    found = locked_day(day)
    if version_of(found) != version:
        raise StaleMeasurements(found)
