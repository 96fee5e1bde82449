"""Pharmacy's board, and the page of one order with everything that may be done to it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.decision_words import leading_reason
from courses.forms.pharmacy import (
    ActForm,
    BagForm,
    CancelForm,
    DirectionForm,
    MeasuredForm,
    PlainForm,
    RecallForm,
)
from courses.handouts import handouts_of, predicted_of
from courses.models import AssayDirection, Course, Order
from courses.pharmacy_board import board, vials_for
from courses.rules.order_states import NEVER_LEFT_OUT, NOT_PHARMACYS, OrderKind, OrderState
from courses.services.assay_direction import DIRECT, direct_assay
from courses.services.authority import NotAllowed
from courses.services.cancel_requests import (
    ASK,
    ASKED,
    DECLINED,
    MAY_BE_ASKED,
    ask_to_cancel,
    decline_to_cancel,
    request_of,
    requests_among,
)
from courses.services.handling import CANCEL, HANDLE, OrderRefused, StaleOrder
from courses.services.pharmacy import accept_order, cancel_order, dispense_order, prepare_order
from courses.services.recalls import acknowledge_recall
from courses.services.same_act import just_answered, just_asked, just_became, just_directed, just_dispensed
from courses.views.frame import (
    METHODS,
    SEES_NAMES,
    authenticated_at,
    banner,
    only_opened,
    render_page,
    signed_in,
)
from courses.views.pharmacy_seen import Changed, order_changes, token_of
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.views.frame import with_fresh_password
from labs.zones import clinic_zone

READ = [SEES_NAMES, "courses.view_order", "courses.view_directive"]
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


@require_safe
@never_cache
@login_required
@permission_required([*READ, HANDLE], raise_exception=True)
def pharmacy(request: HttpRequest) -> HttpResponse:
    """Recalls, what is to be done, vials in hand and orders with the supplier."""
    today = clinic_day(database_now(), clinic_zone())
    found = board(today=today)
    waiting = {order.pk: order for pile in found.piles for order in pile.orders}
    asked = [(waiting[key], event) for key, event in requests_among(waiting.values()).items()]
    recalls = [(each, _why_now(each.order.cycle.course)) for each in found.recalls]
    context = {
        "title": "Pharmacy",
        "board": found,
        "alike": found.alike,
        "recalls": recalls,
        "asked": asked,
        "may_see_patient": True,
    }
    return render_page(request, "courses/pharmacy.html", context)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def order_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One order: what it says, what is handed out, and what may be done."""
    return _page(request, _found(public_id))


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def act_on(request: HttpRequest, public_id: UUID, name: str) -> HttpResponse:
    """Do one thing to an order; what leaves pharmacy, and a direction, ask for the password."""
    act = ACTS.get(name)
    order = _found(public_id)
    if act is None:
        raise Http404("There is no such act.")
    if not request.user.has_perm(act.right):
        raise PermissionDenied
    if request.method != "POST":
        return only_opened(request, _address(order))
    form = _form(act, order, request)
    if not form.is_valid():
        return _page(request, order, sent=Offer(act=act, form=form), status=400)
    view: Callable[..., HttpResponse] = with_fresh_password(_act) if act.with_password else _act
    return view(request, order, Offer(act=act, form=form))


def _act(request: HttpRequest, order: Order, offer: Offer) -> HttpResponse:
    """Call the service; a refusal keeps what was typed."""
    form = offer.form
    try:
        _call(request, order, offer)
    except OrderRefused as refused:
        form.refuse(refused.faults)
        return _page(request, _found(order.public_id), sent=offer, status=409)
    except NotAllowed as refused:
        form.add_error(None, str(refused))
        return _page(request, _found(order.public_id), sent=offer, status=403)
    except StaleOrder as stale:
        # The same button pressed twice has acted once, and neither answer says that nothing was done.
        if not _is_just_done(request, _found(order.public_id), offer):
            form.add_error(None, str(stale))
            return _stale(request, _found(order.public_id), offer)
    messages.success(request, f"{offer.act.title}: done.")
    return HttpResponseRedirect(_address(order))


def _stale(request: HttpRequest, order: Order, offer: Offer) -> HttpResponse:
    """What changed meanwhile, and the form as it was typed, for the version that stands now."""
    changed = order_changes(order, seen=request.POST.get("seen", ""))
    offer.form.read_anew(version=order.version, seen=token_of(order))
    return _page(request, order, sent=offer, changed=changed, status=409)


def _address(order: Order) -> str:
    return reverse("courses:pharmacy_order", args=[order.public_id])


def _call(request: HttpRequest, order: Order, offer: Offer) -> None:
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


def _is_just_done(request: HttpRequest, order: Order, offer: Offer) -> bool:
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


def _form(act: Act, order: Order, request: HttpRequest | None = None, *, seen: str = "") -> ActForm:
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


def _found(public_id: UUID) -> Order:
    found = (
        Order.objects.filter(public_id=public_id, cycle__course__patient__is_canary=False)
        .select_related(
            "cycle__course__patient",
            "cycle__course__current_decision",
            "directive__signature",
            "directive__voided__decision",
            "decision",
        )
        .first()
    )
    if found is None:
        raise Http404("There is no such order.")
    return found


def _page(
    request: HttpRequest,
    order: Order,
    *,
    sent: Offer | None = None,
    changed: Changed | None = None,
    status: int = 200,
) -> HttpResponse:
    handouts = handouts_of([order])[order.pk]
    is_recalled = handouts.recall is not None and not handouts.recall.outcome
    to_pharmacy, seen = request.user.has_perm(HANDLE), token_of(order)
    asked = request_of(order)
    offers = [
        Offer(act=act, form=_form(act, order, seen=seen))
        for act in ACTS.values()
        if _is_offered(
            act, order, is_recalled=is_recalled, is_asked=asked is not None, to_pharmacy=to_pharmacy
        )
        and request.user.has_perm(act.right)
    ]
    if sent is not None:
        offers = [sent, *(each for each in offers if each.act is not sent.act)]
    context = {
        "title": f"{order.get_kind_display().capitalize()}, cycle {order.cycle.number}",
        "order": order,
        "units": handouts.units,
        "recalls": handouts.recalls,
        "is_recalled": is_recalled,
        "asked": asked,
        "why_now": _why_now(order.cycle.course),
        "predicted": predicted_of(
            handouts.units,
            protocol_id=order.cycle.course.protocol_id,
            planned_on=order.cycle.planned_on,
        ),
        "vials": vials_for(order),
        "directions": AssayDirection.objects.filter(order=order),
        "events": order.events.select_related("actor", "decision").order_by("-pk"),
        "offers": offers,
        "form": sent.form if sent else None,
        "changed": changed,
        "may_handle": to_pharmacy,
        **banner(request, order.cycle.course),
    }
    return render_page(request, "courses/pharmacy_order.html", context, status=status)


def _why_now(course: Course) -> str:
    """The first sentence of the decision that stands; empty where it has none."""
    decision = course.current_decision
    return leading_reason(decision.answer) if decision is not None else ""


def _is_offered(act: Act, order: Order, *, is_recalled: bool, is_asked: bool, to_pharmacy: bool) -> bool:
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
