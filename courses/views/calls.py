"""Whom to ring; one patient's calls and visits; recording one, correcting it, taking it back."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.call_library import title_of
from courses.calls import CallBack, calls_for_page, calls_of, calls_to_make, owed_call_backs
from courses.forms.calls import (
    CallForm,
    faults_of_rows,
    refuse,
    shown_of_call,
    symptoms_form,
)
from courses.forms.kinds import ReasonForm
from courses.models import CallOutcome, ChartFact, Course, PatientCall
from courses.rules.calls import OTHER, Anchor
from courses.services.authority import BadFact, NotAllowed, printed_name
from courses.services.call_checks import plan_of_call, standing_hold
from courses.services.call_facts import facts_of, lasting_symptoms, symptoms_of
from courses.services.calls import RECORD, StaleCall, correct_call, record_call, take_back_call
from courses.services.fact_rights import JUDGE, ends_a_physicians_word
from courses.views.call_words import concerns_to_show, fact_lines
from courses.views.frame import SEES_NAMES, authenticated_at, banner, found_course, render_page, signed_in
from labs.clock import database_now
from labs.services.contacts import current_contacts
from labs.views.frame import METHODS, with_fresh_password

READ = [SEES_NAMES, "courses.view_course", "courses.view_chartfact", "courses.view_patientcall"]
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
    call = _found(course, call_id)
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
def record(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Record a call or visit: a planned one that the link names, or any other."""
    course = found_course(public_id)
    open_calls = _may_be_settled(course, named=request.POST.getlist("settles"))
    known = _to_offer(request, lasting_symptoms(course))
    if request.method != "POST":
        shown = _first_shown(request, course)
        form = CallForm(course=course, occasion=shown["occasion"], open_calls=open_calls, initial=shown)
        return _form_page(request, course, form, symptoms_form(course, known))
    form = CallForm(
        request.POST, course=course, occasion=request.POST.get("occasion", ""), open_calls=open_calls
    )
    symptoms = symptoms_form(course, known, sent=request.POST)
    if not all([form.is_valid(), symptoms.is_valid()]):
        return _form_page(request, course, form, symptoms, status=400)
    try:
        call = record_call(
            course=course,
            key=form.cleaned_data["key"] or uuid4(),
            said=form.said(symptoms),
            by=signed_in(request),
        )
    except (BadFact, NotAllowed) as refusal:
        return _refused(request, course, form, symptoms, refusal)
    messages.success(request, _follows(call))
    return _to(call)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, RECORD], raise_exception=True)
def correct(request: HttpRequest, public_id: UUID, call_id: UUID) -> HttpResponse:
    """Record a newer version of a call; the earlier one stays readable."""
    course = found_course(public_id)
    call = _found(course, call_id)
    known = symptoms_of(facts_of(call))
    settled = [str(link.settled.public_id) for link in call.settles.select_related("settled")]
    open_calls = _may_be_settled(course, named=settled, but=call)
    about: dict[str, Any] = {
        "course": course,
        "occasion": call.occasion,
        "open_calls": open_calls,
        "correcting": True,
    }
    if request.method != "POST":
        form = CallForm(initial=shown_of_call(call), **about)
        return _form_page(request, course, form, symptoms_form(course, known, correcting=True), call=call)
    form = CallForm(_about_stays(request.POST, call), **about)
    symptoms = symptoms_form(course, known, sent=request.POST, correcting=True)
    if not all([form.is_valid(), symptoms.is_valid()]):
        return _form_page(request, course, form, symptoms, call=call, status=400)
    try:
        correct_call(
            call=call,
            seen=form.cleaned_data["seen"] or 0,
            said=form.said(symptoms),
            reason=form.cleaned_data["reason"],
            by=signed_in(request),
        )
    except (BadFact, NotAllowed) as refusal:
        return _refused(request, course, form, symptoms, refusal, call=call)
    messages.success(request, "Corrected. The earlier version stays readable.")
    return _to(call)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, RECORD], raise_exception=True)
def take_back(request: HttpRequest, public_id: UUID, call_id: UUID) -> HttpResponse:
    """Take a call back as a mistake, with everything it recorded."""
    course = found_course(public_id)
    call = _found(course, call_id)
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
        return _take_back_page(request, course, call, form, faults=told, status=_status(refusal))
    messages.success(request, "Taken back, with everything it had recorded.")
    return _to(call)


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


def _found(course: Course, call_id: UUID) -> PatientCall:
    """The newest version of a call of this course. Raises Http404."""
    call = (
        PatientCall.objects.filter(course=course, public_id=call_id)
        .select_related("cycle", "course__patient", "corrects")
        .order_by("version")
        .last()
    )
    if call is None:
        raise Http404("There is no such call.")
    return call


