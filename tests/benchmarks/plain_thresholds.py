"""What a program without memory of reasons would do: thresholds only, on the same chart, as plain as can be.

It grades twelve analytes, looks at the changes from the baseline and at the windows, and counts in how many
intervals something showed. It explains nothing, knows no bounds, doubts or facts, and decides nothing. It is
the floor with which a whole explained recommendation is compared.
"""

from bisect import bisect_left
from datetime import date
from decimal import Decimal

from courses.rules.values import Chart, Status

USABLE = (Status.FINAL, Status.CORRECTED, Status.AMENDED)
# Falling: the bounds of grade 4, 3, 2 and 1 of CTCAE 5.0; None where only a person gives the grade.
FALLING: dict[str, tuple[Decimal | None, Decimal, Decimal]] = {
    "PLT": (Decimal(25), Decimal(50), Decimal(75)),
    "ANC": (Decimal("0.5"), Decimal("1.0"), Decimal("1.5")),
    "WBC": (Decimal("1.0"), Decimal("2.0"), Decimal("3.0")),
    "LYMPH": (Decimal("0.2"), Decimal("0.5"), Decimal("0.8")),
    "HGB": (None, Decimal(80), Decimal(100)),
    "ALB": (None, Decimal(20), Decimal(30)),
}
# Rising: multiples of the upper limit of normal that make grade 4, 3 and 2.
RISING: dict[str, tuple[Decimal, Decimal, Decimal]] = {
    "CREAT": (Decimal(6), Decimal(3), Decimal("1.5")),
    "BILI": (Decimal(10), Decimal(3), Decimal("1.5")),
    "ALT": (Decimal(20), Decimal(5), Decimal(3)),
    "AST": (Decimal(20), Decimal(5), Decimal(3)),
    "ALP": (Decimal(20), Decimal(5), Decimal("2.5")),
    "GGT": (Decimal(20), Decimal(5), Decimal("2.5")),
}
TRIGGER = {"PLT": 2}
REQUIRED = ("PLT", "ANC", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST")


def thresholds_only(chart: Chart, today: date) -> tuple[int, int, int]:
    """The worst grade, how many analytes triggered in a second interval, and how many fresh ones lack."""
    days = sorted(cycle.on for cycle in chart.cycles)
    first = days[0]
    baseline: dict[str, Decimal] = {}
    shown: dict[str, set[int]] = {}
    newest: dict[str, date] = {}
    worst = 0
    for m in sorted(chart.measurements, key=lambda measurement: measurement.collected_at):
        value = m.value
        if value is None or m.quality or m.status not in USABLE:
            continue
        if m.collected_on < first:
            baseline[m.analyte] = value
            continue
        grade = grade_of(m.analyte, value, m.high)
        if m.analyte == "CREAT" and value >= baseline.get("CREAT", value) * Decimal("1.4"):
            grade = max(grade, 3)
        worst = max(worst, grade)
        interval = bisect_left(days, m.collected_on)
        if grade >= TRIGGER.get(m.analyte, 3):
            shown.setdefault(m.analyte, set()).add(interval)
        if interval == len(days):
            newest[m.analyte] = m.collected_on
    recurrent = sum(1 for intervals in shown.values() if len(intervals) > 1)
    on = max(chart.planned_on or today, today)
    lacking = sum(1 for a in REQUIRED if a not in newest or (on - newest[a]).days > 14)
    return worst, recurrent, lacking


def grade_of(analyte: str, value: Decimal, high: Decimal | None) -> int:
    """The grade of one number, 0 to 4."""
    if analyte in FALLING:
        four, three, two = FALLING[analyte]
        if four is not None and value < four:
            return 4
        return 3 if value < three else 2 if value < two else 0
    if analyte in RISING and high is not None:
        four, three, two = RISING[analyte]
        times = value / high
        return 4 if times > four else 3 if times > three else 2 if times > two else 0
    return 0
