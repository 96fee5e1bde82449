"""Hand in a calendar of duties, read what it would change, and take it over with a second look."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts.forms.rota import ImportForm
from alerts.ics import LARGEST_BYTES, BadCalendar
from alerts.models import RotaImport
from alerts.services.rota_acts import MANAGE
from alerts.services.rota_import import proposal_of, read_import, take_import
from alerts.views.rota_frame import REFUSALS, page_for, rota_page
from labs.clock import database_now
from labs.services.authority import NotAllowed
from labs.templatetags.clinic_text import visible
from labs.views.frame import METHODS, signed_in

SHOWN = 20


@require_http_methods(METHODS)
@page_for(MANAGE)
def imports(request: HttpRequest) -> HttpResponse:
    """Hand a calendar in."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                made = read_import(
                    file_name=file.name, raw=file.read(LARGEST_BYTES + 1), by=signed_in(request)
                )
            except BadCalendar as error:
                form.add_error("file", str(error))
            else:
                return HttpResponseRedirect(reverse("alerts:rota_import", args=[made.public_id]))
    context = {
        "title": "Take a calendar in",
        "form": form,
        "earlier": RotaImport.objects.select_related("read_by", "taken_by")[:SHOWN],
    }
    return rota_page(request, "imports", context, status=status)


@require_safe
@page_for(MANAGE)
def proposed(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What taking a calendar over would change, beside what the rota says now."""
    return _page(request, _import(public_id))


def _import(public_id: UUID) -> RotaImport:
    found = RotaImport.objects.select_related("read_by", "taken_by").filter(public_id=public_id).first()
    if found is None:
        raise Http404("There is no such calendar.")
    return found


def _page(request: HttpRequest, found: RotaImport, *, fault: str = "", status: int = 200) -> HttpResponse:
    context = {
        "title": f"What {visible(found.file_name)} would change",
        "imported": found,
        "proposal": proposal_of(found, now=database_now()),
        "faults": [fault] if fault else [],
    }
    return rota_page(request, "import", context, status=status)


@require_POST
@page_for(MANAGE)
def take(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a calendar over as its page showed it."""
    found = _import(public_id)
    seen = request.POST.get("rota_version", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 10):
        return _page(request, found, fault="The page was incomplete. Read it again.", status=400)
    try:
        changed = take_import(found, rota_version=int(seen), by=signed_in(request))
    except REFUSALS as error:
        status = 403 if isinstance(error, NotAllowed) else 409
        return _page(request, found, fault=str(error).removeprefix("file: "), status=status)
    messages.success(request, f"Taken over: {changed} changes.")
    return HttpResponseRedirect(reverse("alerts:rota"))
