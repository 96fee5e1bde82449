"""How each quantity went over a chart: every reading with its grades, and the worst after each cycle."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from courses.rules.ctcae import GradeRange, grade
from courses.rules.derived import Case, Moment, quantity_at
from courses.rules.evidence import Sample, Standing
from courses.rules.intervals import Interval, is_further
from courses.rules.judging import parts_of
from courses.rules.protocol import DERIVED
from courses.rules.tracks import moments


@dataclass(frozen=True, slots=True, kw_only=True)
class TermGrade:
    """What one term comes to at one reading; of a quantity that rises and falls there are two terms."""

    term: str
    found: GradeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One specimen's say on one quantity, measured or computed; no value where none can be told.

    `moment` is everything that is read together with it: of a result that is not relied on, itself alone.
    """

    quantity: str
    sample: Sample
    value: Interval | None
    interval: int
    moment: Moment
    grades: tuple[TermGrade, ...] = ()
    is_worst: bool = False

    @classmethod
    def alone(cls, sample: Sample, *, interval: int = 0) -> "Reading":
        """A result that is not relied on, as it came: read with nothing else, and never graded."""
        moment = Moment(day=sample.day, interval=interval, samples={sample.analyte: sample})
        return cls(
            quantity=sample.analyte, sample=sample, value=sample.value, interval=interval, moment=moment
        )

    @property
    def worst_grade(self) -> TermGrade | None:
        """The worst of its grades; of equal ones that which could be worse."""
        return max(self.grades, key=lambda each: (each.found.low, each.found.high), default=None)


def readings(case: Case) -> Mapping[str, tuple[Reading, ...]]:
    """Every reading by its quantity, oldest first; computed quantities stand beside what they come from."""
    found: dict[str, list[Reading]] = defaultdict(list)
    for moment, drawn in moments(case):
        for short in drawn:
            found[short].append(_read(short, moment.samples[short], moment, case))
        for derived in DERIVED:
            main, *_ = parts_of(derived)
            if main in drawn:
                found[derived].append(_read(derived, moment.samples[main], moment, case))
    for sample in case.history.doubtful:
        interval = case.history.interval_of(sample.day)
        found[sample.analyte].append(Reading.alone(sample, interval=interval))
    return {name: tuple(_with_worst(name, each, case)) for name, each in found.items()}


def _read(quantity: str, sample: Sample, moment: Moment, case: Case) -> Reading:
    value = sample.value if quantity not in DERIVED else quantity_at(quantity, moment, case).value
    terms = (each for each in case.protocol.criteria.by_term.values() if each.quantity == quantity)
    graded = (TermGrade(term=each.term, found=grade(each, moment, case)) for each in terms)
    return Reading(
        quantity=quantity,
        sample=sample,
        value=value,
        interval=moment.interval,
        moment=moment,
        grades=tuple(graded),
    )


def falls(quantity: str, case: Case) -> bool | None:
    """Whether a toxicity lets a quantity fall, or rise; None where the criteria know both or neither."""
    sides = {
        criterion.rows[0].bound.is_low
        for criterion in case.protocol.criteria.by_term.values()
        if criterion.quantity == quantity
    }
    for family in case.protocol.families:
        bounds = (bound for criterion in family.criteria for bound in criterion.bounds)
        sides |= {bound.is_low for bound in bounds if bound.quantity == quantity}
    return sides.pop() if len(sides) == 1 else None


def _with_worst(quantity: str, found: Iterable[Reading], case: Case) -> Iterator[Reading]:
    """In order of time, with the nadir or peak after each administration marked, as episodes know it.

    A worse grade is worse, and within one grade a value further out; of equal ones the first.
    """
    in_time = sorted(found, key=_in_time)
    low = falls(quantity, case)
    worst: dict[int, tuple[Reading, Interval]] = {}
    for each in in_time:
        if low is None or each.value is None or each.interval == 0 or not _is_relied_on(each):
            continue
        new = each, each.value
        before = worst.get(each.interval)
        if before is None or _is_worse(new, before, low=low):
            worst[each.interval] = new
    marked = {id(each) for each, _ in worst.values()}
    return (replace(each, is_worst=True) if id(each) in marked else each for each in in_time)


def _is_worse(new: tuple[Reading, Interval], old: tuple[Reading, Interval], *, low: bool) -> bool:
    grade, before = _sure_grade(new[0]), _sure_grade(old[0])
    return grade > before or (grade == before and is_further(new[1], old[1], low=low))


def _sure_grade(reading: Reading) -> int:
    return max([0, *(each.found.low for each in reading.grades)])


def _is_relied_on(reading: Reading) -> bool:
    return reading.sample.standing is Standing.DECISIVE


def _in_time(reading: Reading) -> tuple[datetime, str]:
    return reading.sample.at, reading.sample.measurement.ref
