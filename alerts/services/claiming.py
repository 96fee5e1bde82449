"""Take the next letter that is due for ourselves: in its place, alone or with others, and for a minute."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet

from alerts.library import policy
from alerts.models import DeliveryAttempt, Notification
from alerts.models.notification import MAIL_LINE, AttemptOutcome, Channel, NotificationState
from alerts.rules import NEEDS_SOMEBODY
from alerts.services.lines import may_try, shut_lines
from alerts.storm_rules import FIRST_CRITICAL, Departure, departure

LEASE = timedelta(seconds=60)
# Attempts after which the person may have the letter, or is about to.
_MAY_HAVE_ARRIVED = ("", AttemptOutcome.ACCEPTED, AttemptOutcome.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One letter that is ours to send until the lease ends."""

    notification: Notification
    attempt_id: int
    attempt: int
    token: uuid.UUID


@dataclass(slots=True, kw_only=True)
class LeftOut:
    """What one pass does not look at again: ways on which nobody answers, people who got enough for now."""

    lines: set[str] = field(default_factory=set)
    people: set[tuple[int, str]] = field(default_factory=set)

    def without(self, rows: QuerySet[Notification]) -> QuerySet[Notification]:
        """The rows but for these."""
        if MAIL_LINE in self.lines:
            rows = rows.exclude(channel=Channel.MAIL)
        if pushes := self.lines - {MAIL_LINE}:
            rows = rows.exclude(channel=Channel.PUSH, endpoint__in=pushes)
        for person, channel in self.people:
            rows = rows.exclude(person=person, channel=channel)
        return rows


def claim(*, now: datetime, older_than: timedelta, left_out: LeftOut | None = None) -> Claim | None:
    """Take the next due letter and write the attempt down, in one short transaction."""
    left_out = left_out or LeftOut()
    left_out.lines |= shut_lines(now=now)
    before = now - older_than
    due = Notification.objects.filter(
        Q(state=NotificationState.PENDING, next_attempt_at__lte=before)
        | Q(state=NotificationState.LEASED, lease_until__lte=before)
    )
    while True:
        with transaction.atomic():
            notification = (
                left_out.without(due)
                .select_for_update(no_key=True, skip_locked=True, of=("self",))
                .select_related("alert", "push_address")
                .order_by("priority", "next_attempt_at", "pk")
                .first()
            )
            if notification is None:
                return None
            _finish_abandoned_attempt(notification, now=now)
            if not is_wanted(notification):
                end(notification, NotificationState.SUPERSEDED, now=now)
                continue
            leaves = _departure(notification, now=now)
            if leaves is Departure.LATER:
                left_out.people.add((notification.person_id, notification.channel))
            elif not may_try(notification.line, now=now):
                left_out.lines.add(notification.line)
            else:
                if leaves is Departure.TOGETHER:
                    _gather(notification)
                return _lease(notification, now=now)


def is_wanted(notification: Notification) -> bool:
    """Whether somebody must still be told: of its own alert by no newer letter, or of one it takes along."""
    if notification.push_address is not None and notification.push_address.ended_at is not None:
        return False
    if notification.alert.state in NEEDS_SOMEBODY and not is_replaced(notification):
        return True
    return notification.members.filter(alert__state__in=[state.value for state in NEEDS_SOMEBODY]).exists()


def is_replaced(notification: Notification) -> bool:
    """Whether a newer letter about the same alert is already owed or sent to the same person this way."""
    return Notification.objects.filter(
        alert=notification.alert_id,
        person=notification.person_id,
        channel=notification.channel,
        push_address=notification.push_address_id,
        pk__gt=notification.pk,
    ).exists()


def end(notification: Notification, state: NotificationState, *, now: datetime) -> None:
    """The duty of this letter is over."""
    notification.state = state
    notification.next_attempt_at = notification.lease_token = notification.lease_until = None
    notification.ended_at = now
    notification.save(update_fields=["state", "next_attempt_at", "lease_token", "lease_until", "ended_at"])


def _finish_abandoned_attempt(notification: Notification, *, now: datetime) -> None:
    """Whoever held the lease before us never came back; how the attempt went, nobody knows."""
    notification.attempts.filter(finished_at__isnull=True).update(
        finished_at=now, outcome=AttemptOutcome.UNKNOWN, error_class="LeaseExpired"
    )


