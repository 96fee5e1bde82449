"""The page on which an infusion is recorded that was given without the sheet of its day."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from courses.forms.day import BackEntryForm
from courses.models import Course, Cycle, InfusionEnd
from courses.services.authority import NotAllowed, Refused
from courses.services.infusions import Infused, record_infusion
from courses.services.therapy_day import BadStep
from courses.views.day_frame import METHODS, READ
from courses.views.frame import banner, found_course, render_page, signed_in


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, "courses.record_administration"], raise_exception=True)
def back_entry(request: HttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """Record what was given to a cycle, whatever was authorised; it is a deviation and says so."""
    course = found_course(public_id)
    cycle = get_object_or_404(Cycle.objects.select_related("course__patient"), course=course, number=number)
    form = BackEntryForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, course, cycle, form, status=400 if form.errors else 200)
    try:
        said = form.cleaned_data | {"ended_how": InfusionEnd(form.cleaned_data["ended_how"])}
        record_infusion(cycle=cycle, infused=Infused(**said), by=signed_in(request))
    except BadStep as bad:
        form.refuse(bad.faults)
        return _page(request, course, cycle, form, status=400)
    except (NotAllowed, Refused) as refusal:
        form.add_error(None, str(refusal))
        return _page(request, course, cycle, form, status=403)
    messages.success(request, "Recorded as it happened. Its review is open.")
    return HttpResponseRedirect(reverse("admin:courses_course_change", args=[course.pk]))


def _page(
    request: HttpRequest, course: Course, cycle: Cycle, form: BackEntryForm, *, status: int
) -> HttpResponse:
    context = {
        "title": "Record an infusion given without its sheet",
        "form": form,
        "cycle": cycle,
        **banner(request, course),
    }
    return render_page(request, "courses/back_entry.html", context, status=status)
