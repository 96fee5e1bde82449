"""What is done to an order that leaves pharmacy: accept, prepare, dispense, and cancel."""

from datetime import datetime

from django.contrib.auth.models import User

from courses.models import Order, Recall
from courses.rules.order_states import OrderKind, OrderState
from courses.services.authority import stated
from courses.services.dispensing import BagMade, UnitMade, hand_out_bag, hand_out_unit
from courses.services.handling import (
    CANCEL,
    HANDLE,
    Handled,
    OrderRefused,
    check_gate,
    check_is_cancelled_at_all,
    check_is_pharmacys,
    check_step,
    fault,
    handle_order,
)

CANCELLED = "cancelled-by-pharmacy"
CANCELLED_BY_PHYSICIAN = "cancelled-by-physician"


def accept_order(*, order: Order, by: User, version: int | None = None, now: datetime | None = None) -> Order:
    """Pharmacy takes an active order on. Raises NotAllowed, OrderRefused, StaleOrder."""
    return _step(order=order, to=OrderState.ACCEPTED, by=by, version=version, now=now)


def prepare_order(
    *, order: Order, by: User, version: int | None = None, now: datetime | None = None
) -> Order:
    """Pharmacy has prepared what it took on. Raises NotAllowed, OrderRefused, StaleOrder."""
    return _step(order=order, to=OrderState.PREPARED, by=by, version=version, now=now)


def _step(*, order: Order, to: OrderState, by: User, version: int | None, now: datetime | None) -> Order:
    """One step that hands nothing out: lock, assess, check the gate and the state, move."""

    def act(handled: Handled) -> None:
        check_gate(handled)
        check_step(handled, to)
        handled.move(to)

    return handle_order(order=order, by=by, act=act, version=version, now=now)


def dispense_order(
    *,
    order: Order,
    by: User,
    made: UnitMade | BagMade | None = None,
    version: int | None = None,
    now: datetime | None = None,
) -> Order:
    """Hand out a prepared order: the radioactive one as a measured unit, amino acids as a bag.

    1. lock course and order, assess; 2. check gate and state; 3. check what was made against vial, directive
    and the rules of the day; 4. append the unit or bag with its label; 5. move the order.

    Raises NotAllowed, OrderRefused with every fault found, StaleOrder.
    """

    def act(handled: Handled) -> None:
        check_gate(handled)
        check_step(handled, OrderState.DISPENSED)
        _hand_out(handled, made)
        handled.move(OrderState.DISPENSED)

    return handle_order(order=order, by=by, act=act, version=version, now=now)


def _hand_out(handled: Handled, made: UnitMade | BagMade | None) -> None:
    """What goes with the order leaves the pharmacy with it."""
    kind = handled.order.kind
    if kind == OrderKind.RADIOPHARMACEUTICAL.value and isinstance(made, UnitMade):
        hand_out_unit(handled, made)
    elif kind == OrderKind.AMINO_ACIDS.value and isinstance(made, BagMade):
        hand_out_bag(handled, made)
    elif kind in (OrderKind.RADIOPHARMACEUTICAL.value, OrderKind.AMINO_ACIDS.value) or made is not None:
        raise OrderRefused(
            fault("unit-wrong", "What was sent is not what this kind of order is handed out as."),
            is_unreadable=True,
        )


def cancel_order(
    *, order: Order, by: User, reason: str, version: int | None = None, now: datetime | None = None
) -> Order:
    """End an order that will not be carried out; going ahead after it takes a new signature.

    Only the radiopharmaceutical and the amino acids: whatever else belongs to the set is left out by a
    physician, who signs why. A unit that is called back is answered for first: a cancelled order must not
    hide where it is. So pharmacy alone cancels what has left it, once it is in hand again.

    Raises NotAllowed, OrderRefused, StaleOrder.
    """

    def act(handled: Handled) -> None:
        if not stated(reason):
            raise OrderRefused(
                fault("reason-missing", "Say in a few words why this order is cancelled.", "reason"),
                is_unreadable=True,
            )
        check_is_pharmacys(handled)
        check_is_cancelled_at_all(handled.order)
        if Recall.objects.unanswered().filter(order=handled.order).exists():
            raise OrderRefused(
                fault("recall-open", "This order is called back: answer the recall instead of cancelling it.")
            )
        if handled.order.state == OrderState.DISPENSED and not by.has_perm(HANDLE):
            raise OrderRefused(
                fault(
                    "left-pharmacy",
                    "This has left pharmacy: pharmacy alone calls it off, once it is in hand again. To stop "
                    "a radioactive unit at once, hold the course: that calls it back.",
                )
            )
        check_step(handled, OrderState.CANCELLED)
        code = CANCELLED if by.has_perm(HANDLE) else CANCELLED_BY_PHYSICIAN
        handled.move(OrderState.CANCELLED, reason_code=code, note=stated(reason))

    return handle_order(
        order=order,
        by=by,
        act=act,
        version=version,
        now=now,
        at_gate=False,
        right=CANCEL,
        else_say="Only a physician or pharmacy cancels an order. Ask one of them.",
    )


__all__ = [
    "BagMade",
    "UnitMade",
    "accept_order",
    "cancel_order",
    "dispense_order",
    "prepare_order",
]
