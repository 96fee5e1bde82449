"""Silence one alert for a short time, with the reason; those who lead are mailed that it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import F, QuerySet, Sum

from alerts.act_rules import why_not_suppressed
from alerts.library import policy
from alerts.models import Alert, Suppression
from alerts.models.alert import EventKind
from alerts.rules import NEEDS_SOMEBODY, Kind
from alerts.services.acting import (
    ActRefused,
    MayNotAct,
    SeenAlert,
    begin_round,
    check_seen,
    lock,
    send_soon,
    why,
)
from alerts.services.on_call import people_for
from alerts.services.owing import owe
from alerts.services.raising import note, withdraw_mails
from labs.clock import database_now

_COUNTED = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced:
    """The suppression that counts, and whether it is the one just made."""

    suppression: Suppression
    first: bool


def may_suppress(person: User | AnonymousUser, alert: Alert) -> bool:
    """Whether somebody may silence an alert for a time."""
    if person.has_perm("alerts.suppress_alert"):
        return True
    return alert.technical and person.has_perm("alerts.suppress_technical_alert")


def why_never(alert: Alert) -> str:
    """Why this alert is not silenced at all, whoever asks and for however short; empty where it may be."""
    return why_not_suppressed(
        kind=Kind(alert.kind),
        severities=_severities(alert),
        minutes=1,
        earlier_minutes=0,
        limits=policy().acts,
    )


def standing_suppressions(*, now: datetime) -> QuerySet[Suppression]:
    """What is silenced now: its end has not come, nobody has it, and nothing has begun another round."""
    rows = Suppression.objects.filter(
        until__gt=now,
        alert__state__in=[state.value for state in NEEDS_SOMEBODY],
        loop=F("alert__loop"),
        alert__step=0,
    )
    return rows.select_related("alert", "by").order_by("until", "pk")


def suppress(
    *,
    alert: Alert,
    person: User,
    seen: SeenAlert,
    minutes: int,
    reason: str,
    now: datetime | None = None,
) -> Silenced:
    """Tell nobody of this alert for so many minutes, but those who lead, at once.

    1. the right and the reason; 2. lock the alert; 3. the same button pressed again counts once; 4. refuse
    what the page did not show, what is critical or says stop, and what lasts too long; 5. refuse where nobody
    leads; 6. begin a round that waits until the end, then tells its first step. Anything that makes the alert
    worse, and any hand-over or escalation, ends the silence.

    Raises MayNotAct, ActRefused, AlertHasChanged.
    """
    if not may_suppress(person, alert):
        raise MayNotAct("Your role may not silence this alert.")
    said = why(reason)
    with transaction.atomic():
        locked = lock(alert)
        now = now or database_now()
        same = locked.suppressions.filter(by=person, seen_event=seen.event).first()
        if same is not None:
            return Silenced(suppression=same, first=False)
        check_seen(locked, seen)
        _check_may_be_silenced(locked, minutes=minutes, now=now)
        leads = people_for(policy().acts.suppression_tells, now=now, alert=locked).people
        if not leads:
            roles = ", ".join(policy().acts.suppression_tells)
            raise ActRefused(f"Nobody could be told that it is silenced: {roles} has nobody with an address.")
        made = _do(locked, person=person, leads=leads, seen=seen, minutes=minutes, said=said, now=now)
        return Silenced(suppression=made, first=True)


def _check_may_be_silenced(alert: Alert, *, minutes: int, now: datetime) -> None:
    if not alert.needs_somebody:
        raise ActRefused(
            "Somebody has acknowledged this alert, so it tells nobody. There is nothing to silence."
        )
    earlier = alert.suppressions.filter(at__gt=now - _COUNTED).aggregate(minutes=Sum("minutes"))["minutes"]
    refused = why_not_suppressed(
        kind=Kind(alert.kind),
        severities=_severities(alert),
        minutes=minutes,
        earlier_minutes=earlier or 0,
        limits=policy().acts,
    )
    if refused:
        raise ActRefused(refused)


def _severities(alert: Alert) -> tuple[int, ...]:
    """What it is now, and what the policy calls its kind before anything has become worse."""
    return (alert.severity, policy().kinds[Kind(alert.kind)].severity)


def _do(
    alert: Alert,
    *,
    person: User,
    leads: Sequence[User],
    seen: SeenAlert,
    minutes: int,
    said: str,
    now: datetime,
) -> Suppression:
    until = now + timedelta(minutes=minutes)
    withdraw_mails(alert, now=now)
    begin_round(alert)
    alert.step = 0
    alert.next_step_at = until
    alert.save()
    made = Suppression.objects.create(
        alert=alert,
        by=person,
        at=now,
        minutes=minutes,
        until=until,
        severity=alert.severity,
        loop=alert.loop,
        seen_event=seen.event,
        reason=said,
    )
    owe(alert, people=leads, loop=alert.loop, step=0, escalates_at=until, now=now)
    detail = {
        "suppression": made.pk,
        "minutes": minutes,
        "people": [lead.pk for lead in leads],
        "step": 0,
        "loop": alert.loop,
    }
    note(alert, EventKind.SUPPRESSED, now=now, actor=person, detail=detail)
    send_soon()
    return made
