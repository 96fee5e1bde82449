"""Say how near a cycle's deadlines are, and make loud what has come near them meanwhile."""

from datetime import datetime

from django.db import transaction

from alerts.library import policy
from alerts.models import Alert
from alerts.rules import DECISION_KINDS, Kind, State
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, raise_alert
from alerts.services.signed_away import close_if_signed
from alerts.services.working_time import office
from alerts.waking import Lead, is_near
from courses.models import Cycle, VialBooking
from courses.models.vial import BookingState

_ON_ORDER = (BookingState.PLACED, BookingState.CONFIRMED)


def cycle_is_near(cycle: Cycle | None, *, now: datetime) -> bool:
    """Whether a change of this cycle cannot wait for the next working morning; one query."""
    return is_near(_lead(cycle), now=now, office=office())


def _lead(cycle: Cycle | None) -> Lead:
    if cycle is None:
        return Lead(planned_on=None)
    on_order = VialBooking.objects.filter(cycle=cycle, state__in=_ON_ORDER).first()
    return Lead(planned_on=cycle.planned_on, cut_off_at=on_order.cut_off_at if on_order else None)


def watch_deadlines(*, now: datetime) -> int:
    """Raise to its worst each alert about a decision whose cycle has come near; return how many.

    Who acknowledged it while there was time is told again: by now it cannot wait. What a physician has signed
    since was decided, and ends. One whose cause is gone stays as it is.
    """
    louder = [kind.value for kind in DECISION_KINDS if policy().kinds[kind].worse_severity is not None]
    standing = Alert.objects.filter(
        kind__in=louder, state__in=[State.OPEN.value, State.ACKED.value], cause_gone_at__isnull=True
    )
    changed = 0
    for alert in standing.select_related("cycle", "decision").order_by("pk"):
        worst = policy().kinds[Kind(alert.kind)].at_its_worst()
        if alert.severity > worst.severity and cycle_is_near(alert.cycle, now=now):
            changed += _make_loud(alert, now=now)
    return changed


def _make_loud(alert: Alert, *, now: datetime) -> bool:
    """The same alert at its worst, its first step taken, in one commit; or ended, where it was decided."""
    with transaction.atomic():
        rows = Alert.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related(
            "decision"
        )
        locked = rows.filter(pk=alert.pk, state=alert.state, cause_gone_at__isnull=True).first()
        if locked is None:
            return False
        if locked.state == State.ACKED and close_if_signed(locked, now=now):
            return True
        raised = raise_alert(
            kind=Kind(locked.kind),
            condition_key=locked.condition_key,
            subject=Subject(course=locked.course, cycle=locked.cycle, decision=locked.decision),
            now=now,
            worse=True,
        )
        take_due_step(raised, now=now)
    return True
