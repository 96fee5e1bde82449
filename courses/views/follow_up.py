"""Who is to be seen after the last cycle: the list, and one patient's visits until they are signed closed."""

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.calls import calls_for_page
from courses.follow_ups import FollowUpLine, draws_of, follow_up_of, follow_ups, lacking
from courses.forms.kinds import ReasonForm
from courses.forms.planning import VisitForm
from courses.models import Course
from courses.services.authority import BadFact, NotAllowed
from courses.services.ending import END
from courses.services.follow_up import RECORD, record_visit, set_follow_up
from courses.views.frame import (
    METHODS,
    SEES_NAMES,
    authenticated_at,
    banner,
    found_course,
    only_sent,
    page_begin,
    render_page,
    signed_in,
)
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

_CALLS_SHOWN = 5
READ = [SEES_NAMES, "courses.view_course", "courses.view_followuprecord"]
PER_PAGE = 100


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def everybody(request: HttpRequest) -> HttpResponse:
    """Everybody whose follow-up nobody signed closed, the most urgent first."""
    begin, today = page_begin(request.GET.get("from", "")), clinic_day(database_now(), clinic_zone())
    found = follow_ups(today=today, begin=begin, most=PER_PAGE + 1)
    context = {
        "title": "Follow-up",
        "lines": found[:PER_PAGE],
        "begin": begin,
        "later": begin + PER_PAGE if found[PER_PAGE:] else None,
        "earlier": max(begin - PER_PAGE, 0) if begin else None,
    }
    return render_page(request, "courses/follow_ups.html", context)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def follow_up(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One patient's visits, what became of them, and the place to sign the follow-up closed."""
    return _page(request, found_course(public_id))


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, RECORD], raise_exception=True)
def visit(request: HttpRequest, public_id: UUID, key: str) -> HttpResponse:
    """Record what became of one visit, or correct what was recorded."""
    course = found_course(public_id)
    today = clinic_day(database_now(), clinic_zone())
    line = follow_up_of(course, today=today)
    wanted = next((each for each in line.visits if each.visit.key == key), None) if line else None
    if wanted is None:
        raise Http404("There is no such visit.")
    form = VisitForm(request.POST if request.method == "POST" else None, initial={"on": today.isoformat()})
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            record_visit(course=course, visit=key, by=signed_in(request), **form.cleaned_data)
        except BadFact as bad:
            form.refuse(bad.faults)
        except NotAllowed as refusal:
            raise PermissionDenied from refusal
        else:
            messages.success(request, "Recorded.")
            return HttpResponseRedirect(reverse("courses:follow_up", args=[course.public_id]))
    if form.errors:
        status = 400
    context = {
        "title": "Record a visit",
        "line": wanted,
        "form": form,
        "missing": lacking(wanted.visit, draws_of(course, since=wanted.visit.first)),
        **banner(request, course),
    }
    return render_page(request, "courses/visit.html", context, status=status)


def _address(public_id: UUID) -> str:
    return reverse("courses:follow_up", args=[found_course(public_id).public_id])


@require_http_methods(METHODS)
@login_required
@permission_required([*READ, END], raise_exception=True)
@only_sent(_address)
def close(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Sign the follow-up closed, or open it again."""
    course, form = found_course(public_id), ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, course, form=form, status=400)
    done: HttpResponse = reauthentication_required(_close)(request, course, form)
    return done


def _close(request: HttpRequest, course: Course, form: ReasonForm) -> HttpResponse:
    closed = request.POST.get("do") != "open"
    try:
        set_follow_up(
            course=course,
            closed=closed,
            reason=form.cleaned_data["reason"],
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
        )
    except BadFact as bad:
        return _page(request, course, form=form, faults=bad.faults, status=400)
    except NotAllowed as refusal:
        return _page(request, course, form=form, faults=[str(refusal)], status=403)
    messages.success(request, "The follow-up is closed." if closed else "The follow-up is open again.")
    return HttpResponseRedirect(reverse("courses:follow_up", args=[course.public_id]))


def _page(
    request: HttpRequest,
    course: Course,
    *,
    form: ReasonForm | None = None,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    line: FollowUpLine | None = follow_up_of(course, today=clinic_day(database_now(), clinic_zone()))
    context = {
        "title": "Follow-up",
        "line": line,
        "acts": course.follow_up_acts.order_by("-pk"),
        "form": form or ReasonForm(),
        "faults": faults or [],
        "may_record": request.user.has_perm(RECORD),
        "calls": calls_for_page(course, now=database_now(), shown=_CALLS_SHOWN)
        if request.user.has_perm("courses.view_patientcall")
        else None,
        "may_close": request.user.has_perm(END),
        **banner(request, course),
    }
    return render_page(request, "courses/follow_up.html", context, status=status)
