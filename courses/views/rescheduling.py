"""The plan of a course with all that hangs on it, and the page that moves a cycle: shown, then confirmed."""

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.forms.planning import ConfirmMoveForm, MoveForm
from courses.models import Course, Cycle, CycleMove
from courses.planned_days import days_of
from courses.services.authority import BadFact, NotAllowed
from courses.services.handling import OrderRefused
from courses.services.locking import next_cycle
from courses.services.papers import outdated, papers_of
from courses.services.reschedule import PLAN, Preview, StalePlan, preview_move, reschedule
from courses.services.same_act import just_moved
from courses.views.frame import SEES_NAMES, banner, found_course, render_page, signed_in
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

READ = [SEES_NAMES, "courses.view_course", "courses.view_cyclemove"]
READS_PAPERS = "courses.view_printedpaper"


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def plan(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The cycles, everything that hangs on their days, and the moves so far."""
    course = found_course(public_id)
    found, today = days_of(course), clinic_day(database_now(), clinic_zone())
    context = {
        "title": "Plan of the course",
        "cycles": [
            (cycle, [day for day in found.days if day.cycle == cycle.number and day.last >= today])
            for cycle in found.cycles
        ],
        "has_protocol": found.plan is not None,
        "moves": CycleMove.objects.filter(cycle__course=course).select_related("cycle").order_by("-pk"),
        "old_papers": outdated(papers_of(course, today=today)) if request.user.has_perm(READS_PAPERS) else [],
        "may_move": course.is_open and request.user.has_perm(PLAN),
        **banner(request, course),
    }
    return render_page(request, "courses/plan.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required([*READ, PLAN], raise_exception=True)
def move_cycle(request: HttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """Choose a day, read all that it moves and breaks, and confirm; nothing is stored before."""
    course = found_course(public_id)
    cycle = Cycle.objects.select_related("course").filter(course=course, number=number).first()
    if cycle is None:
        raise Http404("There is no such cycle.")
    if request.method != "POST":
        return _page(request, course, cycle, MoveForm())
    if request.POST.get("do") == "confirm":
        return _confirm(request, course, cycle)
    form = MoveForm(request.POST)
    preview = _preview(request, cycle, form) if form.is_valid() else None
    return _page(request, course, cycle, form, preview=preview, status=200 if preview else 400)


def _preview(request: HttpRequest, cycle: Cycle, form: MoveForm) -> Preview | None:
    try:
        return preview_move(cycle=cycle, by=signed_in(request), **_said(form))
    except BadFact as bad:
        form.refuse(bad.faults)
    except (NotAllowed, OrderRefused) as refusal:
        form.add_error(None, str(refusal))
    return None


def _said(form: MoveForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("to", "cause", "reason", "supplier_agreed")}


def _confirm(request: HttpRequest, course: Course, cycle: Cycle) -> HttpResponse:
    """Do what was shown; what it would do now is shown again where that differs, or a field is wrong."""
    form = ConfirmMoveForm(request.POST)
    if not form.is_valid():
        plain = MoveForm(request.POST)
        preview = _preview(request, cycle, plain) if plain.is_valid() else None
        return _page(request, course, cycle, plain, preview=preview, confirm=form, status=400)
    try:
        move = reschedule(cycle=cycle, by=signed_in(request), seen=form.cleaned_data["seen"], **_said(form))
    except StalePlan as stale:
        if _is_just_moved(request, cycle, form):
            return _moved(request, course, cycle, form.cleaned_data["to"])
        faults = [str(stale)]
        return _page(
            request, course, cycle, MoveForm(request.POST), preview=stale.preview, faults=faults, status=409
        )
    except BadFact as bad:
        if _is_just_moved(request, cycle, form):
            return _moved(request, course, cycle, form.cleaned_data["to"])
        form.refuse(bad.faults)
    except (NotAllowed, OrderRefused) as refusal:
        form.add_error(None, str(refusal))
    else:
        return _moved(request, course, cycle, move.to_on)
    return _page(request, course, cycle, form, status=400)


def _is_just_moved(request: HttpRequest, cycle: Cycle, form: MoveForm) -> bool:
    """The same button pressed twice has moved once, and neither answer says that nothing was moved."""
    said = {name: form.cleaned_data[name] for name in ("to", "cause", "reason")}
    return just_moved(cycle, by=signed_in(request), **said)


def _moved(request: HttpRequest, course: Course, cycle: Cycle, to: date) -> HttpResponse:
    messages.success(
        request,
        f"Cycle {cycle.number} is planned for {to.isoformat()}. Whatever was signed for the old day is "
        "signed anew.",
    )
    return HttpResponseRedirect(reverse("courses:plan", args=[course.public_id]))


def _page(
    request: HttpRequest,
    course: Course,
    cycle: Cycle,
    form: MoveForm,
    *,
    preview: Preview | None = None,
    confirm: ConfirmMoveForm | None = None,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    upcoming = next_cycle(course)
    context = {
        "title": f"Move cycle {cycle.number}",
        "cycle": cycle,
        "form": form if not isinstance(form, ConfirmMoveForm) else MoveForm(request.POST),
        "confirm": confirm or ConfirmMoveForm(),
        "preview": preview,
        "is_next": upcoming is not None and upcoming.pk == cycle.pk,
        "faults": [*(faults or []), *_confirm_faults(confirm), *_own_faults(form)],
        **banner(request, course),
    }
    return render_page(request, "courses/move_cycle.html", context, status=status)


def _confirm_faults(confirm: ConfirmMoveForm | None) -> list[str]:
    return [] if confirm is None else [str(each) for each in confirm.errors.get("read", [])]


def _own_faults(form: MoveForm) -> list[str]:
    """What was refused when it was confirmed, named above the form."""
    if not isinstance(form, ConfirmMoveForm):
        return []
    return [str(fault) for faults in form.errors.values() for fault in faults]
