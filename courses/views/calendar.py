"""The calendar of therapies, draws and vials by week or month, and the clinic's own closed days."""

from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from courses.clinic_calendar import alike_on, calendar, month_of, week_of
from courses.forms.planning import ClosedDayForm
from courses.models import ClosedDay
from courses.plan_feed import plan_feed
from courses.services.plan_addresses import has_plan_address, make_plan_address, withdraw_plan_address
from courses.services.reschedule import PLAN
from courses.views.frame import SEES_NAMES, render_page, signed_in
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

READ = [SEES_NAMES, "courses.view_course", "courses.view_closedday"]
_TWICE = "This day is on the list already."


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def calendar_page(request: HttpRequest) -> HttpResponse:
    """A week or a month as a plain table; it is printed as it stands."""
    return _calendar(request)


def _calendar(request: HttpRequest, *, secret: str = "") -> HttpResponse:
    today = clinic_day(database_now(), clinic_zone())
    by_month = request.GET.get("by") == "month"
    asked = _day(request.GET.get("day", "")) or today
    first, last = month_of(asked) if by_month else week_of(asked)
    days = calendar(first, last, today=today)
    context: dict[str, Any] = {
        "title": "Calendar",
        "by": "month" if by_month else "week",
        "first": first,
        "last": last,
        "today": today,
        "before": add_days(first, -1),
        "after": add_days(last, 1),
        "days": days,
        "alike": alike_on(days),
        "may_close": request.user.has_perm(PLAN),
        "has_address": has_plan_address(signed_in(request)),
        "address": f"{settings.SITE_URL}{reverse('courses:plan_feed', args=[secret])}" if secret else "",
    }
    return render_page(request, "courses/calendar.html", context)


@require_POST
@login_required
@permission_required(READ, raise_exception=True)
def new_address(request: HttpRequest) -> HttpResponse:
    """Make my address of this calendar anew and show it this once."""
    return _calendar(request, secret=make_plan_address(by=signed_in(request)))


@require_POST
@login_required
@permission_required(READ, raise_exception=True)
def stop_address(request: HttpRequest) -> HttpResponse:
    """End my address of this calendar."""
    if withdraw_plan_address(by=signed_in(request)):
        messages.success(request, "The address answers no more.")
    return HttpResponseRedirect(reverse("courses:calendar"))


@require_safe
@never_cache
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The plan in counts for a calendar program, which has no log-in: the address itself is the secret."""
    found = plan_feed(secret)
    if found is None:
        raise Http404("There is no such calendar.")
    response = HttpResponse(found, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="therapies.ics"'
    response["X-Robots-Tag"] = "noindex"
    return response


def _day(text: str) -> date | None:
    """A day of the address; what cannot be read is today's."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found <= date(2100, 1, 1) else None


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required([*READ, PLAN], raise_exception=True)
def closed(request: HttpRequest) -> HttpResponse:
    """The clinic's own closed days, and the form to add one."""
    form = ClosedDayForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                ClosedDay.objects.create(
                    **form.cleaned_data, added_by=signed_in(request), added_at=database_now()
                )
        except IntegrityError:
            form.add_error("on", _TWICE)
        else:
            messages.success(request, "Added. Plans that fall on it say so.")
            return HttpResponseRedirect(reverse("courses:closed_days"))
    context = {
        "title": "Closed days",
        "form": form,
        "days": ClosedDay.objects.select_related("added_by").order_by("on"),
    }
    return render_page(request, "courses/closed_days.html", context, status=400 if form.errors else 200)


@require_POST
@login_required
@permission_required([*READ, PLAN], raise_exception=True)
def open_again(request: HttpRequest, row: int) -> HttpResponse:
    """Take a closed day off the list; its history stays."""
    get_object_or_404(ClosedDay, pk=row).delete()
    messages.success(request, "Taken off the list.")
    return HttpResponseRedirect(reverse("courses:closed_days"))
