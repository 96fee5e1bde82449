"""Look at the panels that arrived: which brought less than they usually do."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.library import policy
from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from alerts.watch_rules import lacking
from courses.library import UnknownProtocol, protocol
from courses.models import Course
from labs.models import LabReport, Observation, QuarantinedResult
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
    arrivals = _Arrivals(_reports())
    courses = _courses({report.patient for report in arrivals.reports})
    conditions = [
        condition
        for report in arrivals.reports
        if report.patient in courses and _is_ripe(report, now=now)
        if (condition := _panel_condition(report, arrivals, courses[report.patient]))
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


class _Arrivals:
    """Which analytes came with each report, under each order and of each draw."""

    def __init__(self, reports: Sequence[_Report]) -> None:
        self.reports = reports
        self.of_report: dict[int, set[str]] = defaultdict(set)
        self.of_order: dict[tuple[int, str, str], set[str]] = defaultdict(set)
        self.of_draw: dict[tuple[int, datetime], set[str]] = defaultdict(set)
        self.draws: dict[int, set[datetime]] = defaultdict(set)
        if reports:
            self._add_stated()
            self._add_held()
            for report in reports:
                self.of_order[report.patient, report.sender, report.order] |= self.of_report[report.pk]

    def _add_stated(self) -> None:
        """What stands; a result that was withdrawn has not come."""
        rows = (
            Observation.objects.filter(report__gte=self.reports[-1].pk)
            .exclude(status__in=WITHDRAWN)
            .exclude(result__current__status__in=WITHDRAWN)
            .values_list("report", "patient", "collected_at", "analyte")
            .order_by()
        )
        for report, patient, collected_at, analyte in rows:
            assert report is not None
            self.of_report[report].add(analyte)
            self.draws[report].add(collected_at)
            self.of_draw[patient, collected_at].add(analyte)

    def _add_held(self) -> None:
        """What is kept apart for a person has arrived too, and has alerts of its own."""
        by_message: dict[int, list[int]] = defaultdict(list)
        for report in self.reports:
            by_message[report.message].append(report.pk)
        held = QuarantinedResult.objects.filter(message__gte=min(by_message)).exclude(analyte="")
        for message, analyte in held.values_list("message", "analyte").order_by():
            for pk in by_message.get(message, ()):
                self.of_report[pk].add(analyte)

    def with_report(self, report: _Report) -> frozenset[str]:
        """What came with a report, and with others under its order or of its draw.

        A repeated report states only what is new; the rest of it came before.
        """
        found = set(self.of_report[report.pk])
        if report.order:
            found |= self.of_order[report.patient, report.sender, report.order]
        for collected_at in self.draws[report.pk]:
            found |= self.of_draw[report.patient, collected_at]
        return frozenset(found)

    def before(self, report: _Report) -> Iterator[frozenset[str]]:
        """What earlier reports of the same panel of the same source brought."""
        for each in self.reports:
            if each.pk < report.pk and (each.sender, each.panel) == (report.sender, report.panel):
                yield frozenset(self.of_report[each.pk])


def _courses(patients: set[int]) -> dict[int, Course]:
    return {course.patient_id: course for course in Course.objects.open().filter(patient__in=patients)}


def _is_ripe(report: _Report, *, now: datetime) -> bool:
    """Old enough that the rest should have come, young enough to be chased."""
    limits = policy().watch
    age = now - report.received_at
    return timedelta(minutes=limits.panel_wait_minutes) <= age < timedelta(days=limits.panel_look_back_days)


def _panel_condition(report: _Report, arrivals: _Arrivals, course: Course) -> Condition | None:
    """What one report lacks of what its panel usually brings; none where nothing is missed."""
    missing = lacking(
        arrived=arrivals.with_report(report),
        earlier=arrivals.before(report),
        required=_required(course),
        usual_after=policy().watch.panel_usual_after,
    )
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
