"""Follow a letter that tells of many alerts: what became of it became of each of them."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from alerts.models import Alert, AlertEvent, Notification
from alerts.models.alert import EventKind
from alerts.models.notification import NotificationState

# Rows whose letter has left, or is no longer needed, and whose alert does not know it yet.
_LEFT = Q(
    state=NotificationState.BUNDLED,
    ended_at__isnull=True,
    bundled_into__state__in=(NotificationState.ACCEPTED, NotificationState.SUPERSEDED),
)
_BATCH = 100


def release_members(letter: Notification, *, now: datetime) -> None:
    """The letter was refused for good: each row it took along is owed by itself again."""
    letter.members.update(
        state=NotificationState.PENDING, next_attempt_at=now, bundled_into=None, ended_at=None
    )


def end_members(*, now: datetime) -> int:
    """Write into each alert's own record that a letter told of it; return how many were.

    Whoever dies on the way is followed by the next pass: the rows show what is left to do.
    """
    tried: set[int] = set()
    ended = 0
    while batch := list(
        Notification.objects.filter(_LEFT)
        .exclude(alert__in=tried)
        .order_by("alert")
        .values_list("alert_id", flat=True)
        .distinct()[:_BATCH]
    ):
        tried.update(batch)
        ended += _end_members_of(batch, now=now)
    return ended


def _end_members_of(alert_ids: list[int], *, now: datetime) -> int:
    """Some alerts in one transaction; one that somebody else holds is left to the next pass.

    None is waited for, so that no two can wait for each other.
    """
    with transaction.atomic():
        held = (
            Alert.objects.select_for_update(no_key=True, skip_locked=True)
            .filter(pk__in=alert_ids)
            .order_by("pk")
        )
        alerts = {alert.pk: alert for alert in held}
        members = list(
            Notification.objects.filter(_LEFT, alert__in=alerts).select_related("bundled_into").order_by("pk")
        )
        Notification.objects.filter(pk__in=[member.pk for member in members]).update(ended_at=now)
        AlertEvent.objects.bulk_create(
            AlertEvent(
                alert=alerts[member.alert_id],
                kind=EventKind.ACCEPTED,
                at=now,
                detail={
                    "notification": member.pk,
                    "bundle": member.bundled_into_id,
                    "person": member.person_id,
                    "step": member.step,
                    "loop": member.loop,
                    "channel": member.channel,
                },
            )
            for member in members
            if member.bundled_into is not None and member.bundled_into.state == NotificationState.ACCEPTED
        )
    return len(members)
