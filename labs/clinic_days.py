"""Turn instants into the clinic's days and back: the only day arithmetic in the project."""

from calendar import isleap, monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_LONGEST_GAP_MINUTES = 24 * 60


def clinic_day(instant: datetime, zone: ZoneInfo) -> date:
    """The clinic's calendar day on which an instant falls."""
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone belongs to no day")
    return instant.astimezone(zone).date()


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, that the clinic's clocks call this day.

    Where clocks jump forward across midnight the day begins after the jump; where they fall back across
    midnight it begins at the earlier of the two.
    """
    midnight = datetime.combine(day, time.min, tzinfo=zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    return _first_instant_after_gap(day, zone)


def _first_instant_after_gap(day: date, zone: ZoneInfo) -> datetime:
    """Midnight does not exist on this day: find the instant at which the day begins."""
    before = datetime.combine(day, time.min, tzinfo=zone).replace(fold=1).astimezone(UTC)
    low, high = 0, _LONGEST_GAP_MINUTES
    while low < high:
        middle = (low + high) // 2
        if (before + timedelta(minutes=middle)).astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle + 1
    instant = before + timedelta(minutes=low)
    if instant.astimezone(zone).date() != day:
        raise ValueError(f"{day.isoformat()} does not exist in {zone.key}")
    return instant


def days_between(earlier: date, later: date) -> int:
    """Whole days from one day to another; negative when the second comes first."""
    return (later - earlier).days


def add_days(day: date, n: int) -> date:
    """The day n days after this one; before it when n is negative."""
    return day + timedelta(days=n)


def add_months(day: date, n: int) -> date:
    """The same day of the month n months later; the month's last day where it has no such day."""
    months = day.year * 12 + day.month - 1 + n
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def age_on(birth_date: date, day: date) -> int:
    """Completed years of age on a day; a birthday of 29 February is reached on 1 March in common years."""
    if day < birth_date:
        raise ValueError("a person has no age before birth")
    reached = (day.month, day.day) >= (birth_date.month, birth_date.day)
    return day.year - birth_date.year - (0 if reached else 1)


def birthday(birth_date: date, years: int) -> date:
    """The day on which so many years are completed, as `age_on` counts them."""
    year = birth_date.year + years
    if (birth_date.month, birth_date.day) == (2, 29) and not isleap(year):
        return date(year, 3, 1)
    return birth_date.replace(year=year)
