"""The worst grade of every measured term between one administration and the next, as the rules grade it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from courses.cohort.words import UNUSABLE
from courses.rules.ctcae import grade
from courses.rules.derived import Case
from courses.rules.evidence import read_history
from courses.rules.judging import parts_of
from courses.rules.protocol import Criterion, Protocol
from courses.rules.tracks import moments
from courses.rules.values import Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstGrade:
    """Surely at least `low`, perhaps up to `high`; both `UNUSABLE` where no result of it may be used."""

    cycle: int
    term: str
    low: int
    high: int


def worst_grades(chart: Chart, protocol: Protocol) -> Iterator[WorstGrade]:
    """One for each given cycle and each term of which any result came after it; before cycle 1 none.

    As in a decision, only a final and reliable result gives a grade, and a specimen of the day of an
    administration was drawn before it.
    """
    case = Case(chart=chart, history=read_history(chart), protocol=protocol)
    numbers = [cycle.number for cycle in sorted(chart.cycles, key=lambda cycle: cycle.on)]
    by_part = _by_part(protocol)
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for moment, drawn in moments(case):
        if moment.interval == 0:
            continue
        named = {c.term: c for short in sorted(drawn) for c in by_part.get(short, ())}
        for term, criterion in named.items():
            if parts_of(criterion.quantity)[0] not in moment.samples:
                continue
            now = grade(criterion, moment, case)
            key = (moment.interval, term)
            low, high = found.get(key, (0, 0))
            found[key] = (max(low, now.low), max(high, now.high))
    for sample in case.history.doubtful:
        interval = case.history.interval_of(sample.day)
        for criterion in by_part.get(sample.analyte, ()) if interval else ():
            if parts_of(criterion.quantity)[0] == sample.analyte:
                found.setdefault((interval, criterion.term), (UNUSABLE, UNUSABLE))
    for (interval, term), (low, high) in sorted(found.items()):
        yield WorstGrade(cycle=numbers[interval - 1], term=term, low=low, high=high)


def _by_part(protocol: Protocol) -> dict[str, tuple[Criterion, ...]]:
    """The terms that a result of each analyte bears on."""
    found: dict[str, list[Criterion]] = defaultdict(list)
    for criterion in protocol.criteria.by_term.values():
        for part in parts_of(criterion.quantity):
            found[part].append(criterion)
    return {part: tuple(criteria) for part, criteria in found.items()}
