"""Open again what somebody took over and did not decide in time."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from alerts.models import Alert
from alerts.models.alert import EventKind
from alerts.rules import State
from alerts.services.escalation import take_due_step
from alerts.services.raising import note, open_again
from alerts.services.signed_away import close_if_signed

log = logging.getLogger(__name__)


class RearmingFailed(Exception):
    """Some alerts could not be opened again; the others were. They are tried again on the next pass."""


def rearm_due(*, now: datetime, older_than: timedelta | None = None) -> int:
    """Open every acknowledged alert again whose time to decide is over, each by itself; return how many.

    Where a physician has signed its decision by then, it was decided: the alert ends with that person's name.
    Where its cause is gone there is nothing left to decide.
    Safe to run any number of times at once. Raises RearmingFailed after the rest is done.
    """
    before = now - (older_than or timedelta(0))
    due = Alert.objects.undecided().filter(ack_due_at__lte=before)
    done = 0
    failed: list[int] = []
    for alert_id in list(due.order_by("severity", "ack_due_at").values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                done += _rearm(alert_id, now=now)
        except Exception:
            log.exception("Alert %s could not be opened again.", alert_id)
            failed.append(alert_id)
    if failed:
        raise RearmingFailed(f"{len(failed)} alerts could not be opened again: {failed[:20]}")
    return done


def _rearm(alert_id: int, *, now: datetime) -> bool:
    alert = (
        Alert.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("decision", "acked_by")
        .filter(pk=alert_id, state=State.ACKED.value, cause_gone_at__isnull=True, ack_due_at__lte=now)
        .first()
    )
    if alert is None:
        return False
    if close_if_signed(alert, now=now):
        return True
    assert alert.ack_due_at is not None
    detail = {"acknowledged_by": alert.acked_by_id, "due": alert.ack_due_at.isoformat()}
    note(alert, EventKind.REARMED, now=now, detail=detail)
    open_again(alert, now=now)
    alert.save()
    take_due_step(alert, now=now)
    return True
