"""What physicians said of the cause of laboratory findings, and for how long each word stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from courses.rules.derived import Case
from courses.rules.facts import Attribution
from courses.rules.manual_grades import is_named
from courses.rules.protocol import Criterion


def attributions_of(criterion: Criterion, case: Case) -> tuple[Attribution, ...]:
    """Every attribution of a term, oldest first; of two from one day the one that excuses less comes last."""
    mine = [a for a in case.chart.attributions if is_named(criterion, a.term)]
    return tuple(sorted(mine, key=lambda a: (a.on, a.related, -a.grade, a.by, a.reason, a.ref)))


def newest_on(attributions: Iterable[Attribution], day: date) -> Attribution | None:
    """Of attributions listed oldest first the one that speaks of a finding of this day: the newest wins."""
    return next((a for a in reversed(tuple(attributions)) if a.on <= day), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """The attributions of one term, and those of them that a worse finding has ended for good."""

    attributions: tuple[Attribution, ...] = ()
    ended: tuple[Attribution, ...] = ()

    def after(self, day: date, grade: int) -> "Spoken":
        """The same once a finding of surely this grade has been seen."""
        newest = newest_on(self.attributions, day)
        if newest is None or newest.related or grade <= newest.grade or newest in self.ended:
            return self
        return Spoken(attributions=self.attributions, ended=(*self.ended, newest))

    def excuse(self, day: date, worst_grade: int) -> Attribution | None:
        """The attribution to another cause that covers a finding whose grade is this one at worst."""
        newest = newest_on(self.attributions, day)
        if newest is None or newest.related or newest in self.ended or worst_grade > newest.grade:
            return None
        return newest
