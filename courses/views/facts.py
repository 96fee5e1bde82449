"""The pages on which people record a fact, take one back, and confirm what needs a second physician."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from courses.fact_list import facts_of_kind, right_to_record
from courses.fact_words import fact_words
from courses.forms.base import FactForm
from courses.forms.kinds import FORMS, ReasonForm, fact_form
from courses.models import ChartFact, Course, RecordKind
from courses.models.fact import AT_ONCE, OF_TWO_PEOPLE
from courses.services.authority import NotAllowed
from courses.services.fact_rights import ends_a_physicians_word, is_physicians_act
from courses.services.facts import BadFact, confirm_fact, record_fact, withdraw_fact
from courses.services.same_form import fact_of_form
from courses.services.seen import act_on_seen
from courses.services.sign import StaleDecision
from courses.views.frame import (
    SEES_NAMES,
    authenticated_at,
    banner,
    decision_as_sent,
    found_course,
    render_page,
    seen_as_sent,
    seen_by_default,
    signed_in,
    stale_page,
)
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

MAY_SEE = [SEES_NAMES, "courses.view_course"]
READS_FACTS = "courses.view_chartfact"
MAY_READ = [*MAY_SEE, READS_FACTS]
METHODS = ["GET", "HEAD", "POST"]
SOON = "The course is assessed again within a minute."
AT_ONCE_WORDS = "The course was assessed again at once."
AWAITS_SECOND = "A second physician must confirm it before it counts."

View = Callable[..., HttpResponse]


def _with_fresh_password(view: View) -> View:
    """Ask for the password first; the form that was sent is taken up again afterwards."""
    wrapped: View = reauthentication_required(view)
    return wrapped


def _password_given(request: HttpRequest, kind: RecordKind, ended: ChartFact | None) -> datetime | None:
    """When the password was given, for an act that takes one."""
    undoes = ended is not None and ends_a_physicians_word(ended, by=signed_in(request))
    return authenticated_at(request) if is_physicians_act(kind) or undoes else None


def _may_record(request: HttpRequest, kind: RecordKind) -> bool:
    """Whether this person's roles record this kind."""
    return request.user.has_perm(right_to_record(kind))


def _check_may_read(request: HttpRequest, kind: RecordKind) -> None:
    """Recorded facts are for those who treat; a hold is for everybody who may place one."""
    right = right_to_record(kind) if kind is RecordKind.PRECAUTIONARY_HOLD else READS_FACTS
    if not (request.user.has_perm(right) or request.user.has_perm(READS_FACTS)):
        raise PermissionDenied


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY_SEE, raise_exception=True)
def record(request: HttpRequest, public_id: UUID, kind: str) -> HttpResponse:
    """What is recorded of one kind, and the form to record it; what physicians judge takes a password."""
    if kind not in RecordKind.values:
        raise Http404("There is no such kind of fact.")
    course, known = found_course(public_id), RecordKind(kind)
    _check_may_read(request, known)
    if known is RecordKind.STOP_RESCISSION:
        return HttpResponseRedirect(reverse("courses:rescind", args=[course.public_id]))
    if request.method != "POST":
        replaces = _replaced(request, course, known)
        form = fact_form(known, course=course, replaces=replaces is not None, shown=_shown(request, replaces))
        return _record_page(request, course, known, form, replaces=replaces)
    if not _may_record(request, known):
        raise PermissionDenied
    form = fact_form(known, course=course, replaces=bool(request.POST.get("replaces")), sent=request.POST)
    if made := _made_before(request, course, known, form):
        return _recorded(request, course, made)  # what it replaced stands no more, and the password was given
    replaces = _replaced(request, course, known)
    if not form.is_valid():
        return _record_page(request, course, known, form, replaces=replaces)
    undoes = replaces is not None and ends_a_physicians_word(replaces, by=signed_in(request))
    store = _with_fresh_password(_store) if is_physicians_act(known) or undoes else _store
    return store(request, course, known, form, replaces)


def _replaced(request: HttpRequest, course: Course, kind: RecordKind) -> ChartFact | None:
    """The older fact that the form ends or changes, if it names one. Raises Http404."""
    named = (request.POST if request.method == "POST" else request.GET).get("replaces", "")
    return _fact(course, named, kind=kind) if named else None


