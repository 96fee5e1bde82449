"""The worst grade of every term after each administration, measured or reported; unknown is said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from courses.rules.ctcae import grade_at_baseline
from courses.rules.derived import Case
from courses.rules.trends import Reading
from courses.rules.values import AdverseEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstGrade:
    """The worst grade within one column: for sure `grade`, perhaps `perhaps`, and why that is not known.

    Without a measurement there is no grade. `on` is the day of the first reading with that grade. `not_used`
    counts the results that are not relied on and were not graded.
    """

    grade: int | None = None
    perhaps: int | None = None
    why: str = ""
    on: date | None = None
    not_used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TermRow:
    """One term: its grade at the baseline, then the worst after each administration in turn."""

    term: str
    quantity: str
    cells: tuple[WorstGrade, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRow:
    """One term that people reported: the worst before the first administration, then after each in turn.

    Where nobody reported it, that is no grade 0: nobody may have asked.
    """

    term: str
    cells: tuple[AdverseEvent | None, ...]


def reported_by_cycle(case: Case) -> tuple[ReportedRow, ...]:
    """A row for every term of a standing adverse event; one that lasts counts in each time it lasts into."""
    starts = sorted(cycle.on for cycle in case.chart.cycles)
    spans = tuple(pairwise((None, *starts, None)))
    by_term: dict[str, list[AdverseEvent]] = {}
    for event in sorted(case.chart.adverse_events, key=lambda each: (each.began_on, each.term)):
        by_term.setdefault(event.term.casefold(), []).append(event)
    return tuple(
        ReportedRow(term=own[0].term, cells=tuple(_worst_reported(own, first, end) for first, end in spans))
        for own in by_term.values()
    )


def _worst_reported(own: Sequence[AdverseEvent], first: date | None, end: date | None) -> AdverseEvent | None:
    """The worst event between two administrations; of equal ones one not said to be of another cause."""
    within = [
        each
        for each in own
        if (end is None or each.began_on < end)
        and (first is None or each.began_on >= first or each.ended_on is None or each.ended_on > first)
    ]
    return max(within, key=lambda each: (each.grade, each.related is not False), default=None)


def grades_by_cycle(found: Mapping[str, Sequence[Reading]], case: Case) -> tuple[TermRow, ...]:
    """A row for every term that was ever measured; the first column is the baseline's."""
    return tuple(_rows(found, case))


def _rows(found: Mapping[str, Sequence[Reading]], case: Case) -> Iterator[TermRow]:
    for criterion in case.protocol.criteria.by_term.values():
        if criterion.quantity not in found:
            continue
        own = found[criterion.quantity]
        baseline = grade_at_baseline(criterion, case)
        first = WorstGrade()
        if baseline is not None:
            first = WorstGrade(
                grade=baseline.low,
                perhaps=None if baseline.is_exact else baseline.high,
                why=baseline.ungradable,
            )
        after = (
            _worst(criterion.term, (each for each in own if each.interval == interval))
            for interval in range(1, case.history.given + 1)
        )
        yield TermRow(term=criterion.term, quantity=criterion.quantity, cells=(first, *after))


def _worst(term: str, own: Iterable[Reading]) -> WorstGrade:
    """The worst that is sure, and whether any reading may have been worse still."""
    found = list(own)
    not_used = sum(not each.grades for each in found)
    graded = [(each, one.found) for each in found for one in each.grades if one.term == term]
    if not graded:
        return WorstGrade(not_used=not_used)
    reading, sure = max(graded, key=lambda each: (each[1].low, -each[0].sample.day.toordinal()))
    high = max(graded, key=lambda each: each[1].high)[1]
    unsure = high if high.high > sure.low else None
    return WorstGrade(
        grade=sure.low,
        perhaps=None if unsure is None else unsure.high,
        why="" if unsure is None else unsure.ungradable,
        on=reading.sample.day,
        not_used=not_used,
    )
