"""Orders follow the recommendation: stop at once, go only as a proposal."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.order_states import FOR_EVIDENCE, LIVE_STATES, OrderKind, OrderState, is_legal
from courses.rules.orders import ChangeKind, OpenOrder, OrderChange, plan_orders
from courses.rules.recommend import recommend
from courses.rules.values import Action, AdverseEvent, Recommendation
from tests.strategies import chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
PLANNED = date(2026, 5, 4)


# What every cycle of the US label is given with, in the order of its file.
SET = [
    "radiopharmaceutical",
    "amino_acids",
    "antiemetic",
    "analogue_hold",
    "analogue_restart",
    "rescue",
    "lab_draws",
]


def recommended(*, disease: bool | None = None, today: date | None = None, **values: str) -> Recommendation:
    found = chart(draws=panel(draw_day(), **values), peritoneal_or_mesenteric_disease=disease)
    return recommend(chart=found, protocol=PROTOCOL, today=today or draw_day())


GO, DELAY = recommended(), recommended(PLT="60")
STOP = recommend(
    chart=chart(
        draws=panel(draw_day()),
        adverse_events=(AdverseEvent(term="Anaphylaxis", grade=4, began_on=date(2026, 3, 9)),),
    ),
    protocol=PROTOCOL,
    today=draw_day(),
)
REDUCE = recommend(
    chart=chart(draws=(measurement("PLT", "60", date(2026, 4, 6)), *panel(draw_day()))),
    protocol=PROTOCOL,
    today=draw_day(),
)


def order(
    state: OrderState, kind: OrderKind = OrderKind.RADIOPHARMACEUTICAL, *, activity: str | None = "7.4"
) -> OpenOrder:
    return OpenOrder(
        ref="order-1",
        kind=kind,
        state=state,
        activity_gbq=None if activity is None else Decimal(activity),
        planned_on=PLANNED,
    )


def plan(recommendation: Recommendation, *orders: OpenOrder) -> tuple[OrderChange, ...]:
    return plan_orders(recommendation=recommendation, open_orders=orders)


def test_a_go_without_orders_proposes_the_order_set() -> None:
    changes = plan(GO)
    assert [change.kind for change in changes] == SET
    assert {change.change for change in changes} == {ChangeKind.PLACE}
    assert changes[0].line is not None
    assert changes[0].line.items_as_dicts()[0]["product"] == "lutetium Lu 177 dotatate"


@pytest.mark.parametrize(("disease", "covered"), [(True, True), (False, False), (None, False)])
def test_steroid_cover_is_ordered_only_with_peritoneal_or_mesenteric_disease(disease, covered) -> None:
    kinds = [change.kind for change in plan(recommended(disease=disease))]
    assert (OrderKind.STEROID_COVER in kinds) is covered


def test_amino_acids_are_the_same_for_a_reduced_cycle() -> None:
    assert REDUCE.action is Action.REDUCE
    assert GO.order_set == REDUCE.order_set


@pytest.mark.parametrize(
    "state", [OrderState.PROPOSED, OrderState.ACTIVE, OrderState.ACCEPTED, OrderState.PREPARED]
)
@pytest.mark.parametrize("kind", [kind for kind in OrderKind if kind not in FOR_EVIDENCE])
def test_a_delay_suspends_every_order_with_the_rule_as_reason(state: OrderState, kind: OrderKind) -> None:
    (change,) = plan(DELAY, order(state, kind))
    assert (change.change, change.to, change.reason_code) == (
        ChangeKind.SUSPEND,
        OrderState.SUSPENDED,
        "DM-PLT",
    )
    assert is_legal(before=state, after=OrderState.SUSPENDED)


def test_a_hold_for_missing_evidence_suspends_too() -> None:
    change, draws = plan(_held(), order(OrderState.ACTIVE))
    assert change.reason_code == "EV-MISSING"
    assert (draws.change, draws.kind, draws.to) == (ChangeKind.PLACE, "lab_draws", OrderState.ACTIVE)


def _held() -> Recommendation:
    kept = tuple(m for m in panel(draw_day()) if m.analyte != "PLT")
    return recommend(chart=chart(draws=kept), protocol=PROTOCOL, today=draw_day() + timedelta(days=1))


def test_awaiting_labs_changes_nothing() -> None:
    waiting = recommend(chart=chart(), protocol=PROTOCOL, today=draw_day() - timedelta(days=20))
    assert waiting.awaiting_labs
    assert waiting.labs_due == draw_day()
    assert plan(waiting, order(OrderState.ACTIVE)) == ()


# --- Draws and tests: ordered as they become due, without a signature --------------------------------------

WAITING = recommend(chart=chart(), protocol=PROTOCOL, today=PLANNED - timedelta(days=14))
DRAWS = next(each.line for each in WAITING.evidence_orders)


def draws(
    state: OrderState,
    *,
    items: tuple[tuple[tuple[str, str], ...], ...] | None = DRAWS.items,
    ended_on: date | None = None,
    by_hand: bool = False,
) -> OpenOrder:
    return OpenOrder(
        ref="draws",
        kind=OrderKind.LAB_DRAWS,
        state=state,
        items=items,
        ended_on=ended_on,
        by_hand=by_hand,
    )


def told(recommendation: Recommendation, *orders: OpenOrder, ended: tuple[OpenOrder, ...] = ()) -> list[str]:
    changes = plan_orders(recommendation=recommendation, open_orders=orders, ended=ended)
    return [f"{change.change} {change.kind}" for change in changes]


def test_the_draws_are_ordered_as_their_window_opens_and_nothing_that_is_given() -> None:
    early = recommend(chart=chart(), protocol=PROTOCOL, today=PLANNED - timedelta(days=15))
    assert told(early) == []
    (change,) = plan(WAITING)
    assert (change.kind, change.to, change.reason_code) == ("lab_draws", OrderState.ACTIVE, "window-open")
    assert told(WAITING, draws(OrderState.ACTIVE)) == []


@pytest.mark.parametrize("found", [DELAY, _held(), WAITING], ids=["delay", "hold", "awaiting"])
def test_nothing_suspends_the_draws_and_a_stop_ends_them(found: Recommendation) -> None:
    live = draws(OrderState.ACTIVE)
    assert not any("lab_draws" in change for change in told(found, live))
    assert told(STOP, live) == ["void lab_draws"]


def test_a_go_ends_the_draws_because_they_are_in_and_orders_them_no_second_time() -> None:
    asked = replace(draws(OrderState.ACTIVE), items=GO.evidence_orders[0].line.items)
    changes = plan(GO, asked)
    assert [(c.change, c.to, c.ref, c.reason_code) for c in changes if c.kind == "lab_draws"] == [
        (ChangeKind.FINISH, OrderState.DONE, "draws", "draws-in")
    ]
    over = replace(asked, state=OrderState.DONE, ended_on=draw_day())
    assert "place lab_draws" not in told(GO, ended=(over,))
    assert "place lab_draws" in told(GO)


def test_draws_of_another_day_are_ordered_anew_and_what_was_suspended_once_stands_again() -> None:
    other = draws(OrderState.ACTIVE, items=((("text", "another day"),),))
    assert told(WAITING, other) == ["void lab_draws", "place lab_draws"]
    assert told(WAITING, draws(OrderState.SUSPENDED)) == ["void lab_draws", "place lab_draws"]
    assert told(WAITING, draws(OrderState.PROPOSED)) == ["activate lab_draws"]


@pytest.mark.parametrize(
    ("days_before", "by_hand", "again"), [(14, True, False), (15, True, True), (14, False, True)]
)
def test_what_a_person_said_is_done_within_its_window_is_not_ordered_again(
    days_before: int, by_hand: bool, again: bool
) -> None:
    ended_on = PLANNED - timedelta(days=days_before)
    over = draws(OrderState.DONE, ended_on=ended_on, by_hand=by_hand)
    assert (told(WAITING, ended=(over,)) == ["place lab_draws"]) is again


@pytest.mark.parametrize("recommendation", [DELAY, STOP])
def test_what_was_dispensed_is_recalled(recommendation: Recommendation) -> None:
    (change,) = plan(recommendation, order(OrderState.DISPENSED))
    assert (change.change, change.to) == (ChangeKind.RECALL, None)
    assert plan(recommendation, order(OrderState.DISPENSED, OrderKind.ANTIEMETIC)) == ()


@pytest.mark.parametrize("state", [state for state in LIVE_STATES if state is not OrderState.DISPENSED])
def test_a_stop_voids_every_live_order(state: OrderState) -> None:
    (change,) = plan(STOP, order(state))
    assert (change.change, change.to, change.reason_code) == (ChangeKind.VOID, OrderState.VOID, "DM-HSR")
    assert is_legal(before=state, after=OrderState.VOID)


def test_a_suspended_order_stays_suspended_on_delay_and_on_go() -> None:
    assert plan(DELAY, order(OrderState.SUSPENDED)) == ()
    assert plan(GO, order(OrderState.SUSPENDED)) == ()


def test_a_changed_activity_voids_the_order_and_proposes_another() -> None:
    amino = order(OrderState.ACTIVE, OrderKind.AMINO_ACIDS, activity=None)
    changes = plan(REDUCE, order(OrderState.ACTIVE), amino)
    assert [(c.change, c.kind, c.reason_code) for c in changes] == [
        (ChangeKind.VOID, "radiopharmaceutical", "activity-changed"),
        *[(ChangeKind.PLACE, kind, "placed") for kind in SET if kind != "amino_acids"],
    ]


def test_a_changed_day_voids_the_order() -> None:
    moved = replace(order(OrderState.ACTIVE), planned_on=PLANNED - timedelta(days=1))
    assert plan(GO, moved)[0].reason_code == "date-changed"
    assert plan(GO, replace(order(OrderState.ACTIVE), planned_on=None, activity_gbq=None)) == ()


def test_a_dispensed_order_of_another_activity_is_recalled_and_not_doubled() -> None:
    (change,) = plan(REDUCE, order(OrderState.DISPENSED))
    assert (change.change, change.reason_code) == (ChangeKind.RECALL, "activity-changed")


def test_finished_orders_are_left_alone() -> None:
    assert plan(DELAY, order(OrderState.DONE), order(OrderState.VOID)) == ()


def test_a_recommendation_without_a_reason_names_its_action() -> None:
    bare = replace(DELAY, reasons=())
    assert plan(bare, order(OrderState.ACTIVE))[0].reason_code == "delay"


@pytest.mark.parametrize("final", [OrderState.DONE, OrderState.CANCELLED, OrderState.VOID])
def test_nothing_returns_from_a_final_state(final: OrderState) -> None:
    assert not any(is_legal(before=final, after=after) for after in OrderState)


def test_a_suspended_order_cannot_be_prepared_or_dispensed() -> None:
    assert is_legal(before=OrderState.SUSPENDED, after=OrderState.ACTIVE)
    for after in (OrderState.ACCEPTED, OrderState.PREPARED, OrderState.DISPENSED, OrderState.DONE):
        assert not is_legal(before=OrderState.SUSPENDED, after=after)
