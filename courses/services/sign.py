"""Sign a decision: the one way by which anything may be given."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from courses.library import protocol
from courses.models import Course, CourseStatus, Cycle, Decision, Directive, Order, Signature
from courses.rules.action_words import GO, MEANINGS
from courses.rules.order_states import OrderKind, OrderState
from courses.services.assess import assess_at_gate
from courses.services.authority import NotAllowed, check_fresh, check_right, printed_name, roles_held
from courses.services.cover import check_cover_is_settled
from courses.services.manifests import manifest_of
from courses.services.open_recalls import is_out_and_recalled
from courses.services.orders import move_order, void_directive
from courses.services.other_courses import in_the_way
from courses.services.remainder import check_nothing_waits, to_direct
from labs.clock import database_now

__all__ = ["NotAllowed", "StaleDecision", "current_signature", "sign_decision"]

DRAWS_IN = "draws-in"


class StaleDecision(Exception):
    """What the signer saw no longer stands; `current` is the decision that does."""

    def __init__(self, current: Decision | None) -> None:
        super().__init__("The results or the plan have changed since this page was opened.")
        self.current = current


def sign_decision(
    *,
    decision_public_id: UUID,
    evidence_sha256: str,
    meaning: str,
    signer: User,
    authenticated_at: datetime,
    now: datetime | None = None,
) -> Signature:
    """Sign the decision that the signer saw, if it still stands on live data.

    1. check the right and that the password is fresh; 2. lock the course and assess it anew; 3. refuse if
    that gives anything but what was shown; 4. append the signature; 5. for a go, write the directive and
    activate the cycle's orders; for a stop, end the course.

    Raises NotAllowed, StaleDecision. What step 2 found is kept even when the signature is refused.
    """
    _check_signer(
        signer=signer, meaning=meaning, authenticated_at=authenticated_at, now=now or database_now()
    )
    stale = False
    with transaction.atomic():
        shown = Decision.objects.get(public_id=decision_public_id)
        course = Course.objects.select_for_update().get(pk=shown.course_id)
        now = now or database_now()  # under the lock, so that what is written later is dated later
        current = assess_at_gate(course_id=course.pk, now=now)
        if current is None or current.pk != shown.pk or current.evidence_sha256 != evidence_sha256:
            stale = True
        else:
            _check_decision(current, meaning=meaning)
            signature = _sign(
                decision=current, meaning=meaning, signer=signer, authenticated_at=authenticated_at, now=now
            )
            _follow(course=course, decision=current, signature=signature, signer=signer, now=now)
    if stale:
        raise StaleDecision(current)
    return signature


def current_signature(decision: Decision) -> Signature | None:
    """The newest signature on this verdict: on this decision or on one that it confirms."""
    origin = decision.verdict_origin_id
    return (
        Signature.objects.filter(decision_id=origin).order_by("-pk").first()
        or Signature.objects.filter(decision__confirms_id=origin).order_by("-pk").first()
    )


def _check_signer(*, signer: User, meaning: str, authenticated_at: datetime, now: datetime) -> None:
    """The right to sign, and a password given within the last moments."""
    check_right(
        signer,
        "courses.sign_decision",
        else_say="Only a physician signs decisions. Ask the physician in charge.",
    )
    if meaning in GO:
        check_right(
            signer,
            "courses.sign_directive",
            else_say="Signing this writes a directive; only a physician marked as authorised user may do "
            "that.",
        )
    check_fresh(authenticated_at, now=now)


def _check_decision(decision: Decision, *, meaning: str) -> None:
    """Only what the decision says can be signed, and only once."""
    if decision.action in GO:
        check_nothing_waits(decision.cycle)
        check_cover_is_settled(decision)
        if other := in_the_way(decision.course, on=decision.cycle.planned_on):
            raise NotAllowed(other)
    if decision.action == "hold":
        raise NotAllowed(
            "A hold cannot be signed: complete what is missing, or take back the hold of a person, and the "
            "decision follows."
        )
    if meaning not in MEANINGS:
        raise NotAllowed(f"{meaning!r} cannot be signed; it is one of: {', '.join(MEANINGS)}.")
    if decision.action != meaning:
        raise NotAllowed(
            f"This decision says {decision.action}, so {meaning} cannot be signed on it. If you would rather "
            "not go ahead, hold the course; if you would rather go ahead, override the rule with your reason."
        )
    if decision.answer.get("to_confirm"):
        what = " ".join(item["sentence"] for item in decision.answer["to_confirm"])
        raise NotAllowed(
            f"Before this can be signed a physician confirms or dismisses what it rests on alone: {what}"
        )
    if meaning in GO and is_out_and_recalled(decision.cycle):
        raise NotAllowed(
            "What was dispensed for this cycle is called back and not yet accounted for: pharmacy answers "
            "the recall, or what was given is recorded. Then this can be signed."
        )
    signed = current_signature(decision)
    if signed is not None:
        raise NotAllowed(f"Already signed by {signed.printed_name} at {signed.signed_at:%Y-%m-%d %H:%M} UTC.")


def _sign(
    *, decision: Decision, meaning: str, signer: User, authenticated_at: datetime, now: datetime
) -> Signature:
    """Append the signature, bound to the record it signs."""
    printed = printed_name(signer)
    signature = Signature(
        decision=decision,
        meaning=meaning,
        signer=signer,
        printed_name=printed,
        signed_at=now,
        authenticated_at=authenticated_at,
        signer_roles=roles_held(signer),
    )
    signature.record_sha256 = manifest_of(signature)
    signature.save(force_insert=True)
    return signature


def _follow(*, course: Course, decision: Decision, signature: Signature, signer: User, now: datetime) -> None:
    """What a signature sets in motion."""
    if decision.action in GO:
        directive = _write_directive(course=course, decision=decision, signature=signature, now=now)
        _activate(cycle=decision.cycle, decision=decision, directive=directive, signer=signer, now=now)
    elif decision.action == "stop":
        course.status = CourseStatus.STOPPED
        course.save(update_fields=["status"])


def _write_directive(*, course: Course, decision: Decision, signature: Signature, now: datetime) -> Directive:
    """The next revision of the cycle's directive; the one before no longer holds.

    After a part of the cycle was given it is for the remainder that a physician asked for.
    """
    activity_gbq, judgement = to_direct(decision)
    plan = protocol(course.protocol_id)
    before = Directive.objects.filter(cycle=decision.cycle).order_by("-revision").first()
    if before is not None:
        void_directive(directive_id=before.pk, reason_code="superseded", decision=decision, now=now)
    return Directive.objects.create(
        cycle=decision.cycle,
        revision=before.revision + 1 if before else 1,
        decision=decision,
        signature=signature,
        product=plan.product,
        activity_gbq=activity_gbq,
        remainder_of=judgement,
        route=plan.route,
        administer_on=decision.cycle.planned_on,
    )


def _activate(*, cycle: Cycle, decision: Decision, directive: Directive, signer: User, now: datetime) -> None:
    """Proposed and suspended orders of the cycle become active; the radioactive one carries the directive.

    A cycle may go only once every draw it needs is in: the draws are done as soon as they are signed.
    """
    waiting = [OrderState.PROPOSED.value, OrderState.SUSPENDED.value]
    for order in Order.objects.select_for_update().filter(cycle=cycle, state__in=waiting).order_by("pk"):
        order.decision = decision
        if order.kind == OrderKind.RADIOPHARMACEUTICAL.value:
            order.directive = directive
        move_order(
            order=order, to=OrderState.ACTIVE, reason_code="", actor=signer, decision=decision, now=now
        )
        if order.kind == OrderKind.LAB_DRAWS.value:
            move_order(
                order=order,
                to=OrderState.DONE,
                reason_code=DRAWS_IN,
                actor=None,
                decision=decision,
                now=now,
            )
