"""Rules of a rota: turns, holidays, overrides, gaps; against a clock that is looked at every minute."""

import os
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rota_rules import (
    Gap,
    HolidayUse,
    Layer,
    Rule,
    Shift,
    Turn,
    clash_of,
    duties,
    gaps_between,
    seat_for,
    shifts_of,
)

LONG = os.environ.get("PRRT_LONG") == "1"
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
EVERY_DAY = frozenset(range(7))


def rule(**changes: Any) -> Rule:
    """Every day from eight to eight, one person, in Berlin, from Monday 4 May 2026."""
    usual: dict[str, Any] = {
        "rule": 1,
        "weekdays": EVERY_DAY,
        "holidays": HolidayUse.SAME,
        "starts": time(8),
        "ends": time(8),
        "ends_after_days": 1,
        "zone": BERLIN,
        "people": (7,),
        "turn": Turn.ONE,
        "first_day": date(2026, 5, 4),
    }
    return Rule(**(usual | changes))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shift(begin: str, end: str, person: int, layer: Layer = Layer.BASE) -> Shift:
    return Shift(starts_at=at(begin), ends_at=at(end), person=person, source=person, layer=layer)


def seats_of(shifts: list[Shift]) -> list[int]:
    """A seat for each, one after the other."""
    taken: list[tuple[datetime, datetime, int]] = []
    for each in shifts:
        taken.append((each.starts_at, each.ends_at, seat_for(each, taken)))
    return [seat for _, _, seat in taken]


def of_week(*rules: Rule, holidays: dict[date, str] | None = None) -> list[Shift]:
    begin = at("2026-05-04 00:00")
    return shifts_of(rules, begin=begin, end=begin + timedelta(days=14), holidays=holidays or {})


def test_people_take_turns_by_week_from_monday_to_monday() -> None:
    found = of_week(rule(people=(1, 2), turn=Turn.WEEK, first_day=date(2026, 5, 6)))
    assert [each.person for each in found] == [1] * 5 + [2] * 7


def test_people_take_turns_by_day() -> None:
    found = of_week(rule(people=(1, 2, 3), turn=Turn.DAY))
    assert [each.person for each in found][:7] == [1, 2, 3, 1, 2, 3, 1]


def test_a_rule_begins_and_ends_on_its_days() -> None:
    found = of_week(rule(first_day=date(2026, 5, 5), last_day=date(2026, 5, 6)))
    assert [each.starts_at for each in found] == [at("2026-05-05 06:00"), at("2026-05-06 06:00")]


@pytest.mark.parametrize(
    ("use", "days"),
    [(HolidayUse.SAME, [4, 11]), (HolidayUse.ALSO, [4, 7, 11]), (HolidayUse.NEVER, [4])],
)
def test_a_holiday_counts_as_its_weekday_or_as_well_or_not_at_all(use: HolidayUse, days: list[int]) -> None:
    holidays = {date(2026, 5, 7): "a Thursday", date(2026, 5, 11): "a Monday"}
    found = of_week(rule(weekdays=frozenset({0}), holidays=use), holidays=holidays)
    assert [each.starts_at.day for each in found] == days


def test_a_shift_that_began_before_the_span_is_found() -> None:
    begin = at("2026-05-10 00:00")
    weekend = rule(weekdays=frozenset({4}), starts=time(17), ends_after_days=3)
    found = shifts_of([weekend], begin=begin, end=begin + timedelta(hours=1), holidays={})
    assert [each.starts_at for each in found] == [at("2026-05-08 15:00")]


def test_an_override_wins_and_the_base_goes_on_after_it() -> None:
    base = shift("2026-05-04 06:00", "2026-05-05 06:00", 1)
    over = shift("2026-05-04 12:00", "2026-05-04 18:00", 2, Layer.OVERRIDE)
    found = duties([base, over])
    assert [(each.person, each.starts_at.hour, each.ends_at.hour) for each in found] == [
        (1, 6, 12),
        (2, 12, 18),
        (1, 18, 6),
    ]


def test_what_nobody_covers_is_a_gap() -> None:
    held = [
        shift("2026-05-04 06:00", "2026-05-04 12:00", 1),
        shift("2026-05-04 14:00", "2026-05-04 16:00", 2),
    ]
    found = gaps_between(held, begin=at("2026-05-04 05:00"), end=at("2026-05-04 16:00"))
    assert found == [
        Gap(starts_at=at("2026-05-04 05:00"), ends_at=at("2026-05-04 06:00")),
        Gap(starts_at=at("2026-05-04 12:00"), ends_at=at("2026-05-04 14:00")),
    ]


@pytest.mark.hazard("HZ-69")
@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 28), 23), (date(2026, 10, 24), 25)])
def test_the_night_on_which_clocks_change_has_no_gap_and_is_as_long_as_it_is(day: date, hours: int) -> None:
    begin = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    found = shifts_of(
        [rule(first_day=day - timedelta(days=5), people=(1, 2), turn=Turn.DAY)],
        begin=begin,
        end=begin + timedelta(days=2),
        holidays={},
    )
    assert found[0].ends_at - found[0].starts_at == timedelta(hours=hours)
    assert gaps_between(found, begin=begin, end=begin + timedelta(days=2)) == []


