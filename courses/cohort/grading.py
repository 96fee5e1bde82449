"""The worst grade of every measured term between one administration and the next, as the rules grade it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from courses.cohort.words import UNUSABLE
from courses.rules.ctcae import grade
from courses.rules.derived import Case, Moment
from courses.rules.evidence import read_history
from courses.rules.judging import parts_of
from courses.rules.protocol import Criterion, Protocol
from courses.rules.tracks import moments
from courses.rules.values import Chart

# The worst grade that a laboratory value may have.
_WORST = 4


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
    administration was drawn before it. One that is in doubt leaves open what it may mean.
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
    for interval, term, worst in _perhaps(case, by_part):
        low, high = found.setdefault((interval, term), (UNUSABLE, UNUSABLE))
        if low != UNUSABLE:
            found[interval, term] = (low, max(high, worst))
    for (interval, term), (low, high) in sorted(found.items()):
        yield WorstGrade(cycle=numbers[interval - 1], term=term, low=low, high=high)


def _perhaps(case: Case, by_part: Mapping[str, tuple[Criterion, ...]]) -> Iterator[tuple[int, str, int]]:
    """What results that are in doubt may mean: the interval, the term, and the worst grade that leaves open.

    Without a number every grade is open. What two people call not representative means nothing.
    """
    for sample in case.history.doubtful:
        interval = case.history.interval_of(sample.day)
        if interval == 0 or sample.not_representative:
            continue
        moment = Moment(day=sample.day, interval=interval, samples={sample.analyte: sample})
        for criterion in by_part.get(sample.analyte, ()):
            if parts_of(criterion.quantity)[0] == sample.analyte:
                worst = _WORST if sample.value is None else grade(criterion, moment, case).high
                yield interval, criterion.term, worst


def _by_part(protocol: Protocol) -> dict[str, tuple[Criterion, ...]]:
    """The terms that a result of each analyte bears on."""
    found: dict[str, list[Criterion]] = defaultdict(list)
    for criterion in protocol.criteria.by_term.values():
        for part in parts_of(criterion.quantity):
            found[part].append(criterion)
    return {part: tuple(criteria) for part, criteria in found.items()}
