"""Read how a person's results went during a course: the chart's readings, drawn over one common time axis."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from courses.models import Course
from courses.read_case import read_case
from courses.rules.derived import Case
from courses.rules.evidence import Sample, Standing
from courses.rules.grades_by_cycle import WorstGrade, grades_by_cycle, reported_by_cycle
from courses.rules.limit_lines import Lines, lines_of
from courses.rules.protocol import DERIVED, Protocol
from courses.rules.trends import Reading, readings
from courses.rules.values import AdverseEvent, GivenCycle, Measurement, Status
from courses.rules.wording import name_of, unit_of
from courses.time_axis import TimeAxis
from courses.trend_picture import LEFT, PLOT_WIDTH, Picture, draw
from labs.clinic_days import add_days, clinic_day, days_between
from labs.library import analytes
from labs.models import Result
from labs.models.result import WITHDRAWN
from labs.same_person import numbers_of
from labs.zones import clinic_zone

# So many results of one test are drawn on one page; what is older stands on the pages before it.
SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Days without a result between two that are shown, or since the newest one; too many to join them."""

    first: date
    last: date
    days: int
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One quantity of a page: its picture, its readings in the order of the table, and what must be said."""

    quantity: str
    name: str
    unit: str
    is_computed: bool
    picture: Picture | None
    lines: Lines | None
    lines_from: Sample | None
    gaps: tuple[Gap, ...]
    missing: tuple[Mapping[str, Any], ...]
    older: int
    not_computed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GradesOfTerm:
    """One row of the table of worst grades: each column by its name."""

    term: str
    quantity: str
    columns: tuple[tuple[str, WorstGrade], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedOfTerm:
    """One row of the table of what people reported: each column by its name."""

    term: str
    columns: tuple[tuple[str, AdverseEvent | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """One page of trends: every quantity over the same days, and the worst grades after each cycle."""

    trends: tuple[Trend, ...]
    grades: tuple[GradesOfTerm, ...]
    reported: tuple[ReportedOfTerm, ...]
    given: tuple[GivenCycle, ...]
    version: str
    first: date
    last: date
    earlier: date | None
    is_newest: bool
    longest_join: int


def trends_of(course: Course, *, today: date, until: date | None = None) -> Trends:
    """The trends of a course up to a day; a fixed number of queries, whatever came.

    Raises UnknownProtocol, and Fault where a recorded fact cannot be read.
    """
    case = read_case(course, today=today)
    found = {**readings(case)}
    for short, taken_back in _withdrawn(course, today=today).items():
        both = (*found.get(short, ()), *taken_back)
        found[short] = tuple(sorted(both, key=lambda each: each.sample.at))
    last = min(until or today, today)
    first, earlier = _window(found, case=case, last=last, is_newest=until is None or until >= today)
    axis = TimeAxis(first=first, last=last, left=LEFT, width=PLOT_WIDTH)
    # A gap of more than half the planned interval is left open: nobody knows what lay in between.
    join = case.protocol.schedule.interval_days // 2
    page = _Page(course=course, case=case, axis=axis, join=join, today=today)
    return Trends(
        trends=tuple(_trend(name, found.get(name, ()), page) for name in _in_order(found, case.protocol)),
        grades=_grades(found, case),
        reported=_reported(case),
        given=tuple(sorted(case.chart.cycles, key=lambda cycle: cycle.on)),
        version=case.protocol.criteria.version,
        first=first,
        last=last,
        earlier=earlier,
        is_newest=last == today,
        longest_join=join,
    )


def _reported(case: Case) -> tuple[ReportedOfTerm, ...]:
    given = sorted(case.chart.cycles, key=lambda cycle: cycle.on)
    names = ["Before the first cycle", *(f"After cycle {cycle.number}" for cycle in given)]
    return tuple(
        ReportedOfTerm(term=row.term, columns=tuple(zip(names, row.cells, strict=True)))
        for row in reported_by_cycle(case)
    )


def _grades(found: Mapping[str, Sequence[Reading]], case: Case) -> tuple[GradesOfTerm, ...]:
    given = sorted(case.chart.cycles, key=lambda cycle: cycle.on)
    names = ["Baseline", *(f"After cycle {cycle.number}" for cycle in given)]
    return tuple(
        GradesOfTerm(term=row.term, quantity=row.quantity, columns=tuple(zip(names, row.cells, strict=True)))
        for row in grades_by_cycle(found, case)
    )


def _withdrawn(course: Course, *, today: date) -> Mapping[str, list[Reading]]:
    """What the laboratory took back: that it came and is gone, never what it said."""
    rows = Result.objects.filter(
        patient__in=numbers_of(course.patient_id), current__status__in=WITHDRAWN
    ).select_related("current")
    found: dict[str, list[Reading]] = {}
    for row in rows.order_by("collected_at", "pk"):
        assert row.current is not None
        measurement = Measurement(
            analyte=row.analyte,
            code=row.current.loinc,
            value=None,
            unit=row.current.unit,
            collected_at=row.collected_at,
            collected_on=clinic_day(row.collected_at, clinic_zone()),
            status=Status(row.current.status),
            result=f"result-{row.pk}",
            ref=str(row.current.public_id),
        )
        if measurement.collected_on <= today and row.analyte in analytes():
            why = row.current.get_status_display().lower()
            sample = Sample(measurement=measurement, value=None, standing=Standing.WITHDRAWN, why=why)
            found.setdefault(row.analyte, []).append(Reading.alone(sample))
    return found


def _window(
    found: Mapping[str, Sequence[Reading]], *, case: Case, last: date, is_newest: bool
) -> tuple[date, date | None]:
    """The first day of a page that ends on `last`, and on which day the page before it ends.

    Of no test are more results drawn than are readable. The newest page begins with the course, one interval
    before its first administration, so that results of earlier years do not press it together.
    """
    days = {name: [each.sample.day for each in own if each.sample.day <= last] for name, own in found.items()}
    firsts = [own[-SHOWN:][0] for own in days.values() if own]
    oldest = min((own[0] for own in days.values() if own), default=None)
    crowded = [own[-SHOWN] for own in days.values() if len(own) > SHOWN]
    first = max(crowded) if crowded else min(firsts, default=add_days(last, -1))
    if is_newest and case.history.cycle_days:
        begun = add_days(case.history.cycle_days[0], -case.protocol.schedule.interval_days)
        first = max(first, min(begun, last))
    first = min(first, add_days(last, -1))
    return first, add_days(first, -1) if oldest is not None and oldest < first else None


def _in_order(found: Mapping[str, Sequence[Reading]], plan: Protocol) -> list[str]:
    """What the protocol asks for always first, measured or not; then all else that was ever measured."""
    always = [row.analyte for row in plan.labs if row.always]
    rest = [*analytes(), *DERIVED]
    return list(dict.fromkeys([*always, *(name for name in rest if name in found)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What all quantities of a page share."""

    course: Course
    case: Case
    axis: TimeAxis
    join: int
    today: date


