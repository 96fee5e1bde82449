"""The page on which a patient is registered who is not known here yet."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labs.clock import database_now
from labs.forms.registering import RegisterForm
from labs.models import Patient
from labs.services import register_patient
from labs.similar_patients import Similar, similar_patients
from labs.views.frame import METHODS, SEES_NAMES, render_page, way_back

# In the address of the page that is led back to: whom somebody has just registered.
REGISTERED = "registered"
MAY = [SEES_NAMES, "labs.add_patient"]
_SAID = ("mrn", "assigning_authority", "family", "given", "birth_date", "sex")
_TWICE = timedelta(minutes=1)  # the same button pressed twice


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY, raise_exception=True)
def register(request: HttpRequest) -> HttpResponse:
    """Register a patient; who looks like somebody known is shown beside them first."""
    if request.method != "POST":
        return _page(request, RegisterForm(initial={"assigning_authority": _usual_authority()}))
    form = RegisterForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    said = {name: form.cleaned_data[name] for name in _SAID}
    if (patient := _just_registered(said)) is None:
        alike = similar_patients(Patient(**said))
        if alike and not form.cleaned_data["is_another"]:
            form.add_error("is_another", "Compare first: somebody known has a similar name or birth date.")
            return _page(request, form, alike=alike, status=409)
        try:
            patient = register_patient(**said)
        except ValidationError as refused:
            for name, faults in refused.message_dict.items():
                form.add_error(name if name in form.fields else None, faults)
            return _page(request, form, alike=alike, status=400)
    messages.success(request, "The patient is registered.")
    return HttpResponseRedirect(_onwards(request, patient))


def _onwards(request: HttpRequest, patient: Patient) -> str:
    """The page that led here, told who was registered, so that nobody searches again; or their own."""
    if not (page := way_back(request)):
        return reverse("admin:labs_patient_change", args=[patient.pk])
    parts = urlsplit(page)
    told = urlencode({REGISTERED: patient.public_id})
    return parts._replace(query=f"{parts.query}&{told}" if parts.query else told).geturl()


def _just_registered(said: dict[str, Any]) -> Patient | None:
    """The patient whom the same words registered a moment ago: the button was pressed twice."""
    words = {name: value.strip() if isinstance(value, str) else value for name, value in said.items()}
    return Patient.objects.real().filter(registered_at__gte=database_now() - _TWICE, **words).first()


def _usual_authority() -> str:
    """Under whose name most numbers here stand; empty in a clinic without patients."""
    counted = Patient.objects.real().order_by().values("assigning_authority").annotate(many=Count("pk"))
    most = counted.order_by("-many", "assigning_authority").first()
    return most["assigning_authority"] if most else ""


def _page(
    request: HttpRequest, form: RegisterForm, *, alike: list[Similar] | None = None, status: int = 200
) -> HttpResponse:
    if not alike:
        del form.fields["is_another"]
    context = {"title": "Register a patient", "form": form, "alike": alike or [], "next": way_back(request)}
    return render_page(request, "labs/register.html", context, status=status)
