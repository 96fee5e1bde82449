"""An authorised user directs in writing that a measured activity beyond the limit is given."""

from datetime import datetime

from django.contrib.auth.models import User

from courses.models import AssayDirection, Order
from courses.rules.activity import Deviation, judge_assay
from courses.rules.order_states import OrderKind, OrderState
from courses.services.authority import check_fresh, check_right, printed_name, stated
from courses.services.dispensing import read_measured, rules_of
from courses.services.handling import Handled, OrderRefused, check_gate, check_step, fault, handle_order
from labs.clock import database_now

DIRECT = "courses.sign_directive"


def direct_assay(
    *,
    order: Order,
    activity: str,
    measured_at: datetime,
    reason: str,
    by: User,
    authenticated_at: datetime | None,
    version: int | None = None,
    now: datetime | None = None,
) -> AssayDirection:
    """Direct that exactly this measurement of a prepared order may be dispensed, with a reason.

    1. check the rights and that the password is fresh; 2. lock, assess, check the gate; 3. refuse where no
    word is needed; 4. append the direction. Another measurement asks for another one.

    Raises NotAllowed, OrderRefused, StaleOrder.
    """
    check_right(by, "courses.sign_decision", else_say="Only a physician directs this.")
    fresh_at = check_fresh(authenticated_at, now=now or database_now())
    made: list[AssayDirection] = []

    def act(handled: Handled) -> None:
        if handled.order.kind != OrderKind.RADIOPHARMACEUTICAL.value:
            raise OrderRefused(fault("kind-wrong", "Only a radioactive order is measured."))
        check_gate(handled)
        check_step(handled, OrderState.DISPENSED)
        made.append(
            _direct(handled, activity=activity, measured_at=measured_at, reason=reason, fresh_at=fresh_at)
        )

    handle_order(order=order, by=by, act=act, version=version, now=now, right=DIRECT)
    return made[0]


def _direct(
    handled: Handled, *, activity: str, measured_at: datetime, reason: str, fresh_at: datetime
) -> AssayDirection:
    """Steps 3 and 4."""
    measured_gbq = read_measured(activity)
    if not stated(reason):
        raise OrderRefused(
            fault("reason-missing", "Say why this activity is to be given.", "reason"), is_unreadable=True
        )
    if measured_at.tzinfo is None or measured_at > handled.now:
        raise OrderRefused(
            fault("measured-in-future", "The measurement lies in the future: check its time.", "measured_at"),
            is_unreadable=True,
        )
    directive, rules = handled.order.directive, rules_of(handled).dispensing
    assert directive is not None
    judged = judge_assay(
        measured_gbq,
        directive.activity_gbq,
        warn_percent=rules.assay_warn_percent,
        refuse_percent=rules.assay_refuse_percent,
    )
    if judged is not Deviation.REFUSE:
        raise OrderRefused(
            fault("direction-needless", "This measurement may be dispensed without it.", "activity")
        )
    return AssayDirection.objects.create(
        order=handled.order,
        directive=directive,
        measured_gbq=measured_gbq,
        measured_at=measured_at,
        reason=stated(reason),
        signer=handled.by,
        printed_name=printed_name(handled.by),
        authenticated_at=fresh_at,
        signed_at=handled.now,
    )
