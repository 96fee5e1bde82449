"""The page on which the telephone numbers around a patient are read and recorded."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labs.forms.contacts import ContactsForm
from labs.models import ContactDetails, Patient
from labs.same_person import numbers_of
from labs.services.contacts import RECORD, ContactsHaveChanged, current_contacts, record_contacts
from labs.views.frame import METHODS, SEES_NAMES, render_page, signed_in, way_back

MAY_READ = [SEES_NAMES, "labs.view_contactdetails"]
SHOWN = 10


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY_READ, raise_exception=True)
def contacts(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The numbers that stand, the earlier ones, and the place to record newer ones."""
    patient = get_object_or_404(Patient.objects.real(), public_id=public_id)
    standing = current_contacts(patient)
    if request.method != "POST":
        shown = {name: getattr(standing, name) for name in ContactsForm.base_fields} if standing else {}
        return _page(request, patient, standing, ContactsForm(initial=shown))
    if not request.user.has_perm(RECORD):
        raise PermissionDenied
    form = ContactsForm(request.POST)
    if not form.is_valid():
        return _page(request, patient, standing, form, status=400)
    try:
        record_contacts(
            patient=patient, details=form.cleaned_data, by=signed_in(request), seen=_seen(request)
        )
    except ValidationError as refused:
        for name, faults in refused.message_dict.items():
            form.add_error(name, faults)
        return _page(request, patient, standing, form, status=400)
    except ContactsHaveChanged as refused:
        form.add_error(None, str(refused))
        return _page(request, patient, current_contacts(patient), form, status=409)
    messages.success(request, "The telephone numbers are recorded.")
    return HttpResponseRedirect(way_back(request) or request.path)


def _page(
    request: HttpRequest,
    patient: Patient,
    standing: ContactDetails | None,
    form: ContactsForm,
    *,
    status: int = 200,
) -> HttpResponse:
    versions = ContactDetails.objects.filter(patient__in=numbers_of(patient.pk)).select_related("recorded_by")
    context: dict[str, Any] = {
        "title": "Telephone numbers",
        "patient": patient,
        "may_see_patient": True,
        "standing": standing,
        "versions": versions[:SHOWN],
        "form": form,
        "may_record": request.user.has_perm(RECORD),
        "next": way_back(request),
    }
    return render_page(request, "labs/contacts.html", context, status=status)


def _seen(request: HttpRequest) -> int | None:
    """The version the form was made from; none where it names no number."""
    sent = request.POST.get("seen", "")
    return int(sent) if sent.isascii() and sent.isdecimal() and len(sent) < 19 else None
