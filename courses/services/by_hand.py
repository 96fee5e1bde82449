"""Mark as done what a nurse or a physician does: a hold, a restart, a draw, a pregnancy test."""

from datetime import datetime

from django.contrib.auth.models import User

from courses.models import Cycle, Order
from courses.rules.order_states import DONE_BY_HAND, OrderKind, OrderState, is_legal
from courses.services.handling import Handled, OrderRefused, check_step, fault, handle_order
from courses.services.orders import BY_HAND, move_order

RECORD = "courses.record_fact"
_ON_THE_DAY = "recorded-on-the-day"


def may_be_done(order: Order) -> bool:
    """Whether a nurse or a physician may mark this order as done as it stands."""
    return order.kind in DONE_BY_HAND and is_legal(before=OrderState(order.state), after=OrderState.DONE)


def mark_done(*, order: Order, by: User, version: int | None = None, now: datetime | None = None) -> Order:
    """Mark an active order as done; who and when stand in its history.

    What was done is told whatever the course does meanwhile, so that nothing is assessed first.

    Raises NotAllowed, StaleOrder, OrderRefused.
    """

    def act(handled: Handled) -> None:
        if handled.order.kind not in DONE_BY_HAND:
            raise OrderRefused(
                fault("not-by-hand", "This order is done by pharmacy and by the day of therapy, not here.")
            )
        check_step(handled, OrderState.DONE)
        handled.move(OrderState.DONE, reason_code=BY_HAND)

    return handle_order(
        order=order,
        by=by,
        act=act,
        version=version,
        now=now,
        at_gate=False,
        right=RECORD,
        else_say="Only nurses and physicians mark these orders as done.",
    )


def finish_restart(*, cycle: Cycle, by: User, now: datetime) -> None:
    """The day of therapy has recorded that the analogue was given again; under the course's lock."""
    for order in Order.objects.live().filter(cycle=cycle, kind=OrderKind.ANALOGUE_RESTART.value):
        if is_legal(before=OrderState(order.state), after=OrderState.DONE):
            move_order(
                order=order, to=OrderState.DONE, reason_code=_ON_THE_DAY, actor=by, decision=None, now=now
            )
