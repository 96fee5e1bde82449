"""What may be done to an order in the browser: its words, its form, the service it calls, and when."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from courses.forms.pharmacy import (
    ActForm,
    BagForm,
    CancelForm,
    DirectionForm,
    MeasuredForm,
    PlainForm,
    RecallForm,
)
from courses.models import Order
from courses.pharmacy_board import vials_for
from courses.rules.order_states import NEVER_LEFT_OUT, NOT_PHARMACYS, OrderKind, OrderState
from courses.services.assay_direction import DIRECT, direct_assay
from courses.services.cancel_requests import (
    ASK,
    ASKED,
    DECLINED,
    MAY_BE_ASKED,
    ask_to_cancel,
    decline_to_cancel,
)
from courses.services.handling import CANCEL, HANDLE
from courses.services.pharmacy import accept_order, cancel_order, dispense_order, prepare_order
from courses.services.recalls import acknowledge_recall
from courses.services.same_act import just_answered, just_asked, just_became, just_directed, just_dispensed
from courses.views.frame import authenticated_at, signed_in

# Acts that only some kinds of order know.
_OF_KINDS: Mapping[str, Collection[str]] = {
    "direct": (OrderKind.RADIOPHARMACEUTICAL.value,),
    **dict.fromkeys(("cancel", "ask", "decline"), NEVER_LEFT_OUT),
}
_CANCELLABLE = (*MAY_BE_ASKED, OrderState.DISPENSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that may be done to an order: its words, its right, and the states it begins in."""

    name: str
    title: str
    button: str
    right: str
    states: tuple[OrderState, ...]
    with_password: bool = False


ACTS = {
    act.name: act
    for act in (
        Act(
            name="recall",
            title="Answer the recall",
            button="Record where the unit is",
            right=HANDLE,
            states=tuple(OrderState),
        ),
        Act(
            name="accept",
            title="Accept",
            button="Accept this order",
            right=HANDLE,
            states=(OrderState.ACTIVE,),
        ),
        Act(
            name="prepare",
            title="Prepare",
            button="It is prepared",
            right=HANDLE,
            states=(OrderState.ACCEPTED,),
        ),
        Act(
            name="dispense",
            title="Dispense",
            button="Dispense with your password",
            right=HANDLE,
            states=(OrderState.PREPARED,),
            with_password=True,
        ),
        Act(
            name="direct",
            title="Direct an activity beyond the limit",
            button="Direct it with your password",
            right=DIRECT,
            states=(OrderState.PREPARED,),
            with_password=True,
        ),
        Act(
            name="cancel",
            title="Cancel",
            button="Cancel this order",
            right=CANCEL,
            states=_CANCELLABLE,
        ),
        Act(
            name="decline",
            title="Do not cancel: the order goes on",
            button="Answer the request",
            right=CANCEL,
            states=MAY_BE_ASKED,
        ),
        Act(
            name="ask",
            title="Ask for it to be cancelled",
            button="Ask pharmacy and physicians",
            right=ASK,
            states=MAY_BE_ASKED,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An act as the page offers it."""

    act: Act
    form: ActForm


def do(request: HttpRequest, order: Order, offer: Offer) -> None:
    """Call the service of an act with its valid form. Raises OrderRefused, NotAllowed, StaleOrder."""
    form, by = offer.form, signed_in(request)
    asked: dict[str, Any] = {"order": order, "by": by, "version": form.cleaned_data["version"]}
    match offer.act.name:
        case "accept":
            accept_order(**asked)
        case "prepare":
            prepare_order(**asked)
        case "dispense":
            made = form.made() if isinstance(form, MeasuredForm | BagForm) else None
            dispense_order(made=made, **asked)
        case "direct":
            direct_assay(authenticated_at=authenticated_at(request), **asked, **form.said())
        case "recall":
            acknowledge_recall(**asked, **form.said())
        case "ask":
            ask_to_cancel(**asked, **form.said())
        case "decline":
            decline_to_cancel(**asked, **form.said())
        case _:
            cancel_order(**asked, **form.said())


def is_just_done(request: HttpRequest, order: Order, offer: Offer) -> bool:
    """Whether this person has just done this very act to the order."""
    form, by = offer.form, signed_in(request)
    match offer.act.name:
        case "accept" | "prepare" as name:
            to = OrderState.ACCEPTED if name == "accept" else OrderState.PREPARED
            return just_became(order, to, by=by)
        case "dispense":
            made = form.made() if isinstance(form, MeasuredForm | BagForm) else None
            return just_dispensed(order, made, by=by)
        case "direct":
            return just_directed(order, by=by, **form.said())
        case "recall":
            return just_answered(order, by=by, **form.said())
        case "ask" | "decline" as said:
            code = ASKED if said == "ask" else DECLINED
            return just_asked(order, code, by=by, note=form.cleaned_data["reason"])
        case _:
            return just_became(order, OrderState.CANCELLED, by=by, note=form.cleaned_data["reason"])


def form_of(act: Act, order: Order, request: HttpRequest | None = None, *, seen: str = "") -> ActForm:
    """The form of an act: as it was sent, or to be filled in for the order as it is `seen`."""
    kind = _kind_of_form(act, order)
    extra: dict[str, Any] = {}
    if kind is MeasuredForm:
        # Also the one that was sent: whether it is used up the service says, in words.
        named = request.POST.get("vial", "") if request is not None else ""
        left = [
            line.vial for line in vials_for(order) if not line.is_used_up or str(line.vial.public_id) == named
        ]
        extra["vials"] = [(str(vial.public_id), f"lot {vial.lot}") for vial in left]
    sent = request.POST if request is not None else None
    shown = {"version": order.version, "seen": seen}
    return kind(sent, auto_id=f"{act.name}-%s", initial=shown, **extra)


def _kind_of_form(act: Act, order: Order) -> type[ActForm]:
    match act.name:
        case "dispense" if order.kind == OrderKind.RADIOPHARMACEUTICAL.value:
            return MeasuredForm
        case "dispense" if order.kind == OrderKind.AMINO_ACIDS.value:
            return BagForm
        case "direct":
            return DirectionForm
        case "recall":
            return RecallForm
        case "cancel" | "ask" | "decline":
            return CancelForm
    return PlainForm


def is_offered(act: Act, order: Order, *, is_recalled: bool, is_asked: bool, to_pharmacy: bool) -> bool:
    """While it is called back an order has one thing to be done; what is out pharmacy alone calls off.

    Asked for once, it waits for an answer and is not asked for again.
    """
    if order.kind in NOT_PHARMACYS:
        return False
    if is_recalled or act.name == "recall":
        return is_recalled and act.name == "recall"
    if order.kind not in _OF_KINDS.get(act.name, (order.kind,)):
        return False
    if act.name in ("ask", "decline") and (act.name == "decline") != is_asked:
        return False
    if act.name == "cancel" and order.state == OrderState.DISPENSED and not to_pharmacy:
        return False
    return OrderState(order.state) in act.states
