"""The pages beside single alerts: inbox, delivery log, who would be told now, the budget of each rule."""

from datetime import date

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required, user_passes_test
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts import deliveries, inbox
from alerts.budget import as_csv, budget
from alerts.forms.lists import LogForm, PeriodForm
from alerts.inbox import Filters, filters_from, reads_some
from alerts.library import policy
from alerts.readiness import readiness
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.traffic import write_hours
from labs.views.frame import SEES_NAMES, render_page, signed_in
from labs.zones import clinic_zone

LOG = "alerts.view_deliveryattempt"
READ = "alerts.view_alert"
RUNS_IT = "alerts.acknowledge_technical_alert"


def _reads_some(user: object) -> bool:
    if not reads_some(user):  # type: ignore[arg-type]
        raise PermissionDenied
    return True


@require_safe
@never_cache
@login_required
@user_passes_test(_reads_some)
def inbox_page(request: HttpRequest) -> HttpResponse:
    """The alerts that somebody may read, narrowed by the links above them."""
    status, fault, filters = 200, "", Filters()
    person = signed_in(request)
    try:
        filters = filters_from(request.GET)
        found = inbox.inbox(person=person, filters=filters)
    except inbox.BadFilter as bad:
        status, fault, filters = 400, str(bad), Filters()
        found = inbox.inbox(person=person, filters=filters)
    context = {
        "title": "Alerts",
        "inbox": found,
        "fault": fault,
        "may_see_patient": request.user.has_perm(SEES_NAMES),
        "zone": settings.CLINIC_TIME_ZONE,
        "filtered": filters != Filters(),
    }
    return render_page(request, "alerts/inbox.html", context, status=status)


@require_safe
@never_cache
@login_required
@permission_required(LOG, raise_exception=True)
def deliveries_page(request: HttpRequest) -> HttpResponse:
    """Every mail owed and each attempt, the newest first."""
    status, fault, filters = 200, "", deliveries.LogFilters()
    try:
        filters = deliveries.log_filters(request.GET)
    except deliveries.BadFilter as bad:
        status, fault = 400, str(bad)
    people = deliveries.people_of_the_log()
    context = {
        "title": "Deliveries",
        "log": deliveries.delivery_log(filters),
        "form": LogForm(people, initial=request.GET.dict()),
        "fault": fault,
        "opens_all": request.user.has_perm(READ),
        "opens_technical": request.user.has_perm(RUNS_IT),
        "zone": settings.CLINIC_TIME_ZONE,
    }
    return render_page(request, "alerts/deliveries.html", context, status=status)


def _watches(user: object) -> bool:
    if not any(user.has_perm(right) for right in (READ, RUNS_IT)):  # type: ignore[attr-defined]
        raise PermissionDenied
    return True


@require_safe
@never_cache
@login_required
@user_passes_test(_watches)
def readiness_page(request: HttpRequest) -> HttpResponse:
    """Why would nobody be told? Asked now, of the rows as they are."""
    context = {
        "title": "Who would be told now",
        "ready": readiness(now=database_now()),
        "policy": policy(),
        "opens_all": request.user.has_perm(READ),
        "zone": settings.CLINIC_TIME_ZONE,
    }
    return render_page(request, "alerts/readiness.html", context)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def budget_page(request: HttpRequest) -> HttpResponse:
    """What each rule's alerts led to in a period."""
    form = PeriodForm(request.GET or None, today=_today())
    period, working = form.period(), policy().hours.working
    context = {
        "title": "Alert budget",
        "form": form,
        "lines": budget(first=period[0], last=period[1]) if period else (),
        "period": period,
        "limits": policy().acts,
        "hours": write_hours(working.opens, working.closes),
        "zone": settings.CLINIC_TIME_ZONE,
    }
    return render_page(request, "alerts/budget.html", context, status=200 if period else 400)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def budget_table(request: HttpRequest) -> HttpResponse:
    """The same as a table for a spreadsheet."""
    form = PeriodForm(request.GET or None, today=_today())
    period = form.period()
    if period is None:
        faults = [
            f"{form[name].label}: {fault}"
            for name in form.errors
            if name in form.fields
            for fault in form.errors[name]
        ]
        return HttpResponse(
            "\n".join([*faults, *form.non_field_errors()]),
            status=400,
            content_type="text/plain; charset=utf-8",
        )
    answer = HttpResponse(
        as_csv(budget(first=period[0], last=period[1])), content_type="text/csv; charset=utf-8"
    )
    name = f"alert-budget-{period[0].isoformat()}-{period[1].isoformat()}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _today() -> date:
    return clinic_day(database_now(), clinic_zone())
