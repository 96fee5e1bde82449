"""Clinic days whatever the zone, season and server: windows and limits are counted in days, never hours."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.protocol import ClockStart, Protocol
from courses.rules.recommend import recommend
from courses.rules.schedule import stop_day
from courses.rules.values import Action, Measurement
from courses.situation import assess, read_situation
from labs.clinic_days import add_days, age_on, clinic_day, days_between, start_of_day
from tests.case_reader import situation
from tests.strategies import chart, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
# Far east and west, half and quarter hours, a shift of half an hour, a shift at midnight, south and north.
ZONES = (
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "America/New_York",
    "UTC",
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(2018, 1, 1), date(2032, 12, 31))


# --- P7: the server's own zone changes nothing --------------------------------------------------------


@pytest.fixture
def server_zones() -> Iterator[tuple[str, ...]]:
    """Server zones to put into TZ; the zone of before comes back afterwards."""
    before = os.environ.get("TZ")
    yield ZONES
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


def late_evening_case(zone: str) -> dict[str, Any]:
    """Draws late on their clinic day, so that another zone would put them on another day."""
    found = situation(
        {
            "protocol": "lutathera_us_2024_04",
            "today": date(2026, 5, 4),
            "planned_on": date(2026, 5, 4),
            "cycles": [{"on": date(2026, 1, 12), "gbq": 7.4}, {"on": date(2026, 3, 9), "gbq": 7.4}],
            "draws": [{"on": date(2026, 4, 20)}],
        }
    )
    for lab in found["labs"]:
        day = date.fromisoformat(lab["collected_at"][:10])
        lab["collected_at"] = datetime.combine(day, clock(23, 30), tzinfo=ZoneInfo(zone)).isoformat()
    return found | {"time_zone": zone}


@pytest.mark.parametrize("zone", ZONES)
def test_p7_the_answer_does_not_depend_on_the_zone_of_the_server(zone: str, server_zones) -> None:
    asked = late_evening_case(zone)
    answers = []
    for server_zone in server_zones:
        os.environ["TZ"] = server_zone
        time.tzset()
        answers.append(assess(asked))
    assert all(answer == answers[0] for answer in answers)
    assert (
        answers[0]["action"] == "proceed"
    )  # the twentieth is fourteen days before, in the clinic's own days


@pytest.mark.parametrize("zone", ZONES)
def test_p7_one_instant_written_with_any_offset_is_one_clinic_day(zone: str) -> None:
    asked = late_evening_case(zone)
    plain = assess(asked)
    for other in ZONES:
        moved = asked | {
            "labs": [
                lab
                | {
                    "collected_at": datetime.fromisoformat(lab["collected_at"])
                    .astimezone(ZoneInfo(other))
                    .isoformat()
                }
                for lab in asked["labs"]
            ]
        }
        assert assess(moved)["action"] == plain["action"]
        assert read_situation(moved).chart == read_situation(asked).chart


def test_one_hour_before_midnight_and_one_after_are_the_last_and_the_first_day_too_old() -> None:
    # Valid for 14 days, in the days of the clinic: 23:59 on the nineteenth of April is too old.
    for zone in ZONES:
        for day, minute, action in ((20, clock(0, 0), "proceed"), (19, clock(23, 59), "hold")):
            asked = late_evening_case(zone)
            for lab in asked["labs"]:
                if lab["collected_at"].startswith("2026-04"):
                    at = datetime.combine(date(2026, 4, day), minute, tzinfo=ZoneInfo(zone))
                    lab["collected_at"] = at.astimezone(UTC).isoformat()
            assert assess(asked)["action"] == action, (zone, day)


# --- Days, gaps, folds and leap days -------------------------------------------------------------------


@given(days, zones)
def test_a_day_begins_at_its_first_instant_and_the_instant_before_belongs_to_the_day_before(
    day: date, zone: ZoneInfo
) -> None:
    start = start_of_day(day, zone)
    assert clinic_day(start, zone) == day
    assert clinic_day(start - timedelta(microseconds=1), zone) < day


@given(days, zones, st.integers(0, 86_399))
def test_every_instant_lies_between_the_beginnings_of_its_day_and_the_next(
    day: date, zone: ZoneInfo, second: int
) -> None:
    instant = datetime.combine(day, clock(0), tzinfo=UTC) + timedelta(seconds=second)
    mine = clinic_day(instant, zone)
    assert start_of_day(mine, zone) <= instant < start_of_day(add_days(mine, 1), zone)


@given(days, st.integers(-4000, 4000))
def test_adding_days_and_counting_them_are_each_others_opposite(day: date, n: int) -> None:
    assert days_between(day, add_days(day, n)) == n
    assert add_days(add_days(day, n), -n) == day


def test_both_instants_of_a_repeated_hour_and_the_edges_of_a_missing_one_fall_on_one_day() -> None:
    berlin, howe = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
    for fold in (0, 1):
        again = datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=berlin)
        assert clinic_day(again.astimezone(UTC), berlin) == date(2026, 10, 25)
        half = datetime(2026, 4, 5, 1, 45, fold=fold, tzinfo=howe)
        assert clinic_day(half.astimezone(UTC), howe) == date(2026, 4, 5)
    before = datetime(2026, 3, 29, 1, 59, tzinfo=berlin).astimezone(UTC)
    assert (
        clinic_day(before, berlin) == clinic_day(before + timedelta(minutes=1), berlin) == date(2026, 3, 29)
    )


@given(st.dates(date(1920, 1, 1), date(2014, 12, 31)), days)
def test_age_grows_by_one_a_year_and_only_on_one_day_of_it(born: date, day: date) -> None:
    if day > born:
        step = age_on(born, day) - age_on(born, add_days(day, -1))
        assert step in (0, 1)
        assert (step == 1) == (_birthday(born, day.year) == day)


def _birthday(born: date, year: int) -> date:
    """A birthday of 29 February is reached on 1 March in common years."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


