"""The page of a decision with its basis, and its signature."""

from uuid import UUID, uuid4

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.basis import JUDGE, basis_of
from courses.left_out import left_out_of
from courses.models import CycleMove, Decision, Order, RecordKind, Signature
from courses.overview import decision_before, decision_for_page, difference, history_of, signatures_on_verdict
from courses.rules.action_words import GO, MEANINGS
from courses.rules.order_states import OrderState
from courses.rules.values import Action
from courses.services.cover import cover_warnings, is_cover_open
from courses.services.remainder import remainder_asked
from courses.services.reschedule import PLAN
from courses.services.sign import NotAllowed, StaleDecision, sign_decision
from courses.situation_difference import other_changes
from courses.start_answers import start_answers_for
from courses.stops import stop_of_page
from courses.views.frame import (
    METHODS,
    SEES_NAMES,
    authenticated_at,
    banner,
    only_sent,
    render_page,
    signed_in,
    stale_page,
)
from labs.templatetags.clinic_text import day

READ = "courses.view_decision"
SIGN = "courses.sign_decision"
MOVE = [SEES_NAMES, "courses.view_course", "courses.view_cyclemove", PLAN]
HOLD = "courses.hold_course"
DIRECT = "courses.sign_directive"  # a go writes a directive, and only an authorised user signs one


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def decision_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One decision: what the protocol proposes, from what, and the place to sign it."""
    return _page(request, _found(public_id))


def _address(public_id: UUID) -> str:
    return reverse("courses:decision", args=[_found(public_id).public_id])


@require_http_methods(METHODS)
@login_required
@permission_required([READ, SIGN], raise_exception=True)
@only_sent(_address)
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def sign(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Sign the decision the form was made from; a form that is no longer current changes nothing."""
    decision = _found(public_id)
    meaning = request.POST.get("meaning", "")
    if not meaning:
        unticked = "Nothing was signed: the statement above the button was not ticked."
        return _page(request, decision, status=400, fault=unticked)
    try:
        sign_decision(
            decision_public_id=decision.public_id,
            evidence_sha256=request.POST.get("evidence_sha256", ""),
            meaning=meaning,
            signer=signed_in(request),
            authenticated_at=authenticated_at(request),
        )
    except StaleDecision as stale:
        return stale_page(request, decision.course, before=decision, after=stale.current, undone="signed")
    except NotAllowed as refusal:
        # The same button pressed twice has signed once, and neither answer says that nothing was signed.
        if not decision.signatures.filter(signer=signed_in(request), meaning=meaning).exists():
            return _page(request, decision, status=403, fault=f"Nothing was signed. {refusal}")
    signed = f"Signed: {meaning} of cycle {decision.cycle.number}."
    if meaning == Action.DELAY.word:
        old = day(decision.cycle.planned_on)
        signed += f" It is still planned for {old}: a signature moves no day. Move it under the signature."
    messages.success(request, signed)
    return HttpResponseRedirect(reverse("courses:decision", args=[decision.public_id]))


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def compare(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A decision beside the one before it: what is said, why, and which evidence came, went or changed."""
    after = _found(public_id)
    before = decision_before(after)
    context = {
        "title": f"Decision on cycle {after.cycle.number}, compared",
        "before": before,
        "after": after,
        "both": (before, after),
        "is_current": after.course.current_decision_id == after.pk,
        "difference": difference(before=before, after=after) if before else None,
        "other_changes": other_changes(before.situation, after.situation) if before else [],
        **banner(request, after.course),
    }
    return render_page(request, "courses/compare.html", context)


def _found(public_id: UUID) -> Decision:
    decision = decision_for_page(public_id)
    if decision is None:
        raise Http404("There is no such decision.")
    return decision


def _waiting_orders(decision: Decision) -> list[Order]:
    """What a signature on this decision makes active."""
    waiting = [OrderState.PROPOSED.value, OrderState.SUSPENDED.value]
    return list(Order.objects.filter(cycle=decision.cycle, state__in=waiting).order_by("pk"))


def _day_still_stands(decision: Decision, signatures: list[Signature]) -> bool:
    """Whether a delay was signed and the cycle is planned for the same day as then."""
    if not signatures or decision.action != Action.DELAY.word:
        return False
    moved = CycleMove.objects.filter(cycle=decision.cycle, moved_at__gte=signatures[-1].signed_at)
    return not moved.exists()


def _page(request: HttpRequest, decision: Decision, *, status: int = 200, fault: str = "") -> HttpResponse:
    is_current = decision.course.current_decision_id == decision.pk
    signatures = list(signatures_on_verdict(decision))
    may_sign = request.user.has_perms([SIGN, DIRECT] if decision.action in GO else [SIGN])
    to_confirm = decision.answer.get("to_confirm", []) if is_current else []
    is_live = is_current and decision.course.is_open
    to_confirm = [{**each, "key": uuid4()} for each in to_confirm]  # each is a form of its own
    may_be_signed = is_current and not signatures and decision.action in MEANINGS and not to_confirm
    context = {
        "title": f"Decision on cycle {decision.cycle.number}",
        "decision": decision,
        "is_current": is_current,
        "signatures": signatures,
        "may_sign": may_sign,
        "offers_signing": may_sign and may_be_signed,
        "to_confirm": to_confirm,
        "may_judge": request.user.has_perms([JUDGE, SEES_NAMES, "courses.view_chartfact"]),
        "basis": basis_of(decision, may=request.user.has_perm),
        "pointed_out": start_answers_for(decision, may=request.user.has_perm),
        "review_kind": RecordKind.OCCURRENCE_REVIEWS.value,
        "cover_open": may_be_signed and decision.action in GO and is_cover_open(decision),
        "cover_warnings": cover_warnings(decision) if may_be_signed and decision.action in GO else [],
        "order_set": _waiting_orders(decision) if may_be_signed and decision.action in GO else [],
        "left_out": left_out_of(decision.cycle) if decision.action in GO and is_current else [],
        "flag_kind": RecordKind.DISEASE_FLAGS.value,
        "remainder": remainder_asked(decision.cycle) if may_be_signed else None,
        "history": history_of(decision.course),
        "stop": stop_of_page(decision.course) if request.user.has_perm("courses.view_chartfact") else None,
        "decision_id": str(decision.public_id),
        "may_hold": is_live and request.user.has_perms([HOLD, SEES_NAMES]),
        "may_move": is_live and decision.action != Action.STOP.word and request.user.has_perms(MOVE),
        "day_still_stands": is_live and _day_still_stands(decision, signatures),
        "fault": fault,
        **banner(request, decision.course),
    }
    return render_page(request, "courses/decision.html", context, status=status)
