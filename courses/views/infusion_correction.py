"""The page on which the record of an infusion is corrected: a new version, the earlier one stays."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from courses.forms.infusion import CorrectInfusionForm
from courses.models import Course, Infusion
from courses.second_person import proven_person
from courses.services.administration import RECORD
from courses.services.authority import NotAllowed
from courses.services.day_infusion import entries_of
from courses.services.infusion_corrections import (
    StaleInfusion,
    correct_infusion,
    corrected,
    entries_differ,
    newest_version,
)
from courses.services.infusions import Infused
from courses.services.therapy_day import BadStep
from courses.views.day_frame import METHODS, READ, back
from courses.views.frame import banner, found_course, render_page, signed_in
from labs.clock import database_now


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, "courses.view_infusion", RECORD], raise_exception=True)
def correct_record(request: HttpRequest, public_id: UUID, infusion_id: UUID) -> HttpResponse:
    """What is recorded, and the form for what of it was wrong."""
    course = found_course(public_id)
    infusion = get_object_or_404(
        Infusion.objects.select_related(
            "cycle__course__patient", "unit", "directive", "recorded_by", "therapy_day"
        ),
        public_id=infusion_id,
        cycle__course=course,
    )
    entries = entries_of(infusion, now=database_now())
    sent = request.POST if request.method == "POST" else None
    form = CorrectInfusionForm(sent, names_product=infusion.unit_id is None, has_entries=entries is not None)
    if sent is None or not form.is_valid():
        return _page(request, course, infusion, form, entries=entries, status=400 if form.errors else 200)
    try:
        taken = entries if form.cleaned_data.get("from_entries") else None
        correct_infusion(
            infusion=infusion,
            infused=corrected(infusion, form.wrong(), entries=taken),
            reason=form.cleaned_data["reason"],
            by=signed_in(request),
            second=_second(request, form),
        )
    except BadStep as bad:
        form.refuse(bad.faults)
        status = 409 if isinstance(bad, StaleInfusion) else 400
        return _page(request, course, infusion, form, entries=entries, status=status)
    except NotAllowed as refusal:
        form.add_error(None, str(refusal))
        return _page(request, course, infusion, form, entries=entries, status=403)
    messages.success(request, "Corrected; the earlier record stays. Totals and reviews follow it.")
    return back(course)


def _second(request: HttpRequest, form: CorrectInfusionForm) -> User | None:
    """The second person, where one is named. Raises NotAllowed."""
    name = form.cleaned_data["second_name"]
    if not name:
        return None
    return proven_person(request, username=name, password=form.cleaned_data["second_password"])


def _page(
    request: HttpRequest,
    course: Course,
    infusion: Infusion,
    form: CorrectInfusionForm,
    *,
    entries: Infused | None,
    status: int,
) -> HttpResponse:
    newest = newest_version(infusion)
    context: dict[str, Any] = {
        "title": "Correct the record of an infusion",
        "infusion": infusion,
        "newest": newest if newest != infusion else None,
        "entries": entries if entries is not None and entries_differ(infusion, entries) else None,
        "form": form,
        **banner(request, course),
    }
    return render_page(request, "courses/infusion_correct.html", context, status=status)
