"""Empty the outbox: claim a letter, commit, send it outside any transaction, write down how it went."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connection, transaction

from alerts.channels import Sent, push, send
from alerts.frozen_wording import wording_of
from alerts.letters import INBOX, Letter
from alerts.library import plan_from_data
from alerts.mail_domains import domain_fault
from alerts.models import Alert, DeliveryAttempt, Notification
from alerts.models.alert import EventKind
from alerts.models.notification import AttemptOutcome, NotificationState
from alerts.rules import backoff
from alerts.services.bundles import end_members, release_members
from alerts.services.canary import NO_MAILBOX
from alerts.services.claiming import Claim, LeftOut, claim, end, is_wanted
from alerts.services.lines import next_try, note_answer
from alerts.services.owing import mail_domain
from alerts.services.raising import note
from alerts.services.refusals import after_refusal, alarm_of_refusal
from labs.clock import database_now
from labs.failpoints import reach

log = logging.getLogger(__name__)

PASS_LIMIT = 500
# A pass ends after so long and the next one goes on: whoever must end waits for the pass, and for one letter.
PASS_SECONDS = 12
# After this many attempts in a row without an answer the rest of that way waits for the next pass.
SILENT_LIMIT = 2


def dispatch_due(
    *, now: datetime | None = None, limit: int = PASS_LIMIT, older_than: timedelta | None = None
) -> int:
    """Send every letter that is due; return how many a server accepted.

    Safe to run any number of times at once. `now` stands in for the clock in tests; without it the clock is
    read anew for each letter, because sending takes time and a lease must not begin in the past.
    """
    ends = time.monotonic() + PASS_SECONDS
    left_out, silent = LeftOut(), Counter[str]()
    accepted = 0
    for _ in range(limit):
        reach("mail.due")
        claimed = claim(now=now or database_now(), older_than=older_than or timedelta(0), left_out=left_out)
        if claimed is None:
            break
        reach("mail.claimed")
        sent = _deliver(claimed)
        reach("mail.answered")
        line = claimed.notification.line
        _write_down(claimed, sent, now=now)
        reach("mail.finished")
        accepted += sent.outcome == AttemptOutcome.ACCEPTED
        silent[line] = silent[line] + 1 if sent.silent else 0
        if silent[line] >= SILENT_LIMIT:
            log.warning("Nobody answers on the way %r; its letters stay in the outbox.", line)
            left_out.lines.add(line)
        if time.monotonic() > ends:
            break
    end_members(now=now or database_now())
    return accepted


def _letter(notification: Notification, *, attempt: int) -> Letter:
    """The facts a letter may show; they follow from the rows, so that a copy reads like the first."""
    alert = notification.alert
    plan = plan_from_data(alert.plan)
    steps = plan.steps[: notification.step]
    bundle = notification.bundle or {}
    severity = bundle.get("severity", alert.severity)
    wording = wording_of(alert)
    return Letter(
        to=notification.endpoint,
        ref=alert.ref,
        severity=severity,
        severity_word=wording.severities[severity],
        words=wording.letters,
        raised_at=alert.raised_at,
        told=tuple(dict.fromkeys(role for step in steps for role in step.audience)),
        escalates_at=datetime.fromisoformat(bundle["escalates_at"]) if bundle else notification.escalates_at,
        # Written out: sending must not hang on every page of the site being in order.
        path=INBOX if bundle else f"/alerts/{alert.public_id}",
        message_id=notification.message_id,
        message_date=notification.message_date,
        thread_id=f"<alert-{alert.ref.lower()}@{mail_domain()}>",
        attempt=attempt,
        alerts=bundle.get("alerts", 1),
        critical=bundle.get("critical", int(severity == 1)),
        last_step=not bundle and plan.is_all_told(step=notification.step, loop=notification.loop),
    )


def _deliver(claimed: Claim) -> Sent:
    """Send, unless somebody acknowledged since the claim, or the hourly trial ends in the outbox."""
    notification = claimed.notification
    notification.alert.refresh_from_db(fields=["state"])
    if not is_wanted(notification) or notification.endpoint == NO_MAILBOX:
        return Sent(outcome=AttemptOutcome.WITHDRAWN)
    try:
        letter = _letter(notification, attempt=claimed.attempt)
        if notification.push_address is not None:
            return push(letter, encrypted_url=notification.push_address.encrypted_url)
        if domain_fault(notification.endpoint):
            return Sent(outcome=AttemptOutcome.PERMANENT, error_class="ForeignDomain")
        return send(letter)
    except Exception as error:
        # One letter that cannot be made must not keep the others waiting; it is recorded and tried again.
        log.exception("Notification %s could not be sent.", notification.pk)
        return Sent(outcome=AttemptOutcome.UNKNOWN, error_class=type(error).__name__)


def _write_down(claimed: Claim, sent: Sent, *, now: datetime | None) -> None:
    """Whether anybody answered on this way, and what became of the letter."""

    def answer() -> None:
        note_answer(claimed.notification.line, silent=sent.silent, now=now or database_now())

    def letter() -> None:
        _finish(claimed, sent, now=now or database_now())

    if sent.outcome != AttemptOutcome.WITHDRAWN:
        _surely(answer)
    _surely(letter)


def _surely(write: Callable[[], None]) -> None:
    """What became of a letter is not forgotten because the database breaks one try off: there is a second."""
    try:
        write()
    except (OperationalError, InterfaceError) as fault:
        if connection.in_atomic_block:
            raise
        log.warning("What became of a letter is written down once more: %s", type(fault).__name__)
        connection.close_if_unusable_or_obsolete()
        write()


def _finish(claimed: Claim, sent: Sent, *, now: datetime) -> None:
    """Write down how it went, if the lease is still ours; if not, whoever took over writes.

    Locks go alert first, then its letters, as everywhere; the alarm about a refused address before both.
    """
    ours = Notification.objects.filter(pk=claimed.notification.pk, lease_token=claimed.token)
    with transaction.atomic():
        alarm = None
        if sent.outcome == AttemptOutcome.PERMANENT and ours.exists():
            alarm = alarm_of_refusal(claimed.notification, now=now)
        alert = Alert.objects.select_for_update(no_key=True).get(pk=claimed.notification.alert_id)
        notification = ours.select_for_update(no_key=True).first()
        if notification is None:
            log.warning(
                "Notification %s was taken over before its sender came back.", claimed.notification.pk
            )
            return
        DeliveryAttempt.objects.filter(pk=claimed.attempt_id, finished_at__isnull=True).update(
            finished_at=now, outcome=sent.outcome, smtp_code=sent.code, error_class=sent.error_class
        )
        # With whom and for which step, so that the events alone tell who was told what, and how it went.
        detail = {
            "notification": notification.pk,
            "attempt": claimed.attempt,
            "person": notification.person_id,
            "step": notification.step,
            "loop": notification.loop,
            "channel": notification.channel,
        }
        if sent.outcome == AttemptOutcome.ACCEPTED:
            end(notification, NotificationState.ACCEPTED, now=now)
            note(alert, EventKind.ACCEPTED, now=now, detail=detail)
        elif sent.outcome == AttemptOutcome.PERMANENT:
            end(notification, NotificationState.FAILED_PERMANENT, now=now)
            note(alert, EventKind.REFUSED, now=now, detail={**detail, "code": sent.code})
            release_members(notification, now=now)
            after_refusal(alert, notification, alarm=alarm, now=now)
        elif is_wanted(notification):
            _try_again(notification, sent, attempt=claimed.attempt, now=now)
        else:
            end(notification, NotificationState.SUPERSEDED, now=now)


def _try_again(notification: Notification, sent: Sent, *, attempt: int, now: datetime) -> None:
    """Later, without end. Where nobody was there at all, with the next try of the whole line."""
    usual = now + backoff(attempt, seed=notification.pk)
    nobody = sent.silent and sent.outcome == AttemptOutcome.TEMPORARY
    notification.state = NotificationState.PENDING
    notification.lease_token = notification.lease_until = None
    notification.next_attempt_at = next_try(notification.line, usual=usual) if nobody else usual
    notification.save(update_fields=["state", "next_attempt_at", "lease_token", "lease_until"])
