"""The page on which two physicians lift a signed stop."""

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.forms.kinds import ReasonForm
from courses.models import Course
from courses.services.authority import BadFact, NotAllowed
from courses.services.rescind import confirm_rescission, request_rescission
from courses.stops import stop_of_page
from courses.views.frame import (
    METHODS,
    SEES_NAMES,
    authenticated_at,
    banner,
    found_course,
    only_sent,
    render_page,
    signed_in,
)

MAY_READ = [SEES_NAMES, "courses.view_course", "courses.view_chartfact", "courses.view_signature"]
SIGN = "courses.sign_decision"


@require_safe
@never_cache
@login_required
@permission_required(MAY_READ, raise_exception=True)
def rescind(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The signed stop, what was asked about it, and the form to lift it."""
    return _page(request, found_course(public_id), ReasonForm())


def _address(public_id: UUID) -> str:
    return reverse("courses:rescind", args=[found_course(public_id).public_id])


@require_http_methods(METHODS)
@login_required
@permission_required([*MAY_READ, SIGN], raise_exception=True)
@only_sent(_address)
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def ask(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Ask, as the first physician, for the stop to be lifted."""
    course, form = found_course(public_id), ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, course, form, status=400)
    try:
        request_rescission(
            course=course,
            by=signed_in(request),
            reason=form.cleaned_data["reason"],
            authenticated_at=authenticated_at(request),
        )
    except (BadFact, NotAllowed) as refusal:
        return _refused(request, course, form, refusal)
    messages.success(request, "Recorded. The stop stands until a second physician confirms it here.")
    return HttpResponseRedirect(reverse("courses:rescind", args=[course.public_id]))


@require_http_methods(METHODS)
@login_required
@permission_required([*MAY_READ, SIGN], raise_exception=True)
@only_sent(_address)
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def confirm(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Confirm, as the second physician, that the stop is lifted."""
    course = found_course(public_id)
    try:
        confirm_rescission(course=course, by=signed_in(request), authenticated_at=authenticated_at(request))
    except (BadFact, NotAllowed) as refusal:
        return _refused(request, course, ReasonForm(), refusal)
    messages.success(request, "The stop is lifted, and the course was assessed again.")
    return HttpResponseRedirect(reverse("admin:courses_course_change", args=[course.pk]))


def _refused(
    request: HttpRequest, course: Course, form: ReasonForm, refusal: BadFact | NotAllowed
) -> HttpResponse:
    faults = refusal.faults if isinstance(refusal, BadFact) else [str(refusal)]
    return _page(request, course, form, faults=faults, status=400 if isinstance(refusal, BadFact) else 403)


def _page(
    request: HttpRequest,
    course: Course,
    form: ReasonForm,
    *,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    stop = stop_of_page(course)
    context = {
        "title": "Rescind the stop",
        "form": form,
        "faults": faults or [],
        "stop": stop,
        "is_mine": stop.waiting is not None and stop.waiting.recorded_by_id == signed_in(request).pk,
        "may_sign": request.user.has_perm(SIGN),
        **banner(request, course),
    }
    return render_page(request, "courses/rescind.html", context, status=status)
