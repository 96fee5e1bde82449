"""What people do to an order of the set beside pharmacy: leave it out with a reason, mark it as done."""

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from courses.forms.kinds import ReasonForm
from courses.models import Order
from courses.rules.order_states import OrderState
from courses.services.authority import NotAllowed
from courses.services.by_hand import RECORD, mark_done
from courses.services.handling import OrderRefused, StaleOrder
from courses.services.leave_out import SIGN, leave_out, may_be_left_out, why_never
from courses.services.same_act import just_became
from courses.views.frame import (
    METHODS,
    SEES_NAMES,
    authenticated_at,
    banner,
    only_sent,
    render_page,
    signed_in,
)

MAY_READ = [SEES_NAMES, "courses.view_course", "courses.view_order"]


@require_safe
@never_cache
@login_required
@permission_required([*MAY_READ, SIGN], raise_exception=True)
def leaving_out(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The order, and the form to leave it out."""
    return _page(request, _found(public_id), ReasonForm())


def _leave_out_page(public_id: UUID) -> str:
    return reverse("courses:leave_out", args=[_found(public_id).public_id])


@require_http_methods(METHODS)
@login_required
@permission_required([*MAY_READ, SIGN], raise_exception=True)
@only_sent(_leave_out_page)
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def sign_leaving_out(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Leave the order out by this physician's signed reason."""
    order, form = _found(public_id), ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, order, form, status=400)
    try:
        leave_out(
            order=order,
            by=signed_in(request),
            reason=form.cleaned_data["reason"],
            authenticated_at=authenticated_at(request),
            version=_version(request),
        )
    except (NotAllowed, OrderRefused, StaleOrder) as refused:
        by, reason = signed_in(request), form.cleaned_data["reason"]
        # The same button pressed twice has acted once, and neither answer says that nothing was done.
        if isinstance(refused, StaleOrder) and just_became(
            _found(public_id), OrderState.CANCELLED, by=by, note=reason
        ):
            return _left_out(request, order)
        status = 403 if isinstance(refused, NotAllowed) else 409
        return _page(request, _found(public_id), form, faults=[str(refused)], status=status)
    return _left_out(request, order)


def _left_out(request: HttpRequest, order: Order) -> HttpResponse:
    messages.success(request, f"Left out: {order.get_kind_display()} of cycle {order.cycle.number}.")
    return _to_course(order)


@require_POST
@login_required
@permission_required([*MAY_READ, RECORD], raise_exception=True)
def done(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Mark the order as done by whoever is logged in."""
    order = _found(public_id)
    try:
        mark_done(order=order, by=signed_in(request), version=_version(request))
    except (NotAllowed, OrderRefused, StaleOrder) as refused:
        if not just_became(_found(public_id), OrderState.DONE, by=signed_in(request)):
            messages.error(request, f"Nothing was recorded. {refused}")
            return _to_course(order)
    messages.success(request, f"Done: {order.get_kind_display()} of cycle {order.cycle.number}.")
    return _to_course(order)


def _found(public_id: UUID) -> Order:
    order = Order.objects.select_related("cycle__course__patient").filter(public_id=public_id).first()
    if order is None:
        raise Http404("There is no such order.")
    return order


def _version(request: HttpRequest) -> int | None:
    """The version that the form was made from; none where it names no number, which no order has."""
    sent = request.POST.get("version", "")
    return int(sent) if sent.isascii() and sent.isdecimal() and len(sent) < 10 else 0


def _to_course(order: Order) -> HttpResponse:
    address = reverse("admin:courses_course_change", args=[order.cycle.course_id])
    return HttpResponseRedirect(f"{address}#orders")


def _page(
    request: HttpRequest,
    order: Order,
    form: ReasonForm,
    *,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "title": f"Leave out: {order.get_kind_display()}",
        "order": order,
        "form": form,
        "faults": faults or [],
        "why_never": why_never(order.kind),
        "may_be_left_out": may_be_left_out(order),
        **banner(request, order.cycle.course),
    }
    return render_page(request, "courses/leave_out.html", context, status=status)
