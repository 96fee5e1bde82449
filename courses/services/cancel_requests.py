"""A nurse asks for an order to be cancelled, and pharmacy or a physician answers."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.contrib.auth.models import User

from courses.models import Order, OrderEvent
from courses.rules.order_states import OrderState
from courses.services.authority import stated
from courses.services.handling import (
    CANCEL,
    Handled,
    OrderRefused,
    check_is_cancelled_at_all,
    fault,
    handle_order,
)

ASK = "courses.ask_cancel"
ASKED, DECLINED = "cancel-asked", "cancel-declined"
# What is out is no order any more that a request could wait for: a hold calls it back at once.
MAY_BE_ASKED = (
    OrderState.PROPOSED, OrderState.ACTIVE, OrderState.SUSPENDED, OrderState.ACCEPTED, OrderState.PREPARED,
)  # fmt: skip


def ask_to_cancel(
    *, order: Order, by: User, reason: str, version: int | None = None, now: datetime | None = None
) -> Order:
    """Ask for an order to be cancelled; it stays as it is until somebody who may has answered.

    Raises NotAllowed, OrderRefused, StaleOrder.
    """

    def act(handled: Handled) -> None:
        _check_may_be_asked(handled.order)
        if request_of(handled.order) is not None:
            raise OrderRefused(
                fault("cancel-asked", "It was asked for already, and nobody has answered yet.")
            )
        _write(handled, code=ASKED, note=_said(reason))

    return _handled(
        order,
        act,
        by=by,
        version=version,
        now=now,
        right=ASK,
        else_say="Nurses ask for an order to be cancelled; a physician or pharmacy cancels it.",
    )


def decline_to_cancel(
    *, order: Order, by: User, reason: str, version: int | None = None, now: datetime | None = None
) -> Order:
    """Answer such a request with a no; the order goes on. Raises NotAllowed, OrderRefused, StaleOrder."""

    def act(handled: Handled) -> None:
        if request_of(handled.order) is None:
            raise OrderRefused(fault("cancel-not-asked", "Nobody asks for this order to be cancelled."))
        _write(handled, code=DECLINED, note=_said(reason))

    return _handled(
        order,
        act,
        by=by,
        version=version,
        now=now,
        right=CANCEL,
        else_say="Only a physician or pharmacy answers a request to cancel.",
    )


def request_of(order: Order) -> OrderEvent | None:
    """The request that waits for an answer, if there is one."""
    return requests_among([order]).get(order.pk)


def requests_among(orders: Iterable[Order]) -> dict[int, OrderEvent]:
    """The unanswered requests among these orders, by the orders' keys; one query.

    Whatever a person did to the order since is an answer: it was gone on with, or it was cancelled. What the
    service did by itself is none.
    """
    waiting = [order.pk for order in orders if OrderState(order.state) in MAY_BE_ASKED]
    newest: dict[int, OrderEvent] = {}
    rows = OrderEvent.objects.filter(order__in=waiting, actor__isnull=False).select_related("actor")
    for event in rows.order_by("pk"):
        newest[event.order_id] = event
    return {key: event for key, event in newest.items() if event.reason_code == ASKED}


def _check_may_be_asked(order: Order) -> None:
    check_is_cancelled_at_all(order)
    if order.state == OrderState.DISPENSED:
        raise OrderRefused(
            fault(
                "left-pharmacy",
                "This has left pharmacy. To stop it at once, hold the course: that calls a unit back.",
            )
        )
    if OrderState(order.state) not in MAY_BE_ASKED:
        raise OrderRefused(fault("wrong-state", f"This order is {order.state}: there is nothing to cancel."))


def _said(reason: str) -> str:
    if not stated(reason):
        raise OrderRefused(fault("reason-missing", "Say in a few words why.", "reason"), is_unreadable=True)
    return stated(reason)


def _write(handled: Handled, *, code: str, note: str) -> None:
    """Append what was said; the order's state stays, and whoever follows it is told of another version.

    It carries the request where it has no reason of its own: why it is suspended must not be lost.
    """
    order = handled.order
    if order.reason_code in ("", ASKED):
        order.reason_code = code if code == ASKED else ""
        order.save(update_fields=["reason_code"])
    OrderEvent.objects.create(
        order=order,
        from_state=order.state,
        to_state=order.state,
        reason_code=code,
        note=note,
        actor=handled.by,
        at=handled.now,
    )
    handled.touch()


def _handled(
    order: Order,
    act: Callable[[Handled], None],
    *,
    by: User,
    version: int | None,
    now: datetime | None,
    right: str,
    else_say: str,
) -> Order:
    return handle_order(
        order=order, by=by, act=act, version=version, now=now, at_gate=False, right=right, else_say=else_say
    )
