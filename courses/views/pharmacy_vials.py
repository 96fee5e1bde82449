"""Pages of vials and of orders with the supplier: take in, correct, see the decay, book, move, call off."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from courses.forms.pharmacy import (
    ActForm,
    BookingForm,
    CallOffForm,
    ConfirmForm,
    CorrectionForm,
    FateForm,
    LabelForm,
    MoveForm,
)
from courses.models import BookingState, Cycle, Vial, VialBooking
from courses.pharmacy_board import decay_of, vial_lines
from courses.services.authority import NotAllowed
from courses.services.bookings import (
    BOOK,
    StaleBooking,
    cancel_booking,
    confirm_booking,
    move_booking,
    place_booking,
)
from courses.services.handling import HANDLE, OrderRefused
from courses.services.same_act import is_just_now
from courses.services.vial_state import newest_of
from courses.services.vials import (
    SAYS_FATE,
    StaleVial,
    correct_vial,
    receive_vial,
    record_vial_fate,
    version_of,
)
from courses.views.frame import SEES_NAMES, banner, render_page, signed_in
from courses.views.pharmacy_seen import Changed, label_changes, vial_changes

READ_VIAL = [SEES_NAMES, "courses.view_vial"]
READ_BOOKING = [SEES_NAMES, "courses.view_vialbooking"]
METHODS = ["GET", "HEAD", "POST"]
_TIMES = ("calibrated_at", "expires_at", "received_at")
_BOOKING_ACTS: dict[str, tuple[str, type[ActForm], tuple[str, ...], Callable[..., VialBooking]]] = {
    "confirm": ("The supplier confirmed", ConfirmForm, (BookingState.PLACED.value,), confirm_booking),
    "move": (
        "Move to another day",
        MoveForm,
        (BookingState.PLACED.value, BookingState.CONFIRMED.value),
        move_booking,
    ),
    "cancel": (
        "Call it off",
        CallOffForm,
        (BookingState.PLACED.value, BookingState.CONFIRMED.value),
        cancel_booking,
    ),
}


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ_VIAL, HANDLE], raise_exception=True)
def receive(request: HttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """Take a vial in for a cycle."""
    cycle = _cycle(public_id, number)
    form = LabelForm(request.POST or None, initial={"key": uuid4()})

    def act() -> Vial:
        assert isinstance(form, LabelForm)
        key = form.cleaned_data["key"]
        return receive_vial(cycle=cycle, label=form.label_read(), by=signed_in(request), key=key)

    if request.method == "POST" and (vial := _done(form, act)):
        messages.success(request, "The vial is taken in.")
        return HttpResponseRedirect(reverse("courses:pharmacy_vial", args=[vial.public_id]))
    return _form_page(request, cycle, form, title="Receive a vial", undone="taken in", button="Take it in")


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ_VIAL, HANDLE], raise_exception=True)
def correct(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Write a label anew; where somebody did so meanwhile, both versions and the form for the newest."""
    vial = _vial(public_id)
    form = CorrectionForm(request.POST or None, initial=_as_typed(newest_of(vial)))

    def act() -> Vial:
        label = form.label_read()
        return correct_vial(vial=vial, label=label, reason=form.cleaned_data["reason"], by=signed_in(request))

    if request.method == "POST" and (corrected := _done(form, act)):
        messages.success(request, "The vial is corrected; what was written before stays on record.")
        return HttpResponseRedirect(reverse("courses:pharmacy_vial", args=[corrected.public_id]))
    counts = newest_of(vial)  # only now: the act may have been refused because of it
    if form.is_bound and _is_just_corrected(request, counts):
        return HttpResponseRedirect(reverse("courses:pharmacy_vial", args=[counts.public_id]))
    if form.is_bound and counts != vial:
        form.read_anew(**_left_as_read(request, vial, counts))
    return _form_page(
        request,
        vial.cycle,
        form,
        title="Correct a vial",
        undone="corrected",
        button="Write it anew",
        changed=label_changes(vial, counts) if form.is_bound and counts != vial else None,
        sent_to=reverse("courses:pharmacy_correct", args=[counts.public_id]),
    )


