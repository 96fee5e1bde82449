"""Say who is on call when: rules become shifts on the wall clock, overrides win, what is left is a gap."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from alerts.wall_clock import first_instant, last_instant
from labs.clinic_days import add_days, days_between

LONGEST_DAYS = 7
_WEEK = 7


class Layer(StrEnum):
    """What a shift lies on: an override wins over the base."""

    BASE = "base"
    OVERRIDE = "override"


class Turn(StrEnum):
    """How the people of a rule take turns."""

    ONE = "one"
    DAY = "day"
    WEEK = "week"


class HolidayUse(StrEnum):
    """What a rule does on a public holiday."""

    SAME = "same"
    ALSO = "also"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """On these days, from this time to that one on the clocks of a zone, one of these people is on call."""

    rule: int
    weekdays: frozenset[int]
    holidays: HolidayUse
    starts: time
    ends: time
    ends_after_days: int
    zone: ZoneInfo
    people: tuple[int, ...]
    turn: Turn
    first_day: date
    last_day: date | None = None

    def faults(self) -> list[str]:
        """What makes no sense in it, each with its field; empty where all does."""
        found = []
        if not self.weekdays and self.holidays is not HolidayUse.ALSO:
            found.append("weekdays: choose at least one day, or holidays as well")
        if not self.people:
            found.append("people: name at least one person")
        if self.turn is Turn.ONE and len(self.people) > 1:
            found.append("turn: several people take turns by day or by week")
        if not 0 <= self.ends_after_days <= LONGEST_DAYS:
            found.append(f"ends_after_days: at most {LONGEST_DAYS} days later")
        elif self.ends_after_days == 0 and self.ends <= self.starts:
            found.append("ends: later than the start, or on a later day")
        if self.last_day is not None and self.last_day < self.first_day:
            found.append("last_day: not before the first day")
        return found

    def holds_on(self, day: date, holidays: Mapping[date, str]) -> bool:
        """Whether a shift of this rule begins on a day."""
        if day < self.first_day or (self.last_day is not None and day > self.last_day):
            return False
        if day in holidays and self.holidays is not HolidayUse.SAME:
            return self.holidays is HolidayUse.ALSO
        return day.weekday() in self.weekdays

    def person_on(self, day: date) -> int:
        """Whose turn it is on a day."""
        if self.turn is Turn.DAY:
            number = days_between(self.first_day, day)
        elif self.turn is Turn.WEEK:
            number = days_between(_monday(self.first_day), _monday(day)) // _WEEK
        else:
            number = 0
        return self.people[number % len(self.people)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One person on call from one instant to another, on one layer; `source` is its rule or override."""

    starts_at: datetime
    ends_at: datetime
    person: int
    source: int
    layer: Layer = Layer.BASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A span of time in which nobody is on call."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Two rules that both name somebody for the same time, though no clock was changed; perhaps the same."""

    one: int
    other: int
    starts_at: datetime
    ends_at: datetime


def shifts_of(
    rules: Iterable[Rule], *, begin: datetime, end: datetime, holidays: Mapping[date, str]
) -> list[Shift]:
    """Every shift of these rules that touches a span of time, in order of its start.

    A start that clocks show twice is the first time, an end the last: on the night when clocks go back two
    people may be on call together, and never nobody.
    """
    found = [
        shift
        for rule in rules
        for shift, _ in _spans(rule, begin=begin, end=end, holidays=holidays)
        if shift.starts_at < end and shift.ends_at > begin
    ]
    return sorted(found, key=lambda each: (each.starts_at, each.ends_at, each.source, each.person))


def _spans(
    rule: Rule, *, begin: datetime, end: datetime, holidays: Mapping[date, str]
) -> Iterator[tuple[Shift, datetime]]:
    """Each shift of a rule near a span, with its end as the clock first shows it."""
    day = add_days(begin.astimezone(rule.zone).date(), -LONGEST_DAYS - 1)
    last = add_days(end.astimezone(rule.zone).date(), 1)
    while day <= last:
        if rule.holds_on(day, holidays):
            ends = datetime.combine(add_days(day, rule.ends_after_days), rule.ends)
            starts_at = first_instant(datetime.combine(day, rule.starts), rule.zone)
            ends_at = last_instant(ends, rule.zone)
            if starts_at < ends_at:  # a shift of minutes that no clock shows on that day is none
                shift = Shift(
                    starts_at=starts_at, ends_at=ends_at, person=rule.person_on(day), source=rule.rule
                )
                yield shift, first_instant(ends, rule.zone)
        day = add_days(day, 1)


def clash_of(
    rules: Sequence[Rule], *, begin: datetime, end: datetime, holidays: Mapping[date, str]
) -> Clash | None:
    """The first time for which two rules name somebody, without counting an hour that is shown twice."""
    spans = sorted(
        (shift.starts_at, nominal, shift.source)
        for rule in rules
        for shift, nominal in _spans(rule, begin=begin, end=end, holidays=holidays)
        if nominal > begin and shift.starts_at < end
    )
    for (_, one_ends, one), (starts, ends, other) in pairwise(spans):
        if starts < one_ends:
            return Clash(one=one, other=other, starts_at=starts, ends_at=min(one_ends, ends))
    return None


def duties(shifts: Iterable[Shift]) -> list[Shift]:
    """Who is on call when, once overrides have won: base shifts without what an override covers."""
    shifts = list(shifts)
    overrides = sorted((each for each in shifts if each.layer is Layer.OVERRIDE), key=_start)
    found = list(overrides)
    for shift in shifts:
        if shift.layer is Layer.BASE:
            found += _without(shift, overrides)
    return sorted(found, key=_start)


def _without(shift: Shift, overrides: Sequence[Shift]) -> Iterator[Shift]:
    """What is left of a base shift beside the overrides, which are in order."""
    begin = shift.starts_at
    for override in overrides:
        if override.ends_at <= begin or override.starts_at >= shift.ends_at:
            continue
        if override.starts_at > begin:
            yield replace(shift, starts_at=begin, ends_at=override.starts_at)
        begin = override.ends_at
    if begin < shift.ends_at:
        yield replace(shift, starts_at=begin)


def gaps_between(held: Iterable[Shift], *, begin: datetime, end: datetime) -> list[Gap]:
    """Every span between two instants that no duty covers; a gap that began earlier begins at `begin`."""
    found = []
    covered = begin
    for duty in sorted(held, key=_start):
        if duty.starts_at >= end:
            break
        if duty.starts_at > covered:
            found.append(Gap(starts_at=covered, ends_at=duty.starts_at))
        covered = max(covered, duty.ends_at)
    if covered < end:
        found.append(Gap(starts_at=covered, ends_at=end))
    return found


def seat_for(shift: Shift, taken: Iterable[tuple[datetime, datetime, int]]) -> int:
    """The lowest seat on which nobody sits during a shift; `taken` is from when to when each seat is.

    A second seat is needed only where clocks go back, so that no two shifts of one seat ever overlap.
    """
    used = {seat for begin, end, seat in taken if begin < shift.ends_at and end > shift.starts_at}
    return next(seat for seat in range(len(used) + 1) if seat not in used)


def _start(shift: Shift) -> tuple[datetime, datetime]:
    return shift.starts_at, shift.ends_at


def _monday(day: date) -> date:
    return add_days(day, -day.weekday())
