"""The pages of the ledger: what a person was administered, what organs absorbed, the physicist's forms."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from courses.forms.ledger import DoseCorrectionForm, DoseForm, SignOffForm
from courses.ledger import dose_limits_of, dose_lines, ledger_of, sign_offs_of
from courses.ledger_lists import SHOWN, course_totals, given_cycles, ledger_lines, people_treated
from courses.measured_days import measured_days
from courses.models import AbsorbedDose, Organ
from courses.services.authority import NotAllowed, Refused
from courses.services.dosimetry import correct_absorbed_dose, enter_absorbed_dose, sign_off_doses
from courses.views.frame import METHODS, SEES_NAMES, authenticated_at, only_sent, render_page, signed_in
from courses.views.measurements import READ as MEASURED_READ
from labs.clock import database_now
from labs.models import Patient
from labs.same_person import numbers_of
from labs.views.frame import with_fresh_password

READ = [SEES_NAMES, "courses.view_administration", "courses.view_infusion"]
DOSES = "courses.view_absorbeddose"
ENTER = "courses.enter_absorbed_dose"


@require_safe
@never_cache
@login_required
@permission_required([*READ, DOSES], raise_exception=True)
def dosimetry(request: HttpRequest) -> HttpResponse:
    """What was measured at the bedside; everybody who was treated, with what lacks for which organ."""
    context: dict[str, Any] = {"title": "Absorbed doses and residuals"}
    if signed_in(request).has_perms(MEASURED_READ):
        context["measured"] = measured_days(now=database_now())
    people = people_treated(most=SHOWN + 1)
    context |= {"people": people[:SHOWN], "more_people": len(people) > SHOWN, "organs": Organ.choices}
    return render_page(request, "courses/dosimetry.html", context)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def ledger(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Everything one person was administered, and what it comes to."""
    patient = _patient(public_id)
    return _page(request, patient, form=DoseForm(cycles=given_cycles(patient.pk)))


@require_POST
@login_required
@permission_required([*READ, DOSES, ENTER], raise_exception=True)
def enter_dose(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Enter the absorbed dose of one organ from one treatment."""
    patient = _patient(public_id)
    form = DoseForm(request.POST, cycles=given_cycles(patient.pk))
    if not form.is_valid():
        return _page(request, patient, form=form, status=400)
    said = form.cleaned_data
    try:
        enter_absorbed_dose(
            patient=patient,
            cycle=form.cycle,
            elsewhere=said["elsewhere"],
            organ=said["organ"],
            absorbed_gy=said["absorbed_gy"],
            uncertainty_gy=said["uncertainty_gy"],
            method=said["method"],
            software=said["software"],
            by=signed_in(request),
        )
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _page(request, patient, form=form, status=400)
    messages.success(request, "The absorbed dose is entered.")
    return _back(patient)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, DOSES, ENTER], raise_exception=True)
def correct_dose(request: HttpRequest, public_id: UUID, dose_id: UUID) -> HttpResponse:
    """Put a new figure in the place of one that stands."""
    patient = _patient(public_id)
    dose = _dose(patient, dose_id)
    if request.method != "POST":
        return _correction(request, patient, dose, DoseCorrectionForm(initial=DoseCorrectionForm.typed(dose)))
    form = DoseCorrectionForm(request.POST)
    if not form.is_valid():
        return _correction(request, patient, dose, form, status=400)
    try:
        correct_absorbed_dose(dose=dose, by=signed_in(request), **form.cleaned_data)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _correction(request, patient, dose, form, status=409)
    messages.success(request, "The figure is corrected; the one before stays on record.")
    return _back(patient)


def _address(public_id: UUID, organ: str) -> str:
    if organ not in Organ.values:
        raise Http404("This organ is not followed.")
    return reverse("courses:ledger", args=[_patient(public_id).public_id])


@require_http_methods(METHODS)
@login_required
@permission_required([*READ, DOSES, ENTER], raise_exception=True)
@only_sent(_address)
def sign_off(request: HttpRequest, public_id: UUID, organ: str) -> HttpResponse:
    """Sign what the absorbed doses of an organ come to; asks for the password."""
    patient = _patient(public_id)
    if organ not in Organ.values:
        raise Http404("This organ is not followed.")
    form = SignOffForm(request.POST)
    if not form.is_valid():
        return _page(request, patient, sign_off=form, signing=organ, status=400)
    return with_fresh_password(_sign_off)(request, patient, organ, form)


def _sign_off(request: HttpRequest, patient: Patient, organ: str, form: SignOffForm) -> HttpResponse:
    """Sign the total that was read, if it is still the total."""
    found = {each.organ: each for each in ledger_of(patient.pk).organs}[organ]
    if request.POST.get("seen_gy", "") != str(found.total_gy):
        form.add_error(None, "The doses have changed since this page was opened. Read the total again.")
        return _page(request, patient, sign_off=form, signing=organ, status=409)
    try:
        sign_off_doses(
            patient=patient,
            organ=organ,
            seen_gy=found.total_gy,
            text=form.cleaned_data["text"],
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
        )
    except (Refused, NotAllowed) as refusal:
        form.add_error(None, str(refusal))
        return _page(request, patient, sign_off=form, signing=organ, status=403)
    messages.success(request, "Signed off.")
    return _back(patient)


def _patient(public_id: UUID) -> Patient:
    return get_object_or_404(Patient.objects.real(), public_id=public_id)


def _dose(patient: Patient, dose_id: UUID) -> AbsorbedDose:
    """A figure of this person that stands. Raises Http404."""
    rows = AbsorbedDose.objects.effective().select_related("cycle__course", "patient")
    return get_object_or_404(rows, public_id=dose_id, patient_id__in=numbers_of(patient.pk))


def _back(patient: Patient) -> HttpResponse:
    return HttpResponseRedirect(reverse("courses:ledger", args=[patient.public_id]))


def _page(
    request: HttpRequest,
    patient: Patient,
    *,
    form: DoseForm | None = None,
    sign_off: SignOffForm | None = None,
    signing: str = "",
    status: int = 200,
) -> HttpResponse:
    may_see_doses = request.user.has_perm(DOSES)
    limits = dose_limits_of(numbers_of(patient.pk))
    entries = ledger_of(patient.pk)
    context: dict[str, Any] = {
        "title": "Ledger",
        "patient": patient,
        "may_see_patient": True,
        "ledger": entries,
        "lines": ledger_lines(patient.pk, entries.entries, doubles=entries.totals.doubles),
        "by_course": course_totals(patient.pk, entries.totals.by_course),
        "may_see_doses": may_see_doses,
        "may_enter": may_see_doses and request.user.has_perm(ENTER),
        "doses": dose_lines(patient.pk) if may_see_doses else [],
        "sign_offs": list(sign_offs_of(patient.pk)) if may_see_doses else [],
        "limits_source": limits.source if limits else None,
        "form": form or DoseForm(cycles=given_cycles(patient.pk)),
        "sign_off": sign_off or SignOffForm(),
        "signing": signing,
    }
    return render_page(request, "courses/ledger.html", context, status=status)


def _correction(
    request: HttpRequest,
    patient: Patient,
    dose: AbsorbedDose,
    form: DoseCorrectionForm,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "title": "Correct an absorbed dose",
        "patient": patient,
        "may_see_patient": True,
        "dose": dose,
        "form": form,
    }
    return render_page(request, "courses/dose_correct.html", context, status=status)
