"""Owe the people of a step their letters: one by mail, one to each of their push addresses."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User

from alerts.models import Alert, Notification, PushAddress
from alerts.models.alert import EventKind
from alerts.models.notification import Channel
from alerts.services.raising import withdraw_mails
from alerts.storm_rules import rank


def owe(
    alert: Alert, *, people: Sequence[User], loop: int, step: int, escalates_at: datetime, now: datetime
) -> None:
    """Write down what these people are owed for a step; what is written down already stays as it is.

    Step 0 is that of a person's own act. A reminder replaces the person's older unsent letter. The caller
    holds the transaction and the alert's row lock.
    """
    withdraw_mails(alert, now=now, people=people)
    told = _told_of_it(alert)
    owed = [
        Notification(
            alert=alert,
            loop=loop,
            step=step,
            person=person,
            channel=channel,
            endpoint=endpoint,
            push_address=address,
            priority=rank(severity=alert.severity, repeat=person.pk in told),
            next_attempt_at=now,
            message_id=f"<{secrets.token_hex(16)}@{mail_domain()}>",
            message_date=now,
            escalates_at=escalates_at,
        )
        for person, channel, endpoint, address in _ways_to(people)
    ]
    Notification.objects.bulk_create(owed, ignore_conflicts=True)


def _told_of_it(alert: Alert) -> set[int]:
    """Who has had a letter about the alert as it is now: what became worse is news to everybody."""
    told = Notification.objects.filter(alert=alert).told()
    begun_anew = alert.events.filter(kind__in=(EventKind.WORSENED, EventKind.REOPENED)).order_by("-pk")
    since = begun_anew.values_list("at", flat=True).first()
    if since is not None:
        told = told.filter(message_date__gte=since)
    return set(told.values_list("person_id", flat=True))


def _ways_to(people: Sequence[User]) -> Iterator[tuple[User, Channel, str, PushAddress | None]]:
    """Each person with each way to reach them."""
    for person in people:
        yield person, Channel.MAIL, person.email, None
    if not settings.PUSH_SERVICES:
        return
    in_use = PushAddress.objects.filter(person__in=people, ended_at__isnull=True)
    for address in in_use.select_related("person").order_by("pk"):
        yield address.person, Channel.PUSH, address.endpoint, address


def mail_domain() -> str:
    """The domain that message ids carry."""
    return urlsplit(settings.SITE_URL).hostname or "localhost"
