"""Which days of delay count as another cause's, and for which cycle."""

from datetime import date

from courses.rules.schedule import other_delay_days
from courses.rules.values import Delay, DelayCause

NOMINAL, UNTIL = date(2026, 5, 4), date(2026, 5, 25)


def delay(cause: DelayCause, began: int, ended: int | None, *, cycle: int = 3) -> Delay:
    """A delay within May 2026."""
    ended_on = None if ended is None else date(2026, 5, ended)
    return Delay(cycle=cycle, cause=cause, began_on=date(2026, 5, began), ended_on=ended_on)


def days(*delays: Delay) -> int:
    return other_delay_days(delays=delays, cycle=3, nominal=NOMINAL, until=UNTIL)


def test_only_delays_of_this_cycle_by_another_cause_than_toxicity_count() -> None:
    assert days(delay(DelayCause.SUPPLY, 4, 11)) == 7
    assert days(delay(DelayCause.SUPPLY, 4, 11, cycle=2)) == 0
    assert days(delay(DelayCause.TOXICITY, 4, 11)) == 0
    assert days(delay(DelayCause.TOXICITY, 4, 11), delay(DelayCause.PATIENT, 4, 11, cycle=4)) == 0


def test_a_day_counts_once_and_only_between_the_nominal_day_and_today() -> None:
    assert days(delay(DelayCause.SUPPLY, 4, 11), delay(DelayCause.PATIENT, 8, 13)) == 9
    assert days(delay(DelayCause.SUPPLY, 1, 6)) == 2
    assert days(delay(DelayCause.CAPACITY, 20, None)) == 5
    assert days(delay(DelayCause.OTHER, 20, 30)) == 5
    assert days(delay(DelayCause.OTHER, 26, 30)) == 0
