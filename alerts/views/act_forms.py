"""The forms below an alert: which of them somebody gets, and what they need beside them."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.urls import reverse

from alerts.forms.acts import OUTCOME_WORDS, CallForm, CloseForm, EscalateForm, HandOverForm, SuppressForm
from alerts.library import policy
from alerts.models import Alert, Closing, HandOver, ReachRecord, Suppression
from alerts.rules import READ_BACK_KINDS, State
from alerts.services.acknowledging import may_acknowledge
from alerts.services.closing import ends_by_itself, may_close, standing_decision
from alerts.services.suppression import may_suppress, why_never
from labs.services.contacts import RECORD, current_contacts

SEES_NUMBERS = ("labs.view_patient", "labs.view_contactdetails")

Forms = Mapping[str, forms.Form]


def acts_context(alert: Alert, person: User, *, seen_event: int, sent: Forms | None = None) -> dict[str, Any]:
    """Everything the page needs to act; `sent` holds the form that was refused, by its act."""
    may = may_acknowledge(person, alert)
    standing = alert.state != State.CLOSED
    made: dict[str, forms.Form] = {}
    shown = {"seen_severity": alert.severity, "seen_event": seen_event}
    if may and standing and alert.cause_gone_at is None:
        made["hand_over"] = HandOverForm(alert=alert, person=person, initial=shown, prefix="hand_over")
        made["escalate"] = EscalateForm(initial=shown, prefix="escalate")
    never = why_never(alert)
    if alert.needs_somebody and may_suppress(person, alert) and not never:
        made["suppress"] = SuppressForm(initial=shown, prefix="suppress")
    by_hand = not ends_by_itself(alert) and alert.kind not in READ_BACK_KINDS
    if may_close(person, alert) and alert.state == State.ACKED and by_hand:
        made["close"] = CloseForm(alert=alert, initial=shown, prefix="close")
    if may:
        made["call"] = CallForm(initial=shown, prefix="call")
    made |= {name: form for name, form in (sent or {}).items() if name in made}
    return {
        "acts": made,
        "refused_act": next(iter(sent or {}), ""),
        "never_silenced": never if alert.needs_somebody and may_suppress(person, alert) else "",
        "hand_over_words": f"{policy().acts.hand_over_minutes} minutes",
        "ends_by_itself": ends_by_itself(alert),
        "ends_with_a_call": alert.kind in READ_BACK_KINDS,
        "closing": _closing(alert),
        **_record(alert),
        **_decision(alert, person),
        **_numbers(alert, person),
    }


def _closing(alert: Alert) -> dict[str, Any] | None:
    """What came of the alert, where a person ended it."""
    row = Closing.objects.select_related("by", "decision").filter(alert=alert).first()
    return {"row": row, "words": OUTCOME_WORDS[row.outcome]} if row else None


def _record(alert: Alert) -> dict[str, Any]:
    """The newest hand-over and silence where they are of this round, and every call."""
    over = HandOver.objects.select_related("by", "to").filter(alert=alert, loop=alert.loop).first()
    silent = Suppression.objects.select_related("by").filter(alert=alert, loop=alert.loop).first()
    waits = alert.needs_somebody and alert.step == 0
    return {
        "handed_over": over if waits else None,
        "silenced": silent if waits else None,
        "calls": ReachRecord.objects.select_related("by").filter(alert=alert),
    }


def _decision(alert: Alert, person: User) -> dict[str, Any]:
    """Where the decision that stands is read and signed."""
    if alert.decision is None or alert.course is None or not person.has_perm("courses.view_decision"):
        return {"decide_at": ""}
    standing = standing_decision(alert)
    found = standing or alert.decision
    return {
        "decide_at": reverse("courses:decision", args=[found.public_id]),
        "says_now": standing.action if standing else "",
        # A hold is not signed, and of a course that is over nothing is.
        "can_be_signed": standing is not None and standing.action != "hold" and alert.course.is_open,
    }


def _numbers(alert: Alert, person: User) -> dict[str, Any]:
    """The telephone numbers around the patient, for those who may read them; after the log-in alone."""
    patient = alert.patient
    if patient is None or not all(person.has_perm(right) for right in SEES_NUMBERS):
        return {"shows_numbers": False}
    return {
        "shows_numbers": True,
        "numbers": current_contacts(patient),
        "may_record_numbers": person.has_perm(RECORD),
    }