def _fact(course: Course, public_id: UUID | str, **about: Any) -> ChartFact:
    """A fact that stands and can be seen from a course. Raises Http404."""
    try:
        named = UUID(str(public_id))
    except ValueError as error:
        raise Http404("There is no such fact.") from error
    rows = ChartFact.objects.seen_from(course).standing().select_related("result__current", "course")
    return get_object_or_404(rows, public_id=named, **about)


def _shown(request: HttpRequest, replaces: ChartFact | None) -> dict[str, Any]:
    """What the fields hold at first: the older fact, or what the link that led here named."""
    if replaces is not None:
        return FORMS[RecordKind(replaces.kind)].typed(replaces.data or {})
    return {name: value for name, value in request.GET.items() if name != "replaces"}


def _store(
    request: HttpRequest, course: Course, kind: RecordKind, form: FactForm, replaces: ChartFact | None
) -> HttpResponse:
    """Record what the form holds; what the service refuses is shown at its field."""

    def act() -> ChartFact:
        return record_fact(
            kind=kind,
            data=_data(kind, form),
            by=signed_in(request),
            course=course,
            reason=form.cleaned_data.get("reason", ""),
            authenticated_at=_password_given(request, kind, replaces),
            replaces=replaces,
            key=_key(request),
        )

    try:
        if is_physicians_act(kind):
            fact = act_on_seen(course=course, seen=seen_as_sent(request), act=act)
        else:
            fact = act()
    except BadFact as bad:
        form.refuse(bad.faults)
        return _record_page(request, course, kind, form, replaces=replaces)
    except NotAllowed as refusal:
        form.add_error(None, str(refusal))
        return _record_page(request, course, kind, form, replaces=replaces, status=403)
    except StaleDecision as stale:
        if made := _made_before(request, course, kind, form):  # the first press changed the decision
            return _recorded(request, course, made)
        return stale_page(
            request,
            course,
            before=decision_as_sent(request, course),
            after=stale.current,
            undone="recorded",
        )
    return _recorded(request, course, fact)


def _key(request: HttpRequest) -> UUID | None:
    """The key of the form that was sent; none where it carried nothing that can be read."""
    try:
        return UUID(request.POST.get("key", ""))
    except ValueError:
        return None


def _made_before(request: HttpRequest, course: Course, kind: RecordKind, form: FactForm) -> ChartFact | None:
    """What this very form recorded when it was sent before: a button pressed twice has recorded once."""
    said = _said(request, kind, form)
    about: dict[str, Any] = {"by": signed_in(request), "patient": course.patient, "course": course}
    return fact_of_form(_key(request), kind=kind, **said, **about) if said is not None else None


def _said(request: HttpRequest, kind: RecordKind, form: FactForm) -> dict[str, Any] | None:
    """What the form says and why; none where it cannot be read.

    A rule that is overridden is offered no more, so that the form cannot be read a second time.
    """
    if form.is_valid():
        return {"data": _data(kind, form), "reason": form.cleaned_data.get("reason", "")}
    if kind is not RecordKind.OVERRIDE:
        return None
    data = {name: request.POST.get(name, "") for name in ("rule", "code")}
    return {"data": data, "reason": request.POST.get("reason", "")}


def _recorded(request: HttpRequest, course: Course, fact: ChartFact) -> HttpResponse:
    messages.success(request, f"Recorded. {_follows(RecordKind(fact.kind), fact)}")
    return _back(course)


def _follows(kind: RecordKind, fact: ChartFact) -> str:
    """What happens next."""
    if fact.needs_two:
        return AWAITS_SECOND
    return AT_ONCE_WORDS if kind in AT_ONCE else SOON


def _data(kind: RecordKind, form: FactForm) -> dict[str, Any]:
    """The fact; a review of an occurrence is of today: what shows later is not covered by it."""
    said = form.fact()
    if kind is RecordKind.OCCURRENCE_REVIEWS:
        said["on"] = clinic_day(database_now(), clinic_zone()).isoformat()
    return said


