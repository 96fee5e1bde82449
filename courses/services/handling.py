"""Handle one order for pharmacy: the right, the locks, the version read, the live gate, the refusals."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import Course, Decision, Order, WebhookEvent
from courses.rules.action_words import GO
from courses.rules.order_states import NEVER_LEFT_OUT, NOT_PHARMACYS, OrderKind, OrderState, is_legal
from courses.services.assess import assess_at_gate
from courses.services.authority import Refused, check_right
from courses.services.open_recalls import has_open_recall
from courses.services.orders import move_order
from courses.services.other_courses import in_the_way
from courses.services.remainder import held_by_a_part
from courses.services.sign import current_signature
from courses.services.webhooks import owe_calls
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

HANDLE = "courses.handle_order"
CANCEL = "courses.cancel_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that stands against an act: its stable code, what is wrong and what to do, the field."""

    code: str
    sentence: str
    field: str = ""


def fault(code: str, sentence: str, field: str = "") -> Fault:
    """A fault in one line."""
    return Fault(code=code, sentence=sentence, field=field)


class OrderRefused(Refused):
    """An act that the record, the rules or the gate does not allow; every fault that was found.

    `is_unreadable`: what was sent cannot be read at all, so that nothing was judged.
    """

    def __init__(self, *faults: Fault, is_unreadable: bool = False) -> None:
        super().__init__(" ".join(each.sentence for each in faults))
        self.faults = faults
        self.is_unreadable = is_unreadable


class StaleOrder(Exception):
    """The order is no longer the version that the caller read; `order` is what it is now."""

    def __init__(self, order: Order) -> None:
        super().__init__("The order has changed since you read it: read it again, then decide.")
        self.order = order


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """An order under the locks: as it stands, whose it is, who acts and when, and the live decision."""

    order: Order
    course: Course
    by: User
    now: datetime
    decision: Decision | None

    def move(self, to: OrderState, *, reason_code: str = "", note: str = "") -> None:
        """Move the order by this person's act."""
        move_order(
            order=self.order,
            to=to,
            reason_code=reason_code,
            actor=self.by,
            decision=self.decision,
            now=self.now,
            note=note,
        )

    def touch(self) -> None:
        """Another version of an order whose state stays: what hangs on it has changed."""
        self.order.version += 1
        self.order.updated_at = self.now
        self.order.save(update_fields=["version", "updated_at"])
        owe_calls(order=self.order, event=WebhookEvent.CHANGED, now=self.now)


def handle_order(
    *,
    order: Order,
    by: User,
    act: Callable[[Handled], None],
    version: int | None = None,
    now: datetime | None = None,
    at_gate: bool = True,
    right: str = HANDLE,
    else_say: str = "Only pharmacy handles orders. Ask the pharmacist on duty.",
) -> Order:
    """Act on one order under the locks of its course and itself.

    1. check the right; 2. lock the course, then the order; 3. refuse a version other than the one read;
    4. assess the course on live data (`at_gate`); 5. act. What step 4 found is kept even when the act is
    refused.

    Raises NotAllowed, StaleOrder, OrderRefused.
    """
    check_right(by, right, else_say=else_say)
    refusal: OrderRefused | None = None
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=order.cycle.course_id)
        now = now or database_now()
        locked = Order.objects.select_for_update().get(pk=order.pk)
        if version is not None and locked.version != version:
            raise StaleOrder(locked)
        decision = assess_at_gate(course_id=course.pk, now=now) if at_gate else course.current_decision
        if at_gate:
            locked = Order.objects.select_related("directive__voided", "cycle").get(pk=order.pk)
        try:
            with transaction.atomic():
                act(Handled(order=locked, course=course, by=by, now=now, decision=decision))
        except OrderRefused as found:
            refusal = found
    if refusal is not None:
        raise refusal
    return locked


def check_gate(handled: Handled) -> None:
    """Whether this order may go on: nothing of its cycle is called back, and the radioactive one is covered.

    Raises OrderRefused with one code and one sentence.
    """
    order = handled.order
    check_is_pharmacys(handled)
    if has_open_recall(order.cycle):
        raise OrderRefused(
            fault(
                "recall-open", "A unit of this cycle is called back: answer the recall before anything else."
            )
        )
    if order.kind == OrderKind.RADIOPHARMACEUTICAL.value:
        check_covered(handled)


def check_is_pharmacys(handled: Handled) -> None:
    """What a nurse or a physician does is not pharmacy's to handle. Raises OrderRefused."""
    if handled.order.kind in NOT_PHARMACYS:
        raise OrderRefused(
            fault(
                "not-pharmacys",
                f"Pharmacy has nothing to do for the {handled.order.get_kind_display()}: a nurse or a "
                "physician marks it as done on the course's page, and a physician leaves it out there.",
            )
        )


def check_is_cancelled_at_all(order: Order) -> None:
    """What else belongs to the set is left out by a physician, who signs why. Raises OrderRefused."""
    if order.kind not in NEVER_LEFT_OUT:
        raise OrderRefused(
            fault(
                "left-out-by-physician",
                f"The {order.get_kind_display()} is not cancelled: a physician leaves it out on the course's "
                "page, with a reason and the password.",
            )
        )


def check_covered(handled: Handled) -> None:
    """A live, signed go that this order's own directive was written under, for a day that is not past."""
    order, decision = handled.order, handled.decision
    if decision is None:
        raise OrderRefused(fault("course-closed", "This course is closed: nothing of it is handed out."))
    if decision.cycle_id != order.cycle_id:
        raise OrderRefused(
            fault("cycle-not-next", "This is not the course's next cycle: ask the physician in charge.")
        )
    if decision.action not in GO:
        raise OrderRefused(fault("not-a-go", _not_a_go(decision)))
    signature = current_signature(decision)
    if signature is None:
        raise OrderRefused(
            fault(
                "not-signed",
                "The decision that stands now is not signed: an authorised user reviews and signs it first.",
            )
        )
    directive = order.directive
    if directive is None or directive.signature_id != signature.pk:
        raise OrderRefused(
            fault("directive-other", "This order rests on another directive than the one signed now.")
        )
    if hasattr(directive, "voided"):
        raise OrderRefused(fault("directive-void", "This order's written directive no longer holds."))
    if directive.administer_on < clinic_day(handled.now, clinic_zone()):
        raise OrderRefused(
            fault("directive-past", "The day of this order's directive is past: have the cycle planned anew.")
        )
    if other := in_the_way(handled.course, on=directive.administer_on):
        raise OrderRefused(fault("other-course", other))
    if (held := held_by_a_part(handled.course.pk)) is not None:
        raise OrderRefused(fault("judgement-open", " ".join(held)))


def _not_a_go(decision: Decision) -> str:
    reasons = decision.answer.get("reasons", [])
    why = next((each["sentence"] for each in reasons if each.get("action") == decision.action), "")
    return f"The protocol now says {decision.action} for this cycle; nothing is handed out. {why}".strip()


def check_step(handled: Handled, to: OrderState) -> None:
    """Whether the order stands where this step begins. Raises OrderRefused."""
    before = OrderState(handled.order.state)
    if is_legal(before=before, after=to):
        return
    begins = [state.value for state in OrderState if is_legal(before=state, after=to)]
    raise OrderRefused(
        fault(
            "wrong-state",
            f"This order is {before.value}; it can become {to.value} only when it is {' or '.join(begins)}.",
        )
    )
