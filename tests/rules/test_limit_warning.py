"""Warnings on the way to the limit of a delay by toxicity: the day of its clock, and from where it counts."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from courses import library
from courses.rules.protocol import ClockStart, Protocol
from courses.rules.recommend import recommend
from courses.rules.values import Action, AdverseEvent, Chart, Delay, DelayCause, Reason, Recommendation
from tests.strategies import chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
LOW = measurement("PLT", "60", draw_day())
NOMINAL = PROTOCOL.delay_limit
FROM_NOMINAL = replace(
    PROTOCOL,
    delay_limit=replace(
        NOMINAL, days=42, warn_days=(21, 35), counted_from=ClockStart.NOMINAL_DAY, subtract_other_delay=True
    ),
)


def on_day(number: int, found: Chart, protocol: Protocol = PROTOCOL) -> Recommendation:
    """The recommendation so many days after the last administration."""
    return recommend(chart=found, protocol=protocol, today=last_day() + timedelta(days=number))


def warnings(answer: Recommendation) -> list[Reason]:
    found = [reason for reason in answer.reasons if reason.rule == "LIM-DELAY"]
    return [reason for reason in found if reason.action is Action.PROCEED]


@pytest.mark.parametrize(
    ("number", "warns"), [(83, False), (84, True), (97, True), (98, True), (105, True), (111, True)]
)
def test_it_warns_from_the_first_warning_day_on(number: int, warns: bool) -> None:
    answer = on_day(number, chart(draws=(LOW,)))
    assert bool(warnings(answer)) is warns
    assert answer.delay is not None
    assert answer.delay.day == number


def test_on_the_limit_day_it_stops_and_no_longer_warns() -> None:
    answer = on_day(112, chart(draws=(LOW,)))
    assert answer.action is Action.STOP
    assert warnings(answer) == []


def test_the_warning_says_the_day_of_the_clock_from_where_it_counts_and_when_it_stops() -> None:
    (warning,) = warnings(on_day(98, chart(draws=(LOW,))))
    assert warning.sentence == (
        "Platelets 60 ×10^9/L on 27 April 2026: not resolved, day 98 of 112, counted from the administration "
        "of cycle 2 of 9 March 2026 because the protocol says so; stops on 29 June 2026."
    )
    assert warning.threshold == "warnings from day 84 of 112"
    assert [item.value for item in warning.evidence] == ["60"]


def test_several_toxicities_share_one_warning() -> None:
    nausea = AdverseEvent(term="Nausea", grade=3, began_on=last_day() + timedelta(days=3))
    (warning,) = warnings(on_day(90, chart(draws=(LOW,), adverse_events=(nausea,))))
    assert warning.sentence.startswith(
        "Platelets 60 ×10^9/L on 27 April 2026 and Nausea grade 3 from 12 March 2026: not resolved, day 90 "
    )


@pytest.mark.parametrize(
    "found", [chart(draws=panel(draw_day())), chart(given=0, planned_on=date(2026, 1, 12))]
)
def test_without_an_unresolved_toxicity_there_is_no_warning(found: Chart) -> None:
    assert warnings(on_day(100, found)) == []


def test_a_resolved_toxicity_warns_no_more() -> None:
    later = panel(last_day() + timedelta(days=88))
    assert warnings(on_day(90, chart(draws=(LOW, *later)))) == []


def test_a_clock_that_counts_from_the_nominal_day_leaves_out_delay_by_other_causes() -> None:
    nominal = last_day() + timedelta(days=56)
    supply = Delay(cycle=3, cause=DelayCause.SUPPLY, began_on=nominal, ended_on=nominal + timedelta(days=5))
    plain, spared = chart(draws=(LOW,)), chart(draws=(LOW,), delays=(supply,))
    assert warnings(on_day(56 + 20, plain, FROM_NOMINAL)) == []
    (warning,) = warnings(on_day(56 + 21, plain, FROM_NOMINAL))
    assert "day 21 of 42, counted from the nominal day of cycle 3, 4 May 2026, because" in warning.sentence
    assert warnings(on_day(56 + 25, spared, FROM_NOMINAL)) == []
    answer = on_day(56 + 26, spared, FROM_NOMINAL)
    assert answer.delay is not None
    assert (answer.delay.day, answer.delay.limit_days, answer.delay.counted_from) == (21, 42, nominal)
    (warning,) = warnings(answer)
    assert "day 21 of 42" in warning.sentence
    assert "4 May 2026, without 5 days of delay by other causes because" in warning.sentence


def test_a_clock_that_has_not_started_stands_at_zero() -> None:
    answer = on_day(50, chart(draws=(LOW,)), FROM_NOMINAL)
    assert answer.delay is not None
    assert answer.delay.day == 0
