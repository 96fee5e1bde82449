"""The pages on which a result is typed, and verified or withdrawn by a second person."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labs.forms.manual import ResultForm
from labs.forms.quarantine import ReasonForm
from labs.models import Patient
from labs.result_marks import marked_results
from labs.same_person import numbers_of
from labs.services.authority import NotAllowed
from labs.services.manual import ENTER, enter_result, verify_result, withdraw_result
from labs.services.manual_checks import BadEntry
from labs.services.manual_list import Entry, entries_of, entry_of
from labs.unit_jumps import UNIT_JUMP
from labs.views.frame import (
    METHODS,
    SEES_NAMES,
    authenticated_at,
    render_page,
    signed_in,
    with_fresh_password,
)

MAY = [SEES_NAMES, "labs.view_result", "labs.view_manualact", ENTER]
SHOWN = 20


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY, raise_exception=True)
def new(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The form for one result, and the typed results of this patient so far."""
    patient = get_object_or_404(Patient, public_id=public_id)
    if request.method != "POST":
        return _form_page(request, patient, ResultForm(initial=ResultForm.fresh()))
    form = ResultForm(request.POST)
    if not form.is_valid():
        return _form_page(request, patient, form)
    try:
        act = enter_result(patient=patient, by=signed_in(request), **form.said())
    except BadEntry as bad:
        form.asks_confirmation = bad.asks_confirmation or "confirmed" in request.POST
        form.refuse(bad.faults)
        return _form_page(request, patient, form)
    messages.success(
        request,
        "Recorded, not verified: it may hold or delay at once. A second person must verify it before it"
        " clears anything.",
    )
    return HttpResponseRedirect(_address(patient, act.entry))


def _form_page(request: HttpRequest, patient: Patient, form: ResultForm) -> HttpResponse:
    context = {
        "title": "Enter a result",
        "patient": patient,
        "may_see_patient": True,
        "form": form,
        "units": ResultForm.units(),
        "entries": entries_of(patient, most=SHOWN),
    }
    return render_page(request, "labs/result_new.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD"])
@never_cache
@login_required
@permission_required(MAY, raise_exception=True)
def entry(request: HttpRequest, public_id: UUID, entry_id: UUID) -> HttpResponse:
    """One typed result, and what a second person can do about it."""
    return _entry_page(request, *_found(public_id, entry_id))


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY, raise_exception=True)
def verify(request: HttpRequest, public_id: UUID, entry_id: UUID) -> HttpResponse:
    """Say, with the password, that a typed result is what its source says."""
    patient, found = _found(public_id, entry_id)
    if request.method != "POST":
        return HttpResponseRedirect(_address(patient, entry_id))
    return with_fresh_password(_verify)(request, patient, found)


def _verify(request: HttpRequest, patient: Patient, found: Entry) -> HttpResponse:
    try:
        verify_result(act=found.first, by=signed_in(request), authenticated_at=authenticated_at(request))
    except (BadEntry, NotAllowed) as refusal:
        return _refused(request, patient, found, refusal)
    messages.success(request, "Verified: the result counts from now on.")
    return HttpResponseRedirect(_address(patient, found.first.entry))


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY, raise_exception=True)
def withdraw(request: HttpRequest, public_id: UUID, entry_id: UUID) -> HttpResponse:
    """Take a typed result back, with a reason and the password."""
    patient, found = _found(public_id, entry_id)
    if request.method != "POST":
        return HttpResponseRedirect(_address(patient, entry_id))
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _entry_page(request, patient, found, form=form, status=400)
    return with_fresh_password(_withdraw)(request, patient, found, form)


def _withdraw(request: HttpRequest, patient: Patient, found: Entry, form: ReasonForm) -> HttpResponse:
    try:
        withdraw_result(
            act=found.first,
            by=signed_in(request),
            reason=form.cleaned_data["reason"],
            authenticated_at=authenticated_at(request),
        )
    except (BadEntry, NotAllowed) as refusal:
        return _refused(request, patient, found, refusal)
    messages.success(request, "Withdrawn: the result counts no longer.")
    return HttpResponseRedirect(_address(patient, found.first.entry))


def _found(public_id: UUID, entry_id: UUID) -> tuple[Patient, Entry]:
    patient = get_object_or_404(Patient, public_id=public_id)
    found = entry_of(entry_id)
    if found is None or found.first.patient_id != patient.pk:
        raise Http404("There is no such result.")
    return patient, found


def _refused(
    request: HttpRequest, patient: Patient, found: Entry, refusal: BadEntry | NotAllowed
) -> HttpResponse:
    if isinstance(refusal, NotAllowed):
        return _entry_page(request, patient, found, faults=[str(refusal)], status=403)
    texts = [fault.partition(": ")[2] for fault in refusal.faults]
    words = [f"{text[:1].upper()}{text[1:]}." for text in texts]
    fresh = entry_of(found.first.entry) or found
    return _entry_page(request, patient, fresh, faults=words, status=409)


def _entry_page(
    request: HttpRequest,
    patient: Patient,
    found: Entry,
    *,
    form: ReasonForm | None = None,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    observation = found.observation
    marked = marked_results(numbers_of(patient.pk))
    marks = next((each.marks for each in marked if each.result.pk == observation.result_id), ())
    context = {
        "title": "A typed result",
        "patient": patient,
        "may_see_patient": True,
        "entry": found,
        "is_mine": found.first.by_id == signed_in(request).pk,
        "form": form or ReasonForm(),
        "faults": faults or [],
        "jump": next((mark.words for mark in marks if mark.code == UNIT_JUMP), ""),
    }
    return render_page(request, "labs/result_entry.html", context, status=status)


def _address(patient: Patient, entry_id: UUID) -> str:
    return reverse("labs:result_entry", args=[patient.public_id, entry_id])
