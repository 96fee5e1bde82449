"""Which of several orders changes, to what, under which code: each change names its own order."""

from datetime import date
from decimal import Decimal

import pytest

from courses import library
from courses.rules.order_states import OrderKind, OrderState
from courses.rules.orders import ChangeKind, OpenOrder, OrderChange, plan_orders
from courses.rules.recommend import recommend
from courses.rules.values import Action, AdverseEvent, Chart, Recommendation
from tests.strategies import chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
PLANNED, MOVED = date(2026, 5, 4), date(2026, 5, 5)
RADIO, AMINO, ANTIEMETIC = OrderKind.RADIOPHARMACEUTICAL, OrderKind.AMINO_ACIDS, OrderKind.ANTIEMETIC


def judged(found: Chart) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=draw_day())


ANAPHYLAXIS = AdverseEvent(term="Anaphylaxis", grade=4, began_on=date(2026, 3, 9))
GO = judged(chart(draws=panel(draw_day())))
DELAY = judged(chart(draws=panel(draw_day(), PLT="60")))
STOP = judged(chart(draws=panel(draw_day()), adverse_events=(ANAPHYLAXIS,)))


def order(
    ref: str, kind: OrderKind = RADIO, state: OrderState = OrderState.ACTIVE, **more: object
) -> OpenOrder:
    facts: dict[str, object] = {"activity_gbq": Decimal("7.4"), "planned_on": PLANNED, **more}
    return OpenOrder(ref=ref, kind=kind, state=state, **facts)  # type: ignore[arg-type]


def plan(recommendation: Recommendation, *orders: OpenOrder) -> list[OrderChange]:
    found = plan_orders(recommendation=recommendation, open_orders=orders)
    return [change for change in found if change.change is not ChangeKind.PLACE]


def void(ref: str, kind: OrderKind, code: str) -> OrderChange:
    return OrderChange(change=ChangeKind.VOID, kind=kind, reason_code=code, ref=ref, to=OrderState.VOID)


def suspend(ref: str, kind: OrderKind, code: str) -> OrderChange:
    to = OrderState.SUSPENDED
    return OrderChange(change=ChangeKind.SUSPEND, kind=kind, reason_code=code, ref=ref, to=to)


def recall(ref: str, kind: OrderKind, code: str) -> OrderChange:
    return OrderChange(change=ChangeKind.RECALL, kind=kind, reason_code=code, ref=ref)


def test_the_recommendations_here_are_what_their_names_say() -> None:
    assert [found.action for found in (GO, DELAY, STOP)] == [Action.PROCEED, Action.DELAY, Action.STOP]


def test_a_delay_suspends_each_order_under_its_own_reference_and_kind() -> None:
    assert plan(DELAY, order("a"), order("b", AMINO), order("c", ANTIEMETIC)) == [
        suspend("a", RADIO, "DM-PLT"),
        suspend("b", AMINO, "DM-PLT"),
        suspend("c", ANTIEMETIC, "DM-PLT"),
    ]


def test_a_stop_voids_each_order_under_its_own_reference_and_kind() -> None:
    assert plan(STOP, order("a"), order("b", AMINO, OrderState.SUSPENDED)) == [
        void("a", RADIO, "DM-HSR"),
        void("b", AMINO, "DM-HSR"),
    ]


@pytest.mark.parametrize(("recommendation", "code"), [(DELAY, "DM-PLT"), (STOP, "DM-HSR")])
def test_a_recall_names_the_order_its_kind_and_the_rule(recommendation: Recommendation, code: str) -> None:
    assert plan(recommendation, order("a", state=OrderState.DISPENSED)) == [recall("a", RADIO, code)]


def test_on_a_delay_a_moved_order_is_void_and_the_others_are_suspended() -> None:
    assert plan(DELAY, order("moved", planned_on=MOVED), order("kept", AMINO)) == [
        void("moved", RADIO, "date-changed"),
        suspend("kept", AMINO, "DM-PLT"),
    ]


