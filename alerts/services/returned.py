"""Take in mails that came back: write down what became of a letter, and go on where it was not delivered."""

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from alerts.models import Alert, DeliveryAttempt, DeliveryReport, Notification
from alerts.models.alert import EventKind
from alerts.models.notification import AttemptOutcome
from alerts.models.report import ReportKind
from alerts.returned_mail import Returned, read_returned
from alerts.services.raising import note
from alerts.services.refusals import after_refusal, alarm_of_refusal
from labs.clock import database_now

log = logging.getLogger(__name__)


def take_returned(raw: bytes, *, now: datetime | None = None) -> ReportKind:
    """Record one mail that came back and act on it; the same mail again changes nothing.

    Whatever it says, it acknowledges nothing and takes no address away: a letter that was not delivered
    counts as a failed attempt: the next people are told, and an alarm asks people to correct the address.
    """
    now = now or database_now()
    said = _read(raw)
    attempt = _attempt(said)
    if said.kind == ReportKind.BOUNCED and attempt is not None:
        _take_bounce(raw, said, attempt=attempt, now=now)
    else:
        _record(raw, said, attempt=attempt, now=now)
    return said.kind


def _read(raw: bytes) -> Returned:
    """What it says; a mail that cannot be read says nothing, and keeps no other from being read."""
    try:
        return read_returned(raw)
    except Exception:
        log.exception("A returned mail could not be read; it is recorded as such.")
        return Returned(kind=ReportKind.OTHER, token="")


def _attempt(said: Returned) -> DeliveryAttempt | None:
    """The attempt it speaks of: the one that was accepted, else the newest of its letter."""
    attempts = DeliveryAttempt.objects.select_related("notification__alert", "notification__person").filter(
        notification__message_id__startswith=f"<{said.token}@"
    )
    if not said.token:
        return None
    accepted = attempts.filter(outcome=AttemptOutcome.ACCEPTED).order_by("-n").first()
    return accepted or attempts.order_by("-n").first()


def _record(raw: bytes, said: Returned, *, attempt: DeliveryAttempt | None, now: datetime) -> bool:
    """Keep what it said, not its text; False where this very mail was taken in before."""
    try:
        with transaction.atomic():
            DeliveryReport.objects.create(
                sha256=hashlib.sha256(raw).hexdigest(),
                kind=said.kind,
                attempt=attempt,
                status=said.status,
                received_at=now,
            )
    except IntegrityError:
        return False
    return True


def _take_bounce(raw: bytes, said: Returned, *, attempt: DeliveryAttempt, now: datetime) -> None:
    """The letter never arrived: each alert it told of goes on, and the alarm about the address is raised.

    All in one commit, so that whoever dies on the way has recorded nothing and the mail is taken in again.
    """
    letter = attempt.notification
    with transaction.atomic():
        if not _record(raw, said, attempt=attempt, now=now):
            return
        told_of = [letter, *letter.members.select_related("alert", "person").order_by("pk")]
        _go_on(told_of, said, now=now)


def _go_on(told_of: Sequence[Notification], said: Returned, *, now: datetime) -> None:
    """What follows for each alert. First the alarm about the address, then the alerts, then what raises more.

    In that order they are locked, so that no two wait for each other.
    """
    alarms = {each.pk: alarm_of_refusal(each, now=now) for each in told_of}
    wanted = Alert.objects.filter(pk__in=[each.alert_id for each in told_of]).order_by("pk")
    held = {alert.pk: alert for alert in wanted.select_for_update(no_key=True)}
    for each in sorted(told_of, key=lambda notification: notification.alert_id):
        alert = held[each.alert_id]
        note(alert, EventKind.BOUNCED, now=now, detail={"notification": each.pk, "status": said.status})
        after_refusal(alert, each, alarm=alarms[each.pk], now=now)
