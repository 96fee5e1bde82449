"""Say when a patient is seen after the last cycle, and what of it is coming, due, overdue or done."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from courses.rules.planning import FollowUp
from courses.rules.protocol import Protocol
from labs.clinic_days import add_days, add_months

NADIR = "nadir"


class VisitState(StrEnum):
    """Where a visit stands on a day."""

    COMING = "coming"
    DUE = "due"
    OVERDUE = "overdue"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit after the last cycle: from `first` on, overdue after `last`, and what is drawn then."""

    key: str
    months: int | None
    first: date
    nominal: date
    last: date
    analytes: tuple[str, ...]

    def state(self, *, today: date, done: Collection[str]) -> VisitState:
        """Where it stands; a visit that somebody recorded is over, whatever its day."""
        if self.key in done:
            return VisitState.DONE
        if today > self.last:
            return VisitState.OVERDUE
        return VisitState.DUE if today >= self.first else VisitState.COMING


def visits(plan: Protocol, *, last_on: date) -> tuple[Visit, ...]:
    """Every visit that follows from the day of the last administration, the earliest first."""
    found = []
    nadir, follow_up = plan.planning.nadir_draw, plan.planning.follow_up
    if nadir is not None:
        first, last = add_days(last_on, nadir.first_day), add_days(last_on, nadir.last_day)
        found.append(
            Visit(key=NADIR, months=None, first=first, nominal=first, last=last, analytes=nadir.analytes)
        )
    if follow_up is not None:
        found += [_visit(follow_up, months, add_months(last_on, months)) for months in follow_up.months]
    return tuple(sorted(found, key=lambda visit: (visit.last, visit.key)))


def _visit(rule: FollowUp, months: int, nominal: date) -> Visit:
    return Visit(
        key=f"month-{months}",
        months=months,
        first=add_days(nominal, -rule.early_days),
        nominal=nominal,
        last=add_days(nominal, rule.late_days),
        analytes=rule.analytes,
    )


def next_visit(found: Collection[Visit], *, done: Collection[str]) -> Visit | None:
    """The earliest visit that nobody recorded yet."""
    return min((each for each in found if each.key not in done), key=lambda each: each.last, default=None)
