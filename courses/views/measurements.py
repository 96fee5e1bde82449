"""The pharmacist's part of a day of therapy: assay and residual of an order, and nothing else of the day."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from courses.day_data import MEASURE
from courses.forms.day import StepForm, shown_of
from courses.models import DispensedUnit, Order, StepKind, TherapyDay, TherapyStep
from courses.rules.day_values import Happened
from courses.services.authority import NotAllowed, Refused
from courses.services.measurements import (
    MEASURED,
    StaleMeasurements,
    correct_measurement,
    day_of_order,
    measurements_of,
    record_measurement,
    version_of,
)
from courses.services.therapy_day import BadStep
from courses.views.frame import SEES_NAMES, banner, render_page, signed_in

READ = [SEES_NAMES, "courses.view_order", MEASURE]
METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def measured(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What was measured for an order, and the forms to record an assay or a residual."""
    order, day = _found(public_id)
    if request.method != "POST":
        return _page(request, order, day)
    kind = next((each for each in MEASURED if each.value == request.POST.get("kind")), None)
    if kind is None or day is None:
        raise Http404("There is nothing to measure here.")
    form = StepForm(request.POST, kind=kind, auto_id=f"{kind.value}-%s")

    def act() -> Any:
        return record_measurement(
            day=day,
            version=_version(request, day),
            kind=kind.value,
            data=form.data_of_step(),
            by=signed_in(request),
            happened_at=form.cleaned_data["happened_at"],
        )

    return _submitted(request, order, form, act, kind=kind, said=f"Recorded: {StepKind(kind).label}.")


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def correct(request: HttpRequest, public_id: UUID, step_id: UUID) -> HttpResponse:
    """A new version of one measurement, or that it is taken back."""
    order, day = _found(public_id)
    entry = get_object_or_404(
        TherapyStep,
        public_id=step_id,
        therapy_day=day,
        kind__in=[kind.value for kind in MEASURED],
        corrected_by__isnull=True,
        taken_back=False,
    )
    kind = Happened(entry.kind)
    if request.method != "POST":
        form = StepForm(kind=kind, correcting=True, initial=shown_of(kind, entry.data))
        return _page(request, order, day, sent=(kind, form), entry=entry)
    form = StepForm(request.POST, kind=kind, correcting=True)

    def act() -> Any:
        return correct_measurement(
            step=entry,
            version=_version(request, entry.therapy_day),
            reason=form.cleaned_data["reason"],
            by=signed_in(request),
            data=form.data_of_step(),
            happened_at=form.cleaned_data["happened_at"],
            take_back=form.cleaned_data["take_back"],
        )

    return _submitted(request, order, form, act, kind=kind, entry=entry, said="Corrected.")


def _found(public_id: UUID) -> tuple[Order, TherapyDay | None]:
    """An order for the radiopharmaceutical and its day. Raises Http404."""
    order = get_object_or_404(
        Order.objects.filter(cycle__course__patient__is_canary=False).select_related(
            "cycle__course__patient", "directive"
        ),
        public_id=public_id,
        kind="radiopharmaceutical",
    )
    return order, day_of_order(order)


def _version(request: HttpRequest, day: TherapyDay) -> int:
    """The version that the form was made from; none that exists where it names another day or no number."""
    named, _dot, version = request.POST.get("seen", "").partition(".")
    is_number = version.isascii() and version.isdecimal() and len(version) < 10
    return int(version) if named == str(day.public_id) and is_number else 0


def _submitted(
    request: HttpRequest,
    order: Order,
    form: StepForm,
    act: Callable[[], Any],
    *,
    kind: Happened,
    said: str,
    entry: TherapyStep | None = None,
) -> HttpResponse:
    """Act, then show what stands; what is refused is shown in the form with what was typed."""
    status = 400
    if form.is_valid():
        try:
            act()
        except BadStep as bad:
            form.refuse(bad.faults)
        except StaleMeasurements as other:
            form.add_error(None, str(other))
            status = 409
        except (NotAllowed, Refused) as refusal:
            form.add_error(None, str(refusal))
            status = 403 if isinstance(refusal, NotAllowed) else 409
        else:
            messages.success(request, said)
            return HttpResponseRedirect(reverse("courses:pharmacy_measured", args=[order.public_id]))
    return _page(request, order, day_of_order(order), sent=(kind, form), entry=entry, status=status)


def _page(
    request: HttpRequest,
    order: Order,
    day: TherapyDay | None,
    *,
    sent: tuple[Happened, StepForm] | None = None,
    entry: TherapyStep | None = None,
    status: int = 200,
) -> HttpResponse:
    forms = []
    for kind in MEASURED if entry is None else ():
        is_open = day is not None and (day.ended_at is None or kind is Happened.RESIDUAL)
        if sent is not None and sent[0] is kind:
            forms.append((kind.value, StepKind(kind).label, sent[1]))
        elif is_open:
            forms.append((kind.value, StepKind(kind).label, StepForm(kind=kind, auto_id=f"{kind.value}-%s")))
    if entry is not None and sent is not None:
        forms = [(entry.kind, f"Correct: {StepKind(entry.kind).label}", sent[1])]
    context = {
        "title": "Measured activities",
        "order": order,
        "day": day,
        "unit": DispensedUnit.objects.filter(order=order).order_by("-pk").first(),
        "measured": measurements_of(day) if day else [],
        "seen": f"{day.public_id}.{version_of(day)}" if day else "",
        "entry": entry,
        "forms": forms,
        "form": sent[1] if sent else None,
        **banner(request, order.cycle.course),
    }
    return render_page(request, "courses/measured.html", context, status=status)
