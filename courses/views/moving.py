"""The page on which a physician moves a course to another protocol version, seeing both verdicts."""

from typing import Any
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from courses.forms.kinds import ReasonForm
from courses.library import UnknownProtocol, protocol_sha256
from courses.models import Course, ProtocolMove
from courses.services.authority import NotAllowed, Refused
from courses.services.move import compare_protocols, move_course
from courses.services.seen import act_on_seen
from courses.services.sign import StaleDecision
from courses.versions import Version, versions_for
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

READ = [SEES_NAMES, "courses.view_course", "courses.view_decision", "courses.view_protocolmove"]
MOVE = "courses.move_course"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def move(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Which versions a course may move to, both verdicts for one of them, and the place to sign the move."""
    course = found_course(public_id)
    if request.method != "POST":
        return _page(request, course, to=request.GET.get("to", ""), form=ReasonForm())
    if not request.user.has_perm(MOVE):
        raise PermissionDenied
    form = ReasonForm(request.POST)
    to = request.POST.get("to", "")
    if not form.is_valid():
        return _page(request, course, to=to, form=form, status=400)
    moved: HttpResponse = reauthentication_required(_move)(request, course, to, form)
    return moved


def _move(request: HttpRequest, course: Course, to: str, form: ReasonForm) -> HttpResponse:
    """Move the course, if its decision and the version's file are still those that were read."""

    def act() -> ProtocolMove:
        if protocol_sha256(to) != request.POST.get("to_sha256", ""):
            raise Refused("The protocol file has changed since this page was opened. Compare again.")
        return move_course(
            course=course,
            to_protocol_id=to,
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
            reason=form.cleaned_data["reason"],
        )

    try:
        act_on_seen(course=course, seen=seen_as_sent(request), act=act)
    except (Refused, UnknownProtocol) as refusal:
        form.add_error(None, str(refusal))
        return _page(request, course, to="", form=form, status=400)
    except NotAllowed as refusal:
        form.add_error(None, str(refusal))
        return _page(request, course, to="", form=form, status=403)
    except StaleDecision as stale:
        before = decision_as_sent(request, course)
        return stale_page(request, course, before=before, after=stale.current, undone="moved")
    messages.success(request, f"Moved to {to}. What was signed before needs a new signature.")
    return HttpResponseRedirect(reverse("admin:courses_course_change", args=[course.pk]))


def _page(
    request: HttpRequest, course: Course, *, to: str, form: ReasonForm, status: int = 200
) -> HttpResponse:
    versions = versions_for(course)
    chosen = next((version for version in versions if version.id == to and version.may_be_chosen), None)
    context = {
        "title": "Move to another protocol version",
        "versions": versions,
        "chosen": chosen,
        "form": form,
        "may_move": request.user.has_perm(MOVE),
        "moves": course.protocol_moves.order_by("-pk"),
        "seen": seen_by_default(course),
        **_compared(course, chosen),
        **banner(request, course),
    }
    return render_page(request, "courses/move.html", context, status=status)


def _compared(course: Course, chosen: Version | None) -> dict[str, Any]:
    """Both answers for the version that was chosen, or why they cannot be given."""
    if chosen is None:
        return {"sides": [], "incomparable": ""}
    try:
        both = compare_protocols(course=course, to_protocol_id=chosen.id)
    except Refused as refusal:
        return {"sides": [], "incomparable": str(refusal)}
    present = {"title": f"Now: {course.protocol_id}", "answer": both.now}
    return {"sides": [present, {"title": f"Then: {chosen.id}", "answer": both.then}], "incomparable": ""}
