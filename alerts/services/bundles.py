"""Follow a letter that tells of many alerts: what became of it became of each of them."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from alerts.models import Alert, Notification
from alerts.models.alert import EventKind
from alerts.models.notification import NotificationState
from alerts.services.raising import note

_OVER = (NotificationState.ACCEPTED, NotificationState.SUPERSEDED)


def release_members(letter: Notification, *, now: datetime) -> None:
    """The letter was refused for good: each row it took along is owed by itself again."""
    letter.members.update(
        state=NotificationState.PENDING, next_attempt_at=now, bundled_into=None, ended_at=None
    )


def end_members(*, now: datetime) -> int:
    """Write into each alert's own record that a letter told of it; return how many were.

    One transaction for each, so that no two alerts are locked at once. Whoever dies on the way is followed
    by the next pass: the rows show what is left to do.
    """
    over = Q(state=NotificationState.BUNDLED, ended_at__isnull=True, bundled_into__state__in=_OVER)
    left = Notification.objects.filter(over).order_by("pk").values_list("pk", "alert_id")
    return sum(_end_member(member, alert_id=alert_id, now=now) for member, alert_id in list(left))


def _end_member(member_id: int, *, alert_id: int, now: datetime) -> bool:
    with transaction.atomic():
        alert = Alert.objects.select_for_update().get(pk=alert_id)
        member = (
            Notification.objects.select_for_update(of=("self",))
            .select_related("bundled_into")
            .filter(pk=member_id, state=NotificationState.BUNDLED, ended_at__isnull=True)
            .first()
        )
        if member is None or member.bundled_into is None:
            return False
        member.ended_at = now
        member.save(update_fields=["ended_at"])
        if member.bundled_into.state == NotificationState.ACCEPTED:
            detail = {"notification": member.pk, "bundle": member.bundled_into.pk}
            note(alert, EventKind.ACCEPTED, now=now, detail=detail)
    return True
