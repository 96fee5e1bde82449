"""Leave one order of a cycle's set out: a physician's signed reason, kept with the order."""

from datetime import datetime

from django.contrib.auth.models import User

from courses.models import Order
from courses.rules.action_words import GO
from courses.rules.order_states import LEFT_OUT, NEVER_LEFT_OUT, OrderKind, OrderState, is_legal
from courses.services.authority import check_fresh, stated
from courses.services.handling import Handled, OrderRefused, fault, handle_order
from labs.clock import database_now

SIGN = "courses.sign_decision"
_WHY_NEVER = {
    OrderKind.RADIOPHARMACEUTICAL: "Without the radiopharmaceutical there is no cycle: hold the course "
    "instead, or do not sign.",
    OrderKind.AMINO_ACIDS: "Amino acids protect the kidneys and belong to every cycle, also to one of half "
    "activity: they are never left out. If they cannot be given, hold the course.",
}


def why_never(kind: str) -> str:
    """Why this kind is never left out; empty where it may be."""
    return _WHY_NEVER[OrderKind(kind)] if kind in NEVER_LEFT_OUT else ""


def may_be_left_out(order: Order) -> bool:
    """Whether an order stands where it can still be left out; what was handed out is pharmacy's."""
    state = OrderState(order.state)
    if order.kind in NEVER_LEFT_OUT or state is OrderState.DISPENSED:
        return False
    return is_legal(before=state, after=OrderState.CANCELLED)


def leave_out(
    *,
    order: Order,
    by: User,
    reason: str,
    authenticated_at: datetime | None,
    version: int | None = None,
    now: datetime | None = None,
) -> Order:
    """End one order of the set by a physician's reason; it is not proposed again under the same verdict.

    1. check that the password is fresh, and the right; 2. lock course and order, assess on live data; 3.
    refuse what is never left out or is handed out, and while the cycle may not go; 4. cancel with the reason.

    Raises NotAllowed, StaleOrder, OrderRefused.
    """
    check_fresh(authenticated_at, now=now or database_now())

    def act(handled: Handled) -> None:
        found, decision = handled.order, handled.decision
        if never := why_never(found.kind):
            raise OrderRefused(fault("never-left-out", never))
        if not stated(reason):
            raise OrderRefused(
                fault("reason-missing", "Say in a few words why this is left out.", "reason"),
                is_unreadable=True,
            )
        if not may_be_left_out(found):
            raise OrderRefused(
                fault("wrong-state", f"This order is {found.state}: it cannot be left out now.")
            )
        if decision is None or decision.cycle_id != found.cycle_id or decision.action not in GO:
            raise OrderRefused(
                fault("not-a-go", "The cycle may not go ahead now: nothing is left out until it may.")
            )
        # Under which verdict it was left out: under another one it is proposed again.
        found.decision = decision
        handled.move(OrderState.CANCELLED, reason_code=LEFT_OUT, note=stated(reason))

    return handle_order(
        order=order,
        by=by,
        act=act,
        version=version,
        now=now,
        right=SIGN,
        else_say="Only a physician leaves out an order of the set.",
    )
