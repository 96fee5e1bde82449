"""Read an alert's events back: how it stood at any of them, and who was told when, with which result."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth.models import User

from alerts.models import Alert, AlertEvent, Notification
from alerts.models.alert import EventKind
from alerts.models.notification import NotificationState
from alerts.rules import State

# Owed mails of a step, of a hand-over, and to those who lead when an alert was silenced.
TELLING = (EventKind.STEP, EventKind.HANDED_OVER, EventKind.SUPPRESSED)
MAIL = "mail"
# Where an event leads; what stands in no row leaves the alert as it was.
_STATES = {
    EventKind.RAISED: State.OPEN,
    EventKind.WORSENED: State.OPEN,
    EventKind.REOPENED: State.OPEN,
    EventKind.REARMED: State.OPEN,
    EventKind.RETURNED: State.OPEN,
    EventKind.HANDED_OVER: State.OPEN,
    EventKind.ESCALATED: State.OPEN,
    EventKind.NOT_REACHED: State.OPEN,
    EventKind.ACKNOWLEDGED: State.ACKED,
    EventKind.CLEARED: State.CLEARED_UNACKED,
    EventKind.CLOSED: State.CLOSED,
}
# An alert that nobody had taken over stays as it was.
_OPENS_WHAT_WAS_TAKEN = (EventKind.HANDED_OVER, EventKind.ESCALATED, EventKind.NOT_REACHED)
_SEVERITY_IN: Mapping[str, str] = {
    EventKind.RAISED: "severity",
    EventKind.WORSENED: "to",
    EventKind.CLEARED: "to",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an alert stood after some event."""

    severity: int | None = None
    state: State = State.OPEN
    decision: int | None = None
    holder: User | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One person who was to be told in one step of one round, and how it went as the events say."""

    person: int
    loop: int
    step: int
    owed_at: datetime
    channel: str = MAIL
    result: str = ""
    result_at: datetime | None = None


def standing_after(events: Iterable[AlertEvent], *, last: int | None = None) -> Standing:
    """How the alert stood after the event with this key, or after all of them."""
    found = Standing()
    for event in events:
        if last is not None and event.pk > last:
            break
        found = _after(found, event)
    return found


def _after(before: Standing, event: AlertEvent) -> Standing:
    found = replace(before, decision=event.detail.get("decision", before.decision), at=event.at)
    if event.kind in _OPENS_WHAT_WAS_TAKEN and before.state != State.ACKED:
        return found
    if event.kind in _STATES:
        holder = event.actor if event.kind == EventKind.ACKNOWLEDGED else None
        keeps = event.kind in (EventKind.CLEARED, EventKind.CLOSED)
        found = replace(
            found, state=_STATES[EventKind(event.kind)], holder=before.holder if keeps else holder
        )
    severity = event.detail.get(_SEVERITY_IN.get(event.kind, ""), before.severity)
    return replace(found, severity=severity)


def told_by_events(events: Iterable[AlertEvent]) -> list[Told]:
    """Who was told, rebuilt from the events alone."""
    found: dict[tuple[int, int, int, str], Told] = {}
    for event in events:
        loop, step = event.detail.get("loop"), event.detail.get("step")
        if event.kind in TELLING:
            for person in event.detail.get("people", []):
                key = (person, loop, step, MAIL)
                found.setdefault(key, Told(person=person, loop=loop, step=step, owed_at=event.at))
        elif event.kind in (EventKind.ACCEPTED, EventKind.REFUSED):
            person, channel = event.detail.get("person"), event.detail.get("channel", MAIL)
            # A push is told of once it was taken or refused; that it is owed stands in no event.
            if owed := found.get((person, loop, step, MAIL)):
                result = EventKind(event.kind).value
                found[person, loop, step, channel] = replace(
                    owed, result=result, result_at=event.at, channel=channel
                )
    return list(found.values())


_RESULT_OF = {
    NotificationState.ACCEPTED: EventKind.ACCEPTED.value,
    NotificationState.FAILED_PERMANENT: EventKind.REFUSED.value,
}


def differences(alert: Alert) -> Sequence[str]:
    """Where the outbox of an alert and what its events say of it differ; none of a whole record."""
    rebuilt = {
        (told.person, told.loop, told.step, told.channel): (told.owed_at, told.result, told.result_at)
        for told in told_by_events(alert.events.all())
    }
    outbox = {
        (row.person_id, row.loop, row.step, str(row.channel)): _facts(row)
        for row in Notification.objects.filter(alert=alert).select_related("bundled_into")
        if row.channel == MAIL or _result(row)
    }
    return [
        f"person {key[0]}, round {key[1]}, step {key[2]}, {key[3]}: the events say {rebuilt.get(key)}, "
        f"the outbox {outbox.get(key)}"
        for key in sorted(rebuilt.keys() | outbox.keys())
        if rebuilt.get(key) != outbox.get(key)
    ]


def _result(row: Notification) -> str:
    """How a letter ended; of one that left in a bundle, how the bundle did."""
    if row.bundled_into is not None and row.ended_at is not None:
        return _RESULT_OF.get(NotificationState(row.bundled_into.state), "")
    return _RESULT_OF.get(NotificationState(row.state), "")


def _facts(row: Notification) -> tuple[datetime, str, datetime | None]:
    """What the outbox says of one mail, as the events have to say it."""
    result = _result(row)
    return row.message_date, result, row.ended_at if result else None
