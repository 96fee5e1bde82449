"""What must hold of the looks that begin alerts: each is taken, and leaves nothing of its own lying."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from alerts.library import policy
from alerts.models import Alert
from alerts.services.critical_values import held_unjudged, stored_unjudged
from alerts.services.heartbeat import LOOKED, last_beats
from alerts.services.message_queue import messages_read_again, messages_waiting
from alerts.services.watching import turns
from labs.invariants import GRACE, Seen, Violation
from labs.models import MessageReplay

# A look may stumble once or twice over what another runner holds at that moment.
_TURNS_MISSED = 3


def critical_values_not_judged(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Values beyond a bound, stored or kept apart, that nobody has looked at within a minute."""
    since, before = now - timedelta(days=policy().watch.critical_days), now - GRACE
    # What waited is stored when its message is read again, long after that was read first.
    read_just_now = MessageReplay.objects.filter(message=OuterRef("message"), at__gte=before)
    stored = stored_unjudged(since=since).filter(~Exists(read_just_now), message__outcome__at__lt=before)
    for public_id in stored.order_by("pk").values_list("public_id", flat=True):
        yield Violation(about=f"observation {public_id}", words="lies beyond a bound and was not judged")
    held = held_unjudged(since=since).filter(~Exists(read_just_now), opened_at__lt=before)
    for public_id in held.order_by("pk").values_list("public_id", flat=True):
        yield Violation(about=f"quarantined result {public_id}", words="was not judged for a critical value")


def messages_not_considered(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Messages kept apart or correcting a result that nobody has considered for alerting within a minute."""
    before = now - GRACE - timedelta(microseconds=1)  # the minute itself is in time
    for rows in (messages_waiting(before=before), messages_read_again(before=before)):
        for public_id in rows.order_by("pk").values_list("message__public_id", flat=True):
            yield Violation(
                about=f"message {public_id}", words="was not considered for alerting within a minute"
            )


def rearmings_past_due(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Alerts that somebody took over, whose time to decide ended more than a minute ago."""
    late = Alert.objects.undecided().filter(ack_due_at__lt=now - GRACE)
    for alert in late.order_by("pk"):
        yield Violation(
            about=f"alert {alert.ref}",
            words=f"was to be decided by {alert.ack_due_at:%Y-%m-%d %H:%M:%S} UTC, and was not opened again",
        )


def looks_that_fail(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Looks that have not been taken without a fault for three of their turns; none where none ever was."""
    beats = last_beats()
    for name, turn in sorted(turns().items()):
        at = beats.get(name)
        if at is not None and now - at > _TURNS_MISSED * turn:
            yield Violation(
                about=f"the look {name.removeprefix(LOOKED)}",
                words=f"was last taken without a fault on {at:%Y-%m-%d %H:%M:%S} UTC",
            )
