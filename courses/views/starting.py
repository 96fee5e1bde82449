"""The pages on which a course is started: find the patient, answer, read the plan, confirm."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.forms.start import (
    EarlierCycles,
    EarlierTreatments,
    StartForm,
    faults_of_sets,
    request_of,
    usable_protocols,
)
from courses.models import Course
from courses.services.authority import BadFact, NotAllowed, Refused
from courses.services.reschedule import PLAN
from courses.services.same_start import just_begun
from courses.services.starting import (
    StaleStart,
    StartPreview,
    StartRequest,
    begin_course,
    preview_start,
)
from courses.views.frame import SEES_NAMES, render_page, signed_in
from labs.models import Patient
from labs.similar_names import similar_to_each_other
from labs.views.registering import REGISTERED

READ = [SEES_NAMES, "courses.view_course", "courses.view_coursestart", PLAN]
_SHOWN = 20
_READ_IT = "Tick that you have read what is pointed out, or do not start the course."


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def choose(request: HttpRequest) -> HttpResponse:
    """Find the patient for whom a course is started; one who was just registered is chosen already."""
    if (patient := _just_registered(request)) is not None:
        return HttpResponseRedirect(reverse("courses:start", args=[patient.public_id]))
    asked = request.GET.get("q", "").strip()
    found: list[Patient] = []
    if asked:
        rows = Patient.objects.filter(is_canary=False).filter(
            Q(mrn__istartswith=asked) | Q(family__istartswith=asked)
        )
        is_open = Exists(Course.objects.open().filter(patient=OuterRef("pk")))
        found = list(rows.annotate(has_open=is_open).order_by("family", "given", "pk")[: _SHOWN + 1])
    context = {
        "title": "Start a course",
        "asked": asked,
        "patients": found[:_SHOWN],
        "alike": similar_to_each_other(found[:_SHOWN]),
        "more": len(found) > _SHOWN,
    }
    return render_page(request, "courses/start_choose.html", context)


def _just_registered(request: HttpRequest) -> Patient | None:
    """Whom the registration says it has registered; somebody with an open course is not chosen."""
    try:
        named = UUID(request.GET.get(REGISTERED, ""))
    except ValueError:
        return None
    is_open = Exists(Course.objects.open().filter(patient=OuterRef("pk")))
    return Patient.objects.real().filter(~is_open, public_id=named).first()


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def start(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Everything that is asked, on one page in steps; first shown as a plan, then started."""
    patient = Patient.objects.filter(public_id=patient_id, is_canary=False).first()
    if patient is None:
        raise Http404("There is no such patient.")
    if request.method != "POST":
        return _page(
            request, patient, StartForm(), EarlierTreatments(prefix="prior"), EarlierCycles(prefix="cycle")
        )
    form = StartForm(request.POST)
    treatments = EarlierTreatments(request.POST, prefix="prior")
    cycles = EarlierCycles(request.POST, prefix="cycle")
    is_valid = all([form.is_valid(), treatments.is_valid(), cycles.is_valid()])
    faults = faults_of_sets(form, treatments, cycles)
    if not is_valid or faults:
        return _page(request, patient, form, treatments, cycles, faults=faults, status=400)
    wanted = request_of(patient, form, treatments, cycles)
    if request.POST.get("do") == "start":
        return _start(request, wanted, form, treatments, cycles)
    preview = _preview(request, wanted, form)
    return _page(request, patient, form, treatments, cycles, preview=preview, status=200 if preview else 400)


def _preview(request: HttpRequest, wanted: StartRequest, form: StartForm) -> StartPreview | None:
    try:
        return preview_start(wanted, by=signed_in(request))
    except BadFact as bad:
        form.refuse(bad.faults)
    except (NotAllowed, Refused) as refusal:
        form.add_error(None, str(refusal))
    return None


def _start(
    request: HttpRequest, wanted: StartRequest, form: StartForm, treatments: Any, cycles: Any
) -> HttpResponse:
    """Start the course as it was shown, if it was read."""
    patient = wanted.patient
    if request.POST.get("read") != "on":
        preview = _preview(request, wanted, form)
        return _page(
            request, patient, form, treatments, cycles, preview=preview, faults=[_READ_IT], status=400
        )
    try:
        course = begin_course(wanted, by=signed_in(request), seen=request.POST.get("seen", ""))
    except StaleStart as stale:
        return _page(
            request,
            patient,
            form,
            treatments,
            cycles,
            preview=stale.preview,
            faults=[str(stale)],
            status=409,
        )
    except BadFact as bad:
        form.refuse(bad.faults)
    except (NotAllowed, Refused) as refusal:
        # The same button pressed twice has started one course; nobody is to stop it for the second press.
        if begun := just_begun(wanted, by=signed_in(request)):
            return _started(request, begun)
        form.add_error(None, str(refusal))
    else:
        return _started(request, course)
    return _page(request, patient, form, treatments, cycles, status=400)


def _started(request: HttpRequest, course: Course) -> HttpResponse:
    messages.success(request, "The course is started and was assessed.")
    return HttpResponseRedirect(reverse("courses:plan", args=[course.public_id]))


def _page(
    request: HttpRequest,
    patient: Patient,
    form: StartForm,
    treatments: Any,
    cycles: Any,
    *,
    preview: StartPreview | None = None,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "title": "Start a course",
        "patient": patient,
        "may_see_patient": True,
        "form": form,
        "sections": list(form.sections()),
        "treatments": treatments,
        "cycles": cycles,
        "preview": preview,
        "faults": faults or [],
        "has_protocol": bool(usable_protocols()),
    }
    return render_page(request, "courses/start.html", context, status=status)
