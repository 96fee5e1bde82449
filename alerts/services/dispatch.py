"""Empty the outbox: claim a mail, commit, send it outside any transaction, write down how it went."""

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q

from alerts.channels import Letter, Sent, send
from alerts.library import plan_from_data, policy
from alerts.models import Alert, DeliveryAttempt, Notification
from alerts.models.alert import EventKind
from alerts.models.notification import AttemptOutcome, NotificationState
from alerts.rules import NEEDS_SOMEBODY, Kind, backoff
from alerts.services.escalation import mail_domain, take_due_step
from alerts.services.raising import Subject, note, raise_alert
from labs.clock import database_now
from labs.failpoints import reach

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
PASS_LIMIT = 500
# A pass ends after so long and the next one goes on: whoever must end waits for the pass, and for one letter.
PASS_SECONDS = 12
# After this many attempts in a row without an answer the server is down: the rest waits for the next pass.
SILENT_LIMIT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One mail that is ours to send until the lease ends."""

    notification: Notification
    attempt_id: int
    attempt: int
    token: uuid.UUID


def dispatch_due(
    *, now: datetime | None = None, limit: int = PASS_LIMIT, older_than: timedelta | None = None
) -> int:
    """Send every mail that is due; return how many the mail server accepted.

    Safe to run any number of times at once. `now` stands in for the clock in tests; without it the clock is
    read anew for each mail, because sending takes time and a lease must not begin in the past.
    """
    ends = time.monotonic() + PASS_SECONDS
    accepted = silent = 0
    for _ in range(limit):
        reach("mail.due")
        claim = _claim(now=now or database_now(), older_than=older_than or timedelta(0))
        if claim is None:
            break
        reach("mail.claimed")
        sent = _deliver(claim)
        reach("mail.answered")
        _finish(claim, sent, now=now or database_now())
        reach("mail.finished")
        accepted += sent.outcome == AttemptOutcome.ACCEPTED
        silent = silent + 1 if sent.silent else 0
        if silent >= SILENT_LIMIT:
            log.warning("The mail server does not answer; mails stay in the outbox and are tried again.")
            break
        if time.monotonic() > ends:
            break
    return accepted


def _claim(*, now: datetime, older_than: timedelta) -> Claim | None:
    """Take the next due mail for ourselves and write the attempt down, in one short transaction."""
    before = now - older_than
    due = Q(state=NotificationState.PENDING, next_attempt_at__lte=before) | Q(
        state=NotificationState.LEASED, lease_until__lte=before
    )
    while True:
        with transaction.atomic():
            notification = (
                Notification.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("alert")
                .filter(due)
                .order_by("alert__severity", "next_attempt_at", "pk")
                .first()
            )
            if notification is None:
                return None
            _finish_abandoned_attempt(notification, now=now)
            if notification.alert.state in NEEDS_SOMEBODY:
                return _lease(notification, now=now)
            _end(notification, NotificationState.SUPERSEDED, now=now)


def _finish_abandoned_attempt(notification: Notification, *, now: datetime) -> None:
    """Whoever held the lease before us never came back; how the attempt went, nobody knows."""
    notification.attempts.filter(finished_at__isnull=True).update(
        finished_at=now, outcome=AttemptOutcome.UNKNOWN, error_class="LeaseExpired"
    )


def _lease(notification: Notification, *, now: datetime) -> Claim:
    notification.state = NotificationState.LEASED
    notification.lease_token = uuid.uuid4()
    notification.lease_until = now + LEASE
    notification.save(update_fields=["state", "lease_token", "lease_until"])
    last = notification.attempts.aggregate(last=Max("n"))["last"] or 0
    attempt = DeliveryAttempt.objects.create(notification=notification, n=last + 1, started_at=now)
    return Claim(
        notification=notification,
        attempt_id=attempt.pk,
        attempt=attempt.n,
        token=notification.lease_token,
    )


def _letter(notification: Notification, *, attempt: int) -> Letter:
    """The facts a mail may show; they follow from the rows, so that a copy reads like the first."""
    alert = notification.alert
    steps = plan_from_data(alert.plan).steps[: notification.step]
    return Letter(
        to=notification.endpoint,
        ref=alert.ref,
        severity=alert.severity,
        severity_word=policy().words[alert.severity],
        raised_at=alert.raised_at,
        told=tuple(dict.fromkeys(role for step in steps for role in step.audience)),
        escalates_at=notification.escalates_at,
        # Written out: sending must not hang on every page of the site being in order.
        path=f"/alerts/{alert.public_id}",
        message_id=notification.message_id,
        message_date=notification.message_date,
        thread_id=f"<alert-{alert.ref.lower()}@{mail_domain()}>",
        attempt=attempt,
    )


def _deliver(claim: Claim) -> Sent:
    """Send, unless somebody acknowledged since the claim."""
    if not Alert.objects.needing_somebody().filter(pk=claim.notification.alert_id).exists():
        return Sent(outcome=AttemptOutcome.WITHDRAWN)
    try:
        return send(_letter(claim.notification, attempt=claim.attempt))
    except Exception as error:
        # One mail that cannot be made must not keep the others waiting; it is recorded and tried again.
        log.exception("Notification %s could not be sent.", claim.notification.pk)
        return Sent(outcome=AttemptOutcome.UNKNOWN, error_class=type(error).__name__)


def _finish(claim: Claim, sent: Sent, *, now: datetime) -> None:
    """Write down how it went, if the lease is still ours; if not, whoever took over writes.

    Locks go alert first, then its mails, as everywhere; the alarm about a refused address goes before both.
    """
    with transaction.atomic():
        alarm = _alarm_of_refusal(claim, now=now) if sent.outcome == AttemptOutcome.PERMANENT else None
        alert = Alert.objects.select_for_update().get(pk=claim.notification.alert_id)
        notification = (
            Notification.objects.select_for_update()
            .filter(pk=claim.notification.pk, lease_token=claim.token)
            .first()
        )
        if notification is None:
            log.warning("Notification %s was taken over before its sender came back.", claim.notification.pk)
            return
        DeliveryAttempt.objects.filter(pk=claim.attempt_id, finished_at__isnull=True).update(
            finished_at=now, outcome=sent.outcome, smtp_code=sent.code, error_class=sent.error_class
        )
        detail = {"notification": notification.pk, "attempt": claim.attempt}
        if sent.outcome == AttemptOutcome.ACCEPTED:
            _end(notification, NotificationState.ACCEPTED, now=now)
            note(alert, EventKind.ACCEPTED, now=now, detail=detail)
        elif sent.outcome == AttemptOutcome.PERMANENT:
            _end(notification, NotificationState.FAILED_PERMANENT, now=now)
            note(alert, EventKind.REFUSED, now=now, detail={**detail, "code": sent.code})
            _after_refusal(alert, notification, alarm=alarm, now=now)
        elif alert.needs_somebody and not _replaced(notification):
            _try_again(notification, attempt=claim.attempt, now=now)
        else:
            _end(notification, NotificationState.SUPERSEDED, now=now)


def _end(notification: Notification, state: NotificationState, *, now: datetime) -> None:
    notification.state = state
    notification.next_attempt_at = notification.lease_token = notification.lease_until = None
    notification.ended_at = now
    notification.save(update_fields=["state", "next_attempt_at", "lease_token", "lease_until", "ended_at"])


def _try_again(notification: Notification, *, attempt: int, now: datetime) -> None:
    notification.state = NotificationState.PENDING
    notification.lease_token = notification.lease_until = None
    notification.next_attempt_at = now + backoff(attempt, seed=notification.pk)
    notification.save(update_fields=["state", "next_attempt_at", "lease_token", "lease_until"])


def _replaced(notification: Notification) -> bool:
    """Whether a newer mail about the same alert is already owed or sent to the same person."""
    return Notification.objects.filter(
        alert=notification.alert_id, person=notification.person_id, pk__gt=notification.pk
    ).exists()


def _alarm_of_refusal(claim: Claim, *, now: datetime) -> Alert | None:
    """The alarm about an address that was refused for good, except about a mail of such an alarm itself."""
    notification = claim.notification
    ours = Notification.objects.filter(pk=notification.pk, lease_token=claim.token).exists()
    if not ours or notification.alert.kind == Kind.ADDRESS_REFUSED:
        return None
    return raise_alert(
        kind=Kind.ADDRESS_REFUSED,
        condition_key=f"{Kind.ADDRESS_REFUSED.value}:{notification.person_id}",
        subject=Subject(person=notification.person),
        now=now,
    )


def _after_refusal(alert: Alert, notification: Notification, *, alarm: Alert | None, now: datetime) -> None:
    """An address was refused for good: tell of it, and go on at once if nobody else is left."""
    if alarm is not None:
        take_due_step(alarm, now=now)
    step = Notification.objects.filter(alert=alert, loop=notification.loop, step=notification.step)
    wholly_refused = not step.exclude(state=NotificationState.FAILED_PERMANENT).exists()
    on_this_step = (alert.loop, alert.step) == (notification.loop, notification.step)
    if alert.needs_somebody and on_this_step and wholly_refused and not _on_last_step(alert):
        alert.next_step_at = now
        take_due_step(alert, now=now)


def _on_last_step(alert: Alert) -> bool:
    """The last step repeats at its own pace; hurrying it would only turn in a circle."""
    return alert.step >= len(plan_from_data(alert.plan).steps)
