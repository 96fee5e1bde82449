"""Part with alerts about decisions whose cause is gone: what a person had is left for that person to end."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from alerts.library import policy
from alerts.models import Alert
from alerts.models.alert import EventKind
from alerts.rules import DECISION_KINDS, Kind, State
from alerts.services.raising import close, mark_cleared, note
from alerts.services.signed_away import close_if_signed
from courses.models import Course, Signature


def clear_others(*, course: Course, keep: str, now: datetime) -> None:
    """End or mark what the newest decision of a course no longer says; `keep` is the condition it does name.

    The caller holds the course's row lock. Only a person ends what the policy leaves to people: what nobody
    has acknowledged is marked as cleared, keeps escalating, and keeps waiting for its acknowledgement. What
    was acknowledged stays with whoever has it, tells nobody any more, and ends with a physician's signature
    or by hand.
    """
    kinds = [kind.value for kind in DECISION_KINDS]
    others = (
        Alert.objects.standing()
        .select_for_update(no_key=True, of=("self",))
        .filter(course=course, kind__in=kinds)
    )
    for alert in others.exclude(condition_key=keep).select_related("decision").order_by("pk"):
        if policy().kinds[Kind(alert.kind)].ends_with_cause:
            close(alert, why="cause gone", now=now)
        elif alert.state == State.OPEN:
            mark_cleared(alert, now=now)
        elif alert.state == State.ACKED and alert.cause_gone_at is None:
            _leave_to_its_holder(alert, now=now)


def _leave_to_its_holder(alert: Alert, *, now: datetime) -> None:
    """Nobody is told any more, and a person ends it, unless a physician has signed its decision already."""
    if close_if_signed(alert, now=now):
        return
    alert.cause_gone_at = now
    note(alert, EventKind.CAUSE_GONE, now=now)
    alert.save(update_fields=["cause_gone_at"])


def watch_gone(*, now: datetime) -> int:
    """End what has lost its cause and whose course a physician has signed since; return how many.

    One query where there is none, however many wait for a person.
    """
    own = Q(decision=OuterRef("decision__confirms")) | Q(decision__gte=OuterRef("decision"))
    signed = Signature.objects.filter(own, decision__course=OuterRef("course"))
    left = Alert.objects.filter(Exists(signed), state=State.ACKED.value, cause_gone_at__isnull=False)
    return sum(_end_if_signed(key, now=now) for key in left.order_by("pk").values_list("pk", flat=True))


def _end_if_signed(alert_id: int, *, now: datetime) -> bool:
    with transaction.atomic():
        locked = (
            Alert.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
            .select_related("decision")
            .filter(pk=alert_id, state=State.ACKED.value, cause_gone_at__isnull=False)
            .first()
        )
        return locked is not None and close_if_signed(locked, now=now)
