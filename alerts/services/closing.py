"""End an alert by a person's word: what came of it and why, beside the signed decision where there is one."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from alerts.act_rules import ClosingOutcome, needs_signer, outcomes_for, why_not_closed
from alerts.library import policy
from alerts.models import Alert, Closing
from alerts.rules import READ_BACK_KINDS, Kind, State
from alerts.services.acknowledging import may_acknowledge
from alerts.services.acting import ActRefused, MayNotAct, SeenAlert, check_may, check_seen, lock, why
from alerts.services.raising import close
from courses.models import Course, Decision
from courses.services.sign import current_signature
from labs.clock import database_now

SIGN = "courses.sign_decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The closing that counts, and whether it is the one just made."""

    closing: Closing
    first: bool


def ends_by_itself(alert: Alert) -> bool:
    """Whether it is over when its cause is, so that nobody has to end it."""
    return policy().kinds[Kind(alert.kind)].ends_with_cause


def may_close(person: User | AnonymousUser, alert: Alert) -> bool:
    """Whether somebody may end an alert: who may take it over; where it was decided, who signs decisions."""
    if not may_acknowledge(person, alert):
        return False
    return not needs_signer(Kind(alert.kind)) or person.has_perm(SIGN)


def choices_of(alert: Alert) -> tuple[ClosingOutcome, ...]:
    """The outcomes a person chooses from."""
    return outcomes_for(Kind(alert.kind), gone=alert.cause_gone_at is not None)


def standing_decision(alert: Alert) -> Decision | None:
    """What stands in the alert's course now."""
    if alert.course_id is None:
        return None
    course = Course.objects.select_related("current_decision").get(pk=alert.course_id)
    return course.current_decision


def close_alert(
    *,
    alert: Alert,
    person: User,
    seen: SeenAlert,
    outcome: str,
    reason: str,
    now: datetime | None = None,
) -> Closed:
    """End an alert that somebody has acknowledged.

    1. the right and the reason; 2. lock the course, then the alert; 3. ended already by this person: theirs
    counts; 4. refuse what the page did not show, what nobody has acknowledged, what ends by itself, and an
    outcome that the signed decision does not bear; 5. close, and keep what came of it.

    Raises MayNotAct, ActRefused, AlertHasChanged.
    """
    check_may(person, alert)
    if not may_close(person, alert):
        raise MayNotAct("Only a physician who signs decisions ends this alert. Hand it over to one.")
    said = why(reason)
    with transaction.atomic():
        if alert.course_id is not None:
            Course.objects.select_for_update(no_key=True, of=("self",)).get(pk=alert.course_id)
        locked = lock(alert)
        now = now or database_now()
        made = Closing.objects.select_related("by").filter(alert=locked).first()
        if made is not None and made.by_id == person.pk and made.outcome == outcome:
            return Closed(closing=made, first=False)
        check_seen(locked, seen)
        decision = _check_may_end(locked, outcome=outcome)
        close(locked, why=f"by a person: {outcome}", now=now, actor=person)
        made = Closing.objects.create(
            alert=locked,
            by=person,
            at=now,
            outcome=outcome,
            seen_severity=seen.severity,
            reason=said,
            decision=decision,
        )
    return Closed(closing=made, first=True)


def _check_may_end(alert: Alert, *, outcome: str) -> Decision | None:
    """The decision that bears the outcome; none where the outcome is not one. Raises ActRefused."""
    if ends_by_itself(alert):
        raise ActRefused(
            "This alert ends by itself when its cause is gone. Acknowledge it, and mend the cause."
        )
    if alert.kind in READ_BACK_KINDS:
        raise ActRefused("A critical value ends with the call that passed it on: record that call here.")
    if alert.state != State.ACKED:
        raise ActRefused(
            "Nobody has taken this alert over yet. Acknowledge it first, then say what came of it."
        )
    if outcome not in set(ClosingOutcome):
        raise ActRefused("Outcome: choose one from the list.")
    decision = standing_decision(alert)
    refused = why_not_closed(
        kind=Kind(alert.kind),
        outcome=ClosingOutcome(outcome),
        action=decision.action if decision else "",
        signed=decision is not None and current_signature(decision) is not None,
        gone=alert.cause_gone_at is not None,
    )
    if refused:
        raise ActRefused(refused)
    named = outcome not in (ClosingOutcome.FALSE_ALARM, ClosingOutcome.HANDLED)
    return decision if named else None
