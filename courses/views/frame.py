"""What every page of this app shares: the admin's frame, the patient's banner, proof of a password."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from courses.models import Course, Decision
from courses.overview import difference
from courses.services.seen import Seen
from courses.situation_difference import other_changes
from labs.views.frame import METHODS, SEES_NAMES, View, authenticated_at, render_page, signed_in

__all__ = [
    "METHODS",
    "SEES_NAMES",
    "asked_day",
    "authenticated_at",
    "banner",
    "decision_as_sent",
    "found_course",
    "only_opened",
    "only_sent",
    "page_begin",
    "render_page",
    "seen_as_sent",
    "seen_by_default",
    "signed_in",
    "stale_page",
]

# Also where the form was taken up before: it says what this address did, not what was done.
_ONLY_OPENED = (
    "Opening this address signs and records nothing. What stands is shown below: look there before you send "
    "a form again."
)


def only_opened(request: HttpRequest, page: str) -> HttpResponse:
    """The address of a form was opened and nothing sent: do nothing, and lead to the page of the form."""
    messages.warning(request, _ONLY_OPENED)
    return HttpResponseRedirect(page)


def only_sent(owner: Callable[..., str]) -> Callable[[View], View]:
    """A door for a form alone: whoever opens its address is led to the page of the form, and nothing is done.

    The log-in leads to the address itself where it no longer holds the form that asked for the password.
    `owner` gives the page's address from what the door takes.
    """

    def decorated(view: View) -> View:
        @wraps(view)
        def door(request: HttpRequest, **taken: Any) -> HttpResponse:
            if request.method == "POST":
                return view(request, **taken)
            return only_opened(request, owner(**taken))

        return door

    return decorated


def banner(request: HttpRequest, course: Course) -> dict[str, Any]:
    """What the patient's banner above a page of a course needs."""
    may_see = request.user.has_perm(SEES_NAMES)
    return {"course": course, "patient": course.patient, "may_see_patient": may_see}


def found_course(public_id: UUID) -> Course:
    """A course with its patient and the decision that stands. Raises Http404."""
    course = (
        Course.objects.select_related("patient", "current_decision__cycle")
        .filter(public_id=public_id)
        .first()
    )
    if course is None:
        raise Http404("There is no such course.")
    return course


def page_begin(text: str) -> int:
    """How many rows come before a page of a list; what cannot be read is the first page."""
    is_number = text.isascii() and text.isdecimal() and len(text) < 7
    return int(text) if is_number else 0


def asked_day(request: HttpRequest) -> date | None:
    """The day up to which a page of many days is asked for. Raises Http404 for what is no day."""
    text = request.GET.get("until", "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Http404("There is no such day.") from error


def seen_by_default(course: Course) -> Seen:
    """The decision that stands as a page is made: what whoever fills in that page has before them."""
    decision = course.current_decision
    if decision is None:
        return Seen(decision="", evidence_sha256="")
    return Seen(decision=str(decision.public_id), evidence_sha256=decision.evidence_sha256)


def seen_as_sent(request: HttpRequest) -> Seen:
    """The decision a form was made from."""
    sent = request.POST
    return Seen(decision=sent.get("decision", ""), evidence_sha256=sent.get("evidence_sha256", ""))


def stale_page(
    request: HttpRequest, course: Course, *, before: Decision | None, after: Decision | None, undone: str
) -> HttpResponse:
    """What changed since the form was made; `undone` says what was not done: signed, recorded, moved."""
    context = {
        "title": f"Not {undone}: the evidence has changed",
        "undone": undone,
        "before": before,
        "after": after,
        "difference": difference(before=before, after=after) if before and after else None,
        "other_changes": other_changes(before.situation, after.situation) if before and after else [],
        **banner(request, course),
    }
    return render_page(request, "courses/stale.html", context, status=409)


def decision_as_sent(request: HttpRequest, course: Course) -> Decision | None:
    """The decision of this course that a form names; none where it names no such thing."""
    try:
        named = UUID(request.POST.get("decision", ""))
    except ValueError:
        return None
    return Decision.objects.select_related("cycle").filter(course=course, public_id=named).first()
