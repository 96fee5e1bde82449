"""Clinic days: zones, gaps, folds and leap days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.clinic_days import add_days, age_on, birthday, clinic_day, days_between, start_of_day

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Berlin",
        "Pacific/Kiritimati",
        "America/St_Johns",
        "Asia/Beirut",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "UTC",
    )
]


def test_an_instant_late_in_the_utc_day_is_the_clinics_next_day() -> None:
    assert clinic_day(datetime(2026, 5, 4, 22, 30, tzinfo=UTC), BERLIN) == date(2026, 5, 5)


def test_an_instant_without_zone_belongs_to_no_day() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        clinic_day(datetime(2026, 5, 4), BERLIN)  # noqa: DTZ001  (the point of the test)


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        (date(2026, 5, 4), "Europe/Berlin", "2026-05-03T22:00:00"),
        (date(2026, 1, 12), "Europe/Berlin", "2026-01-11T23:00:00"),
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00:00"),  # midnight was skipped
        (date(2026, 3, 29), "Asia/Beirut", "2026-03-28T22:00:00"),  # midnight is skipped
        (date(2026, 10, 25), "Asia/Beirut", "2026-10-24T22:00:00"),  # 23:00 comes twice the evening before
    ],
)
def test_a_day_starts_at_its_first_existing_instant(day: date, zone: str, instant: str) -> None:
    assert start_of_day(day, ZoneInfo(zone)) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_a_day_that_a_country_skipped_does_not_start() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        start_of_day(date(2011, 12, 30), ZoneInfo("Pacific/Apia"))


@settings(deadline=None)
@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.sampled_from(ZONES))
def test_the_start_of_a_day_lies_in_it_and_just_before_lies_the_day_before(day: date, zone: ZoneInfo) -> None:
    if zone.key == "Pacific/Kiritimati" and date(1994, 12, 25) < day < date(1995, 1, 5):
        return  # the islands skipped a day then
    start = start_of_day(day, zone)
    assert clinic_day(start, zone) == day
    assert clinic_day(start - timedelta(minutes=1), zone) < day


@settings(deadline=None)
@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(-20000, 20000))
def test_adding_days_and_counting_them_are_inverse(day: date, n: int) -> None:
    assert days_between(day, add_days(day, n)) == n


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(1961, 3, 2), date(2026, 3, 1), 64),
        (date(1961, 3, 2), date(2026, 3, 2), 65),
        (date(2004, 2, 29), date(2026, 2, 28), 21),
        (date(2004, 2, 29), date(2026, 3, 1), 22),
        (date(2026, 5, 4), date(2026, 5, 4), 0),
    ],
)
def test_age_in_completed_years(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age


def test_nobody_has_an_age_before_birth() -> None:
    with pytest.raises(ValueError, match="before birth"):
        age_on(date(2026, 5, 4), date(2026, 5, 3))


@given(st.dates(date(1920, 1, 1), date(2020, 12, 31)), st.integers(0, 100))
def test_a_birthday_is_the_first_day_of_its_age(born: date, years: int) -> None:
    day = birthday(born, years)
    assert age_on(born, day) == years
    assert years == 0 or age_on(born, add_days(day, -1)) == years - 1


def test_a_birthday_of_29_february_is_reached_on_1_march_in_common_years() -> None:
    assert birthday(date(2012, 2, 29), 12) == date(2024, 2, 29)
    assert birthday(date(2012, 2, 29), 13) == date(2025, 3, 1)
