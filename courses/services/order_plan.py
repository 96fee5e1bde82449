"""Carry out what a recommendation asks of a cycle's orders."""

from datetime import datetime

from courses.models import Cycle, Decision, Order
from courses.rules.order_states import FOR_EVIDENCE, LEFT_OUT, LIVE_STATES, OrderKind, OrderState
from courses.rules.orders import NO_LONGER_ASKED, ChangeKind, OpenOrder, OrderChange, plan_orders
from courses.rules.values import Recommendation
from courses.services.orders import BY_HAND, move_order, place_order, recall_order
from labs.clinic_days import clinic_day
from labs.models import Patient
from labs.zones import clinic_zone


def follow_with_orders(
    *, cycle: Cycle, recommendation: Recommendation, decision: Decision, now: datetime
) -> None:
    """Move, place and call back this cycle's orders; the caller holds the course's lock."""
    every = list(
        Order.objects.filter(cycle=cycle)
        .select_related("directive", "decision")
        .defer("decision__situation", "decision__answer")
    )
    orders = {str(order.pk): order for order in every if order.state in LIVE_STATES}
    under_this = [order for order in every if order.decision.verdict == decision.verdict]
    changes = plan_orders(
        recommendation=recommendation,
        open_orders=tuple(_open_order(order, decision=decision) for order in orders.values()),
        placed=_kinds([order for order in under_this if order.reason_code != NO_LONGER_ASKED]),
        left_out=_kinds([order for order in under_this if _is_left_out(order)]),
        ended=tuple(_ended_order(order) for order in every if _is_over(order)),
    )
    for change in changes:
        if change.change is ChangeKind.PLACE and change.to is not None and _is_nobodys(cycle):
            continue  # nobody can be drawn blood for the trial of the line
        _carry_out(change, orders=orders, cycle=cycle, decision=decision, now=now)


def _is_nobodys(cycle: Cycle) -> bool:
    return Patient.objects.filter(courses=cycle.course_id, is_canary=True).exists()


def _kinds(orders: list[Order]) -> frozenset[OrderKind]:
    return frozenset(OrderKind(order.kind) for order in orders)


def _is_left_out(order: Order) -> bool:
    return order.state == OrderState.CANCELLED.value and order.reason_code == LEFT_OUT


def _is_over(order: Order) -> bool:
    """Whether it was to bring evidence in, and is done."""
    return order.kind in FOR_EVIDENCE and order.state == OrderState.DONE.value


def _ended_order(order: Order) -> OpenOrder:
    return OpenOrder(
        ref=str(order.pk),
        kind=OrderKind(order.kind),
        state=OrderState(order.state),
        ended_on=clinic_day(order.updated_at, clinic_zone()),
        by_hand=order.reason_code == BY_HAND,
        items=_items(order),
    )


def _open_order(order: Order, *, decision: Decision) -> OpenOrder:
    """The order as the rules see it: its directive's figures, or those it was proposed under.

    Its own decision is the one it was placed or signed under: another verdict does not cover it.
    """
    directive = order.directive
    # A remainder is a part of what its decision says: it falls when that changes, not by being less.
    own = directive if directive is not None and directive.remainder_of_id is None else order.decision
    return OpenOrder(
        ref=str(order.pk),
        kind=OrderKind(order.kind),
        state=OrderState(order.state),
        activity_gbq=own.activity_gbq,
        planned_on=directive.administer_on if directive else None,
        covered=order.decision.verdict_origin_id == decision.verdict_origin_id,
        items=_items(order),
    )


def _items(order: Order) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(tuple((str(key), str(value)) for key, value in item.items()) for item in order.items)


def _carry_out(
    change: OrderChange, *, orders: dict[str, Order], cycle: Cycle, decision: Decision, now: datetime
) -> None:
    """One planned change of one order, written down."""
    if change.change is ChangeKind.PLACE and change.line is not None:
        placed = place_order(
            cycle=cycle, kind=change.kind, items=change.line.items_as_dicts(), decision=decision, now=now
        )
        if change.to is not None:
            move_order(
                order=placed,
                to=change.to,
                reason_code=change.reason_code,
                actor=None,
                decision=decision,
                now=now,
            )
    elif change.change is ChangeKind.RECALL:
        recall_order(order=orders[change.ref], reason_code=change.reason_code, decision=decision, now=now)
    elif change.to is not None:
        move_order(
            order=orders[change.ref],
            to=change.to,
            reason_code=change.reason_code,
            actor=None,
            decision=decision,
            now=now,
        )
