"""Take the steps of the ladder that are due: who is told now, and when the next are told."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from alerts.library import plan_from_data
from alerts.models import Alert
from alerts.models.alert import EventKind
from alerts.models.rota import ON_CALL
from alerts.rules import NEEDS_SOMEBODY, Due, Kind, State, escalation_due
from alerts.services.on_call import people_for
from alerts.services.owing import owe
from alerts.services.raising import Subject, note, raise_alert
from alerts.services.working_time import office
from labs.clock import database_now

log = logging.getLogger(__name__)

BATCH = 100


class EscalationFailed(Exception):
    """Some alerts could not move on; the others did. They are tried again on the next pass."""


def run_due_steps(*, now: datetime | None = None, older_than: timedelta | None = None) -> int:
    """Take every step that is due, one transaction per alert; return how many alerts moved on.

    Safe to run any number of times at once: a row that another runner holds is left to it. An alert that
    fails keeps no other waiting; EscalationFailed is raised after the rest is done.
    """
    now = now or database_now()
    due_before = now - (older_than or timedelta(0))
    tried: set[int] = set()
    failed: list[int] = []
    moved = 0
    while batch := list(
        Alert.objects.needing_somebody()
        .filter(next_step_at__lte=due_before)
        .exclude(pk__in=tried)
        .order_by("severity", "next_step_at")
        .values_list("pk", flat=True)[:BATCH]
    ):
        tried.update(batch)
        for alert_id in batch:
            try:
                moved += _take_step_of(alert_id, now=now)
            except Exception:
                # Whatever is wrong with one alert, the people of the others must be told; raised again below.
                log.exception("Alert %s could not move on.", alert_id)
                failed.append(alert_id)
    if failed:
        raise EscalationFailed(f"{len(failed)} alerts could not move on: {failed[:20]}")
    return moved


def _take_step_of(alert_id: int, *, now: datetime) -> bool:
    """The due step of one alert in its own transaction, unless another runner holds it."""
    with transaction.atomic():
        alert = Alert.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=alert_id).first()
        return alert is not None and take_due_step(alert, now=now)


def take_due_step(alert: Alert, *, now: datetime) -> bool:
    """Take the step that is due, and at once the following ones while a step has nobody to tell.

    The caller holds the transaction and the alert's row lock.
    """
    if alert.state not in NEEDS_SOMEBODY:
        return False
    plan = plan_from_data(alert.plan)
    taken = False
    empty: set[tuple[str, ...]] = set()
    while due := escalation_due(
        plan=plan,
        step=alert.step,
        loop=alert.loop,
        next_step_at=alert.next_step_at,
        now=now,
        office=office(),
        cleared=alert.state == State.CLEARED_UNACKED,
    ):
        taken = True
        told = people_for(due.audience, now=now, alert=alert)
        _tell(alert, due, people=told.people, now=now)
        alert.step, alert.loop = due.step, due.loop
        alert.next_step_at = due.next_step_at if told.people or due.last else now
        if not told.people:
            note(alert, EventKind.EMPTY_STEP, now=now, detail=_audience(due))
            empty.add(due.audience)
        elif not told.is_covered:
            # Everybody of the group is told instead, and that the rota names nobody who can be.
            empty.add((ON_CALL,))
    if taken:
        alert.save(update_fields=["step", "loop", "next_step_at"])
    if alert.kind != Kind.NOBODY_ON_CALL:
        # The alarms come last and in one order, so that no two runners wait for each other's.
        for audience in sorted(empty, key=_alarm_key):
            _raise_alarm(audience, now=now)
    return taken


def _tell(alert: Alert, due: Due, *, people: Sequence[User], now: datetime) -> None:
    """Owe a letter to everybody of this step."""
    if not people:
        return
    owe(
        alert,
        people=people,
        loop=due.loop,
        step=due.step,
        escalates_at=due.next_step_at,
        now=now,
    )
    people_told = [person.pk for person in people]
    note(alert, EventKind.STEP, now=now, detail={**_audience(due), "people": people_told})


def _audience(due: Due) -> dict[str, Any]:
    """What an event keeps of a step."""
    return {"step": due.step, "loop": due.loop, "roles": list(due.audience)}


def _alarm_key(audience: tuple[str, ...]) -> str:
    """One alarm stands for each audience that is empty."""
    return f"{Kind.NOBODY_ON_CALL.value}:{'+'.join(audience)}"


def _raise_alarm(audience: tuple[str, ...], *, now: datetime) -> None:
    """There was nobody to tell: tell those who can change that."""
    alarm = raise_alert(
        kind=Kind.NOBODY_ON_CALL,
        condition_key=_alarm_key(audience),
        subject=Subject(roles=audience),
        now=now,
    )
    take_due_step(alarm, now=now)
