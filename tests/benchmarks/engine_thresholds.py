"""The thresholds of `plain_thresholds` once more, as rules of a public rule engine (rule-engine on PyPI)."""

from bisect import bisect_left
from datetime import date
from decimal import Decimal
from typing import Any

import rule_engine

from courses.rules.values import Chart
from tests.benchmarks.plain_thresholds import FALLING, REQUIRED, RISING, TRIGGER, USABLE


def _rules() -> dict[str, list[tuple[int, Any]]]:
    """Per analyte its grades, most severe first, each a compiled rule on one result."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for analyte, limits in FALLING.items():
        texts = [(4 - place, f"value < {limit}") for place, limit in enumerate(limits) if limit is not None]
        found[analyte] = [(grade, rule_engine.Rule(text)) for grade, text in texts]
    for analyte, multiples in RISING.items():
        texts = [(4 - place, f"value > {times} * high") for place, times in enumerate(multiples)]
        found[analyte] = [(grade, rule_engine.Rule(text)) for grade, text in texts]
    return found


RULES = _rules()
RISEN = rule_engine.Rule("value >= 1.4 * baseline")
FRESH = rule_engine.Rule("age_days <= 14")


def thresholds_by_engine(chart: Chart, today: date) -> tuple[int, int, int]:
    """As `thresholds_only`; every comparison is a rule's."""
    days = sorted(cycle.on for cycle in chart.cycles)
    baseline: dict[str, Decimal] = {}
    shown: dict[str, set[int]] = {}
    newest: dict[str, date] = {}
    worst = 0
    for m in sorted(chart.measurements, key=lambda measurement: measurement.collected_at):
        if m.value is None or m.quality or m.status not in USABLE:
            continue
        if m.collected_on < days[0]:
            baseline[m.analyte] = m.value
            continue
        thing = {"value": m.value, "high": m.high, "baseline": baseline.get(m.analyte, m.value)}
        grade = next((grade for grade, rule in RULES.get(m.analyte, ()) if rule.matches(thing)), 0)
        if m.analyte == "CREAT" and RISEN.matches(thing):
            grade = max(grade, 3)
        worst = max(worst, grade)
        interval = bisect_left(days, m.collected_on)
        if grade >= TRIGGER.get(m.analyte, 3):
            shown.setdefault(m.analyte, set()).add(interval)
        if interval == len(days):
            newest[m.analyte] = m.collected_on
    recurrent = sum(1 for intervals in shown.values() if len(intervals) > 1)
    on = max(chart.planned_on or today, today)
    lacking = sum(
        1 for a in REQUIRED if a not in newest or not FRESH.matches({"age_days": (on - newest[a]).days})
    )
    return worst, recurrent, lacking
