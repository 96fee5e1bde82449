"""Orders that say other words than the protocol says now: which end, which stand, and which come anew."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from courses import library
from courses.rules.order_states import LIVE_STATES, OrderKind, OrderState
from courses.rules.orders import ChangeKind, OpenOrder, OrderChange, plan_orders
from courses.rules.recommend import recommend
from courses.rules.values import OrderLine, Recommendation
from tests.strategies import chart, draw_day, panel

US = library.protocol("lutathera_us_2024_04")
RADIO, ANTIEMETIC, COVER = OrderKind.RADIOPHARMACEUTICAL, OrderKind.ANTIEMETIC, OrderKind.STEROID_COVER
DRAWS, TEST = OrderKind.LAB_DRAWS, OrderKind.PREGNANCY_TEST
PROPOSED, ACTIVE = OrderState.PROPOSED, OrderState.ACTIVE
OTHER = ((("text", "what the protocol said before"),),)
NOT_SIGNED = (OrderState.PROPOSED, OrderState.SUSPENDED)


def recommended(*, disease: bool) -> Recommendation:
    found = chart(draws=panel(draw_day()), peritoneal_or_mesenteric_disease=disease)
    return recommend(chart=found, protocol=US, today=draw_day())


# A man without peritoneal disease, one with it, and a cycle whose draws fall due today.
GO, WITH_DISEASE = recommended(disease=False), recommended(disease=True)
DUE = recommend(chart=chart(), protocol=US, today=draw_day() - timedelta(days=7))


def line(kind: OrderKind, found: Recommendation = GO) -> OrderLine:
    """What the protocol says of this kind now."""
    return next(each for each in found.order_set if each.kind is kind)


def order(kind: OrderKind, state: OrderState = PROPOSED, **more: Any) -> OpenOrder:
    return OpenOrder(ref=f"the {kind}", kind=kind, state=state, **more)


def plan(
    *orders: OpenOrder, found: Recommendation = GO, ended: tuple[OpenOrder, ...] = ()
) -> tuple[OrderChange, ...]:
    """What changes where every kind of the set was placed before under this verdict."""
    placed = frozenset(each.kind for each in found.order_set)
    return plan_orders(recommendation=found, open_orders=orders, placed=placed, ended=ended)


def void(kind: OrderKind, code: str) -> OrderChange:
    return OrderChange(
        change=ChangeKind.VOID, kind=kind, reason_code=code, ref=f"the {kind}", to=OrderState.VOID
    )


def place(kind: OrderKind, found: Recommendation = GO) -> OrderChange:
    return OrderChange(change=ChangeKind.PLACE, kind=kind, reason_code="placed", line=line(kind, found))


def test_an_unsigned_order_that_says_other_things_is_void_and_proposed_anew() -> None:
    assert plan(order(RADIO), order(ANTIEMETIC, items=OTHER)) == (
        void(ANTIEMETIC, "date-changed"),
        place(ANTIEMETIC),
    )


def test_an_unsigned_order_that_says_the_same_or_is_not_compared_stands() -> None:
    assert plan(order(RADIO), order(ANTIEMETIC, items=line(ANTIEMETIC).items)) == ()
    assert plan(order(RADIO), order(ANTIEMETIC)) == ()


def test_a_signed_order_stands_as_it_was_signed() -> None:
    assert plan(order(RADIO), order(ANTIEMETIC, ACTIVE, items=OTHER)) == ()


def test_the_words_of_the_radiopharmaceutical_are_its_activity_and_day_alone() -> None:
    assert plan(order(RADIO, items=OTHER)) == ()


def test_once_the_radiopharmaceutical_is_signed_only_the_cover_comes_anew() -> None:
    live = (order(RADIO, ACTIVE), order(ANTIEMETIC, items=OTHER), order(COVER, items=OTHER))
    assert plan(*live, found=WITH_DISEASE) == (void(COVER, "date-changed"), place(COVER, WITH_DISEASE))


@pytest.mark.parametrize("kind", [COVER, TEST])
@pytest.mark.parametrize("state", NOT_SIGNED)
def test_what_is_no_longer_asked_for_ends_before_it_is_signed(kind: OrderKind, state: OrderState) -> None:
    assert plan(order(RADIO), order(kind, state)) == (void(kind, "no-longer-asked"),)


@pytest.mark.parametrize("state", [state for state in LIVE_STATES if state not in NOT_SIGNED])
def test_cover_that_was_signed_is_ended_by_people_alone(state: OrderState) -> None:
    assert plan(order(RADIO, ACTIVE), order(COVER, state)) == ()


@pytest.mark.parametrize("state", LIVE_STATES)
def test_cover_stands_while_the_disease_does(state: OrderState) -> None:
    assert plan(order(RADIO), order(COVER, state), found=WITH_DISEASE) == ()


def test_a_go_ends_the_draws_that_are_out_beside_what_else_changes() -> None:
    finish = OrderChange(
        change=ChangeKind.FINISH, kind=DRAWS, reason_code="draws-in", ref="the lab_draws", to=OrderState.DONE
    )
    assert plan(order(RADIO), order(COVER), order(DRAWS, ACTIVE)) == (void(COVER, "no-longer-asked"), finish)
    assert plan(order(RADIO), order(COVER), order(DRAWS)) == (void(COVER, "no-longer-asked"),)


def test_only_draws_that_were_done_in_the_same_words_are_not_proposed_again() -> None:
    def proposed(*ended: OpenOrder) -> set[OrderKind]:
        changes = plan_orders(recommendation=GO, open_orders=(), ended=ended)
        return {change.kind for change in changes}

    everything = {each.kind for each in GO.order_set}
    assert proposed(order(DRAWS, OrderState.DONE, items=line(DRAWS).items)) == everything - {DRAWS}
    assert proposed(order(DRAWS, OrderState.DONE, items=OTHER)) == everything
    assert proposed(order(TEST, OrderState.DONE, items=OTHER)) == everything


def test_draws_that_fall_due_are_ordered_as_active_in_the_protocols_words() -> None:
    asked = DUE.evidence_orders[0].line
    placed = OrderChange(
        change=ChangeKind.PLACE, kind=DRAWS, reason_code="window-open", to=ACTIVE, line=asked
    )
    assert plan_orders(recommendation=DUE, open_orders=()) == (placed,)
    proposed = order(DRAWS, items=asked.items)
    assert plan_orders(recommendation=DUE, open_orders=(proposed,)) == (
        replace(placed, change=ChangeKind.ACTIVATE, ref="the lab_draws", line=None),
    )
    of_another_day = order(DRAWS, ACTIVE, items=OTHER)
    assert plan_orders(recommendation=DUE, open_orders=(of_another_day,)) == (
        void(DRAWS, "date-changed"),
        placed,
    )
