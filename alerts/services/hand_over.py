"""Hand an alert over to a named person, who is told at once; not taken in time, it tells others again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from alerts.library import policy
from alerts.models import Alert, HandOver
from alerts.models.alert import EventKind
from alerts.rules import DOSE_KINDS, RECALL_KINDS, State
from alerts.services.acknowledging import may_acknowledge
from alerts.services.acting import (
    LONGEST_TEXT,
    ActRefused,
    SeenAlert,
    begin_round,
    check_cause,
    check_may,
    check_seen,
    lock,
    send_soon,
)
from alerts.services.owing import owe
from alerts.services.raising import move, note, withdraw_mails
from labs.clock import database_now


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """The hand-over that counts, and whether it is the one just made."""

    hand_over: HandOver
    first: bool


def who_can_take(alert: Alert, *, but: User | None = None) -> QuerySet[User]:
    """Everybody who may act on an alert and can be told of it, by name."""
    rights = ["acknowledge_alert"]
    if alert.technical:
        rights.append("acknowledge_technical_alert")
    if alert.kind in RECALL_KINDS:
        rights.append("acknowledge_recall_alert")
    if alert.kind in DOSE_KINDS:
        rights.append("acknowledge_dose_alert")
    holds = Q(groups__permissions__content_type__app_label="alerts", groups__permissions__codename__in=rights)
    found = User.objects.filter(holds, is_active=True).exclude(email="").distinct()
    if but is not None:
        found = found.exclude(pk=but.pk)
    return found.order_by("last_name", "first_name", "username")


def hand_over(
    *,
    alert: Alert,
    person: User,
    to: User,
    seen: SeenAlert,
    note_text: str = "",
    now: datetime | None = None,
) -> HandedOver:
    """Name who takes the alert from here; they are mailed at once.

    1. the rights of both; 2. lock the alert; 3. the same button pressed again counts once; 4. refuse what the
    page did not show; 5. begin a round with one mail, to the new person; the ladder begins anew when they
    have not acknowledged by the policy's minutes. Until then nobody has the alert.

    Raises MayNotAct, ActRefused, AlertHasChanged.
    """
    check_may(person, alert)
    if len(note_text) > LONGEST_TEXT:
        raise ActRefused(f"Note: use at most {LONGEST_TEXT} letters.")
    if to.pk == person.pk:
        raise ActRefused("Hand over to: choose somebody else. To take it yourself, acknowledge it.")
    if not (to.is_active and to.email and may_acknowledge(to, alert)):
        raise ActRefused("Hand over to: this person cannot take it. Choose somebody from the list.")
    with transaction.atomic():
        locked = lock(alert)
        now = now or database_now()
        same = locked.hand_overs.filter(by=person, to=to, seen_event=seen.event).first()
        if same is not None:
            return HandedOver(hand_over=same, first=False)
        check_seen(locked, seen)
        check_cause(locked)
        made = _do(locked, person=person, to=to, seen=seen, text=note_text.strip(), now=now)
        return HandedOver(hand_over=made, first=True)


def _do(alert: Alert, *, person: User, to: User, seen: SeenAlert, text: str, now: datetime) -> HandOver:
    take_by = now + timedelta(minutes=policy().acts.hand_over_minutes)
    if alert.state == State.ACKED:
        move(alert, State.OPEN)
    withdraw_mails(alert, now=now)
    begin_round(alert)
    alert.step = 0
    alert.next_step_at = take_by
    alert.save()
    made = HandOver.objects.create(
        alert=alert,
        by=person,
        to=to,
        at=now,
        take_by=take_by,
        loop=alert.loop,
        seen_event=seen.event,
        note=text,
    )
    owe(alert, people=[to], loop=alert.loop, step=0, escalates_at=take_by, now=now)
    detail = {"hand_over": made.pk, "people": [to.pk], "step": 0, "loop": alert.loop}
    note(alert, EventKind.HANDED_OVER, now=now, actor=person, detail=detail)
    send_soon()
    return made