def _first_shown(request: HttpRequest, course: Course) -> dict[str, Any]:
    """What a new form holds: which call it is, this minute, and whoever fills it in. Raises Http404."""
    now = database_now()
    shown: dict[str, Any] = {
        "key": uuid4(),
        "occasion": OTHER,
        "spoken_at": timezone.localtime(now).replace(second=0, microsecond=0),
        "spoken_by": printed_name(signed_in(request)),
        "settles": request.GET.getlist("settles"),
    }
    occasion, number = request.GET.get("occasion", OTHER), request.GET.get("cycle", "")
    if occasion == OTHER:
        return shown
    lines = [line for line in calls_of(course, now=now) if line.plan.id == occasion]
    line = next((line for line in lines if str(line.cycle.number) == number), None)
    if line is None:
        raise Http404("No such call is planned.")
    return shown | {"occasion": occasion, "cycle": line.cycle.number, "about_on": line.about_on}


def _to_offer(request: HttpRequest, lasting: list[ChartFact]) -> list[ChartFact]:
    """Of the complaints that last those that whoever rings may change; a physician's own are only read."""
    return [fact for fact in lasting if not ends_a_physicians_word(fact, by=signed_in(request))]


def _may_be_settled(
    course: Course, *, named: Sequence[str], but: PatientCall | None = None
) -> tuple[CallBack, ...]:
    """What a call may settle: what is open, and what it named already; never itself.

    The same form sent twice names what it settled the first time.
    """
    owed = {str(each.call.public_id): each for each in owed_call_backs(now=database_now(), course=course)}
    promised = PatientCall.objects.current().filter(course=course, call_back_by__isnull=False)
    for call in promised.select_related("course__patient") if named else ():
        if str(call.public_id) in named:
            owed.setdefault(str(call.public_id), CallBack(call=call, is_overdue=False))
    if but is not None:
        owed.pop(str(but.public_id), None)
    return tuple(owed.values())


def _about_stays(sent: QueryDict, call: PatientCall) -> QueryDict:
    """A correction is about the same cycle and day, whatever was sent."""
    fixed = sent.copy()
    fixed["occasion"] = call.occasion
    fixed["cycle"] = str(call.cycle.number) if call.cycle else ""
    fixed["about_on"] = call.about_on.isoformat() if call.about_on else ""
    return fixed


def _refused(
    request: HttpRequest,
    course: Course,
    form: CallForm,
    symptoms: Any,
    refusal: BadFact | NotAllowed,
    *,
    call: PatientCall | None = None,
) -> HttpResponse:
    """The form as it was filled in, with what was refused at its place."""
    refuse(form, symptoms, refusal.faults if isinstance(refusal, BadFact) else [str(refusal)])
    return _form_page(request, course, form, symptoms, call=call, status=_status(refusal))


def _status(refusal: Exception) -> int:
    if isinstance(refusal, StaleCall):
        return 409
    return 403 if isinstance(refusal, NotAllowed) else 400


def _form_page(
    request: HttpRequest,
    course: Course,
    form: CallForm,
    symptoms: Any,
    *,
    call: PatientCall | None = None,
    status: int = 200,
) -> HttpResponse:
    plan = plan_of_call(form["occasion"].value() or OTHER)
    by = signed_in(request)
    context = {
        "title": plan.title if plan is not None else title_of(OTHER),
        "form": form,
        "symptoms": symptoms,
        "faults": faults_of_rows(symptoms) if symptoms.is_bound else [],
        "call": call,
        "cycle": form["cycle"].value() if plan is not None else None,
        "about_on": _day_of(form),
        "is_before": plan is not None and plan.anchor is Anchor.PLANNED,
        "contacts": current_contacts(course.patient) if by.has_perm("labs.view_contactdetails") else None,
        "standing_hold": standing_hold(course),
        "of_physicians": [fact for fact in lasting_symptoms(course) if ends_a_physicians_word(fact, by=by)],
        "terms": symptoms.forms[0].terms if symptoms.forms else [],
        **banner(request, course),
    }
    return render_page(request, "courses/call_form.html", context, status=status)


def _day_of(form: CallForm) -> date | None:
    """The day of therapy that the form is about, as far as it can be read."""
    said = form["about_on"].value()
    if isinstance(said, date) or not said:
        return said or None
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


def _follows(call: PatientCall) -> str:
    """What happens next."""
    if call.outcome == CallOutcome.NOT_REACHED:
        return "The attempt is recorded; the call stays on the list."
    return "Recorded. What it says of complaints and a hold counts at once or within a minute."


def _to(call: PatientCall) -> HttpResponse:
    return HttpResponseRedirect(reverse("courses:call", args=[call.course.public_id, call.public_id]))
