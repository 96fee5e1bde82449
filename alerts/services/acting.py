"""What every act by hand on an alert shares: who may, what they had before them, and how it is refused."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from alerts.models import Alert
from alerts.models.alert import MUST_BE_SEEN, EventKind
from alerts.rules import State
from alerts.services.acknowledging import AlertHasChanged, MayNotAcknowledge, may_acknowledge
from alerts.signals import mails_owed
from labs.services.authority import seen_letters, stated

# After any of these, a page made before shows another alert than the one that stands.
CHANGES = (
    *MUST_BE_SEEN,
    EventKind.CLEARED,
    EventKind.CAUSE_GONE,
    EventKind.REARMED,
    EventKind.CLOSED,
    EventKind.ACKNOWLEDGED,
    EventKind.HANDED_OVER,
    EventKind.ESCALATED,
    EventKind.SUPPRESSED,
)
SHORTEST_REASON = 5
LONGEST_TEXT = 2000


class MayNotAct(MayNotAcknowledge):
    """This person's role does not do this to this alert; the text says so plainly."""


class ActRefused(Exception):
    """What was asked cannot be done; the text names what is wrong and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAlert:
    """The alert as the page showed it: its severity, and the newest event that was read for it."""

    severity: int
    event: int


def check_may(person: User | AnonymousUser, alert: Alert) -> None:
    """Whoever may take an alert over may act on it. Raises MayNotAct."""
    if not may_acknowledge(person, alert):
        raise MayNotAct("Your role may read this alert but not act on it.")


def lock(alert: Alert) -> Alert:
    """The alert's row, locked; the caller holds the transaction."""
    return Alert.objects.select_for_update(no_key=True).get(pk=alert.pk)


def check_seen(locked: Alert, seen: SeenAlert) -> None:
    """Refuse what the page did not show. Raises AlertHasChanged."""
    if locked.state == State.CLOSED:
        raise AlertHasChanged("This alert has been closed since you opened the page.")
    changed = locked.events.filter(kind__in=CHANGES, pk__gt=seen.event).exists()
    if changed or seen.severity != locked.severity:
        raise AlertHasChanged("This alert has changed since you opened the page.")


def check_cause(locked: Alert) -> None:
    """Refuse to tell anybody of what is no longer so. Raises ActRefused."""
    if locked.cause_gone_at is not None:
        raise ActRefused(
            "A newer decision of the course has taken its place, so nobody is told of this alert any more. "
            "It ends when a physician signs what the course says now, or ends the alert here."
        )


def why(text: str) -> str:
    """The reason, which must be one. Raises ActRefused."""
    if seen_letters(text) < SHORTEST_REASON:
        raise ActRefused(f"Reason: say why, in at least {SHORTEST_REASON} letters.")
    if len(text) > LONGEST_TEXT:
        raise ActRefused(f"Reason: use at most {LONGEST_TEXT} letters.")
    return stated(text)


def begin_round(alert: Alert) -> None:
    """Nobody has it any more: the next round begins, from the step that was taken last."""
    alert.loop += 1
    alert.acked_at = alert.acked_by = alert.ack_due_at = None


def send_soon() -> None:
    """Somebody waits for the mails of this act: once it is committed, ask that they leave at once."""
    transaction.on_commit(lambda: mails_owed.send(sender=None))