def _trend(quantity: str, own: Sequence[Reading], page: _Page) -> Trend:
    case, axis = page.case, page.axis
    known = [each for each in own if each.value is not None or quantity not in DERIVED]
    shown = [each for each in known if axis.holds(each.sample.day)]
    newest = next((each for each in reversed(shown) if each.sample.standing is Standing.DECISIVE), None)
    lines = None if newest is None else lines_of(quantity, newest.moment, case)
    picture = None
    if shown:
        picture = draw(shown, lines=lines, given=case.chart.cycles, axis=axis, longest_join=page.join)
    return Trend(
        quantity=quantity,
        name=name_of(quantity, case.protocol),
        unit=unit_of(quantity, case.protocol),
        is_computed=quantity in DERIVED,
        picture=picture,
        lines=lines,
        lines_from=None if newest is None else newest.sample,
        gaps=tuple(_gaps(shown, page)),
        missing=tuple(_missing(quantity, page.course)),
        older=sum(each.sample.day < axis.first for each in known),
        not_computed=sum(axis.holds(each.sample.day) for each in own) - len(shown),
    )


def _gaps(shown: Sequence[Reading], page: _Page) -> Iterator[Gap]:
    """Where the line is broken because too many days lie between two results, and since when none came."""
    days = [each.sample.day for each in shown if each.value is not None]
    for one, other in itertools.pairwise(days):
        if days_between(one, other) > page.join:
            yield Gap(first=one, last=other, days=days_between(one, other))
    is_now = page.axis.last == page.today and page.course.is_open
    if days and is_now and days_between(days[-1], page.today) > page.join:
        since = days_between(days[-1], page.today)
        yield Gap(first=days[-1], last=page.today, days=since, is_open=True)


def _missing(quantity: str, course: Course) -> Iterable[Mapping[str, Any]]:
    """What the decision that stands says is missing of it."""
    decision = course.current_decision
    gaps = decision.answer.get("missing", []) if decision is not None and course.is_open else []
    analyte = analytes().get(quantity)
    code = quantity if analyte is None else analyte.loinc
    return [gap for gap in gaps if gap.get("code") == code]
