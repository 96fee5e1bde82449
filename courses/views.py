"""Browser pages of courses: a decision with its basis, and its signature."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.models import Decision
from courses.overview import decision_for_page, difference, history_of, signatures_on_verdict
from courses.services.sign import GO, MEANINGS, NotAllowed, StaleDecision, sign_decision

READ = "courses.view_decision"
SIGN = "courses.sign_decision"
DIRECT = "courses.sign_directive"  # a go writes a directive, and only an authorised user signs one


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def decision_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One decision: what the protocol proposes, from what, and the place to sign it."""
    return _page(request, _found(public_id))


@require_POST
@login_required
@permission_required([READ, SIGN], raise_exception=True)
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def sign(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Sign the decision the form was made from; a form that is no longer current changes nothing."""
    decision = _found(public_id)
    user = request.user
    assert isinstance(user, User)
    meaning = request.POST.get("meaning", "")
    if not meaning:
        unticked = "Nothing was signed: the statement above the button was not ticked."
        return _page(request, decision, status=400, fault=unticked)
    try:
        sign_decision(
            decision_public_id=decision.public_id,
            evidence_sha256=request.POST.get("evidence_sha256", ""),
            meaning=meaning,
            signer=user,
            authenticated_at=_authenticated_at(request),
        )
    except StaleDecision as stale:
        return _stale_page(request, before=decision, after=stale.current)
    except NotAllowed as refusal:
        return _page(request, decision, status=403, fault=f"Nothing was signed. {refusal}")
    messages.success(request, f"Signed: {meaning} of cycle {decision.cycle.number}.")
    return HttpResponseRedirect(reverse("courses:decision", args=[decision.public_id]))


def _found(public_id: UUID) -> Decision:
    decision = decision_for_page(public_id)
    if decision is None:
        raise Http404("There is no such decision.")
    return decision


def _authenticated_at(request: HttpRequest) -> datetime:
    """When this person last proved, for a signature and in this session, to be who they are."""
    records = get_authentication_records(request, request.user)
    proofs = [record["at"] for record in records if record.get("reauthenticated")]
    return datetime.fromtimestamp(proofs[-1] if proofs else 0, tz=UTC)


def _page(request: HttpRequest, decision: Decision, *, status: int = 200, fault: str = "") -> HttpResponse:
    is_current = decision.course.current_decision_id == decision.pk
    signatures = list(signatures_on_verdict(decision))
    needed = [SIGN, DIRECT] if decision.action in GO else [SIGN]
    may_sign = request.user.has_perms(needed)
    context = {
        "title": f"Decision on cycle {decision.cycle.number}",
        "decision": decision,
        "course": decision.course,
        "patient": decision.course.patient,
        "may_see_patient": request.user.has_perm("labs.view_patient"),
        "is_current": is_current,
        "signatures": signatures,
        "may_sign": may_sign,
        "offers_signing": may_sign and is_current and not signatures and decision.action in MEANINGS,
        "history": history_of(decision.course),
        "fault": fault,
    }
    return _render(request, "courses/decision.html", context, status=status)


def _stale_page(request: HttpRequest, *, before: Decision, after: Decision | None) -> HttpResponse:
    context = {
        "title": "Not signed: the evidence has changed",
        "before": before,
        "after": after,
        "course": before.course,
        "patient": before.course.patient,
        "may_see_patient": request.user.has_perm("labs.view_patient"),
        "difference": difference(before=before, after=after) if after else None,
    }
    return _render(request, "courses/stale.html", context, status=409)


def _render(request: HttpRequest, template: str, context: dict[str, Any], *, status: int) -> HttpResponse:
    """In the admin's frame: its navigation, its messages, its looks."""
    return render(request, template, {**admin.site.each_context(request), **context}, status=status)
