"""The pages on which a call or visit is recorded, and recorded anew as a correction."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from courses.call_library import title_of
from courses.calls import CallBack, calls_of, owed_call_backs
from courses.forms.calls import CallForm, faults_of_rows, refuse, shown_of_call, symptoms_form
from courses.models import CallOutcome, ChartFact, Course, PatientCall
from courses.rules.calls import OTHER, Anchor
from courses.services.authority import BadFact, NotAllowed, printed_name
from courses.services.call_checks import plan_of_call, standing_hold
from courses.services.call_facts import facts_of, holds_course, lasting_symptoms, symptoms_of
from courses.services.calls import RECORD, correct_call, record_call
from courses.services.fact_rights import ends_a_physicians_word
from courses.views.call_frame import READ, found_call, status_of, to_call
from courses.views.frame import banner, found_course, render_page, signed_in
from labs.clock import database_now
from labs.services.contacts import current_contacts
from labs.views.frame import METHODS


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
    return to_call(call)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, RECORD], raise_exception=True)
def correct(request: HttpRequest, public_id: UUID, call_id: UUID) -> HttpResponse:
    """Record a newer version of a call; the earlier one stays readable."""
    course = found_course(public_id)
    call = found_call(course, call_id)
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
    return to_call(call)


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
    return _form_page(request, course, form, symptoms, call=call, status=status_of(refusal))


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
        "holds_already": call is not None and holds_course(facts_of(call)),
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
