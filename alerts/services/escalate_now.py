"""Tell the next people of an alert at once, because whoever looks at it cannot deal with it alone."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from alerts.models import Alert, AlertEvent
from alerts.models.alert import EventKind
from alerts.rules import State
from alerts.services.acting import (
    SeenAlert,
    begin_round,
    check_cause,
    check_may,
    check_seen,
    lock,
    send_soon,
    why,
)
from alerts.services.escalation import take_due_step
from alerts.services.raising import move, note
from labs.clock import database_now


def escalate_now(
    *, alert: Alert, person: User, seen: SeenAlert, reason: str, now: datetime | None = None
) -> bool:
    """Take the next step of the ladder at once; whether this call did.

    1. the right and the reason; 2. lock the alert; 3. the same button pressed again counts once; 4. refuse
    what the page did not show; 5. an acknowledged alert is nobody's again; the next step is taken.

    Raises MayNotAct, ActRefused, AlertHasChanged.
    """
    check_may(person, alert)
    said = why(reason)
    with transaction.atomic():
        locked = lock(alert)
        now = now or database_now()
        if _done_already(locked, person=person, seen=seen):
            return False
        check_seen(locked, seen)
        check_cause(locked)
        if locked.state == State.ACKED:
            move(locked, State.OPEN)
            begin_round(locked)
        locked.next_step_at = now
        locked.save()
        detail = {"reason": said, "seen_event": seen.event}
        note(locked, EventKind.ESCALATED, now=now, actor=person, detail=detail)
        take_due_step(locked, now=now)
        send_soon()
    return True


def _done_already(alert: Alert, *, person: User, seen: SeenAlert) -> bool:
    """Whether this person did so from the very page that is sent again."""
    made = AlertEvent.objects.filter(alert=alert, kind=EventKind.ESCALATED, actor=person, pk__gt=seen.event)
    return any(event.detail.get("seen_event") == seen.event for event in made)
