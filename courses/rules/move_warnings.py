"""Say which windows a planned day breaks, one sentence each, so that nobody moves a cycle unaware."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from courses.rules.derived_days import DayKind, MovedDay
from courses.rules.protocol import ClockStart, Protocol
from courses.rules.schedule import clock_start
from courses.rules.wording import day_words
from labs.clinic_days import days_between

# What can no longer be done in time once its day is past.
_MISSED = {
    DayKind.VIAL_ORDER: "the vial was to be ordered",
    DayKind.LONG_ACTING_STOP: "the last long-acting analogue was to be given",
    DayKind.EARLIER_DRAW: "the earlier draw was to be collected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDay:
    """One cycle on its new day: when the one before it is, and why the clinic is closed that day, if so."""

    number: int
    on: date
    previous_on: date | None
    previous_is_given: bool = False
    closed: str = ""
    # How many therapies of others are planned that day.
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the protocol said before, and says then: the action, its sentences, what is missing, the limit."""

    action: str
    reasons: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    stops_on: date | None = None


def move_warnings(
    plan: Protocol,
    *,
    days: tuple[NewDay, ...],
    moved: tuple[MovedDay, ...],
    before: Judgement,
    after: Judgement,
    today: date,
) -> tuple[str, ...]:
    """Every window that the new days break, and what the protocol says otherwise because of them."""
    found = [
        *(words for day in days for words in _of_a_day(plan, day)),
        *_limit(plan, days, after),
        *_too_late(moved, today),
        *_judged_anew(before, after),
    ]
    return tuple(dict.fromkeys(found))


def _of_a_day(plan: Protocol, day: NewDay) -> Iterator[str]:
    told = f"Cycle {day.number}, {day_words(day.on)}"
    if day.previous_on is not None:
        apart = days_between(day.previous_on, day.on)
        if apart > plan.schedule.window_last_day:
            yield (
                f"{told}: {apart} days after the cycle before it; the protocol asks for at most "
                f"{plan.schedule.window_last_day} ({plan.schedule.window_source})."
            )
    if day.closed:
        yield f"{told}: the clinic is closed that day ({day.closed})."
    if day.others:
        others = "1 other therapy is" if day.others == 1 else f"{day.others} other therapies are"
        yield f"{told}: {others} planned that day."


def _limit(plan: Protocol, days: tuple[NewDay, ...], after: Judgement) -> Iterator[str]:
    """The limit of a delay by toxicity: the day itself where one is open, else that it is reached at all."""
    first = days[0] if days else None
    if first is None or first.previous_on is None or not first.previous_is_given:
        return
    if after.stops_on is not None and first.on >= after.stops_on:
        yield (
            f"A toxicity is not resolved: unless it recovers before, the course stops on "
            f"{day_words(after.stops_on)}, which the new day reaches ({plan.delay_limit.source})."
        )
        return
    limit = plan.delay_limit
    elapsed = days_between(clock_start(last_on=first.previous_on, protocol=plan), first.on)
    if elapsed >= limit.days:
        from_nominal = limit.counted_from is ClockStart.NOMINAL_DAY
        start = f"the nominal day of cycle {first.number}" if from_nominal else "the last administration"
        yield (
            f"The new day lies {elapsed} days after {start}: at or past the limit of {limit.days} days "
            f"({limit.source})."
        )


def _too_late(moved: tuple[MovedDay, ...], today: date) -> Iterator[str]:
    for each in moved:
        after = each.after
        if after is not None and after.kind in _MISSED and after.last < today:
            yield (
                f"For cycle {after.cycle} {_MISSED[after.kind]} by {day_words(after.last)}: that day is past."
            )


def _judged_anew(before: Judgement, after: Judgement) -> Iterator[str]:
    if before.action != after.action:
        yield f"The protocol's answer changes from {before.action} to {after.action}."
    for rule, sentence in after.reasons.items():
        if rule not in before.reasons:
            yield f"New for that day, {rule}: {sentence}"
    for item, why in after.missing.items():
        if item not in before.missing:
            yield f"No longer valid for that day: {item}, {why}."
