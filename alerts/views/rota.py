"""The rota as everybody reads it: the month, what is not covered, and what was changed by whom."""

import re
from datetime import date, datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from alerts.library import policy
from alerts.models import RotaEvent, RotaOverride
from alerts.rota_month import month_of
from alerts.services.on_call import is_rota_kept, on_call_at
from alerts.services.rota_coverage import coverage
from alerts.services.rota_edit import overrides_between
from alerts.services.rota_shifts import AHEAD
from alerts.views.rota_frame import SEE, page_for, rota_page
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.services.authority import printed_name
from labs.zones import clinic_zone

EVENTS_SHOWN = 200


@require_safe
@page_for(SEE)
def month(request: HttpRequest) -> HttpResponse:
    """One month of the rota as a table, and who is on call now."""
    now, zone = database_now(), clinic_zone()
    today = clinic_day(now, zone)
    first = _month(request.GET.get("month", ""), today=today)
    told = on_call_at(now)
    context = {
        "title": f"On call in {first:%B %Y}",
        "first": first,
        "weeks": month_of(first, today=today, zone=zone),
        "before": _first_of_month(add_days(first, -1)),
        "after": _first_of_month(add_days(first, 31)),
        "is_kept": is_rota_kept(),
        "on_call": [printed_name(person) for person in told.people],
        "is_covered": told.is_covered,
        "overrides": _overrides(now),
    }
    return rota_page(request, "month", context)


def _overrides(now: datetime) -> list[RotaOverride]:
    return list(overrides_between(now, now + AHEAD).select_related("person", "placed_by"))


def _month(asked: str, *, today: date) -> date:
    """The month that was asked for as year-month; this one where it is none."""
    if re.fullmatch(r"(19|20|21)\d\d-(0[1-9]|1[0-2])", asked):
        return date(int(asked[:4]), int(asked[5:]), 1)
    return _first_of_month(today)


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


@require_safe
@page_for(SEE)
def rota_coverage(request: HttpRequest) -> HttpResponse:
    """What is not covered in the next days."""
    now, days = database_now(), policy().watch.rota_look_ahead_days
    found = coverage(begin=now, end=now + timedelta(days=days)) if is_rota_kept() else None
    context = {
        "title": f"Coverage of the next {days} days",
        "found": found,
        "days": days,
        "soon": now + timedelta(hours=policy().watch.rota_gap_worse_hours),
    }
    return rota_page(request, "coverage", context)


@require_safe
@page_for(SEE)
def rota_history(request: HttpRequest) -> HttpResponse:
    """Who changed what, the newest first."""
    events = RotaEvent.objects.select_related("actor")[:EVENTS_SHOWN]
    return rota_page(request, "history", {"title": "Changes of the rota", "events": events})
