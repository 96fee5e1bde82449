"""Answer a recall: pharmacy says where the unit is, and the order ends or is left for what was given."""

from datetime import datetime

from django.contrib.auth.models import User

from courses.models import Order, Recall, RecallAnswer, RecallOutcome
from courses.rules.order_states import OrderState
from courses.services.authority import printed_name, stated
from courses.services.handling import Handled, OrderRefused, fault, handle_order
from courses.services.orders import move_order


def acknowledge_recall(
    *,
    order: Order,
    outcome: str,
    by: User,
    note: str = "",
    version: int | None = None,
    now: datetime | None = None,
) -> Order:
    """Write down where the called-back unit is; every open recall of the order is answered by it.

    1. check the right and lock the course, which may be closed; 2. refuse where nothing is called back;
    3. append the answers; 4. a unit that is secured or returned ends its order; one that was given leaves it
    as it is, for the record of what was given.

    Raises NotAllowed, OrderRefused, StaleOrder.
    """

    def act(handled: Handled) -> None:
        _answer(handled, outcome=outcome, note=stated(note))

    return handle_order(order=order, by=by, act=act, version=version, now=now, at_gate=False)


def _answer(handled: Handled, *, outcome: str, note: str) -> None:
    """Steps 2 to 4; the caller holds the course's lock."""
    order = handled.order
    recalls = list(Recall.objects.unanswered().filter(order=order))
    if not recalls:
        raise OrderRefused(
            fault("recall-none", "This order is not called back, or its recall is answered already.")
        )
    if outcome not in RecallOutcome.values:
        known = ", ".join(RecallOutcome.values)
        raise OrderRefused(
            fault("outcome-unknown", f"Say where the unit is: {known}.", field="outcome"), is_unreadable=True
        )
    given = outcome == RecallOutcome.ALREADY_GIVEN.value
    if order.state == OrderState.DONE.value and not given:
        raise OrderRefused(
            fault(
                "recall-contradicted",
                "This order is recorded as given: answer already_given, or have the record corrected first.",
                field="outcome",
            )
        )
    RecallAnswer.objects.bulk_create(
        RecallAnswer(
            recall=recall,
            outcome=outcome,
            note=note,
            answered_by=handled.by,
            printed_name=printed_name(handled.by),
            answered_at=handled.now,
        )
        for recall in recalls
    )
    if not given and order.state == OrderState.DISPENSED.value:
        move_order(
            order=order,
            to=OrderState.VOID,
            reason_code=recalls[0].reason_code,
            actor=handled.by,
            decision=recalls[0].decision,
            now=handled.now,
            note=f"called back: {RecallOutcome(outcome).label}",
        )
    else:
        handled.touch()
