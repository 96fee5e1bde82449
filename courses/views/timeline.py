"""The page of the timeline: all that happened to a course, and is planned, on one axis and as a list."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from courses.json_table import Fault
from courses.library import UnknownProtocol
from courses.timeline import timeline_of
from courses.views.frame import SEES_NAMES, asked_day, banner, found_course, render_page
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

READ = [SEES_NAMES, "courses.view_course", "courses.view_cycle", "courses.view_decision"]


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def timeline(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Cycles, administrations, decisions, orders, delays, holds, moves, toxicities and results."""
    course = found_course(public_id)
    today = clinic_day(database_now(), clinic_zone())
    context: dict[str, Any] = {"title": "Timeline", "today": today, **banner(request, course)}
    may = request.user.has_perm
    try:
        context["page"] = timeline_of(course, today=today, may=may, until=asked_day(request))
    except (UnknownProtocol, Fault) as fault:
        context["fault"] = str(fault)
    return render_page(request, "courses/timeline.html", context)
