"""The monthly list of what physicians set aside, for whoever answers for safety; as a page and as a file."""

from datetime import date

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.set_aside import Month, month_before, next_month, set_aside_in
from courses.views.frame import render_page
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.formats.csv_write import write_table
from labs.templatetags.clinic_text import instant
from labs.views.frame import SEES_NAMES, with_fresh_password
from labs.zones import clinic_zone

READ = ["courses.view_signature", "courses.view_orderevent"]
_EARLIEST = date(2000, 1, 1)
_HEADER = (
    "when", "kind", "what", "who", "reason", "patient (pseudonym)", "course (pseudonym)", "cycle", "standing",
    "times before in this course", "what followed",
)  # fmt: skip


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def set_aside(request: HttpRequest) -> HttpResponse:
    """One month, with the way to the months beside it."""
    first, fault = _month(request.GET.get("month", ""))
    return _page(request, first, fault=fault)


@require_POST
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def set_aside_file(request: HttpRequest) -> HttpResponse:
    """The same month as a file: pseudonyms in place of names, and the password asked for first."""
    first, fault = _month(request.POST.get("month", ""))
    if fault:
        return _page(request, first, fault=fault)
    return with_fresh_password(_file)(request, first)


def _file(request: HttpRequest, first: date) -> HttpResponse:
    answer = HttpResponse(_table(set_aside_in(first)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="set-aside-{first:%Y-%m}.csv"'
    return answer


def _table(month: Month) -> str:
    return write_table(
        _HEADER,
        (
            (
                instant(line.at),
                line.kind,
                line.what,
                line.who,
                line.reason,
                str(line.patient.public_id)[:8],
                str(line.course.public_id)[:8],
                line.cycle,
                line.standing,
                line.before,
                line.followed,
            )
            for line in month.lines
        ),
    )


def _month(text: str) -> tuple[date, str]:
    """The month that was asked for, else this one and what is wrong."""
    this = clinic_day(database_now(), clinic_zone()).replace(day=1)
    if not text:
        return this, ""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        return this, "month: write year and month, for example 2026-05."
    if not _EARLIEST <= first <= this:
        return this, f"month: choose one from {_EARLIEST:%Y-%m} to {this:%Y-%m}."
    return first, ""


def _page(request: HttpRequest, first: date, *, fault: str) -> HttpResponse:
    this = clinic_day(database_now(), clinic_zone()).replace(day=1)
    context = {
        "title": "Set aside",
        "month": set_aside_in(first),
        "before": month_before(first),
        "after": next_month(first) if first < this else None,
        "faults": [fault] if fault else [],
        "may_see_patient": request.user.has_perm(SEES_NAMES),
    }
    return render_page(request, "courses/set_aside.html", context, status=400 if fault else 200)
