"""The work list: open courses by choices, page by page, and the filters that a person keeps by name."""

from collections.abc import Mapping
from dataclasses import asdict
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.forms.working import FilterNameForm, WorkForm
from courses.models import Course, SavedFilter
from courses.services.authority import Refused
from courses.services.saved_filters import filters_of, remove_filter, save_filter
from courses.views.frame import SEES_NAMES, page_begin, render_page, signed_in
from courses.work_filter import PER_PAGE, courses_asked
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.formats.hidden import written_out
from labs.similar_names import similar_to_each_other
from labs.zones import clinic_zone

READ = [SEES_NAMES, "courses.view_course", "courses.view_decision"]


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def work_list(request: HttpRequest) -> HttpResponse:
    """The open courses that fit the choices of the address."""
    return _page(request, WorkForm(request.GET), address=reverse("courses:work"))


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def saved(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The same for a filter that this person keeps."""
    found = _own(request, public_id)
    address = reverse("courses:saved_filter", args=[found.public_id])
    return _page(request, WorkForm(found.choices), address=address, kept=found)


@require_POST
@login_required
@permission_required(READ, raise_exception=True)
def save(request: HttpRequest) -> HttpResponse:
    """Keep the choices of the page under a name of one's own."""
    form, name = WorkForm(request.POST), FilterNameForm(request.POST)
    if not name.is_valid():
        return _page(request, form, address=reverse("courses:work"), name=name, status=400)
    choices = asdict(form.asked())
    try:
        kept = save_filter(name=name.cleaned_data["name"], choices=choices, by=signed_in(request))
    except Refused as refusal:
        name.add_error("name", str(refusal))
        return _page(request, form, address=reverse("courses:work"), name=name, status=409)
    messages.success(request, "Kept. It stands on your first page.")
    return HttpResponseRedirect(reverse("courses:saved_filter", args=[kept.public_id]))


@require_POST
@login_required
@permission_required(READ, raise_exception=True)
def remove(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Forget a filter of one's own."""
    remove_filter(_own(request, public_id))
    messages.success(request, "Removed.")
    return HttpResponseRedirect(reverse("courses:work"))


def _own(request: HttpRequest, public_id: UUID) -> SavedFilter:
    return get_object_or_404(SavedFilter, public_id=public_id, person=signed_in(request))


def _page(
    request: HttpRequest,
    form: WorkForm,
    *,
    address: str,
    kept: SavedFilter | None = None,
    name: FilterNameForm | None = None,
    status: int = 200,
) -> HttpResponse:
    asked, today = form.asked(), clinic_day(database_now(), clinic_zone())
    begin = page_begin(request.GET.get("from", ""))
    rows = list(courses_asked(asked, today=today)[begin : begin + PER_PAGE + 1])
    shown: list[Course] = rows[:PER_PAGE]
    chosen = {key: value for key, value in asdict(asked).items() if value}
    context = {
        "title": written_out(kept.name) if kept else "Work list",
        "form": form,
        "chosen": chosen,
        "name": name or FilterNameForm(initial={"name": kept.name if kept else ""}),
        "kept": kept,
        "filters": filters_of(signed_in(request)),
        "courses": shown,
        "alike": similar_to_each_other([course.patient for course in shown]),
        "begin": begin,
        "later": _at(address, chosen if kept is None else {}, begin + PER_PAGE) if rows[PER_PAGE:] else "",
        "earlier": _at(address, chosen if kept is None else {}, begin - PER_PAGE) if begin else "",
        "today": today,
    }
    return render_page(request, "courses/work.html", context, status=status)


def _at(address: str, chosen: Mapping[str, str], begin: int) -> str:
    return f"{address}?{urlencode({**chosen, 'from': max(begin, 0)})}"
