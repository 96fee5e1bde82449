"""Whom to ring; one patient's calls and visits; one call as it stands, and taking it back."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.call_library import title_of
from courses.calls import calls_for_page, calls_to_make
from courses.forms.kinds import ReasonForm
from courses.models import CallOutcome, Course, PatientCall
from courses.services.authority import BadFact, NotAllowed
from courses.services.call_facts import facts_of
from courses.services.calls import RECORD, take_back_call
from courses.services.fact_rights import JUDGE, ends_a_physicians_word
from courses.views.call_frame import READ, found_call, status_of, to_call
from courses.views.call_words import concerns_to_show, fact_lines
from courses.views.frame import authenticated_at, banner, found_course, render_page, signed_in
from labs.clock import database_now
from labs.views.frame import METHODS, with_fresh_password

_SHOWN = 50


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def everybody(request: HttpRequest) -> HttpResponse:
    """Everybody who is to be rung now, and everybody who waits to be rung back."""
    context = {
        "title": "Calls",
        "calls": calls_to_make(now=database_now()),
        "may_record": request.user.has_perm(RECORD),
    }
    return render_page(request, "courses/calls.html", context)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def of_course(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The calls and visits of one patient: due, owed, and recorded."""
    course = found_course(public_id)
    context = {
        "title": "Calls and visits",
        "calls": calls_for_page(course, now=database_now(), shown=_SHOWN),
        "may_record": request.user.has_perm(RECORD),
        **banner(request, course),
    }
    return render_page(request, "courses/course_calls.html", context)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def call_page(request: HttpRequest, public_id: UUID, call_id: UUID) -> HttpResponse:
    """One call as it stands: answers, what they point out, its facts, and its earlier versions."""
    course = found_course(public_id)
    call = found_call(course, call_id)
    versions = PatientCall.objects.filter(public_id=call.public_id).order_by("-version")
    context = {
        "title": title_of(call.occasion),
        "call": call,
        "concerns": concerns_to_show(call, course.patient),
        "facts": fact_lines(call),
        "settles": [link.settled for link in call.settles.select_related("settled")],
        "versions": versions[1:],
        "is_taken_back": call.outcome == CallOutcome.TAKEN_BACK,
        "may_record": request.user.has_perm(RECORD),
        **banner(request, course),
    }
    return render_page(request, "courses/call.html", context)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, RECORD], raise_exception=True)
def take_back(request: HttpRequest, public_id: UUID, call_id: UUID) -> HttpResponse:
    """Take a call back as a mistake, with everything it recorded."""
    course = found_course(public_id)
    call = found_call(course, call_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _take_back_page(request, course, call, form)
    undoes = any(ends_a_physicians_word(fact, by=signed_in(request)) for fact in facts_of(call))
    act = with_fresh_password(_take_back) if undoes and request.user.has_perm(JUDGE) else _take_back
    return act(request, course, call, form)


def _take_back(request: HttpRequest, course: Course, call: PatientCall, form: ReasonForm) -> HttpResponse:
    sent = request.POST.get("seen", "")
    try:
        take_back_call(
            call=call,
            seen=int(sent) if sent.isascii() and sent.isdecimal() and len(sent) < 6 else 0,
            reason=form.cleaned_data["reason"],
            by=signed_in(request),
            authenticated_at=authenticated_at(request) if request.user.has_perm(JUDGE) else None,
        )
    except (BadFact, NotAllowed) as refusal:
        faults = refusal.faults if isinstance(refusal, BadFact) else [str(refusal)]
        told = [fault.partition(": ")[2] or fault for fault in faults]
        return _take_back_page(request, course, call, form, faults=told, status=status_of(refusal))
    messages.success(request, "Taken back, with everything it had recorded.")
    return to_call(call)


def _take_back_page(
    request: HttpRequest,
    course: Course,
    call: PatientCall,
    form: ReasonForm,
    *,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "title": "Take back a call",
        "call": call,
        "call_title": title_of(call.occasion),
        "facts": fact_lines(call),
        "form": form,
        "faults": faults or [],
        **banner(request, course),
    }
    return render_page(request, "courses/call_take_back.html", context, status=400 if form.errors else status)
