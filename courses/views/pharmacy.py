"""Pharmacy's board, and the page of one order with everything that may be done to it."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.decision_words import leading_reason
from courses.handouts import handouts_of, predicted_of
from courses.models import AssayDirection, Course, Order
from courses.pharmacy_board import board, vials_for
from courses.services.authority import NotAllowed
from courses.services.cancel_requests import request_of, requests_among
from courses.services.handling import HANDLE, OrderRefused, StaleOrder
from courses.views.frame import METHODS, SEES_NAMES, banner, only_opened, render_page
from courses.views.pharmacy_acts import ACTS, Offer, do, form_of, is_just_done, is_offered
from courses.views.pharmacy_seen import Changed, order_changes, token_of
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.views.frame import with_fresh_password
from labs.zones import clinic_zone

READ = [SEES_NAMES, "courses.view_order", "courses.view_directive"]


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
    form = form_of(act, order, request)
    if not form.is_valid():
        return _page(request, order, sent=Offer(act=act, form=form), status=400)
    view: Callable[..., HttpResponse] = with_fresh_password(_act) if act.with_password else _act
    return view(request, order, Offer(act=act, form=form))


def _act(request: HttpRequest, order: Order, offer: Offer) -> HttpResponse:
    """Call the service; a refusal keeps what was typed."""
    form = offer.form
    try:
        do(request, order, offer)
    except OrderRefused as refused:
        form.refuse(refused.faults)
        return _page(request, _found(order.public_id), sent=offer, status=409)
    except NotAllowed as refused:
        form.add_error(None, str(refused))
        return _page(request, _found(order.public_id), sent=offer, status=403)
    except StaleOrder as stale:
        # The same button pressed twice has acted once, and neither answer says that nothing was done.
        if not is_just_done(request, _found(order.public_id), offer):
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
        Offer(act=act, form=form_of(act, order, seen=seen))
        for act in ACTS.values()
        if is_offered(
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
