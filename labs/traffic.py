"""Say from plain times whether a source of results has been silent for too long of its working time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from labs.clinic_days import add_days, clinic_day, start_of_day

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60


class Quiet(StrEnum):
    """How long a source has said nothing."""

    IN_TIME = "in-time"
    LATE = "late"
    FAR_TOO_LATE = "far-too-late"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTime:
    """When a source is expected to send: weekdays (Monday is 0), minutes of the day, days it is closed."""

    days: frozenset[int]
    opens: int
    closes: int
    closed_on: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if not self.days or not self.days <= set(range(7)):
            raise ValueError("name at least one day of the week")
        if not 0 <= self.opens < self.closes <= MINUTES_A_DAY:
            raise ValueError("the hours must open before they close, within one day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """After how much working time without a message somebody is told, and when it is critical."""

    working: WorkingTime
    warn_after: timedelta
    critical_after: timedelta

    def __post_init__(self) -> None:
        if not timedelta(0) < self.warn_after < self.critical_after:
            raise ValueError("the warning must come before the critical limit, and both after more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What is to be said of one source: how quiet it is, and since when. `started`: it ever sent anything."""

    quiet: Quiet
    since: datetime
    started: bool


def judge(
    expectation: Expectation,
    *,
    last: datetime | None,
    set_up_at: datetime,
    now: datetime,
    zone: ZoneInfo,
) -> Silence:
    """How quiet a source is at this moment.

    One that never sent anything is counted from when it was set up. A limit counts working time only; exactly
    at the limit it is reached.
    """
    since = last or set_up_at
    silent = working_time(
        expectation.working, start=since, end=now, zone=zone, enough=expectation.critical_after
    )
    if silent >= expectation.critical_after:
        quiet = Quiet.FAR_TOO_LATE
    else:
        quiet = Quiet.LATE if silent >= expectation.warn_after else Quiet.IN_TIME
    return Silence(quiet=quiet, since=since, started=last is not None)


def working_time(
    working: WorkingTime, *, start: datetime, end: datetime, zone: ZoneInfo, enough: timedelta
) -> timedelta:
    """How much working time lies between two instants; counting ends once it is enough."""
    total = timedelta(0)
    for opens, closes in _hours(working, start=start, end=end, zone=zone):
        total += max(timedelta(0), min(closes, end) - max(opens, start))
        if total >= enough:
            break
    return total


def _hours(
    working: WorkingTime, *, start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """The working hours of each day from one instant to another, as instants."""
    day, last = clinic_day(start, zone), clinic_day(end, zone)
    while day <= last:
        if day.weekday() in working.days and day not in working.closed_on:
            yield instant_of(day, working.opens, zone), instant_of(day, working.closes, zone)
        day = add_days(day, 1)


def instant_of(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """What the clocks of the zone call this minute of the day, as an instant."""
    if minutes in {0, MINUTES_A_DAY}:
        return start_of_day(add_days(day, minutes // MINUTES_A_DAY), zone)
    return datetime.combine(day, time(*divmod(minutes, 60)), tzinfo=zone).astimezone(UTC)


def read_days(text: str) -> frozenset[int]:
    """Days such as `mon-fri` or `mon,wed,sat` as weekday numbers. Raises ValueError."""
    found: set[int] = set()
    for part in text.lower().replace(",", " ").split():
        first, dash, last = part.partition("-")
        if first not in DAY_NAMES or (dash and last not in DAY_NAMES):
            raise ValueError(f"{part!r} names no days; write mon-fri or mon,wed,sat")
        begin, end = DAY_NAMES.index(first), DAY_NAMES.index(last or first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    if not found:
        raise ValueError("it names no days; write mon-fri or mon,wed,sat")
    return frozenset(found)


def read_hours(text: str) -> tuple[int, int]:
    """Hours such as `07:00-18:00` as minutes of the day; 24:00 is the end of the day. Raises ValueError."""
    opens, dash, closes = text.partition("-")
    try:
        first, last = (_minutes(part) for part in (opens, closes))
    except ValueError:
        first = last = -1
    if not dash or not 0 <= first < last <= MINUTES_A_DAY:
        raise ValueError(f"{text!r} is not a span of hours such as 07:00-18:00")
    return first, last


def _minutes(text: str) -> int:
    hours, minutes = text.strip().split(":")
    if len(hours) != 2 or len(minutes) != 2 or not (hours + minutes).isdecimal() or int(minutes) > 59:
        raise ValueError(text)
    return int(hours) * 60 + int(minutes)


def write_days(days: frozenset[int]) -> str:
    """The inverse of read_days, in one form."""
    return ",".join(DAY_NAMES[day] for day in sorted(days))


def write_hours(opens: int, closes: int) -> str:
    """The inverse of read_hours."""
    return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (opens, closes))
