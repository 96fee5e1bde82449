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
    EventKind.RETURNED: State.OPEN,
    EventKind.HANDED_OVER: State.OPEN,
    EventKind.ESCALATED: State.OPEN,
    EventKind.ACKNOWLEDGED: State.ACKED,
    EventKind.CLEARED: State.CLEARED_UNACKED,
    EventKind.CLOSED: State.CLOSED,
}
_SEVERITY_IN: Mapping[str, str] = {EventKind.RAISED: "severity", EventKind.WORSENED: "to"}


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
    if event.kind in (EventKind.HANDED_OVER, EventKind.ESCALATED) and before.state != State.ACKED:
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
    found: dict[tuple[int, int, int], Told] = {}
    for event in events:
        loop, step = event.detail.get("loop"), event.detail.get("step")
        if event.kind in TELLING:
            for person in event.detail.get("people", []):
                key = (person, loop, step)
                found.setdefault(key, Told(person=person, loop=loop, step=step, owed_at=event.at))
        elif event.kind in (EventKind.ACCEPTED, EventKind.REFUSED):
            key = (event.detail.get("person"), loop, step)
            channel = event.detail.get("channel", MAIL)
            # The mail is what everybody is owed; a push beside it says the same once more.
            if key in found and channel == MAIL:
                result = EventKind(event.kind).value
                found[key] = replace(found[key], result=result, result_at=event.at, channel=channel)
    return list(found.values())


_RESULT_OF = {
    NotificationState.ACCEPTED: EventKind.ACCEPTED.value,
    NotificationState.FAILED_PERMANENT: EventKind.REFUSED.value,
}


def differences(alert: Alert) -> Sequence[str]:
    """Where the outbox of an alert and what its events say of it differ; none of a whole record."""
    rebuilt = {
        (told.person, told.loop, told.step): (told.owed_at, told.result, told.result_at)
        for told in told_by_events(alert.events.all())
    }
    outbox = {
        (row.person_id, row.loop, row.step): _facts(row)
        for row in Notification.objects.filter(alert=alert, channel=MAIL).select_related("bundled_into")
    }
    return [
        f"person {key[0]}, round {key[1]}, step {key[2]}: the events say {rebuilt.get(key)}, "
        f"the outbox {outbox.get(key)}"
        for key in sorted(rebuilt.keys() | outbox.keys())
        if rebuilt.get(key) != outbox.get(key)
    ]


def _facts(row: Notification) -> tuple[datetime, str, datetime | None]:
    """What the outbox says of one mail, as the events have to say it."""
    letter = row.bundled_into if row.bundled_into is not None and row.ended_at is not None else row
    result = _RESULT_OF.get(NotificationState(letter.state), "")
    return row.message_date, result, row.ended_at if result else None
