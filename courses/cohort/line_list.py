"""The cohort's rows, one for each cycle of each patient, with pseudonyms or, where asked for, with names."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from courses.cohort.words import PER_GBQ, UNUSABLE, Cell, CohortRows, CycleRow, Table
from courses.models import Course
from courses.rules.action_words import GO

LINE_LIST = "line-list"
_PSEUDONYM = 13  # letters of the public number: 48 bits tell many thousand people apart
_FIRST = ("Patient (pseudonym)", "Course (pseudonym)")
_NAMES = ("Number", "Family name", "Given name", "Born on")
_FACTS = (
    "Protocol", "CTCAE", "Course status", "How it stands", "Cycle", "Planned on", "Given on",
    "Given elsewhere", "Administered GBq", "Cumulative GBq", "Activity level", "Days since the cycle before",
    "Days past the window", "Causes of delay", "Days of delay recorded", "Signed to go ahead",
    "Days from result to that signature",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose course it is."""

    patient: str
    course: str
    names: tuple[Cell, ...]


def identities(courses: QuerySet[Course]) -> dict[int, Identity]:
    """By course, in one query."""
    rows = courses.values_list(
        "pk",
        "public_id",
        "patient__public_id",
        "patient__mrn",
        "patient__family",
        "patient__given",
        "patient__birth_date",
    )
    return {
        course: Identity(
            patient=_pseudonym(patient), course=_pseudonym(public), names=(mrn, family, given, born)
        )
        for course, public, patient, mrn, family, given, born in rows
    }


def _pseudonym(public_id: UUID) -> str:
    return str(public_id)[:_PSEUDONYM]


def line_list(rows: CohortRows, of: Mapping[int, Identity], *, with_names: bool) -> Table:
    """One row for each cycle, given or not, in the order of the courses."""
    terms = tuple(dict.fromkeys(term for each in rows.terms.values() for term in each))
    names = _NAMES if with_names else ()
    return Table(
        key=LINE_LIST,
        title="One row for each cycle",
        about="Worst grade of each term from the day after the cycle to the next one.",
        header=(*_FIRST, *names, *_FACTS, *terms),
        rows=tuple(_lines(rows, of, terms, with_names=with_names)),
        names=2,
    )


def _lines(
    rows: CohortRows, of: Mapping[int, Identity], terms: tuple[str, ...], *, with_names: bool
) -> Iterator[tuple[Cell, ...]]:
    courses = {course.course: course for course in rows.courses}
    grades = {(g.course, g.cycle, g.term): (g.low, g.high) for g in rows.grades}
    delays: dict[tuple[int, int], list[tuple[str, int | None]]] = defaultdict(list)
    for delay in rows.delays:
        delays[delay.course, delay.cycle].append((delay.cause, delay.days))
    signed = {(d.course, d.cycle): (d.meaning, d.days) for d in rows.decisions if d.meaning in GO}
    so_far: dict[int, int] = defaultdict(int)
    for cycle in rows.cycles:
        course, identity = courses[cycle.course], of[cycle.course]
        so_far[cycle.course] += cycle.activity_100kbq or 0
        causes = delays.get((cycle.course, cycle.cycle), [])
        known = [days for _, days in causes if days is not None]
        meaning, days = signed.get((cycle.course, cycle.cycle), ("", None))
        yield (
            identity.patient,
            identity.course,
            *(identity.names if with_names else ()),
            course.protocol,
            course.ctcae,
            course.status,
            course.ending,
            cycle.cycle,
            cycle.planned_on,
            cycle.given_on,
            "yes" if cycle.elsewhere else "no",
            _gbq(cycle.activity_100kbq),
            _gbq(so_far[cycle.course]) if cycle.given_on else None,
            cycle.level,
            cycle.interval_days,
            cycle.late_days,
            "; ".join(cause for cause, _ in causes),
            sum(known) if causes and len(known) == len(causes) else None,
            meaning,
            days,
            *(_grade(cycle, grades.get((cycle.course, cycle.cycle, term))) for term in terms),
        )


def _gbq(activity_100kbq: int | None) -> Decimal | None:
    return None if activity_100kbq is None else Decimal(activity_100kbq) / PER_GBQ


def _grade(cycle: CycleRow, found: tuple[int, int] | None) -> Cell:
    """A grade, the grades left open, or why there is none; nothing after a cycle that was not given."""
    if cycle.given_on is None or not cycle.ctcae:
        return None
    if found is None:
        return "no result"
    low, high = found
    if low == UNUSABLE:
        return "only unusable results"
    return low if low == high else f"{low} to {high}"
