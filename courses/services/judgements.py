"""A physician's word on a part of a cycle: it counts, it does not, or its remainder is still given."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import Course, CycleJudgement, Infusion
from courses.rules.activity import both_units
from courses.services.assess import assess_at_gate
from courses.services.authority import NotAllowed, check_fresh, check_right, printed_name, stated
from courses.services.infusions import administer
from courses.services.remainder import given_in_parts
from courses.services.therapy_day import BadStep
from labs.clock import database_now


def judge_cycle(
    *,
    infusion: Infusion,
    counts: bool,
    reason: str,
    signer: User,
    authenticated_at: datetime,
    remainder_gbq: Decimal | None = None,
    now: datetime | None = None,
) -> CycleJudgement:
    """Sign what a part of a cycle counts for: the cycle, nothing, or a part whose remainder is still given.

    1. check the right and the password; 2. lock the course; 3. only a part that waits is judged, and a
    remainder is at most what is left of the directive; 4. append the judgement; 5. where it counts without a
    remainder, write the administration, if the cycle has none; 6. assess the course: what comes next is
    signed anew.

    Raises NotAllowed, BadStep.
    """
    check_right(signer, "courses.judge_cycle", else_say="Only a physician judges whether a part counts.")
    check_fresh(authenticated_at, now=now or database_now())
    why = stated(reason)
    if not why:
        raise BadStep("reason: is missing; say in a few words why")
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=infusion.cycle.course_id)
        now = now or database_now()
        waiting = (
            Infusion.objects.waiting()
            .select_related("directive__decision", "cycle__administration")
            .filter(pk=infusion.pk)
            .first()
        )
        if waiting is None:
            raise NotAllowed("Nothing waits for a judgement here: it was judged, corrected or completed.")
        _check_judgement(waiting, counts=counts, remainder_gbq=remainder_gbq)
        judgement = CycleJudgement.objects.create(
            cycle=waiting.cycle,
            infusion=waiting,
            counts=counts,
            remainder_gbq=remainder_gbq,
            reason=why,
            signer=signer,
            printed_name=printed_name(signer),
            authenticated_at=authenticated_at,
            signed_at=now,
        )
        if counts and remainder_gbq is None and not hasattr(waiting.cycle, "administration"):
            administer(course=course, infusion=waiting, by=signer, now=now)
        assess_at_gate(course_id=course.pk, now=now)
    return judgement


def _check_judgement(infusion: Infusion, *, counts: bool, remainder_gbq: Decimal | None) -> None:
    """A judgement as it can be. Raises BadStep."""
    if remainder_gbq is None:
        if counts and infusion.delivered_gbq == 0:
            raise BadStep("counts: nothing reached the patient; it cannot count")
        return
    if not counts:
        raise BadStep("remainder_gbq: a part that does not count has no remainder; the cycle is given anew")
    if hasattr(infusion.cycle, "administration"):
        raise BadStep(
            f"remainder_gbq: cycle {infusion.cycle.number} is on record as given, and nothing more is "
            "directed in it; say whether it counts as it is"
        )
    if infusion.directive is None:
        raise BadStep("remainder_gbq: nothing was directed, so nothing can be left of it")
    directive = infusion.directive
    whole = directive.decision.activity_gbq or directive.activity_gbq
    # Of this part's own directive, and of the whole cycle: another part may rest on the same directive.
    left = min(
        directive.activity_gbq - infusion.delivered_gbq,
        whole - given_in_parts(infusion.cycle),
    )
    if not 0 < remainder_gbq <= left:
        raise BadStep(
            f"remainder_gbq: at most {both_units(max(left, Decimal(0)))} are left of the directive's "
            f"{both_units(directive.activity_gbq)}"
        )
