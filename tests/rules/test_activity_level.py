"""The label's ladder: full, reduced, restored, stopped, from the cycles given and the toxicities."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.activity_level import is_reduced
from courses.rules.derived import Case
from courses.rules.evidence import read_history
from courses.rules.recommend import recommend
from courses.rules.values import Action, ActivityLevel, AdverseEvent, Chart, GivenCycle, Recommendation
from tests.strategies import FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
EARLY = FIRST + timedelta(days=28)


def course(*activities: str, draws: tuple[object, ...] = (), elsewhere: str = "", **more: object) -> Chart:
    """Cycles of these activities, eight weeks apart, the last one perhaps elsewhere, and a normal draw."""
    given = len(activities)
    cycles = tuple(
        GivenCycle(
            number=number,
            on=FIRST + timedelta(days=56 * (number - 1)),
            activity_gbq=Decimal(gbq),
            elsewhere=elsewhere if number == given else "",
        )
        for number, gbq in enumerate(activities, start=1)
    )
    found = chart(given=given, draws=(*draws, *panel(draw_day(given))), **more)  # type: ignore[arg-type]  # results
    return replace(found, cycles=cycles)


def judge(found: Chart, today: date | None = None) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=today or draw_day(len(found.cycles)))


def toxicity(value: str = "60", on: date = EARLY) -> tuple[object, ...]:
    return (measurement("PLT", value, on), *panel(on + timedelta(days=14)))


def test_without_a_toxicity_the_level_is_full() -> None:
    answer = judge(course("7.4", "7.4"))
    assert answer.activity_level is ActivityLevel.FULL
    assert answer.activity_level_why == "No toxicity of this course has changed the activity."
    assert judge(chart(given=0)).activity_level is ActivityLevel.FULL


def test_a_resolved_toxicity_asks_for_the_reduced_activity() -> None:
    answer = judge(course("7.4", draws=toxicity()))
    assert (answer.action, answer.activity_level) == (Action.REDUCE, ActivityLevel.REDUCED)
    assert answer.activity_level_why == (
        "thrombocytopenia from 9 February 2026, resolved on 23 February 2026, "
        "and no reduced cycle tolerated since."
    )


def test_an_open_toxicity_delays_and_the_next_level_is_reduced() -> None:
    answer = judge(chart(draws=panel(draw_day(), PLT="60")))
    assert (answer.action, answer.activity_level) == (Action.DELAY, ActivityLevel.REDUCED)
    assert "not resolved yet" in answer.activity_level_why


def test_a_tolerated_reduced_cycle_restores_and_later_full_ones_keep_it() -> None:
    for activities in (("7.4", "3.7"), ("7.4", "3.7", "7.4")):
        answer = judge(course(*activities, draws=toxicity()))
        assert (answer.action, answer.activity_level) == (Action.PROCEED, ActivityLevel.RESTORED)
    assert answer.activity_level_why == (
        "cycle 2 of 9 March 2026 was given at 3.7 GBq, and no recurrence of thrombocytopenia since."
    )


def test_full_cycles_after_a_toxicity_restore_nothing() -> None:
    answer = judge(course("7.4", "7.4", "7.4", draws=toxicity()))
    assert (answer.action, answer.activity_gbq) == (Action.REDUCE, Decimal("3.7"))
    assert (
        "cycle 2 of 9 March 2026 was given at 7.4 GBq and cycle 3 of 4 May 2026 was given at 7.4 GBq, so no "
        "reduced cycle has been tolerated yet: resume at 3.7 GBq" in str(answer.strongest)
    )


def test_a_reduced_cycle_given_before_the_toxicity_was_resolved_restores_nothing() -> None:
    event = AdverseEvent(
        term="Thrombocytopenia", grade=3, began_on=EARLY, ended_on=last_day() + timedelta(days=1)
    )
    answer = judge(course("7.4", "3.7", adverse_events=(event,)))
    assert answer.action is Action.REDUCE
    on_the_day = replace(event, ended_on=last_day())
    assert judge(course("7.4", "3.7", adverse_events=(on_the_day,))).action is Action.PROCEED


def test_a_recurrence_at_the_reduced_activity_stops() -> None:
    again = toxicity("74", last_day() + timedelta(days=28))
    answer = judge(course("7.4", "3.7", draws=(*toxicity(), *again)))
    assert (answer.action, answer.activity_level) == (Action.STOP, ActivityLevel.STOPPED)
    assert answer.activity_level_why.startswith("DM-PLT: Platelets 74")
    assert "it came again after treatment had resumed (first from 9 February 2026) with cycle 2 of" in str(
        answer.strongest
    )


def test_two_toxicities_and_two_reduced_cycles_are_told_one_after_the_other() -> None:
    both = (*toxicity(), measurement("HGB", "70", EARLY))
    waiting = judge(course("7.4", draws=both)).activity_level_why
    assert waiting == (
        "thrombocytopenia from 9 February 2026, resolved on 23 February 2026, "
        "and no reduced cycle tolerated since; "
        "anaemia and neutropenia from 9 February 2026, resolved on 23 February 2026, "
        "and no reduced cycle tolerated since."
    )
    restored = judge(course("7.4", "3.7", "3.7", draws=both)).activity_level_why
    assert restored == (
        "cycle 2 of 9 March 2026 was given at 3.7 GBq; cycle 3 of 4 May 2026 was given at 3.7 GBq, "
        "and no recurrence of thrombocytopenia, anaemia and neutropenia since."
    )


def test_a_reduction_elsewhere_without_a_known_toxicity_is_asked_about() -> None:
    answer = judge(course("7.4", "3.7", elsewhere="St Anna"))
    assert (answer.action, answer.activity_level) == (Action.PROCEED, ActivityLevel.RESTORED)
    assert answer.activity_level_why == (
        "cycle 2 at St Anna, 9 March 2026 was given at 3.7 GBq, "
        "and no recurrence of any recorded toxicity since."
    )
    [asked] = [r for r in answer.reasons if r.rule == "EV-MISSING"]
    assert asked.sentence == (
        "Cycle 2 at St Anna, 9 March 2026 was given at 3.7 GBq instead of 7.4 GBq, and no toxicity is "
        "recorded before it: ask that hospital why, and record a toxicity as an adverse event."
    )
    assert asked.threshold == "7.4 GBq, or a recorded toxicity"
    assert asked.source == str(PROTOCOL.schedule.reduced_source)


def test_a_reduction_elsewhere_after_a_known_toxicity_needs_no_question() -> None:
    answer = judge(course("7.4", "3.7", draws=toxicity(), elsewhere="St Anna"))
    assert [r for r in answer.reasons if r.rule == "EV-MISSING"] == []


def test_what_was_there_before_the_first_cycle_explains_no_reduction_elsewhere() -> None:
    before = AdverseEvent(
        term="Thrombocytopenia",
        grade=3,
        began_on=FIRST - timedelta(days=20),
        ended_on=FIRST - timedelta(days=9),
    )
    answer = judge(course("7.4", "3.7", elsewhere="St Anna", adverse_events=(before,)))
    assert [r.action for r in answer.reasons if r.rule == "EV-MISSING"] == [Action.PROCEED]


def test_a_toxicity_after_the_reduction_elsewhere_does_not_explain_it() -> None:
    after = toxicity(on=last_day() + timedelta(days=28))
    answer = judge(course("7.4", "3.7", draws=after, elsewhere="St Anna"))
    assert [r.action for r in answer.reasons if r.rule == "EV-MISSING"] == [Action.PROCEED]


@pytest.mark.parametrize(
    ("gbq", "reduced"),
    [
        ("7.4", False),
        ("5.92", False),
        ("5.55", False),
        ("5.54", True),
        ("3.7", True),
        ("3.3", True),
        ("1.86", True),
        ("1.85", False),
        ("0.4", False),
    ],
)
def test_a_cycle_is_reduced_when_it_lies_nearer_to_the_reduced_activity(gbq: str, reduced: bool) -> None:
    found = course(gbq)
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    assert is_reduced(found.cycles[0], case) is reduced
