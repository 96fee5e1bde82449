"""The pages on which people review what may be a medical event."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.forms.ledger import IncidentActForm
from courses.incidents import closed_incidents, found_incident, line_of, open_incidents
from courses.models import Incident, Infusion
from courses.services.authority import NotAllowed, Refused
from courses.services.incident_review import act_on_incident
from courses.services.infusion_corrections import newest_version
from courses.views.frame import authenticated_at, banner, render_page, signed_in
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.views.frame import SEES_NAMES, with_fresh_password
from labs.zones import clinic_zone

READ = ["courses.view_incident", "courses.view_incidentact"]
REVIEW = "courses.review_incident"


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def incidents(request: HttpRequest) -> HttpResponse:
    """Every incident: the open ones first, the nearest day of the regulator at the top."""
    today = clinic_day(database_now(), clinic_zone())
    context = {
        "title": "Incidents",
        "open": [(line, line.words(today)) for line in open_incidents()],
        "closed": closed_incidents(),
        "may_see_patient": request.user.has_perm(SEES_NAMES),
    }
    return render_page(request, "courses/incidents.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def incident(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One incident, what was done about it, and the place to say what was done now."""
    found = found_incident(public_id)
    if found is None:
        raise Http404("There is no such incident.")
    if request.method != "POST":
        return _page(request, found, IncidentActForm())
    if not request.user.has_perm(REVIEW):
        raise PermissionDenied
    form = IncidentActForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=400)
    return with_fresh_password(_act)(request, found, form)


def _act(request: HttpRequest, found: Incident, form: IncidentActForm) -> HttpResponse:
    try:
        act_on_incident(
            incident=found,
            kind=form.cleaned_data["kind"],
            text=form.cleaned_data["text"],
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
        )
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _page(request, found, form, status=409)
    except NotAllowed as refusal:
        form.add_error(None, str(refusal))
        return _page(request, found, form, status=403)
    messages.success(request, "Recorded.")
    return HttpResponseRedirect(reverse("courses:incident", args=[found.public_id]))


def _page(request: HttpRequest, found: Incident, form: IncidentActForm, *, status: int = 200) -> HttpResponse:
    line = line_of(found)
    today = clinic_day(database_now(), clinic_zone())
    context = {
        "title": "Incident",
        "incident": found,
        "line": line,
        "deadlines": line.words(today),
        "corrected": _corrected(found),
        "form": form,
        "may_review": request.user.has_perm(REVIEW),
        **banner(request, found.cycle.course),
    }
    return render_page(request, "courses/incident.html", context, status=status)


def _corrected(found: Incident) -> Infusion | None:
    """The version of its infusion that counts, where its record was corrected after the review was opened."""
    if found.infusion is None:
        return None
    newest = newest_version(found.infusion)
    return newest if newest != found.infusion else None
