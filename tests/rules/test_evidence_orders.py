"""When blood draws and a pregnancy test are asked for, and what has been drawn since that is not usable."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from courses import library
from courses.rules.facts import Facts
from courses.rules.order_set import evidence_orders
from courses.rules.order_states import OrderKind
from courses.rules.protocol import Protocol
from courses.rules.recommend import case_of, recommend
from courses.rules.values import Chart, EvidenceOrder, Status
from tests.strategies import chart, measurement, panel

US, EU = library.protocol("lutathera_us_2024_04"), library.protocol("lutathera_ema_2024")
DRAWS, TEST = OrderKind.LAB_DRAWS, OrderKind.PREGNANCY_TEST
# The cycle is planned for 4 May 2026. US: draws at most 14 days old. EU: one draw 28 to 14 days before it and
# another at most 7 days old.
PLANNED = date(2026, 5, 4)
HAEMOLYSED = ("haemolysed",)


def april(day: int) -> date:
    return date(2026, 4, day)


def asked(found: Chart, today: date, protocol: Protocol = US) -> dict[OrderKind, EvidenceOrder]:
    case, dates = case_of(chart=found, protocol=protocol, today=today)
    missing = recommend(chart=found, protocol=protocol, today=today).missing
    return {each.line.kind: each for each in evidence_orders(case, dates, missing, today=today)}


def told(order: EvidenceOrder) -> tuple[date, bool, date, date | None]:
    return order.opens_on, order.is_due, order.since, order.seen_on


@pytest.mark.parametrize(
    ("protocol", "today", "opens_on", "is_due", "since"),
    [
        (US, april(19), april(20), False, april(20)),
        (US, april(20), april(20), True, april(20)),
        (EU, april(5), april(6), False, april(6)),
        (EU, april(6), april(6), True, april(6)),
        (EU, april(26), april(6), True, april(6)),
        (EU, april(27), april(6), True, april(27)),  # the last draw is open as well, and lacking
    ],
)
def test_draws_are_due_from_the_first_day_on_which_a_lacking_one_can_serve(
    protocol: Protocol, today: date, opens_on: date, is_due: bool, since: date
) -> None:
    order = asked(chart(), today, protocol)[DRAWS]
    assert told(order) == (opens_on, is_due, since, None)


def test_draws_that_were_all_made_are_not_due() -> None:
    order = asked(chart(draws=panel(april(21))), april(27))[DRAWS]
    assert told(order) == (april(20), False, april(20), None)


@pytest.mark.parametrize(
    ("day", "more", "seen_on"),
    [
        (april(25), {"quality": HAEMOLYSED}, april(25)),
        (april(20), {"quality": HAEMOLYSED}, april(20)),
        (april(19), {"quality": HAEMOLYSED}, None),  # before its window
        (april(25), {"status": Status.PRELIMINARY}, None),  # its final result is to come
    ],
)
def test_a_draw_that_brought_nothing_usable_is_seen_and_stays_due(
    day: date, more: dict[str, Any], seen_on: date | None
) -> None:
    others = tuple(each for each in panel(april(26)) if each.analyte != "PLT")
    found = chart(draws=(*others, measurement("PLT", "220", day, **more)))
    assert told(asked(found, april(27))[DRAWS]) == (april(20), True, april(20), seen_on)


def test_of_several_unusable_draws_the_newest_is_seen() -> None:
    others = tuple(each for each in panel(april(26)) if each.analyte != "PLT")
    unusable = (measurement("PLT", "220", april(day), quality=HAEMOLYSED) for day in (22, 25, 23))
    order = asked(chart(draws=(*others, *unusable)), april(27))[DRAWS]
    assert order.seen_on == april(25)


def test_the_order_names_the_draws_and_their_days() -> None:
    [_, named] = asked(chart(), april(20))[DRAWS].line.items_as_dicts()
    assert named["text"] == "Collect from 20 April 2026, due by 27 April 2026, for the cycle of 4 May 2026"


@pytest.mark.parametrize(
    ("today", "facts", "is_due"),
    [
        (april(26), Facts(pregnancy=()), False),
        (april(27), Facts(pregnancy=()), True),
        (PLANNED, Facts(), False),  # a chart that is read without such facts lacks none
    ],
)
def test_a_pregnancy_test_is_due_in_the_week_before_while_none_is_recorded(
    today: date, facts: Facts, is_due: bool
) -> None:
    found = chart(birth_date=date(1986, 3, 2), facts=facts)
    assert told(asked(found, today)[TEST]) == (april(27), is_due, april(27), None)
    assert TEST not in asked(chart(), today)


def test_a_pregnancy_test_says_what_the_protocol_says_of_it() -> None:
    [row] = (each for each in US.orders if each.kind is TEST)
    order = asked(chart(birth_date=date(1986, 3, 2)), april(27))[TEST]
    assert order.line.items == row.items != ()


def test_a_pregnancy_test_that_no_check_asks_for_opens_on_the_planned_day() -> None:
    bare = replace(US, checks=())
    order = asked(chart(sex=None, birth_date=None), april(27), bare)[TEST]
    assert told(order) == (PLANNED, False, PLANNED, None)


def test_after_the_planned_day_nobody_knows_for_when_and_nothing_is_asked_for() -> None:
    assert set(asked(chart(), PLANNED)) == {DRAWS}
    assert asked(chart(), date(2026, 5, 5)) == {}