def _departure(notification: Notification, *, now: datetime) -> Departure:
    """Alone, with others or later. One sender at a time decides for a person, so that none counts short.

    A copy of what may have arrived already stays as it was: it takes nobody along.
    """
    User.objects.select_for_update(no_key=True).get(pk=notification.person_id)
    limits = policy().storm
    window = now - timedelta(seconds=limits.window_seconds)
    # A letter arrives by the end of its attempt, so that counts: a slow one is not forgotten too soon.
    recent = DeliveryAttempt.objects.filter(
        Q(finished_at__gt=window) | Q(finished_at__isnull=True),
        started_at__gt=window - LEASE,  # nobody holds one for longer
        notification__person=notification.person_id,
        notification__channel=notification.channel,
        outcome__in=_MAY_HAVE_ARRIVED,
    ).exclude(notification=notification)
    letters = recent.aggregate(letters=Count("notification", distinct=True))["letters"]
    waited = now - notification.message_date
    leaves = departure(
        recent=letters,
        waited=waited,
        first_critical=notification.priority == FIRST_CRITICAL,
        # Who may leave alone asks for nobody else.
        waits_longest=waited if letters < limits.letters_alone else _waits_longest(notification, now=now),
        limits=limits,
    )
    is_fixed = notification.bundle is not None or _may_have_arrived(notification.attempts.all())
    return Departure.ALONE if is_fixed and leaves is Departure.TOGETHER else leaves


def _waits_longest(notification: Notification, *, now: datetime) -> timedelta:
    """How long the oldest has waited of what this letter would tell together."""
    oldest = _waiting_beside(notification).aggregate(oldest=Min("message_date"))["oldest"]
    return now - min(notification.message_date, oldest or notification.message_date)


def _may_have_arrived(attempts: QuerySet[DeliveryAttempt]) -> bool:
    return attempts.filter(outcome__in=_MAY_HAVE_ARRIVED).exists()


def _waiting_beside(notification: Notification) -> QuerySet[Notification]:
    """What else waits for the same person on the same way and may be told in one letter with this one."""
    arrived = DeliveryAttempt.objects.filter(notification=OuterRef("pk"), outcome__in=_MAY_HAVE_ARRIVED)
    return Notification.objects.filter(
        ~Exists(arrived),
        state=NotificationState.PENDING,
        person=notification.person_id,
        channel=notification.channel,
        endpoint=notification.endpoint,
        bundle__isnull=True,
    ).exclude(pk=notification.pk)


def _gather(notification: Notification) -> None:
    """Let this letter tell of everything that waits for the same person; each keeps its row.

    Its own row is saved with the lease: a row written twice in one transaction has its references looked at
    when that ends, and this must not wait for somebody who holds the alert and waits for the letter.
    """
    members = list(
        _waiting_beside(notification)
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(alert__state__in=[state.value for state in NEEDS_SOMEBODY])
        .select_related("alert")
        .order_by("pk")
    )
    if not members:
        return
    told_of = {each.alert_id: each.alert for each in (notification, *members)}
    severities = [alert.severity for alert in told_of.values()]
    notification.bundle = {
        "alerts": len(told_of),
        "critical": severities.count(1),
        "severity": min(severities),
        "escalates_at": min(each.escalates_at for each in (notification, *members)).isoformat(),
    }
    Notification.objects.filter(pk__in=[each.pk for each in members]).update(
        state=NotificationState.BUNDLED, next_attempt_at=None, bundled_into=notification
    )


def _lease(notification: Notification, *, now: datetime) -> Claim:
    notification.state = NotificationState.LEASED
    notification.lease_token = uuid.uuid4()
    notification.lease_until = now + LEASE
    notification.save(update_fields=["state", "lease_token", "lease_until", "bundle"])
    last = notification.attempts.aggregate(last=Max("n"))["last"] or 0
    attempt = DeliveryAttempt.objects.create(notification=notification, n=last + 1, started_at=now)
    return Claim(
        notification=notification,
        attempt_id=attempt.pk,
        attempt=attempt.n,
        token=notification.lease_token,
    )
