"""Each window that a new day breaks is said in one sentence, whole as whoever moves the cycle reads it."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from courses import library
from courses.rules.derived_days import DayKind, DerivedDay, MovedDay
from courses.rules.move_warnings import Judgement, NewDay, move_warnings
from courses.rules.protocol import ClockStart, Protocol

US = library.protocol("lutathera_us_2024_04")
LIMIT_SOURCE = (
    "AJR 2023;220:619, Table 1, delay of 16 weeks or longer; zero point our choice (C-02) "
    "(to be confirmed by the clinic)"
)
WINDOW = (
    "days after the cycle before it; the protocol asks for at most 63 (Lutathera US prescribing "
    "information, April 2024, 2.1 Recommended dosage: every 8 weeks plus or minus 1 week)."
)
# Cycle 1 was given on 4 May 2026: day 63 is 6 July, and day 112 is 24 August.
GIVEN, TODAY = date(2026, 5, 4), date(2026, 6, 1)
SAME = Judgement(action="proceed")


def told(
    *days: NewDay,
    plan: Protocol = US,
    moved: tuple[MovedDay, ...] = (),
    before: Judgement = SAME,
    after: Judgement = SAME,
) -> tuple[str, ...]:
    return move_warnings(plan, days=days, moved=moved, before=before, after=after, today=TODAY)


def second(on: date, *, given: bool = True, **more: Any) -> NewDay:
    """Cycle 2 on a new day, after cycle 1 of 4 May 2026."""
    return NewDay(number=2, on=on, previous_on=GIVEN, previous_is_given=given, **more)


def about_limit(*days: NewDay, plan: Protocol = US, after: Judgement = SAME) -> list[str]:
    """What is said of the limit, without the window, which lies before it."""
    return [words for words in told(*days, plan=plan, after=after) if not words.startswith("Cycle")]


def test_where_nothing_is_broken_nothing_is_said():
    assert told() == ()
    assert told(second(date(2026, 7, 6))) == ()
    assert told(NewDay(number=1, on=date(2026, 12, 1), previous_on=None)) == ()


def test_each_cycle_past_its_window_is_named_with_the_days_the_protocol_asks_for():
    third = NewDay(number=3, on=date(2026, 9, 10), previous_on=date(2026, 7, 7))
    assert told(second(date(2026, 7, 7)), third) == (
        f"Cycle 2, 7 July 2026: 64 {WINDOW}",
        f"Cycle 3, 10 September 2026: 65 {WINDOW}",
    )


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (1, ("Cycle 2, 30 June 2026: 1 other therapy is planned that day.",)),
        (2, ("Cycle 2, 30 June 2026: 2 other therapies are planned that day.",)),
        (0, ()),
    ],
)
def test_the_therapies_of_others_on_that_day_are_counted(others: int, words: tuple[str, ...]):
    assert told(second(date(2026, 6, 30), others=others)) == words


def test_a_closed_day_says_why_the_clinic_is_closed():
    assert told(second(date(2026, 7, 3), closed="Independence Day, observed")) == (
        "Cycle 2, 3 July 2026: the clinic is closed that day (Independence Day, observed).",
    )


def test_the_limit_of_a_delay_is_said_from_its_day_on():
    assert about_limit(second(date(2026, 8, 23))) == []
    assert about_limit(second(date(2026, 8, 24))) == [
        "The new day lies 112 days after the last administration: at or past the limit of 112 days "
        f"({LIMIT_SOURCE})."
    ]


def test_the_limit_counts_from_the_nominal_day_where_the_protocol_says_so():
    plan = replace(US, delay_limit=replace(US.delay_limit, days=42, counted_from=ClockStart.NOMINAL_DAY))
    # The nominal day of cycle 2 is 29 June 2026; 42 days later it is 10 August.
    assert about_limit(second(date(2026, 8, 9)), plan=plan) == []
    assert about_limit(second(date(2026, 8, 10)), plan=plan) == [
        "The new day lies 42 days after the nominal day of cycle 2: at or past the limit of 42 days "
        f"({LIMIT_SOURCE})."
    ]


def test_the_limit_runs_only_from_a_cycle_that_was_given():
    assert about_limit(second(date(2026, 8, 24), given=False)) == []


def test_the_limit_is_asked_of_the_first_cycle_that_moves():
    third = NewDay(number=3, on=date(2026, 8, 31), previous_on=GIVEN, previous_is_given=True)
    assert about_limit(second(date(2026, 6, 29)), third) == []


def test_an_open_toxicity_names_the_day_on_which_it_stops_the_course():
    waiting = Judgement(action="proceed", stops_on=date(2026, 8, 24))
    assert about_limit(second(date(2026, 8, 23)), after=waiting) == []
    assert about_limit(second(date(2026, 8, 24)), after=waiting) == [
        "A toxicity is not resolved: unless it recovers before, the course stops on 24 August 2026, which "
        f"the new day reaches ({LIMIT_SOURCE})."
    ]


def lying(kind: DayKind, last: date, *analytes: str) -> MovedDay:
    """What hangs on cycle 2 and is new with its day."""
    return MovedDay(
        before=None, after=DerivedDay(kind=kind, cycle=2, first=last, last=last, analytes=analytes)
    )


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (DayKind.VIAL_ORDER, "the vial was to be ordered"),
        (DayKind.LONG_ACTING_STOP, "the last long-acting analogue was to be given"),
        (DayKind.EARLIER_DRAW, "the earlier draw was to be collected"),
    ],
)
def test_what_can_no_longer_be_done_in_time_is_said_once_its_day_is_past(kind: DayKind, what: str):
    assert told(moved=(lying(kind, date(2026, 5, 31)),)) == (
        f"For cycle 2 {what} by 31 May 2026: that day is past.",
    )
    assert told(moved=(lying(kind, TODAY),)) == ()


def test_what_may_still_be_done_later_or_has_gone_is_never_too_late():
    past = lying(DayKind.LAST_DRAW, date(2026, 5, 31))
    gone = MovedDay(before=lying(DayKind.VIAL_ORDER, date(2026, 5, 31)).after, after=None)
    assert told(moved=(past, gone)) == ()


def test_two_draws_that_were_due_by_the_same_day_are_said_once():
    draws = (lying(DayKind.EARLIER_DRAW, date(2026, 5, 31), short) for short in ("PLT", "K"))
    assert told(moved=tuple(draws)) == (
        "For cycle 2 the earlier draw was to be collected by 31 May 2026: that day is past.",
    )


def test_an_answer_that_changes_with_the_day_is_said():
    assert told(after=Judgement(action="waiting for labs")) == (
        "The protocol's answer changes from proceed to waiting for labs.",
    )


def test_only_a_rule_that_did_not_speak_before_is_new_for_that_day():
    before = Judgement(action="delay", reasons={"DM-PLT": "Platelets are low.", "DM-HGB": "Anaemia."})
    after = Judgement(
        action="delay",
        reasons={"DM-PLT": "Platelets are low since May.", "EV-WINDOW": "The day lies past the window."},
    )
    assert told(before=before, after=after) == ("New for that day, EV-WINDOW: The day lies past the window.",)


def test_only_what_was_valid_before_is_no_longer_valid():
    before = Judgement(action="hold", missing={"weight": "none is recorded"})
    after = Judgement(action="hold", missing={"weight": "none is recorded", "777-3": "older than 14 days"})
    assert told(before=before, after=after) == ("No longer valid for that day: 777-3, older than 14 days.",)


def test_the_days_come_first_then_the_limit_what_is_too_late_and_what_is_judged_anew():
    found = told(
        second(date(2026, 8, 24), closed="Holiday"),
        moved=(lying(DayKind.VIAL_ORDER, date(2026, 5, 31)),),
        after=Judgement(action="delay", reasons={"DM-PLT": "Platelets are low."}, missing={"weight": "old"}),
    )
    assert [words[:24] for words in found] == [
        "Cycle 2, 24 August 2026:",
        "Cycle 2, 24 August 2026:",
        "The new day lies 112 day",
        "For cycle 2 the vial was",
        "The protocol's answer ch",
        "New for that day, DM-PLT",
        "No longer valid for that",
    ]
