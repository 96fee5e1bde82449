"""Write orders: place them, move them along the legal table, call back what is out, void directives."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from courses.models import (
    Cycle,
    Decision,
    DirectiveVoid,
    Order,
    OrderEvent,
    Recall,
    RecallOutcome,
    WebhookEvent,
)
from courses.rules.order_states import OrderKind, OrderState, is_legal, needs_reason
from courses.services.webhooks import owe_calls

BY_HAND = "done-by-hand"
# Moving an order there ends its directive: whatever takes its place is signed anew.
_ENDS_DIRECTIVE = (OrderState.VOID, OrderState.CANCELLED)
_TOLD_AS = {
    OrderState.ACTIVE: WebhookEvent.RELEASED,
    OrderState.VOID: WebhookEvent.VOIDED,
    OrderState.CANCELLED: WebhookEvent.VOIDED,
}


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
    note: str = "",
) -> None:
    """Move an order to another state, write down who did so and why, and owe the news to whoever is told.

    The caller holds the course's row lock. Raises IllegalTransition, also for a dispensed order that is
    called off without a reason.
    """
    before = OrderState(order.state)
    if not is_legal(before=before, after=to):
        raise IllegalTransition(f"An order that is {before.value} cannot become {to.value}.")
    if needs_reason(before=before, after=to) and not (reason_code or note):
        raise IllegalTransition(f"An order that is {before.value} becomes {to.value} only with a reason.")
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
        note=note,
        decision=decision,
        actor=actor,
        at=now,
    )
    if to in _ENDS_DIRECTIVE and order.directive_id is not None:
        void_directive(
            directive_id=order.directive_id, reason_code=reason_code or to.value, decision=decision, now=now
        )
    owe_calls(order=order, event=_TOLD_AS.get(to, WebhookEvent.CHANGED), now=now)


def recall_order(*, order: Order, reason_code: str, decision: Decision | None, now: datetime) -> None:
    """Call back what was dispensed: open a recall, and end the directive that the unit was dispensed under.

    The order keeps its state and carries the reason until pharmacy answers. While a recall for the same
    reason is unanswered, and once pharmacy has said that the unit was given, calling back changes nothing.
    """
    earlier = Recall.objects.filter(order=order)
    if earlier.unanswered().filter(reason_code=reason_code).exists():
        return
    if earlier.filter(answer__outcome=RecallOutcome.ALREADY_GIVEN).exists():
        return
    Recall.objects.create(order=order, reason_code=reason_code, decision=decision, opened_at=now)
    order.reason_code = reason_code
    order.version += 1
    order.updated_at = now
    order.save(update_fields=["reason_code", "version", "updated_at"])
    OrderEvent.objects.create(
        order=order,
        from_state=order.state,
        to_state=order.state,
        reason_code=reason_code,
        note="called back",
        decision=decision,
        at=now,
    )
    if order.directive_id is not None:
        void_directive(directive_id=order.directive_id, reason_code=reason_code, decision=decision, now=now)
    owe_calls(order=order, event=WebhookEvent.RECALL, now=now)


def void_directive(*, directive_id: int, reason_code: str, decision: Decision | None, now: datetime) -> None:
    """Record that a directive no longer holds; saying so twice changes nothing."""
    DirectiveVoid.objects.get_or_create(
        directive_id=directive_id,
        defaults={"reason_code": reason_code, "decision": decision, "at": now},
    )
