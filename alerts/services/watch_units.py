"""Look at the units that arrived: which is not the usual one, and which values look as if it were not."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from alerts.library import policy
from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from alerts.watch_rules import unit_ratio
from labs.library import analytes
from labs.models import Observation, UnitUse
from labs.models.result import WITHDRAWN
from labs.services.canary_lab import CANARY_SENDER


def watch_units(*, now: datetime) -> int:
    """One alert for each new unit of an analyte, and for each median that moved as a change of unit would."""
    conditions = [*_new_units(now=now), *_moved_medians()]
    return settle(kinds=[Kind.UNIT_DRIFT], conditions=conditions, now=now)


def _new_units(*, now: datetime) -> list[Condition]:
    """Units used for the first time lately by a source that had used another one before."""
    since = now - timedelta(days=policy().watch.unit_new_days)
    fresh = UnitUse.objects.filter(first_at__gte=since).exclude(sender=CANARY_SENDER)
    pairs = fresh.values("sender", "analyte")
    rows = UnitUse.objects.filter(
        sender__in=pairs.values("sender"), analyte__in=pairs.values("analyte")
    ).order_by("first_at", "pk")
    known: dict[tuple[str, str], list[UnitUse]] = defaultdict(list)
    conditions = []
    for use in rows:
        before = known[use.sender, use.analyte]
        if before and use.first_at >= since:
            conditions.append(_new_unit(use, before))
        before.append(use)
    return conditions


def _new_unit(use: UnitUse, before: Sequence[UnitUse]) -> Condition:
    """Another spelling of a known unit is looked at; another factor is worse, for it changes the number."""
    return Condition(
        kind=Kind.UNIT_DRIFT,
        key=key_of(Kind.UNIT_DRIFT, use.sender, use.analyte, use.unit),
        subject=Subject(
            about={
                "source": use.sender,
                "analyte": use.analyte,
                "unit": use.unit,
                "before": sorted({each.unit for each in before}),
                "since": use.first_at.isoformat(),
            }
        ),
        worse=use.factor not in {each.factor for each in before},
    )


def _moved_medians() -> list[Condition]:
    """Sources whose newest values of an analyte lie apart from earlier ones by the ratio of two units."""
    limits = policy().watch
    rows = (
        Observation.objects.filter(value__isnull=False)
        .exclude(status__in=WITHDRAWN)
        .exclude(result__sender=CANARY_SENDER)
        .order_by("-pk")
        .values_list("result__sender", "analyte", "value")[: limits.shift_memory]
    )
    values: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    wanted = limits.shift_newest_values + limits.shift_earlier_values
    for sender, short, value in rows:
        if value is not None and len(values[sender, short]) < wanted:
            values[sender, short].append(value)
    conditions = []
    for (sender, short), newest_first in sorted(values.items()):
        analyte = analytes().get(short)
        ratio = analyte and unit_ratio(
            newest=newest_first[: limits.shift_newest_values],
            earlier=newest_first[limits.shift_newest_values :],
            factors=analyte.units.values(),
            limits=limits,
        )
        if ratio:
            conditions.append(_moved(sender, short, ratio))
    return conditions


def _moved(sender: str, short: str, ratio: Decimal) -> Condition:
    return Condition(
        kind=Kind.UNIT_DRIFT,
        key=key_of(Kind.UNIT_DRIFT, sender, short, "(median)"),
        subject=Subject(about={"source": sender, "analyte": short, "ratio": f"{ratio:.4g}"}),
        worse=True,
    )