def _record_page(
    request: HttpRequest,
    course: Course,
    kind: RecordKind,
    form: FactForm,
    *,
    replaces: ChartFact | None,
    status: int = 0,
) -> HttpResponse:
    seen = seen_as_sent(request) if form.is_bound else seen_by_default(course)
    context = {
        "title": kind.label.capitalize(),
        "kind": kind,
        "form": form,
        "replaces": replaces,
        "replaced_words": fact_words(replaces) if replaces else "",
        "lines": facts_of_kind(course, kind),
        "may_record": _may_record(request, kind),
        "of_physicians": is_physicians_act(kind),
        "needs_two": kind in OF_TWO_PEOPLE,
        "is_hold": kind is RecordKind.PRECAUTIONARY_HOLD,
        "is_override": kind is RecordKind.OVERRIDE,
        "seen": seen,
        # Another one for every page that is shown: a form that was refused has recorded nothing.
        "key": uuid4(),
        "terms": getattr(form, "terms", []),
        **banner(request, course),
    }
    return render_page(request, "courses/fact.html", context, status=status or (400 if form.errors else 200))


def _back(course: Course) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('admin:courses_course_change', args=[course.pk])}#facts")


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY_SEE, raise_exception=True)
def withdraw(request: HttpRequest, public_id: UUID, fact_id: UUID) -> HttpResponse:
    """Take a fact back with a reason; it stays on record."""
    course = found_course(public_id)
    fact = _fact(course, fact_id)
    kind = RecordKind(fact.kind)
    _check_may_read(request, kind)
    if not _may_record(request, kind):
        raise PermissionDenied
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _act_page(request, course, fact, form, act="withdraw")
    undoes = ends_a_physicians_word(fact, by=signed_in(request))
    take_back = _with_fresh_password(_withdraw) if is_physicians_act(kind) or undoes else _withdraw
    return take_back(request, course, fact, form)


def _withdraw(request: HttpRequest, course: Course, fact: ChartFact, form: ReasonForm) -> HttpResponse:
    try:
        withdraw_fact(
            fact=fact,
            by=signed_in(request),
            reason=form.cleaned_data["reason"],
            authenticated_at=_password_given(request, RecordKind(fact.kind), fact),
        )
    except (BadFact, NotAllowed) as refusal:
        return _refused(request, course, fact, form, refusal, act="withdraw")
    messages.success(request, f"Taken back. {AT_ONCE_WORDS if fact.kind in AT_ONCE else SOON}")
    return _back(course)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*MAY_READ, "courses.judge_fact"], raise_exception=True)
def confirm(request: HttpRequest, public_id: UUID, fact_id: UUID) -> HttpResponse:
    """Confirm, as the second physician, a fact that needs two."""
    course = found_course(public_id)
    fact = _fact(course, fact_id)
    if not fact.needs_two:
        raise Http404("Nothing needs a second physician here.")
    if fact.kind == RecordKind.STOP_RESCISSION:
        return HttpResponseRedirect(reverse("courses:rescind", args=[course.public_id]))
    if request.method != "POST":
        return _act_page(request, course, fact, None, act="confirm")
    return _with_fresh_password(_confirm)(request, course, fact)


def _confirm(request: HttpRequest, course: Course, fact: ChartFact) -> HttpResponse:
    try:
        confirm_fact(fact=fact, by=signed_in(request), authenticated_at=authenticated_at(request))
    except (BadFact, NotAllowed) as refusal:
        return _refused(request, course, fact, None, refusal, act="confirm")
    messages.success(request, f"Confirmed. {AT_ONCE_WORDS if fact.kind in AT_ONCE else SOON}")
    return _back(course)


def _refused(
    request: HttpRequest,
    course: Course,
    fact: ChartFact,
    form: ReasonForm | None,
    refusal: BadFact | NotAllowed,
    *,
    act: str,
) -> HttpResponse:
    faults = refusal.faults if isinstance(refusal, BadFact) else [str(refusal)]
    status = 400 if isinstance(refusal, BadFact) else 403
    return _act_page(request, course, fact, form, act=act, faults=faults, status=status)


def _act_page(
    request: HttpRequest,
    course: Course,
    fact: ChartFact,
    form: ReasonForm | None,
    *,
    act: str,
    faults: list[str] | None = None,
    status: int = 0,
) -> HttpResponse:
    context = {
        "title": "Take back a record" if act == "withdraw" else "Confirm as the second physician",
        "fact": fact,
        "words": fact_words(fact),
        "form": form,
        "faults": faults or [],
        "is_mine": fact.recorded_by_id == signed_in(request).pk,
        "of_physicians": is_physicians_act(fact.kind),
        **banner(request, course),
    }
    wrong = form is not None and bool(form.errors)
    return render_page(request, f"courses/fact_{act}.html", context, status=status or (400 if wrong else 200))
