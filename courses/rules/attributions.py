"""What physicians said of the cause of laboratory findings, and for how long each word stands."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from courses.rules.derived import Case
from courses.rules.facts import Attribution
from courses.rules.manual_grades import is_named
from courses.rules.protocol import Criterion


def attributions_of(criterion: Criterion, case: Case) -> tuple[Attribution, ...]:
    """Every attribution of a term, oldest first; of two from one day the one that excuses less comes last.

    One from before the first cycle speaks of no finding of this treatment.
    """
    first = min(case.history.cycle_days, default=date.max)
    mine = [a for a in case.chart.attributions if is_named(criterion, a.term) and a.on >= first]
    return tuple(sorted(mine, key=lambda a: (a.on, a.related, -a.grade, a.by, a.reason, a.ref)))


def newest_on(attributions: Iterable[Attribution], day: date) -> Attribution | None:
    """Of attributions listed oldest first the one that speaks of a finding of this day: the newest wins."""
    return next((a for a in reversed(tuple(attributions)) if a.on <= day), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """The attributions of one term, and those of them that ended for good.

    `ended` are those that a worse finding ended, or that were given while a worse one stood; `settled` those
    whose finding has gone since. `standing` is the grade the newest finding surely had, `stood` from which to
    which day a finding was there, or may have been; without a last day it still is.
    """

    attributions: tuple[Attribution, ...] = ()
    ended: tuple[Attribution, ...] = ()
    settled: tuple[Attribution, ...] = ()
    standing: int = field(default=0, compare=False)
    stood: tuple[tuple[date, date | None], ...] = field(default=(), compare=False)

    def seen(self, day: date, grade: int, *, may_stand: bool) -> "Spoken":
        """The same once a draw was judged: surely of this grade, and perhaps a finding or surely none."""
        spoken, stands = self, any(last is None for _, last in self.stood)
        if may_stand and not stands:
            spoken = replace(self, stood=(*self.stood, (day, None)))
        elif stands and not may_stand:
            *before, (first, _) = self.stood
            spoken = replace(self.gone(day), stood=(*before, (first, day)))
        return spoken.after(day, grade)

    def is_in_advance(self, attribution: Attribution) -> bool:
        """Whether no finding was there on the day of an attribution: it speaks of none that comes later."""
        on = attribution.on
        return not any(first <= on and (last is None or on <= last) for first, last in self.stood)

    def after(self, day: date, grade: int) -> "Spoken":
        """The same once a finding of surely this grade has been seen.

        A word of an earlier day is also held against what stood before: when it was given, or ever since.
        """
        newest = newest_on(self.attributions, day)
        worst = grade if newest is None or newest.on == day else max(grade, self.standing)
        spoken = replace(self, standing=grade)
        if newest is None or newest.related or worst <= newest.grade or newest in self.ended:
            return spoken
        return replace(spoken, ended=(*self.ended, newest))

    def gone(self, day: date) -> "Spoken":
        """The same once the finding is surely gone: what comes after it needs a new word."""
        newest = newest_on(self.attributions, day)
        if newest is None or newest.related or newest in self.settled:
            return self
        return replace(self, settled=(*self.settled, newest))

    def excuse(self, day: date, worst_grade: int) -> Attribution | None:
        """The attribution to another cause that covers a finding whose grade is this one at worst."""
        newest = newest_on(self.attributions, day)
        if newest is None or newest.related or newest in (*self.ended, *self.settled):
            return None
        if worst_grade > newest.grade or (newest.on < day and self.is_in_advance(newest)):
            return None
        return newest