@pytest.mark.hazard("HZ-69")
def test_a_handover_within_the_hour_shown_twice_keeps_both_on_call_for_it() -> None:
    day = date(2026, 10, 24)
    night = rule(starts=time(2, 30), ends=time(2, 30), people=(1, 2), turn=Turn.DAY, first_day=day)
    begin = at("2026-10-24 12:00")
    found = shifts_of([night], begin=begin, end=begin + timedelta(days=1), holidays={})
    assert [(each.person, each.starts_at, each.ends_at) for each in found] == [
        (1, at("2026-10-24 00:30"), at("2026-10-25 01:30")),
        (2, at("2026-10-25 00:30"), at("2026-10-26 01:30")),
    ]
    assert seats_of(found) == [0, 1]
    assert clash_of([night], begin=begin, end=begin + timedelta(days=1), holidays={}) is None


def test_two_rules_for_the_same_time_clash() -> None:
    begin = at("2026-05-04 00:00")
    day, early = (
        rule(ends=time(17), ends_after_days=0),
        rule(rule=2, starts=time(16), ends=time(20), ends_after_days=0),
    )
    found = clash_of([day, early], begin=begin, end=begin + timedelta(days=9), holidays={})
    assert found is not None
    assert (found.one, found.other, found.starts_at) == (1, 2, at("2026-05-04 14:00"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weekdays": frozenset()}, "weekdays"),
        ({"people": ()}, "people"),
        ({"people": (1, 2)}, "turn"),
        ({"ends_after_days": 0}, "ends"),
        ({"ends_after_days": 8}, "ends_after_days"),
        ({"last_day": date(2026, 5, 3)}, "last_day"),
    ],
)
def test_a_rule_that_makes_no_sense_names_its_field(changes: dict[str, Any], field: str) -> None:
    assert [fault.partition(":")[0] for fault in rule(**changes).faults()] == [field]


# --- Against a clock that is looked at every minute -------------------------------------------

ALL_OF_TIME = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC))


@cache
def changes_of(name: str) -> tuple[datetime, ...]:
    """Every hour of 2024 to 2035 at whose end the clocks of a zone stand differently from before."""
    zone, hour = ZoneInfo(name), timedelta(hours=1)
    found, day = [], ALL_OF_TIME[0]
    while day < ALL_OF_TIME[1]:
        if day.astimezone(zone).utcoffset() != (day + 24 * hour).astimezone(zone).utcoffset():
            found += [
                day + n * hour
                for n in range(24)
                if (day + n * hour).astimezone(zone).utcoffset()
                != (day + (n + 1) * hour).astimezone(zone).utcoffset()
            ]
        day += 24 * hour
    return tuple(found)


@cache
def zones_that_change() -> tuple[str, ...]:
    """Every zone whose clocks change, one for each set of changes and offsets."""
    seen: dict[tuple[Any, ...], str] = {}
    for name in sorted(available_timezones()):
        moments = changes_of(name)
        if moments:
            zone = ZoneInfo(name)
            seen.setdefault((moments, *(each.astimezone(zone).utcoffset() for each in moments)), name)
    return tuple(seen.values())


class NaiveClock:
    """What the clock of a zone shows in each minute of a few days; nothing is known of changes."""

    def __init__(self, zone: ZoneInfo, *, begin: datetime, minutes: int) -> None:
        self.begin = begin
        self.shown = [(begin + n * MINUTE).astimezone(zone).replace(tzinfo=None) for n in range(minutes)]

    def minutes_of(self, starts: datetime, ends: datetime) -> range:
        """From the first minute that shows the start or later to the last that shows less than the end."""
        first = next((n for n, shown in enumerate(self.shown) if shown >= starts), len(self.shown))
        last = next((n for n in range(len(self.shown) - 1, -1, -1) if self.shown[n] < ends), -1)
        return range(first, last + 1)


def naive_people(rules: list[Rule], *, begin: datetime, minutes: int) -> list[set[int]]:
    """Who is on call in each minute, by looking at the clock in each minute."""
    people: list[set[int]] = [set() for _ in range(minutes)]
    for each in rules:
        clock = NaiveClock(each.zone, begin=begin, minutes=minutes)
        day = clock.shown[0].date() - timedelta(days=9)
        while day <= clock.shown[-1].date():
            if each.holds_on(day, {}):
                starts = datetime.combine(day, each.starts)
                ends = datetime.combine(day + timedelta(days=each.ends_after_days), each.ends)
                for minute in clock.minutes_of(starts, ends):
                    people[minute].add(each.person_on(day))
            day += timedelta(days=1)
    return people


times_of_day = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45, 59]))


