"""Write orders: place them, move them between states along the legal table, void their directives."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from courses.models import Cycle, Decision, DirectiveVoid, Order, OrderEvent
from courses.rules.order_states import OrderKind, OrderState, is_legal


class IllegalTransition(Exception):
    """An order was asked to go where its state does not lead."""


def place_order(
    *,
    cycle: Cycle,
    kind: OrderKind,
    items: Sequence[Mapping[str, Any]],
    decision: Decision,
    now: datetime,
) -> Order:
    """Place one proposed order for a cycle; it becomes active only through a signature."""
    order = Order.objects.create(
        cycle=cycle,
        kind=kind.value,
        state=OrderState.PROPOSED.value,
        decision=decision,
        items=list(items),
        placed_at=now,
        updated_at=now,
    )
    OrderEvent.objects.create(
        order=order, to_state=order.state, reason_code="placed", decision=decision, at=now
    )
    return order


def move_order(
    *,
    order: Order,
    to: OrderState,
    reason_code: str,
    actor: User | None,
    decision: Decision | None,
    now: datetime,
) -> None:
    """Move an order to another state and write down who did so and why.

    The caller holds the course's row lock. Raises IllegalTransition.
    """
    before = OrderState(order.state)
    if not is_legal(before=before, after=to):
        raise IllegalTransition(f"An order that is {before.value} cannot become {to.value}.")
    order.state = to.value
    order.reason_code = reason_code
    order.version += 1
    order.updated_at = now
    order.save(update_fields=["state", "reason_code", "version", "updated_at", "directive", "decision"])
    OrderEvent.objects.create(
        order=order,
        from_state=before.value,
        to_state=to.value,
        reason_code=reason_code,
        decision=decision,
        actor=actor,
        at=now,
    )
    if to is OrderState.VOID and order.directive_id is not None:
        void_directive(directive_id=order.directive_id, reason_code=reason_code, decision=decision, now=now)


def recall_order(*, order: Order, reason_code: str, decision: Decision, now: datetime) -> None:
    """Call back what was dispensed: the order keeps its state and carries the reason until pharmacy answers.

    Calling back twice for the same reason changes nothing.
    """
    if order.reason_code == reason_code:
        return
    order.reason_code = reason_code
    order.version += 1
    order.updated_at = now
    order.save(update_fields=["reason_code", "version", "updated_at"])
    OrderEvent.objects.create(
        order=order,
        from_state=order.state,
        to_state=order.state,
        reason_code=reason_code,
        decision=decision,
        at=now,
    )


def void_directive(*, directive_id: int, reason_code: str, decision: Decision | None, now: datetime) -> None:
    """Record that a directive no longer holds; saying so twice changes nothing."""
    DirectiveVoid.objects.get_or_create(
        directive_id=directive_id,
        defaults={"reason_code": reason_code, "decision": decision, "at": now},
    )
