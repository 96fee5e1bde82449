"""Silence is judged in working time: at the limit, over nights, weekends, holidays and clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from labs.traffic import (
    Expectation,
    Quiet,
    WorkingTime,
    judge,
    read_days,
    read_hours,
    working_time,
    write_days,
    write_hours,
)

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)
WEEKDAYS = WorkingTime(days=read_days("mon-fri"), opens=7 * 60, closes=17 * 60)
ALWAYS = WorkingTime(days=frozenset(range(7)), opens=0, closes=24 * 60)


def at(day: str, clock: str) -> datetime:
    """An instant on Berlin's clock."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=BERLIN).astimezone(UTC)


def quiet(
    last: datetime | None,
    now: datetime,
    *,
    working: WorkingTime = WEEKDAYS,
    set_up_at: datetime | None = None,
) -> Quiet:
    """The judgement with a warning after 4 and critical after 10 working hours."""
    expectation = Expectation(
        working=working, warn_after=timedelta(hours=4), critical_after=timedelta(hours=10)
    )
    return judge(expectation, last=last, set_up_at=set_up_at or now, now=now, zone=BERLIN).quiet


# 2026-05-04 is a Monday. Warned after 4 hours, critical after 10, of 07:00 to 17:00 on weekdays.
@pytest.mark.parametrize(
    ("last", "limit", "before", "reached"),
    [
        # Within one day: 08:00 + 4 h.
        (("2026-05-04", "08:00"), ("2026-05-04", "12:00"), Quiet.IN_TIME, Quiet.LATE),
        # Over night: 1 h left on Monday, 9 h on Tuesday.
        (("2026-05-04", "16:00"), ("2026-05-05", "16:00"), Quiet.LATE, Quiet.FAR_TOO_LATE),
        # The night does not count: 3 h on Monday, 1 h on Tuesday.
        (("2026-05-04", "14:00"), ("2026-05-05", "08:00"), Quiet.IN_TIME, Quiet.LATE),
        # Nor does the weekend: 2 h on Friday, 2 h on Monday.
        (("2026-05-08", "15:00"), ("2026-05-11", "09:00"), Quiet.IN_TIME, Quiet.LATE),
        # A message of the night counts from the opening.
        (("2026-05-05", "02:00"), ("2026-05-05", "11:00"), Quiet.IN_TIME, Quiet.LATE),
    ],
)
def test_a_limit_is_reached_exactly_after_its_working_hours(
    last: tuple[str, str], limit: tuple[str, str], before: Quiet, reached: Quiet
) -> None:
    assert quiet(at(*last), at(*limit) - SECOND) is before
    assert quiet(at(*last), at(*limit)) is reached


def test_a_source_that_never_sent_anything_counts_from_when_it_was_set_up() -> None:
    set_up_at = at("2026-05-04", "08:00")
    assert quiet(None, at("2026-05-04", "12:00") - SECOND, set_up_at=set_up_at) is Quiet.IN_TIME
    assert quiet(None, at("2026-05-04", "12:00"), set_up_at=set_up_at) is Quiet.LATE


def test_a_declared_holiday_is_no_silence() -> None:
    closed = WorkingTime(
        days=WEEKDAYS.days, opens=7 * 60, closes=17 * 60, closed_on=frozenset({date(2026, 5, 5)})
    )
    last = at("2026-05-04", "16:00")
    assert quiet(last, at("2026-05-06", "09:59"), working=closed) is Quiet.IN_TIME
    assert quiet(last, at("2026-05-06", "10:00"), working=closed) is Quiet.LATE


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-05-04", 24)])
def test_the_hours_of_a_day_are_those_that_passed_also_when_the_clocks_change(day: str, hours: int) -> None:
    start = at(day, "00:00")
    end = at((date.fromisoformat(day) + timedelta(days=1)).isoformat(), "00:00")
    found = working_time(ALWAYS, start=start, end=end, zone=BERLIN, enough=timedelta(days=9))
    assert found == timedelta(hours=hours)


def test_a_laboratory_that_keeps_its_declared_calendar_is_never_late_in_a_year() -> None:
    """A message at each full working hour: looked at every half hour of 365 days, no false alarm."""
    holidays = frozenset({date(2026, 5, 14), date(2026, 12, 25)})
    working = WorkingTime(days=WEEKDAYS.days, opens=7 * 60, closes=17 * 60, closed_on=holidays)
    now = last = at("2026-01-02", "07:00")
    for _ in range(365 * 48):
        local = now.astimezone(BERLIN)
        if local.weekday() < 5 and local.date() not in holidays and 7 <= local.hour <= 17:
            last = now
        assert quiet(last, now, working=working) is Quiet.IN_TIME, local
        now += timedelta(minutes=30)


def test_a_message_dated_ahead_is_no_silence() -> None:
    assert quiet(at("2026-05-04", "12:00"), at("2026-05-04", "08:00")) is Quiet.IN_TIME


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Mon,Wed sat", {0, 2, 5}),
        ("sat-mon", {5, 6, 0}),
        ("sun", {6}),
    ],
)
def test_days_are_read_and_written_back(text: str, days: set[int]) -> None:
    assert read_days(text) == days
    assert read_days(write_days(read_days(text))) == days


@pytest.mark.parametrize("text", ["", "monday", "mon-", "-fri", "mo-fr", "mon-fri-sun"])
def test_what_names_no_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="days"):
        read_days(text)


def test_hours_are_read_to_the_end_of_the_day_and_written_back() -> None:
    assert read_hours("00:00-24:00") == (0, 1440)
    assert write_hours(*read_hours("07:30-18:00")) == "07:30-18:00"


@pytest.mark.parametrize(
    "text", ["", "7-18", "07:00", "18:00-07:00", "07:00-07:00", "07:00-24:01", "07:60-18:00", "aa:00-18:00"]
)
def test_what_is_no_span_of_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="span of hours"):
        read_hours(text)


@pytest.mark.parametrize(("warn", "critical"), [(0, 1), (4, 4), (5, 4)])
def test_limits_that_cannot_be_followed_are_refused(warn: int, critical: int) -> None:
    with pytest.raises(ValueError, match="warning"):
        Expectation(
            working=ALWAYS, warn_after=timedelta(hours=warn), critical_after=timedelta(hours=critical)
        )


def test_working_time_without_days_or_hours_is_refused() -> None:
    with pytest.raises(ValueError, match="day"):
        WorkingTime(days=frozenset(), opens=0, closes=60)
    with pytest.raises(ValueError, match="hours"):
        WorkingTime(days=frozenset({0}), opens=60, closes=60)
