"""The clinic's days where clocks fall back or jump across midnight, and at the edges of an age."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from labs.clinic_days import add_days, age_on, clinic_day, days_between, start_of_day

# In Havana clocks fall back from one o'clock to midnight: midnight comes twice. In Santiago they jump from
# midnight to one o'clock: midnight does not come at all. Samoa left out the whole of 30 December 2011.
HAVANA, SANTIAGO, APIA = ZoneInfo("America/Havana"), ZoneInfo("America/Santiago"), ZoneInfo("Pacific/Apia")


def test_where_midnight_comes_twice_the_day_begins_at_the_first() -> None:
    found = start_of_day(date(2025, 11, 2), HAVANA)
    assert found == datetime(2025, 11, 2, 4, tzinfo=UTC)
    assert clinic_day(found - timedelta(seconds=1), HAVANA) == date(2025, 11, 1)


def test_where_midnight_does_not_come_the_day_begins_after_the_jump() -> None:
    found = start_of_day(date(2025, 9, 7), SANTIAGO)
    assert found == datetime(2025, 9, 7, 4, tzinfo=UTC)
    assert clinic_day(found - timedelta(seconds=1), SANTIAGO) == date(2025, 9, 6)


def test_the_start_of_a_day_is_given_in_utc() -> None:
    assert start_of_day(date(2025, 9, 7), SANTIAGO).tzinfo is UTC
    assert start_of_day(date(2025, 9, 8), SANTIAGO).tzinfo is UTC


def test_a_day_that_was_left_out_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^2011-12-30 does not exist in Pacific/Apia$"):
        start_of_day(date(2011, 12, 30), APIA)
    assert start_of_day(date(2011, 12, 31), APIA) == datetime(2011, 12, 30, 10, tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"^an instant without a time zone belongs to no day$"):
        clinic_day(datetime(2026, 5, 4, 8), HAVANA)  # noqa: DTZ001  # the fault under test


def test_days_count_forwards_and_backwards() -> None:
    assert days_between(date(2026, 5, 4), date(2026, 5, 4)) == 0
    assert days_between(date(2026, 5, 11), date(2026, 5, 4)) == -7
    assert add_days(date(2028, 2, 28), 1) == date(2028, 2, 29)
    assert add_days(date(2026, 3, 1), -1) == date(2026, 2, 28)


def test_an_age_changes_on_the_birthday_and_is_zero_on_the_day_of_birth() -> None:
    born = date(2008, 2, 29)
    assert age_on(born, born) == 0
    assert age_on(born, date(2026, 2, 28)) == 17
    assert age_on(born, date(2026, 3, 1)) == 18
    assert age_on(date(1961, 3, 2), date(2026, 3, 1)) == 64
    assert age_on(date(1961, 3, 2), date(2026, 3, 2)) == 65
    with pytest.raises(ValueError, match=r"^a person has no age before birth$"):
        age_on(born, date(2008, 2, 28))
