"""The page on which a physician ends a course, and two physicians undo an end that was wrong."""

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.end_duties import open_duties
from courses.forms.kinds import ReasonForm
from courses.forms.planning import EndForm
from courses.models import Course
from courses.services.authority import BadFact, NotAllowed
from courses.services.ending import END, ask_undo, confirm_undo, end_course, standing_end
from courses.services.handling import OrderRefused
from courses.services.same_act import just_ended
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

READ = [SEES_NAMES, "courses.view_course", "courses.view_courseend"]


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def ending(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What is still open, and the form to end the course; of an ended one how it ended, and who undoes it."""
    return _page(request, found_course(public_id))


def _address(public_id: UUID) -> str:
    return reverse("courses:ending", args=[found_course(public_id).public_id])


@require_http_methods(METHODS)
@login_required
@permission_required([*READ, END], raise_exception=True)
@only_sent(_address)
def end(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """End the course by this physician's signature."""
    course, form = found_course(public_id), EndForm(request.POST)
    if not form.is_valid():
        return _page(request, course, form=form, status=400)
    done: HttpResponse = reauthentication_required(_end)(request, course, form)
    return done


def _end(request: HttpRequest, course: Course, form: EndForm) -> HttpResponse:
    said = {name: value for name, value in form.cleaned_data.items() if name != "read"}
    try:
        end_course(course=course, by=signed_in(request), authenticated_at=authenticated_at(request), **said)
    except BadFact as bad:
        said = {name: said[name] for name in ("cause", "reason", "ended_on")}
        # The same button pressed twice has ended the course once, and neither answer says otherwise.
        if not just_ended(found_course(course.public_id), by=signed_in(request), **said):
            form.refuse(bad.faults)
            return _page(request, course, form=form, status=400)
    except (NotAllowed, OrderRefused) as refusal:
        form.add_error(None, str(refusal))
        return _page(request, course, form=form, status=403)
    messages.success(request, "The course is ended. Its reminders end within a minute.")
    return HttpResponseRedirect(reverse("courses:ending", args=[course.public_id]))


@require_http_methods(METHODS)
@login_required
@permission_required([*READ, END], raise_exception=True)
@only_sent(_address)
def ask(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Ask, as the first physician, for the end to be undone."""
    course, form = found_course(public_id), ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, course, undo=form, status=400)
    done: HttpResponse = reauthentication_required(_ask)(request, course, form)
    return done


def _ask(request: HttpRequest, course: Course, form: ReasonForm) -> HttpResponse:
    try:
        ask_undo(
            course=course,
            reason=form.cleaned_data["reason"],
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
        )
    except (BadFact, NotAllowed) as refusal:
        return _refused(request, course, refusal)
    messages.success(request, "Recorded. The course stays ended until a second physician confirms it here.")
    return HttpResponseRedirect(reverse("courses:ending", args=[course.public_id]))


@require_http_methods(METHODS)
@login_required
@permission_required([*READ, END], raise_exception=True)
@only_sent(_address)
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def confirm(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Confirm, as the second physician, that the end is undone."""
    course = found_course(public_id)
    try:
        confirm_undo(course=course, by=signed_in(request), authenticated_at=authenticated_at(request))
    except (BadFact, NotAllowed) as refusal:
        return _refused(request, course, refusal)
    messages.success(request, "The course is open again, and was assessed.")
    return HttpResponseRedirect(reverse("admin:courses_course_change", args=[course.pk]))


def _refused(request: HttpRequest, course: Course, refusal: BadFact | NotAllowed) -> HttpResponse:
    faults = refusal.faults if isinstance(refusal, BadFact) else [str(refusal)]
    return _page(request, course, faults=faults, status=400 if isinstance(refusal, BadFact) else 403)


def _page(
    request: HttpRequest,
    course: Course,
    *,
    form: EndForm | None = None,
    undo: ReasonForm | None = None,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    found = standing_end(course)
    asked = getattr(found, "undo", None) if found is not None else None
    context = {
        "title": "End the course" if course.is_open else "End of the course",
        "form": form or undo or EndForm(),  # whose faults are told above
        "end_form": form or EndForm(),
        "undo_form": undo or ReasonForm(),
        "faults": faults or [],
        "duties": list(open_duties(course)) if course.is_open else [],
        "end": found,
        "asked": asked,
        "earlier": course.ends.filter(undo__confirmation__isnull=False).select_related("undo__confirmation"),
        "is_mine": asked is not None and asked.asked_by_id == signed_in(request).pk,
        "may_end": request.user.has_perm(END),
        **banner(request, course),
    }
    return render_page(request, "courses/end.html", context, status=status)
