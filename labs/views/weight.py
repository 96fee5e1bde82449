"""The page on which a body weight is recorded."""

from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.forms.weight import WeightForm
from labs.models import BodyWeight, Patient
from labs.services import record_weight
from labs.views.frame import way_back
from labs.zones import clinic_zone

MAY = ["labs.view_patient", "labs.view_bodyweight", "labs.add_bodyweight"]
SHOWN = 10


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required(MAY, raise_exception=True)
def weight(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The weights of a patient, and the place to record one; a mistake is answered by recording it again."""
    patient = get_object_or_404(Patient, public_id=public_id)
    back = way_back(request)
    form = WeightForm(
        request.POST or None,
        patient=patient,
        initial={"measured_on": clinic_day(database_now(), clinic_zone())},
    )
    if request.method == "POST" and form.is_valid() and _record(request, form, patient):
        messages.success(request, "The weight is recorded.")
        return HttpResponseRedirect(back or request.path)
    context = {
        **admin.site.each_context(request),
        "title": "Body weight",
        "patient": patient,
        "may_see_patient": True,
        "form": form,
        "next": back,
        "weights": BodyWeight.objects.filter(patient=patient)[:SHOWN],
    }
    return render(request, "labs/weight.html", context, status=400 if form.errors else 200)


def _record(request: HttpRequest, form: WeightForm, patient: Patient) -> bool:
    """Record what the form holds; what the service refuses is shown at its field."""
    assert isinstance(request.user, User)
    try:
        record_weight(
            patient=patient,
            measured_on=form.cleaned_data["measured_on"],
            kg=form.cleaned_data["kg"],
            recorded_by=request.user.get_username(),
        )
    except ValidationError as refused:
        for name, faults in refused.message_dict.items():
            form.add_error(name if name in form.fields else None, faults)
        return False
    return True
