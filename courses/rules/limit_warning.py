"""Warn on the way to the limit of a delay by toxicity: the day of its clock, and from where it counts."""

from collections.abc import Iterator
from datetime import date

from courses.rules.derived import Case
from courses.rules.dosing import LIMIT_RULE, Dosing
from courses.rules.explaining import evidence_of, finding_words
from courses.rules.protocol import ClockStart
from courses.rules.schedule import Dates, clock_day, spared_days
from courses.rules.values import Action, GivenCycle, Reason
from courses.rules.wording import cycle_words, day_words, days_words


def limit_warnings(*, dosing: Dosing, case: Case, dates: Dates, today: date) -> Iterator[Reason]:
    """A note from the first warning day on, while a toxicity is not resolved and the limit has not come."""
    rule, stops_on, spacing = case.protocol.delay_limit, dosing.stops_on, dates.spacing
    if stops_on is None or spacing is None or today >= stops_on:
        return
    last, nominal = spacing.last, spacing.nominal
    spared = spared_days(
        chart=case.chart, protocol=case.protocol, cycle=dates.cycle, nominal=nominal, until=today
    )
    day = clock_day(last_on=last.on, protocol=case.protocol, today=today, spared_days=spared)
    if all(day < warn for warn in rule.warn_days):
        return
    waiting = [episode for episode in dosing.current if episode.resolved_on is None]
    found = " and ".join(dict.fromkeys(finding_words(episode, case) for episode in waiting))
    yield Reason(
        rule=LIMIT_RULE,
        action=Action.PROCEED,
        sentence=f"{found}: not resolved, day {day} of {rule.days}, "
        f"{_counted_words(last, nominal, spared, case)}; stops on {day_words(stops_on)}.",
        threshold=f"warnings from day {min(rule.warn_days)} of {rule.days}",
        source=str(rule.source),
        evidence=tuple(dict.fromkeys(item for episode in waiting for item in evidence_of(episode, case))),
    )


def _counted_words(last: GivenCycle, nominal: date, spared: int, case: Case) -> str:
    """From which day the clock counts, because the protocol says so, and what it leaves out."""
    if case.protocol.delay_limit.counted_from is ClockStart.LAST_ADMINISTRATION:
        start = f"the administration of {cycle_words(last)}"
    else:
        start = f"the nominal day of cycle {last.number + 1}, {day_words(nominal)},"
    less = f" without {days_words(spared)} of delay by other causes" if spared else ""
    return f"counted from {start}{less} because the protocol says so"