@st.composite
def rotas(draw: st.DrawFn, name: str, around: datetime) -> list[Rule]:
    """One to three rules in a zone, about the days of a change of its clocks."""
    made = []
    # What the clock shows about the change itself: the times that come twice, or never.
    quarters = [(around + n * 15 * MINUTE).astimezone(ZoneInfo(name)) for n in range(-6, 11)]
    near = st.sampled_from([each.time().replace(second=0, microsecond=0) for each in quarters])
    for number in range(draw(st.integers(1, 3))):
        after = draw(st.integers(0, 3))
        starts, ends = draw(near | times_of_day), draw(near | times_of_day)
        people = tuple(range(1, 1 + draw(st.integers(1, 3))))
        made.append(
            rule(
                rule=number,
                weekdays=frozenset(draw(st.sets(st.integers(0, 6), min_size=1))),
                starts=starts,
                ends=ends,
                ends_after_days=after or int(ends <= starts),
                zone=ZoneInfo(name),
                people=people,
                turn=draw(st.sampled_from([Turn.DAY, Turn.WEEK])) if len(people) > 1 else Turn.ONE,
                first_day=around.date() - timedelta(days=draw(st.integers(0, 20))),
            )
        )
    return made


def assert_as_a_clock_says(rules: list[Rule], *, around: datetime) -> None:
    """Who is on call, and what is reported as a gap, minute by minute, from a day before to a day after."""
    # The naive clock sees a few days more, so that what begins before the span begins at its own time.
    lead = 6 * 1440
    begin, minutes = around - timedelta(days=1), 2 * 1440
    naive = naive_people(rules, begin=begin - lead * MINUTE, minutes=lead + minutes + 5 * 1440)[lead:][
        :minutes
    ]
    end = begin + minutes * MINUTE
    found = shifts_of(rules, begin=begin, end=end, holidays={})
    people: list[set[int]] = [set() for _ in range(minutes)]
    for each in found:
        for minute in range(
            max(0, (each.starts_at - begin) // MINUTE), min(minutes, (each.ends_at - begin) // MINUTE)
        ):
            people[minute].add(each.person)
    assert people == naive
    reported = [False] * minutes
    for gap in gaps_between(found, begin=begin, end=end):
        for minute in range((gap.starts_at - begin) // MINUTE, (gap.ends_at - begin) // MINUTE):
            reported[minute] = True
    assert reported == [not each for each in naive]


@pytest.mark.hazard("HZ-69")
@settings(max_examples=4000 if LONG else 40, deadline=None)
@given(st.data())
def test_random_rules_say_of_every_minute_around_a_change_of_clocks_what_a_clock_says(
    data: st.DataObject,
) -> None:
    name = data.draw(st.sampled_from(zones_that_change()))
    around = data.draw(st.sampled_from(changes_of(name)))
    assert_as_a_clock_says(data.draw(rotas(name, around)), around=around)


@pytest.mark.hazard("HZ-69")
def test_in_every_zone_whose_clocks_change_a_handover_at_any_hour_of_that_night_leaves_no_minute() -> None:
    """Every change of every zone in the long profile; the first two of each in the short one."""
    looked_at = 0
    for name in zones_that_change():
        for around in changes_of(name) if LONG else changes_of(name)[:2]:
            day = around.astimezone(ZoneInfo(name)).date()
            for hour in range(5):
                handover = time(hour, 30)
                nights = rule(
                    starts=handover,
                    ends=handover,
                    zone=ZoneInfo(name),
                    people=(1, 2),
                    turn=Turn.DAY,
                    first_day=day - timedelta(days=4),
                )
                begin, end = around - timedelta(days=1), around + timedelta(days=1)
                found = shifts_of([nights], begin=begin, end=end, holidays={})
                assert gaps_between(found, begin=begin, end=end) == [], (name, around, hour)
                assert clash_of([nights], begin=begin, end=end, holidays={}) is None, (name, around, hour)
                seats = seats_of(found)
                assert set(seats) <= {0, 1}
                for seat in set(seats):
                    row = [each for each, its in zip(found, seats, strict=True) if its == seat]
                    assert all(one.ends_at <= two.starts_at for one, two in pairwise(row))
                looked_at += 1
    assert len(zones_that_change()) >= 30
    assert looked_at >= 5 * len(zones_that_change())


@settings(max_examples=200 if LONG else 30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 30), st.integers(1, 3), st.booleans()), max_size=8)
)
def test_who_is_on_call_is_the_override_of_that_minute_or_else_the_base(
    spans: list[tuple[int, int, int, bool]],
) -> None:
    begin = at("2026-05-04 00:00")
    shifts, last_over = [], 0
    for start, length, person, over in sorted(spans):
        if over and start < last_over:
            continue  # two overrides never overlap: the database refuses it
        if over:
            last_over = start + length
        layer = Layer.OVERRIDE if over else Layer.BASE
        shifts.append(
            Shift(
                starts_at=begin + start * MINUTE,
                ends_at=begin + (start + length) * MINUTE,
                person=person,
                source=person,
                layer=layer,
            )
        )
    held = duties(shifts)
    for minute in range(140):
        now = begin + minute * MINUTE
        standing = [each for each in shifts if each.starts_at <= now < each.ends_at]
        overs = [each for each in standing if each.layer is Layer.OVERRIDE]
        wanted = {each.person for each in overs or standing}
        assert {each.person for each in held if each.starts_at <= now < each.ends_at} == wanted
