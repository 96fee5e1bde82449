"""Record how a critical value was passed on; only this ends its alert."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from alerts.models import Alert, ReadBack, ReadBackOutcome
from alerts.models.alert import EventKind
from alerts.models.read_back import ENDS_THE_ALERT
from alerts.rules import READ_BACK_KINDS, State
from alerts.services.acknowledging import AlertHasChanged, MayNotAcknowledge, may_acknowledge
from alerts.services.acting import begin_round
from alerts.services.escalation import take_due_step
from alerts.services.raising import close, move, note
from labs.clock import database_now


class BadReadBack(Exception):
    """What was said of a read-back is not whole: which field, and what to write."""

    def __init__(self, *, field: str, remedy: str) -> None:
        super().__init__(f"{field}: {remedy}")
        self.field, self.remedy = field, remedy


def record_readback(
    *,
    alert: Alert,
    person: User,
    outcome: str,
    reached: str = "",
    note_text: str = "",
    seen_event: int,
    now: datetime | None = None,
) -> ReadBack:
    """Record one attempt to pass a critical value on, and what follows from it.

    1. the right, and a whole entry; 2. lock the alert; 3. the same entry made twice counts once; 4. refuse
    what the page did not show; 5. reached: the alert ends; not reached: the next people are told at once.

    Raises MayNotAcknowledge, BadReadBack or AlertHasChanged.
    """
    if not may_acknowledge(person, alert):
        raise MayNotAcknowledge("Your role may read this alert but not record how it was passed on.")
    reached, note_text = reached.strip(), note_text.strip()
    _check(alert, outcome=outcome, reached=reached)
    now = now or database_now()
    with transaction.atomic():
        locked = Alert.objects.select_for_update(no_key=True).get(pk=alert.pk)
        made = ReadBack(
            alert=locked,
            loop=locked.loop,
            outcome=outcome,
            reached=reached,
            note=note_text,
            person=person,
            at=now,
        )
        if (before := _made_before(locked, made)) is not None:
            return before
        if locked.state == State.CLOSED:
            raise AlertHasChanged("This alert has been closed since you opened the page.")
        if _has_changed(locked, seen_event=seen_event):
            raise AlertHasChanged("This alert has changed since you opened the page.")
        made.save()
        _follow(locked, made)
    return made


def _check(alert: Alert, *, outcome: str, reached: str) -> None:
    if alert.kind not in READ_BACK_KINDS:
        raise BadReadBack(field="alert", remedy="only a critical value is read back; acknowledge this one.")
    if outcome not in ReadBackOutcome.values:
        words = ", ".join(str(label) for label in ReadBackOutcome.labels)
        raise BadReadBack(field="outcome", remedy=f"choose one of: {words}.")
    if outcome in ENDS_THE_ALERT and not reached:
        raise BadReadBack(field="reached", remedy="write who was reached.")
    longest = ReadBack._meta.get_field("reached").max_length
    if longest is not None and len(reached) > longest:
        raise BadReadBack(field="reached", remedy=f"write at most {longest} characters.")


def _made_before(alert: Alert, made: ReadBack) -> ReadBack | None:
    """The newest entry, if it says the same: a button pressed twice."""
    newest = alert.read_backs.last()
    if newest is None or alert.state not in (State.CLOSED, State.OPEN):
        return None
    same = (newest.person_id, newest.outcome, newest.reached, newest.note) == (
        made.person_id,
        made.outcome,
        made.reached,
        made.note,
    )
    ended_by_it = alert.state == State.CLOSED and newest.outcome in ENDS_THE_ALERT
    return newest if same and ended_by_it else None


def _has_changed(alert: Alert, *, seen_event: int) -> bool:
    """Whether the value got worse, or came again, after the page was made."""
    kinds = [EventKind.SEEN_AGAIN, EventKind.WORSENED, EventKind.RETURNED]
    return alert.events.filter(kind__in=kinds, pk__gt=seen_event).exists()


def _follow(alert: Alert, made: ReadBack) -> None:
    """What the entry means for the duty to tell."""
    detail = {"read_back": made.pk, "outcome": made.outcome}
    if made.outcome in ENDS_THE_ALERT:
        note(alert, EventKind.READ_BACK, now=made.at, actor=made.person, detail=detail)
        close(alert, why="passed on", now=made.at, actor=made.person)
        return
    note(alert, EventKind.NOT_REACHED, now=made.at, actor=made.person, detail=detail)
    if alert.state == State.ACKED:
        # Whoever took it over knows, and could not pass it on: somebody else is needed, not the first step.
        move(alert, State.OPEN)
        begin_round(alert)
    alert.next_step_at = made.at
    alert.save()
    take_due_step(alert, now=made.at)
