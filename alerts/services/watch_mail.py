"""Look whether mails leave at all, and tell when none has left for too long."""

from datetime import datetime, timedelta

from django.db.models import Min

from alerts.library import policy
from alerts.models import DeliveryAttempt, Notification
from alerts.models.notification import AttemptOutcome, Channel, NotificationState
from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle

_OWED = (NotificationState.PENDING, NotificationState.LEASED)
_IN_VAIN = (AttemptOutcome.TEMPORARY, AttemptOutcome.UNKNOWN)


def watch_mail(*, now: datetime) -> int:
    """One alert while mails are owed, were tried in vain for minutes, and none was accepted meanwhile."""
    since = _failing_since(now=now)
    conditions = []
    if since is not None and now - since >= timedelta(minutes=policy().watch.mail_loop_minutes):
        conditions.append(
            Condition(
                kind=Kind.MAIL_LOOP,
                key=key_of(Kind.MAIL_LOOP, "relay"),
                subject=Subject(about={"since": since.isoformat()}),
            )
        )
    return settle(kinds=[Kind.MAIL_LOOP], conditions=conditions, now=now)


def _failing_since(*, now: datetime) -> datetime | None:
    """The first attempt in vain of what is still owed, if nothing was accepted after it."""
    owed = Notification.objects.filter(state__in=_OWED, channel=Channel.MAIL)
    tried = DeliveryAttempt.objects.filter(notification__in=owed, outcome__in=_IN_VAIN, started_at__lte=now)
    accepted = (
        # A push that was taken says nothing of the mail server.
        DeliveryAttempt.objects.filter(
            outcome=AttemptOutcome.ACCEPTED, finished_at__isnull=False, notification__channel=Channel.MAIL
        )
        .order_by("-pk")
        .values_list("finished_at", flat=True)
        .first()
    )
    if accepted is not None:
        tried = tried.filter(started_at__gt=accepted)
    first: datetime | None = tried.aggregate(first=Min("started_at"))["first"]
    return first