@require_safe
@never_cache
@login_required
@permission_required(READ_VIAL, raise_exception=True)
def vial_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One vial: its label, its decay, what became of it."""
    return _vial_page(request, _vial(public_id))


@require_POST
@never_cache
@login_required
@permission_required(READ_VIAL, raise_exception=True)
def fate(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Say what became of a vial."""
    vial, form = _vial(public_id), FateForm(request.POST)
    if not _says_fate(request):
        raise PermissionDenied
    if not form.is_valid():
        return _vial_page(request, vial, form, status=400)

    def act() -> Any:
        version = form.cleaned_data["version"]
        return record_vial_fate(vial=vial, by=signed_in(request), version=version, **form.said())

    if _done(form, act):
        messages.success(request, "It is recorded what became of the vial.")
        return HttpResponseRedirect(reverse("courses:pharmacy_vial", args=[vial.public_id]))
    return _vial_page(request, vial, form, status=409)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ_BOOKING, BOOK], raise_exception=True)
def book(request: HttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """Order a vial with the supplier for a cycle."""
    cycle = _cycle(public_id, number)
    form = BookingForm(request.POST or None, initial={"needed_on": cycle.planned_on})

    def act() -> VialBooking:
        return place_booking(cycle=cycle, by=signed_in(request), **form.said())

    if request.method == "POST" and (booking := _done(form, act)):
        messages.success(request, "The vial is ordered with the supplier. It lets nothing be given.")
        return HttpResponseRedirect(reverse("courses:pharmacy_booking", args=[booking.public_id]))
    return _form_page(request, cycle, form, title="Order a vial", undone="ordered", button="Order it")


@require_safe
@never_cache
@login_required
@permission_required(READ_BOOKING, raise_exception=True)
def booking_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One order with the supplier, and what may be done about it."""
    return _booking_page(request, _booking(public_id))


@require_POST
@never_cache
@login_required
@permission_required(READ_BOOKING, raise_exception=True)
def act_on_booking(request: HttpRequest, public_id: UUID, name: str) -> HttpResponse:
    """Confirm, move or call off."""
    booking = _booking(public_id)
    if name not in _BOOKING_ACTS:
        raise Http404("There is no such act.")
    if not request.user.has_perm(BOOK):
        raise PermissionDenied
    title, kind, _states, service = _BOOKING_ACTS[name]
    form = kind(request.POST, auto_id=f"{name}-%s")

    def act() -> VialBooking:
        version = form.cleaned_data["version"]
        return service(booking=booking, by=signed_in(request), version=version, **form.said())

    if _done(form, act):
        messages.success(request, f"{title}: recorded.")
        return HttpResponseRedirect(reverse("courses:pharmacy_booking", args=[booking.public_id]))
    return _booking_page(request, _booking(public_id), sent=(name, form), status=409)


def _done(form: Any, act: Callable[[], Any]) -> Any:
    """What the act made; nothing where the form or the service refuses, with the faults in the form."""
    if not form.is_valid():
        return None
    try:
        return act()
    except OrderRefused as refused:
        form.refuse(refused.faults)
    except (NotAllowed, StaleBooking, StaleVial) as refused:
        form.add_error(None, str(refused))
    return None


def _as_typed(vial: Vial) -> dict[str, Any]:
    """A vial's label as the fields show it."""
    shown: dict[str, Any] = {
        "product": vial.product,
        "product_code": vial.product_code,
        "lot": vial.lot,
        "calibrated_activity": f"{vial.calibrated_gbq.normalize():f} GBq",
        "volume_ml": vial.volume_ml,
    }
    return shown | {name: timezone.localtime(getattr(vial, name)).replace(tzinfo=None) for name in _TIMES}


def _is_just_corrected(request: HttpRequest, counts: Vial) -> bool:
    """Whether this very correction is the one that this person has just made, by a second press."""
    form = CorrectionForm(request.POST, initial={**_as_typed(counts), "reason": counts.reason})
    is_theirs = counts.corrects_id is not None and counts.recorded_by_id == signed_in(request).pk
    return is_theirs and is_just_now(counts.recorded_at) and not form.has_changed()


def _left_as_read(request: HttpRequest, read: Vial, counts: Vial) -> dict[str, Any]:
    """The fields nobody touched, as they stand on the label that counts: else the old ones would be back."""
    touched = CorrectionForm(request.POST, initial=_as_typed(read)).changed_data
    shown = CorrectionForm(initial=_as_typed(counts))
    return {
        name: shown[name].field.widget.format_value(shown[name].value())
        for name in _as_typed(counts)
        if name not in touched
    }


def _cycle(public_id: UUID, number: int) -> Cycle:
    return get_object_or_404(
        Cycle.objects.filter(course__patient__is_canary=False).select_related("course__patient"),
        course__public_id=public_id,
        number=number,
    )


def _vial(public_id: UUID) -> Vial:
    return get_object_or_404(
        Vial.objects.filter(cycle__course__patient__is_canary=False).select_related(
            "cycle__course__patient", "corrects"
        ),
        public_id=public_id,
    )


def _booking(public_id: UUID) -> VialBooking:
    return get_object_or_404(
        VialBooking.objects.filter(cycle__course__patient__is_canary=False).select_related(
            "cycle__course__patient"
        ),
        public_id=public_id,
    )


def _form_page(
    request: HttpRequest,
    cycle: Cycle,
    form: ActForm,
    *,
    title: str,
    undone: str,
    button: str,
    changed: Changed | None = None,
    sent_to: str = "",
) -> HttpResponse:
    context = {
        "title": f"{title}, cycle {cycle.number}",
        "cycle": cycle,
        "form": form,
        "undone": undone,
        "button": button,
        "changed": changed,
        "sent_to": sent_to,
        **banner(request, cycle.course),
    }
    status = 400 if form.errors else 200
    return render_page(request, "courses/pharmacy_form.html", context, status=status)


def _says_fate(request: HttpRequest) -> bool:
    return any(request.user.has_perm(right) for right in SAYS_FATE)


def _vial_page(
    request: HttpRequest, vial: Vial, sent: FateForm | None = None, *, status: int = 200
) -> HttpResponse:
    """A vial as it stands; what was typed stays, and is said of the version that is shown now."""
    (line,) = vial_lines([vial])
    version = version_of(vial)
    corrected_by = Vial.objects.filter(corrects=vial).first()
    changed = None
    if sent is not None:
        read = sent.cleaned_data.get("version") if hasattr(sent, "cleaned_data") else None
        changed = vial_changes(vial, seen=read) if read is not None else None
        sent.read_anew(version=version)
    context = {
        "title": f"Vial, lot {vial.lot}",
        "line": line,
        "vial": vial,
        "corrected_by": corrected_by,
        "changed": changed,
        "decay": decay_of(vial),
        "fates": vial.fates.select_related("actor").order_by("-pk"),
        "form": sent or FateForm(initial={"version": version}),
        "may_handle": request.user.has_perm(HANDLE),
        "may_say": corrected_by is None and _says_fate(request),
        **banner(request, vial.cycle.course),
    }
    return render_page(request, "courses/pharmacy_vial.html", context, status=status)


def _booking_page(
    request: HttpRequest,
    booking: VialBooking,
    *,
    sent: tuple[str, ActForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    offers = []
    for name, (title, kind, states, _service) in _BOOKING_ACTS.items():
        form = kind(auto_id=f"{name}-%s", initial={"version": booking.version})
        if sent is not None and sent[0] == name:
            offers.append((name, title, sent[1]))
        elif booking.state in states and request.user.has_perm(BOOK):
            offers.append((name, title, form))
    context = {
        "title": f"Vial ordered for cycle {booking.cycle.number}",
        "booking": booking,
        "events": booking.events.select_related("actor").order_by("-pk"),
        "offers": offers,
        "form": sent[1] if sent else None,
        **banner(request, booking.cycle.course),
    }
    return render_page(request, "courses/pharmacy_booking.html", context, status=status)