# --- P8: limit days x boundary x start of the clock x season -------------------------------------------

# From these administrations day 112 crosses a change of the clocks, a leap day, or the turn of the year.
LAST_DAYS = (date(2025, 12, 29), date(2026, 3, 9), date(2026, 7, 20), date(2027, 11, 8), date(2023, 11, 13))
CLOCKS = [(start, on_limit) for start in ClockStart for on_limit in (True, False)]


def with_clock(start: ClockStart, *, on_limit: bool) -> Protocol:
    """The US protocol with this reading of the limit."""
    limit = replace(PROTOCOL.delay_limit, counted_from=start, stops_on_limit_day=on_limit)
    return replace(PROTOCOL, delay_limit=limit)


def first_stopping_day(start: ClockStart, *, on_limit: bool) -> int:
    """Days after the last administration, from the words of the keys."""
    nominal = 56 if start is ClockStart.NOMINAL_DAY else 0
    return nominal + 112 + (0 if on_limit else 1)


@pytest.mark.parametrize("last", LAST_DAYS, ids=str)
@pytest.mark.parametrize(("start", "on_limit"), CLOCKS)
def test_p8_the_limit_stops_on_its_day_and_not_before(last: date, start: ClockStart, on_limit: bool) -> None:
    protocol = with_clock(start, on_limit=on_limit)
    stops_after = first_stopping_day(start, on_limit=on_limit)
    shift = last - last_day()
    assert stop_day(last_on=last, protocol=protocol, spared_days=0) == add_days(last, stops_after)
    for elapsed in (110, 111, 112, 113, 167, 168, 169):
        today = add_days(last, elapsed)
        found = chart(planned_on=today)
        toxic = [measurement("PLT", "60", add_days(last, day)) for day in (30, elapsed - 2)]
        found = replace(
            found,
            cycles=tuple(replace(cycle, on=cycle.on + shift) for cycle in found.cycles),
            measurements=(*(_moved(m, shift) for m in found.measurements), *toxic),
            weights=tuple(replace(weight, on=weight.on + shift) for weight in found.weights),
        )
        answer = recommend(chart=found, protocol=protocol, today=today)
        assert answer.action is (Action.STOP if elapsed >= stops_after else Action.DELAY), elapsed
        assert answer.stops_on == add_days(last, stops_after)


def _moved(m: Measurement, shift: timedelta) -> Measurement:
    return replace(m, collected_on=m.collected_on + shift, collected_at=m.collected_at + shift)


@settings(max_examples=40, deadline=None)
@given(st.integers(-400, 900), st.integers(0, 20))
def test_p8_moving_a_whole_course_through_the_calendar_changes_no_verdict(shift: int, draw: int) -> None:
    planned = add_days(last_day(), 62)
    found = chart(draws=panel(add_days(planned, -draw)), planned_on=planned)
    by = timedelta(days=shift)
    moved = replace(
        found,
        cycles=tuple(replace(cycle, on=cycle.on + by) for cycle in found.cycles),
        measurements=tuple(_moved(m, by) for m in found.measurements),
        weights=tuple(replace(weight, on=weight.on + by) for weight in found.weights),
        planned_on=planned + by,
    )
    here = recommend(chart=found, protocol=PROTOCOL, today=planned)
    there = recommend(chart=moved, protocol=PROTOCOL, today=planned + by)
    assert here.verdict == there.verdict
    assert here.action.is_go == (draw <= 14)


def test_the_twelfth_birthday_on_a_leap_day_is_reached_on_the_first_of_march() -> None:
    born = date(2012, 2, 29)
    for day, young in ((date(2024, 2, 28), True), (date(2024, 2, 29), False)):
        found = chart(given=0, draws=panel(add_days(day, -3)), birth_date=born, planned_on=day)
        assert ("ELIG-AGE" in recommend(chart=found, protocol=PROTOCOL, today=day).verdict.rules) == young
    assert age_on(date(2012, 2, 29), date(2023, 2, 28)) == 10
    assert age_on(date(2012, 2, 29), date(2023, 3, 1)) == 11
