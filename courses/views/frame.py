"""What every page of this app shares: the admin's frame, the patient's banner, proof of a password."""

from datetime import date
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse

from courses.models import Course, Decision
from courses.overview import difference
from courses.services.seen import Seen
from courses.situation_difference import other_changes
from labs.views.frame import SEES_NAMES, authenticated_at, render_page, signed_in

__all__ = [
    "SEES_NAMES",
    "asked_day",
    "authenticated_at",
    "banner",
    "decision_as_sent",
    "found_course",
    "page_begin",
    "render_page",
    "seen_as_sent",
    "seen_by_default",
    "signed_in",
    "stale_page",
]


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
