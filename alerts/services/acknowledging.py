"""Take an alert over: who may, what they must have seen, and what that stops."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from alerts.library import plan_from_data
from alerts.models import Acknowledgement, Alert
from alerts.models.alert import MUST_BE_SEEN, EventKind
from alerts.rules import DECISION_KINDS, DOSE_KINDS, RECALL_KINDS, Kind, State
from alerts.services.raising import move, note, withdraw_mails
from labs.clock import database_now


class MayNotAcknowledge(Exception):
    """This person's role does not acknowledge this kind of alert; the text says so plainly."""


class AlertHasChanged(Exception):
    """The page that was acknowledged no longer shows what the alert has become."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The acknowledgement that counts, and whether it is the one just made."""

    acknowledgement: Acknowledgement
    first: bool


def may_read(person: User | AnonymousUser, alert: Alert) -> bool:
    """Whether somebody may open an alert's page: who reads alerts, or who could take this one over."""
    return person.has_perm("alerts.view_alert") or may_acknowledge(person, alert)


def may_acknowledge(person: User | AnonymousUser, alert: Alert) -> bool:
    """Whether somebody may take an alert over; some kinds also with the right of those they concern.

    What opens a duty is answered by whoever's duty it is; by others only once they have been told as well.
    """
    if alert.kind == Kind.HAND_OVER and alert.step <= 1:
        return person.pk == alert.person_id
    if person.has_perm("alerts.acknowledge_alert"):
        return True
    if alert.kind in RECALL_KINDS and person.has_perm("alerts.acknowledge_recall_alert"):
        return True
    if alert.kind in DOSE_KINDS and person.has_perm("alerts.acknowledge_dose_alert"):
        return True
    if alert.kind == Kind.CANARY and person.has_perm("alerts.acknowledge_canary_alert"):
        return True
    return alert.technical and person.has_perm("alerts.acknowledge_technical_alert")


def acknowledge(
    *,
    alert: Alert,
    person: User,
    seen_severity: int,
    seen_event: int,
    note_text: str = "",
    now: datetime | None = None,
) -> Acknowledged:
    """Record that this person takes the alert over, and stop telling others.

    1. the right; 2. lock the alert; 3. somebody was first: theirs counts, nothing is written; 4. refuse what
    the page did not show; 5. acknowledge, withdraw the mails that have not left.

    Raises MayNotAcknowledge or AlertHasChanged. Doing it twice changes nothing.
    """
    if not may_acknowledge(person, alert):
        raise MayNotAcknowledge("Your role may read this alert but not acknowledge it.")
    now = now or database_now()
    with transaction.atomic():
        locked = Alert.objects.select_for_update(no_key=True).get(pk=alert.pk)
        if locked.state == State.ACKED:
            standing = locked.acknowledgements.select_related("person").latest("pk")
            return Acknowledged(acknowledgement=standing, first=False)
        if locked.state == State.CLOSED:
            raise AlertHasChanged("This alert has been closed since you opened the page.")
        if _is_stale(locked, seen_severity=seen_severity, seen_event=seen_event):
            raise AlertHasChanged("This alert has changed since you opened the page.")
        made = Acknowledgement.objects.create(
            alert=locked,
            person=person,
            at=now,
            loop=locked.loop,
            seen_severity=seen_severity,
            note=note_text.strip(),
        )
        _take_over(locked, made)
    return Acknowledged(acknowledgement=made, first=True)


def _take_over(alert: Alert, made: Acknowledgement) -> None:
    """The alert is this person's now: nobody else is told, and the time to decide runs.

    Where a newer decision had taken its place already there is nothing left to decide.
    """
    if alert.state == State.CLEARED_UNACKED and alert.kind in DECISION_KINDS:
        alert.cause_gone_at = made.at
    move(alert, State.ACKED)
    alert.next_step_at = None
    alert.acked_at = made.at
    alert.acked_by = made.person
    alert.ack_due_at = made.at + plan_from_data(alert.plan).decide_within
    alert.save()
    withdraw_mails(alert, now=made.at)
    note(alert, EventKind.ACKNOWLEDGED, now=made.at, actor=made.person, detail={"acknowledgement": made.pk})


def _is_stale(alert: Alert, *, seen_severity: int, seen_event: int) -> bool:
    """Whether the alert became another one after the page was made."""
    if seen_severity != alert.severity:
        return True
    return alert.events.filter(kind__in=MUST_BE_SEEN, pk__gt=seen_event).exists()


def record_view(*, alert: Alert, person: User, now: datetime | None = None) -> None:
    """Note who read the page: an access event, nothing about the alert changes."""
    note(alert, EventKind.VIEWED, now=now or database_now(), actor=person)
