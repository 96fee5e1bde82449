"""The page of trends: how each result of a course went, with the limits that rules act on."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from courses.json_table import Fault
from courses.library import UnknownProtocol
from courses.trends import trends_of
from courses.views.frame import SEES_NAMES, asked_day, banner, found_course, render_page
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

READ = [SEES_NAMES, "labs.view_result", "courses.view_course", "courses.view_decision"]


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def trends(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Every quantity over the same days, its numbers below it, and the worst grades after each cycle."""
    course = found_course(public_id)
    today = clinic_day(database_now(), clinic_zone())
    context: dict[str, Any] = {"title": "Trends", "today": today, **banner(request, course)}
    try:
        context["page"] = trends_of(course, today=today, until=asked_day(request))
    except (UnknownProtocol, Fault) as fault:
        context["fault"] = str(fault)
    return render_page(request, "courses/trends.html", context)
