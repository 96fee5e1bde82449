"""Dates of the next cycle: nominal day, window, delay so far, and the first day on which a delay stops."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from courses.rules.protocol import ClockStart, Protocol
from courses.rules.values import Chart, Delay, DelayCause, DelaySoFar, GivenCycle, UncountedPart, Window
from labs.clinic_days import add_days, days_between

Span = tuple[date, date | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """The last administration, and the nominal day of the next one: the delay is measured from these.

    A part that does not count gives no cycle, so that it ends no delay and restarts no limit.
    """

    last: GivenCycle
    nominal: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The last treatment, be it only a part that does not count, and the window that runs from it."""

    after: GivenCycle | UncountedPart
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """The calendar of the next cycle; `judged_for` is the planned day, or today when that is later.

    Before the first cycle there is no spacing, and before anything was given no interval.
    """

    cycle: int
    spacing: Spacing | None
    interval: Interval | None
    planned_on: date | None
    judged_for: date

    @property
    def last(self) -> GivenCycle | None:
        """The last administration."""
        return None if self.spacing is None else self.spacing.last

    @property
    def window(self) -> Window | None:
        """The first and last day for the next administration."""
        return None if self.interval is None else self.interval.window


def dates_of(*, chart: Chart, protocol: Protocol, today: date) -> Dates:
    """Work out the next cycle's dates from what was given last and the planned day."""
    last = max(chart.cycles, key=lambda cycle: cycle.on, default=None)
    rule = protocol.schedule
    interval = _interval(chart, last=last, protocol=protocol)
    planned_on = chart.planned_on
    if planned_on is None and interval is not None:
        planned_on = add_days(interval.after.on, rule.interval_days)
    return Dates(
        cycle=len(chart.cycles) + 1,
        spacing=None if last is None else Spacing(last=last, nominal=add_days(last.on, rule.interval_days)),
        interval=interval,
        planned_on=planned_on,
        judged_for=max(planned_on or today, today),
    )


def _interval(chart: Chart, *, last: GivenCycle | None, protocol: Protocol) -> Interval | None:
    """The window after what was given last: the marrow does not ask whether a part counts."""
    part = max(chart.uncounted_parts, key=lambda part: part.on, default=None)
    after: GivenCycle | UncountedPart | None = last
    if part is not None and (last is None or part.on >= last.on):
        after = part
    if after is None:
        return None
    rule = protocol.schedule
    return Interval(
        after=after,
        window=Window(
            earliest=add_days(after.on, rule.window_first_day),
            latest=add_days(after.on, rule.window_last_day),
        ),
    )


def clock_start(*, last_on: date, protocol: Protocol) -> date:
    """The day from which a delay's limit is counted."""
    if protocol.delay_limit.counted_from is ClockStart.LAST_ADMINISTRATION:
        return last_on
    return add_days(last_on, protocol.schedule.interval_days)


def stop_day(*, last_on: date, protocol: Protocol, spared_days: int) -> date:
    """The first day on which an unresolved toxicity stops the course; `spared_days` do not count."""
    limit = protocol.delay_limit
    days = limit.days if limit.stops_on_limit_day else limit.days + 1
    return add_days(clock_start(last_on=last_on, protocol=protocol), days + spared_days)


def other_delay_days(*, delays: Iterable[Delay], cycle: int, nominal: date, until: date) -> int:
    """Days past the nominal day that were recorded as delay by another cause than toxicity."""
    spans = [
        (d.began_on, d.ended_on) for d in delays if d.cycle == cycle and d.cause is not DelayCause.TOXICITY
    ]
    return len(_days(spans, nominal, until))


def clock_day(*, last_on: date, protocol: Protocol, today: date, spared_days: int) -> int:
    """How many days the limit's clock has run today; it stands at 0 before it starts."""
    elapsed = days_between(clock_start(last_on=last_on, protocol=protocol), today)
    return max(0, elapsed - spared_days)


def spared_days(*, chart: Chart, protocol: Protocol, cycle: int, nominal: date, until: date) -> int:
    """Days of delay by other causes that the limit leaves out; none where the protocol counts every day."""
    if not protocol.delay_limit.subtract_other_delay:
        return 0
    return other_delay_days(delays=chart.delays, cycle=cycle, nominal=nominal, until=until)


def delay_so_far(
    *, dates: Dates, chart: Chart, protocol: Protocol, toxic: Iterable[Span], today: date
) -> DelaySoFar | None:
    """How far the planned day lies past the nominal one, how much of it toxicity caused, and the clock today.

    A day counts as toxicity's when it was recorded so, or when a toxicity was open and no other cause is
    recorded.
    """
    if dates.spacing is None or dates.planned_on is None:
        return None
    last_on, nominal = dates.spacing.last.on, dates.spacing.nominal
    mine = [d for d in chart.delays if d.cycle == dates.cycle]
    recorded = [(d.began_on, d.ended_on) for d in mine if d.cause is DelayCause.TOXICITY]
    other = [(d.began_on, d.ended_on) for d in mine if d.cause is not DelayCause.TOXICITY]
    open_days = _days(toxic, nominal, dates.planned_on) - _days(other, nominal, dates.planned_on)
    toxic_days = open_days | _days(recorded, nominal, dates.planned_on)
    spared = spared_days(chart=chart, protocol=protocol, cycle=dates.cycle, nominal=nominal, until=today)
    return DelaySoFar(
        days=days_between(nominal, dates.planned_on),
        day=clock_day(last_on=last_on, protocol=protocol, today=today, spared_days=spared),
        toxicity_days=len(toxic_days),
        limit_days=protocol.delay_limit.days,
        counted_from=clock_start(last_on=last_on, protocol=protocol),
    )


def _days(spans: Iterable[Span], first: date, end: date) -> set[int]:
    """Which days from `first` up to, not including, `end` the spans cover, counted from `first`."""
    length = days_between(first, end)
    found: set[int] = set()
    for began_on, ended_on in spans:
        start = max(0, days_between(first, began_on))
        stop = length if ended_on is None else min(length, days_between(first, ended_on))
        found |= set(range(start, stop))
    return found
