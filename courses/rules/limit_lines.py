"""Where the lines of one quantity lie at one moment: the bands of its grades, and the limits rules act on."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from operator import itemgetter

from courses.rules.ctcae import condition_holds
from courses.rules.derived import Case, Moment
from courses.rules.judging import limit_of
from courses.rules.protocol import Bound, Criterion, Floor, GradeRow, ToxicityFamily, When
from courses.rules.values import Action, Source
from courses.rules.wording import bound_words, name_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeBand:
    """The values of one grade of one term; an end of None is open. Symptoms may decide up to `grade_to`."""

    term: str
    grade: int
    grade_to: int
    low: Fraction | None
    high: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """The value, where it is known, from which on a rule of the protocol acts, and what it then does."""

    rule: str
    action: Action
    words: str
    limit: Fraction | None
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Everything that is drawn behind one quantity, and in words what could not be placed."""

    bands: tuple[GradeBand, ...]
    rules: tuple[RuleLine, ...]
    not_placed: tuple[str, ...]


def lines_of(quantity: str, moment: Moment, case: Case) -> Lines:
    """The bands and lines of a quantity, with the limits of normal and the baseline as at a moment."""
    bands: list[GradeBand] = []
    not_placed: list[str] = []
    criteria = [each for each in case.protocol.criteria.by_term.values() if each.quantity == quantity]
    for criterion in criteria:
        bands += _bands(criterion, moment, case)
        not_placed += _not_placed(criterion, moment, case)
    rules = [line for family in case.protocol.families for line in _of_family(family, quantity, moment, case)]
    rules += [line for floor in case.protocol.floors for line in _of_floor(floor, quantity, moment, case)]
    not_placed += [f"{line.rule}, {line.words}" for line in rules if line.limit is None]
    return Lines(
        bands=tuple(bands),
        rules=tuple(line for line in rules if line.limit is not None),
        not_placed=tuple(dict.fromkeys(not_placed)),
    )


def _placed(criterion: Criterion, moment: Moment, case: Case) -> Iterator[tuple[GradeRow, Fraction]]:
    """The rows that apply and whose limit is one number."""
    for row in criterion.rows:
        applies = row.condition is None or condition_holds(row.condition, criterion, case).holds is True
        limit = limit_of(row.bound, moment, case).value
        if applies and limit is not None and limit.low is not None and limit.is_exact:
            yield row, limit.low


def _bands(criterion: Criterion, moment: Moment, case: Case) -> Iterator[GradeBand]:
    """Each grade from its mildest limit to where the next worse grade begins; a grade inside it has none."""
    placed = list(_placed(criterion, moment, case))
    low = criterion.rows[0].bound.is_low
    worse: Fraction | None = None
    for grade in sorted({row.grade for row, _ in placed}, reverse=True):
        limits = [limit for row, limit in placed if row.grade == grade]
        edge = max(limits) if low else min(limits)
        if worse is not None and (edge <= worse if low else edge >= worse):
            continue
        up_to = max(row.grade_to for row, _ in placed if row.grade == grade)
        yield GradeBand(
            term=criterion.term,
            grade=grade,
            grade_to=up_to,
            low=worse if low else edge,
            high=edge if low else worse,
        )
        worse = edge


def _not_placed(criterion: Criterion, moment: Moment, case: Case) -> Iterator[str]:
    """The rows that may apply and have no limit, or of which nobody knows whether they apply, in words."""
    known = {id(row) for row, _ in _placed(criterion, moment, case)}
    for row in criterion.rows:
        holds = True if row.condition is None else condition_holds(row.condition, criterion, case).holds
        if id(row) not in known and holds is not False:
            doubt = ", if that applies" if holds is None else ""
            yield f"grade {row.grade} of {criterion.term}, {bound_words(row.bound, None, case)}{doubt}"


def _of_family(family: ToxicityFamily, quantity: str, moment: Moment, case: Case) -> Iterator[RuleLine]:
    """The limits of a row that acts: its own bounds, and where the grade that triggers begins."""
    if family.never_acts:
        return
    line = partial(RuleLine, rule=family.id, action=family.on_first, source=family.source)
    for criterion in family.criteria:
        for words, limit in _of_bounds(criterion.bounds, quantity, moment, case):
            yield line(words=words, limit=limit)
    for term in family.terms:
        graded = case.protocol.criteria.by_term[term]
        placed = _placed(graded, moment, case) if graded.quantity == quantity else ()
        acting = [(row, limit) for row, limit in placed if row.grade >= family.trigger_grade]
        if acting:
            mildest = max if graded.rows[0].bound.is_low else min
            row, limit = mildest(acting, key=itemgetter(1))
            words = f"{bound_words(row.bound, moment, case)} (grade {family.trigger_grade} or worse)"
            yield line(words=words, limit=limit)


def _of_floor(floor: Floor, quantity: str, moment: Moment, case: Case) -> Iterator[RuleLine]:
    """The limits of a floor that acts, as long as it is asked."""
    is_over = floor.when is When.FIRST_CYCLE and case.chart.cycles
    if not is_over and floor.action > Action.PROCEED:
        for words, limit in _of_bounds(floor.bounds, quantity, moment, case):
            yield RuleLine(rule=floor.id, action=floor.action, words=words, limit=limit, source=floor.source)


def _of_bounds(
    bounds: tuple[Bound, ...], quantity: str, moment: Moment, case: Case
) -> Iterator[tuple[str, Fraction | None]]:
    """The bounds of this quantity in words, with what must hold beside them for the rule to act."""
    for bound in bounds:
        if bound.quantity != quantity:
            continue
        limit = limit_of(bound, moment, case).value
        beside = " and ".join(
            f"{name_of(other.quantity, case.protocol)} {bound_words(other, None, case)}"
            for other in bounds
            if other is not bound
        )
        together = f", together with {beside}" if beside else ""
        known = limit.low if limit is not None and limit.is_exact else None
        yield f"{bound_words(bound, moment, case)}{together}", known
