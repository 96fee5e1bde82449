"""Look at what arrived: a panel that brought less than it usually does, a unit that is not the usual one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from alerts.library import policy
from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from alerts.watch_rules import lacking, unit_ratio
from courses.library import UnknownProtocol, protocol
from courses.models import Course
from labs.library import analytes
from labs.models import LabReport, Observation, QuarantinedResult, UnitUse
from labs.models.result import WITHDRAWN
from labs.services.canary_lab import CANARY_SENDER


class _Report(NamedTuple):
    """The columns of a report that the look at panels needs."""

    pk: int
    message: int
    sender: str
    panel: str
    patient: int
    order: str
    received_at: datetime


def watch_panels(*, now: datetime) -> int:
    """One alert for each open course whose newest panels lack required analytes that they usually bring."""
    reports = _reports()
    brought = _brought(reports)
    courses = _courses({report.patient for report in reports})
    conditions = [
        condition
        for report in reports
        if report.patient in courses and _is_ripe(report, now=now)
        if (condition := _panel_condition(report, reports, brought, courses[report.patient]))
    ]
    return settle(kinds=[Kind.PANEL_INCOMPLETE], conditions=_one_each(conditions), now=now)


def _reports() -> list[_Report]:
    """The newest reports that name their panel, newest first."""
    rows = (
        LabReport.objects.exclude(panel="")
        .exclude(message__sender=CANARY_SENDER)
        .order_by("-pk")
        .values_list("pk", "message", "message__sender", "panel", "patient", "filler_order", "received_at")[
            : policy().watch.panel_memory
        ]
    )
    return [_Report(*row) for row in rows]


def _brought(reports: Sequence[_Report]) -> Mapping[int, frozenset[str]]:
    """Which analytes each report brought; one that is kept apart for a person has arrived too."""
    found: dict[int, set[str]] = defaultdict(set)
    if not reports:
        return {}
    oldest = reports[-1].pk
    stated = Observation.objects.filter(report__gte=oldest).exclude(status__in=WITHDRAWN)
    for report, analyte in stated.values_list("report", "analyte").order_by():
        found[report].add(analyte)
    by_message: dict[int, list[int]] = defaultdict(list)
    for each in reports:
        by_message[each.message].append(each.pk)
    held = QuarantinedResult.objects.filter(message__gte=min(by_message)).exclude(analyte="")
    for message, analyte in held.values_list("message", "analyte").order_by():
        for report in by_message.get(message, ()):
            found[report].add(analyte)
    return {report: frozenset(shorts) for report, shorts in found.items()}


def _courses(patients: set[int]) -> dict[int, Course]:
    return {course.patient_id: course for course in Course.objects.open().filter(patient__in=patients)}


def _is_ripe(report: _Report, *, now: datetime) -> bool:
    """Old enough that the rest should have come, young enough to be chased."""
    limits = policy().watch
    age = now - report.received_at
    return timedelta(minutes=limits.panel_wait_minutes) <= age < timedelta(days=limits.panel_look_back_days)


def _panel_condition(
    report: _Report, reports: Sequence[_Report], brought: Mapping[int, frozenset[str]], course: Course
) -> Condition | None:
    """The gap of one report, where it has one."""
    missing = _missing_of(report, reports, brought, required=_required(course))
    if not missing:
        return None
    about = {
        "source": report.sender,
        "panel": report.panel,
        "analytes": list(missing),
        "since": report.received_at.isoformat(),
    }
    return Condition(
        kind=Kind.PANEL_INCOMPLETE,
        key=key_of(Kind.PANEL_INCOMPLETE, f"course-{course.pk}"),
        subject=Subject(course=course, about=about),
    )


def _missing_of(
    report: _Report,
    reports: Sequence[_Report],
    brought: Mapping[int, frozenset[str]],
    *,
    required: frozenset[str],
) -> tuple[str, ...]:
    """What one report lacks of what its panel usually brings, counting all that came under its order."""
    nothing: frozenset[str] = frozenset()
    order = (report.patient, report.sender, report.order)
    arrived = nothing.union(
        *(
            brought.get(each.pk, nothing)
            for each in reports
            if each.pk == report.pk or (report.order and (each.patient, each.sender, each.order) == order)
        )
    )
    earlier = (
        brought.get(each.pk, nothing)
        for each in reports
        if each.pk < report.pk and (each.sender, each.panel) == (report.sender, report.panel)
    )
    return lacking(
        arrived=arrived, earlier=earlier, required=required, usual_after=policy().watch.panel_usual_after
    )


def _one_each(conditions: Sequence[Condition]) -> list[Condition]:
    """One condition a course: its newest panel with a gap."""
    found: dict[str, Condition] = {}
    for condition in conditions:
        found.setdefault(condition.key, condition)
    return list(found.values())


def _required(course: Course) -> frozenset[str]:
    """The analytes that the course's protocol asks for before each cycle."""
    try:
        return frozenset(row.analyte for row in protocol(course.protocol_id).labs)
    except UnknownProtocol:
        return frozenset()  # the course itself is held for it, with an alert of its own


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
