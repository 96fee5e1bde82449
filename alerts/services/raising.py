"""Begin an alert, recognise one that is standing already, mark it as cleared, and end it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from alerts.frozen_wording import plan_to_keep
from alerts.library import KindPolicy, plan_from_data, policy
from alerts.models import Alert, AlertEvent, Notification, ReadBack
from alerts.models.alert import EventKind
from alerts.models.notification import NotificationState
from alerts.models.read_back import ENDS_THE_ALERT
from alerts.rules import READ_BACK_KINDS, Kind, State, is_legal, quieter
from alerts.services.working_time import office
from alerts.waking import tell_at
from courses.models import Course, Cycle, Decision
from labs.models import LabMessage


class IllegalTransition(Exception):
    """An alert was asked to go where its state does not lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an alert is about; every link may be absent."""

    course: Course | None = None
    cycle: Cycle | None = None
    decision: Decision | None = None
    message: LabMessage | None = None
    person: User | None = None
    roles: tuple[str, ...] = ()
    # What the page says of it: names of senders, codes, days and numbers of items. Never a patient.
    about: Mapping[str, Any] = field(default_factory=dict)


def raise_alert(
    *,
    kind: Kind,
    condition_key: str,
    subject: Subject,
    now: datetime,
    worse: bool = False,
    graver: Mapping[str, Any] | None = None,
) -> Alert:
    """Begin an alert for a condition, or note that the one standing for it was seen again.

    The caller holds the transaction. `worse`: the condition has reached its critical limit. `graver`: it got
    worse without that, and how; the record keeps it.

    A condition that became more severe, or graver, opens its alert again from the first step. Outside the
    clinic's hours the first step of what wakes nobody is the next working morning.
    So does, where it was acknowledged, a decision that nobody can have read by then, a cause that was gone
    and is back, and any repeat if the policy says so. One that had been cleared goes on where it stood.

    Locks are taken in one order everywhere: the alarm about a refused address, the other alerts (several of
    a course only under its lock), the alarms that nobody is there.
    """
    entry = policy().kinds[kind].at_its_worst() if worse else policy().kinds[kind]
    standing = Alert.objects.standing().select_for_update(no_key=True).filter(condition_key=condition_key)
    alert = standing.first()
    if alert is None:
        try:
            with transaction.atomic():
                return _begin(entry=entry, condition_key=condition_key, subject=subject, now=now)
        except IntegrityError:
            # Somebody else began it between our look and our insert: then it is standing now. If not, the
            # reference that was drawn is another alert's, and a second one is drawn.
            alert = standing.first()
            if alert is None:
                return _begin(entry=entry, condition_key=condition_key, subject=subject, now=now)
    _see_again(alert, entry=entry, subject=subject, now=now, graver=graver)
    return alert


def _begin(*, entry: KindPolicy, condition_key: str, subject: Subject, now: datetime) -> Alert:
    alert = Alert.objects.create(
        kind=entry.kind.value,
        condition_key=condition_key,
        severity=entry.severity,
        state=State.OPEN.value,
        technical=entry.technical,
        policy_version=policy().edition,
        plan=plan_to_keep(entry),
        next_step_at=tell_at(now, wakes=entry.plan.wakes, office=office()),
        raised_at=now,
        course=subject.course,
        cycle=subject.cycle,
        decision=subject.decision,
        message=subject.message,
        person=subject.person,
        about=dict(subject.about),
    )
    note(alert, EventKind.RAISED, now=now, detail={"severity": alert.severity, **_links(subject)})
    return alert


def _see_again(
    alert: Alert,
    *,
    entry: KindPolicy,
    subject: Subject,
    now: datetime,
    graver: Mapping[str, Any] | None = None,
) -> None:
    """The condition of a standing alert came up once more."""
    newly_decided = subject.decision is not None and subject.decision.pk != alert.decision_id
    alert.decision = subject.decision or alert.decision
    alert.message = subject.message or alert.message
    alert.about = dict(subject.about) or alert.about
    note(alert, EventKind.SEEN_AGAIN, now=now, detail=_links(subject))
    if alert.state == State.CLEARED_UNACKED:
        _return(alert, now=now)
    was_gone = alert.cause_gone_at is not None
    if was_gone:
        note(alert, EventKind.RETURNED, now=now)
        alert.cause_gone_at = None
    if entry.severity < alert.severity or graver:
        detail = {"from": alert.severity, "to": min(entry.severity, alert.severity), **(graver or {})}
        if entry.severity < alert.severity:
            alert.severity = entry.severity
            alert.plan = plan_to_keep(entry)
            alert.policy_version = policy().edition
        note(alert, EventKind.WORSENED, now=now, detail=detail)
        open_again(alert, now=now)
    elif alert.state == State.ACKED and (was_gone or newly_decided or entry.repeat_reopens):
        note(alert, EventKind.REOPENED, now=now)
        open_again(alert, now=now)
    alert.save()


def _return(alert: Alert, *, now: datetime) -> None:
    """The cause is back: the alert goes on where it stood, as loud as it was."""
    cleared = alert.events.filter(kind=EventKind.CLEARED).last()
    alert.severity = cleared.detail.get("from", alert.severity) if cleared else alert.severity
    note(alert, EventKind.RETURNED, now=now)
    move(alert, State.OPEN)
    plan = plan_from_data(alert.plan)
    if plan.wakes and alert.next_step_at is not None:
        # It may have been put off until the morning meanwhile.
        wait = plan.repeat if plan.is_last(alert.step) else plan.steps[alert.step].after
        alert.next_step_at = min(alert.next_step_at, now + wait)


def open_again(alert: Alert, *, now: datetime) -> None:
    """Start the ladder anew, in a new round; mails of the old round that have not left stay behind.

    The caller holds the alert's row lock, and saves it.
    """
    if alert.state != State.OPEN:
        move(alert, State.OPEN)
    alert.loop += 1
    alert.step = 0
    wakes = plan_from_data(alert.plan).wakes
    alert.next_step_at = tell_at(now, wakes=wakes, office=office())
    alert.acked_at = alert.acked_by = alert.ack_due_at = None
    withdraw_mails(alert, now=now)


def mark_cleared(alert: Alert, *, now: datetime) -> None:
    """The cause is gone, nobody has acknowledged: it goes on in a lower tone. The caller holds the lock."""
    before, alert.severity = alert.severity, quieter(alert.severity)
    move(alert, State.CLEARED_UNACKED)
    note(alert, EventKind.CLEARED, now=now, detail={"from": before, "to": alert.severity})
    alert.save(update_fields=["state", "severity"])


def close(alert: Alert, *, why: str, now: datetime, actor: User | None = None) -> None:
    """End an alert; the caller holds its row lock.

    Raises IllegalTransition for a critical value of which nobody said how it was passed on.
    """
    if alert.kind in READ_BACK_KINDS and not _is_read_back(alert):
        raise IllegalTransition("A critical value ends with a read-back, and there is none.")
    move(alert, State.CLOSED)
    alert.next_step_at = None
    alert.closed_at = now
    alert.save()
    withdraw_mails(alert, now=now)
    note(alert, EventKind.CLOSED, now=now, actor=actor, detail={"why": why})


def _is_read_back(alert: Alert) -> bool:
    """Whether somebody was reached about it since it last began to ask."""
    return ReadBack.objects.filter(alert=alert, loop=alert.loop, outcome__in=ENDS_THE_ALERT).exists()


def move(alert: Alert, after: State) -> None:
    """Set the state along the one table of legal transitions."""
    before = State(alert.state)
    if not is_legal(before=before, after=after):
        raise IllegalTransition(f"An alert that is {before.value} cannot become {after.value}.")
    alert.state = after.value


def withdraw_mails(alert: Alert, *, now: datetime, people: Sequence[User] | None = None) -> None:
    """Mails of this alert that wait to be sent, to everybody or to these people, are no longer needed.

    One that tells of other alerts as well is left to its sender, who asks whether any of them needs it.
    """
    waiting = Notification.objects.filter(alert=alert, state=NotificationState.PENDING, bundle__isnull=True)
    if people is not None:
        waiting = waiting.filter(person__in=people)
    waiting.update(state=NotificationState.SUPERSEDED, next_attempt_at=None, ended_at=now)


def note(
    alert: Alert,
    kind: EventKind,
    *,
    now: datetime,
    actor: User | None = None,
    detail: dict[str, Any] | None = None,
) -> AlertEvent:
    """Write down what happened to an alert."""
    return AlertEvent.objects.create(alert=alert, kind=kind, actor=actor, at=now, detail=detail or {})


def _links(subject: Subject) -> dict[str, Any]:
    """The ids and roles an event keeps of what it was about."""
    links: dict[str, Any] = {}
    if subject.decision is not None:
        links["decision"] = subject.decision.pk
    if subject.message is not None:
        links["message"] = subject.message.pk
    if subject.roles:
        links["roles"] = list(subject.roles)
    return links