def test_a_moved_order_that_was_dispensed_is_recalled() -> None:
    moved = order("moved", state=OrderState.DISPENSED, planned_on=MOVED)
    assert plan(DELAY, moved) == [recall("moved", RADIO, "date-changed")]
    assert plan(GO, moved) == [recall("moved", RADIO, "date-changed")]


def test_while_labs_are_awaited_only_the_moved_order_ends() -> None:
    waiting = recommend(chart=chart(), protocol=PROTOCOL, today=date(2026, 4, 7))
    assert waiting.awaiting_labs
    assert plan(waiting, order("moved", planned_on=MOVED), order("kept", AMINO)) == [
        void("moved", RADIO, "date-changed")
    ]


def test_on_a_go_every_order_nobody_signed_under_this_verdict_is_suspended() -> None:
    orders = (order("a", covered=False), order("b", AMINO, covered=False), order("c", ANTIEMETIC))
    assert plan(GO, *orders) == [
        suspend("a", RADIO, "verdict-changed"),
        suspend("b", AMINO, "verdict-changed"),
    ]


def test_on_a_go_an_uncovered_proposal_stays_a_proposal() -> None:
    assert plan(GO, order("a", state=OrderState.PROPOSED, covered=False)) == []


def test_on_a_go_an_uncovered_order_that_cannot_be_suspended_stays_as_it_is() -> None:
    assert plan(GO, order("a", AMINO, OrderState.DISPENSED, covered=False)) == []
    assert plan(GO, order("a", state=OrderState.SUSPENDED, covered=False)) == []


def test_an_order_without_a_day_or_an_activity_of_its_own_fits_every_plan() -> None:
    assert plan(GO, order("a", planned_on=None, activity_gbq=None)) == []
    assert plan(DELAY, order("a", planned_on=None)) == [suspend("a", RADIO, "DM-PLT")]


def test_only_the_radiopharmaceutical_order_is_bound_to_the_activity_and_the_day() -> None:
    assert plan(GO, order("a"), order("b", AMINO, planned_on=MOVED, activity_gbq=Decimal("3.7"))) == []
    assert plan(GO, order("a", activity_gbq=Decimal("3.7"))) == [void("a", RADIO, "activity-changed")]


def test_an_order_dispensed_for_another_activity_is_recalled_and_no_second_one_is_placed() -> None:
    orders = (order("a", state=OrderState.DISPENSED, activity_gbq=Decimal("3.7")),)
    assert plan_orders(recommendation=GO, open_orders=orders) == (recall("a", RADIO, "activity-changed"),)


def test_a_void_order_is_no_live_order_and_is_left_alone() -> None:
    assert plan(STOP, order("a", state=OrderState.VOID)) == []


def test_a_new_radiopharmaceutical_order_comes_with_what_the_cycle_still_lacks() -> None:
    placed = plan_orders(recommendation=GO, open_orders=(order("b", AMINO),))
    lacking = [line.kind for line in GO.order_set if line.kind is not AMINO]
    assert lacking[:2] == [RADIO, ANTIEMETIC]
    assert [(change.change, change.kind, change.reason_code, change.ref) for change in placed] == [
        (ChangeKind.PLACE, kind, "placed", "") for kind in lacking
    ]
    assert [change.line.kind for change in placed] == lacking
    assert plan_orders(recommendation=GO, open_orders=(order("a"),)) == ()


def test_a_fall_in_platelets_between_cycles_places_an_order_of_half_the_activity() -> None:
    reduced = judged(chart(draws=(measurement("PLT", "60", date(2026, 4, 6)), *panel(draw_day()))))
    assert reduced.action is Action.REDUCE
    assert plan(reduced, order("a")) == [void("a", RADIO, "activity-changed")]
    assert plan(reduced, order("a", activity_gbq=Decimal("3.7"))) == []
