"""The page an alert mail links to: read what happened and why, then acknowledge by a button."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_POST, require_safe

from alerts.critical_table import critical_table
from alerts.findings import SHOWN, told_values
from alerts.frozen_wording import wording_of
from alerts.library import plan_from_data, policy
from alerts.models import Alert, AlertEvent, Notification, with_patients
from alerts.rules import DECISION_KINDS, READ_BACK_KINDS, WATCH_KINDS, Kind, State
from alerts.services.acknowledging import (
    AlertHasChanged,
    MayNotAcknowledge,
    acknowledge,
    may_acknowledge,
    may_read,
    record_view,
)
from alerts.services.corrections import ChangedResult, changed_results
from alerts.views.act_forms import acts_context
from alerts.views.event_words import name_of, told_in_words
from alerts.views.stale import stale_page
from alerts.views.watch_words import about_sentences
from courses.models import Administration, Decision, Infusion, OrderEvent
from labs.models import QuarantinedResult
from labs.templatetags.clinic_text import instant

HELD_SHOWN = 50
NOTE_LENGTH = 2000


@require_safe
@login_required
def alert_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show one alert. Reading it is noted as an access and changes nothing else."""
    # Before anything else is read: what happens from here on, this page may not show.
    seen_event = _newest_event(public_id)
    alert = found_alert(public_id)
    person = asker(request)
    if not may_read(person, alert):
        return refuse(request, "Your role does not read this alert.", status=403)
    context = _context(alert, person, seen_event=seen_event)
    if request.method == "GET":
        record_view(alert=alert, person=person)
    response = render(request, "alerts/alert.html", context)
    add_never_cache_headers(response)
    return response


def show(
    request: HttpRequest, alert: Alert, person: User, *, sent: Mapping[str, forms.Form], status: int
) -> HttpResponse:
    """The page with a form that was refused, and what is wrong with it; nobody is noted as having looked."""
    if not may_read(person, alert):
        return refuse(request, "Your role does not read this alert.", status=403)
    seen_event = _newest_event(alert.public_id)
    context = _context(found_alert(alert.public_id), person, seen_event=seen_event, sent=sent)
    return render(request, "alerts/alert.html", context, status=status)


def _newest_event(public_id: str) -> int:
    newest = AlertEvent.objects.filter(alert__public_id=public_id).aggregate(last=Max("pk"))["last"]
    return int(newest or 0)


@require_POST
def acknowledge_alert(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take the alert over, as the page that was shown stood."""
    if not request.user.is_authenticated:
        return redirect_to_login(f"/alerts/{public_id}")
    alert = found_alert(public_id)
    seen = {name: request.POST.get(name, "") for name in ("seen_severity", "seen_event")}
    if not all(value.isascii() and value.isdigit() and len(value) < 19 for value in seen.values()):
        return refuse(request, "The page was incomplete. Open the alert again.", status=400, alert=alert)
    try:
        done = acknowledge(
            alert=alert,
            person=asker(request),
            seen_severity=int(seen["seen_severity"]),
            seen_event=int(seen["seen_event"]),
            note_text=request.POST.get("note", "")[:NOTE_LENGTH],
        )
    except MayNotAcknowledge as error:
        sentence = f"{error} The people who can have been told; nothing was changed."
        return refuse(request, sentence, status=403, alert=alert)
    except AlertHasChanged as error:
        return stale_page(request, alert, seen_event=int(seen["seen_event"]), sentence=str(error))
    if not done.first and done.acknowledgement.person_id != asker(request).pk:
        first = name_of(done.acknowledgement.person)
        messages.info(request, f"{first} was first, {instant(done.acknowledgement.at)}. It is theirs now.")
    return redirect("alerts:alert", public_id=public_id)


def found_alert(public_id: str) -> Alert:
    """An alert with everything its page names. Raises Http404."""
    related = ("cycle", "decision", "message", "acked_by", "person")
    return get_object_or_404(with_patients(Alert.objects.select_related(*related)), public_id=public_id)


def asker(request: HttpRequest) -> User:
    """The person who asks; only behind a log-in."""
    assert isinstance(request.user, User)
    return request.user


def refuse(request: HttpRequest, sentence: str, *, status: int, alert: Alert | None = None) -> HttpResponse:
    """Nothing was done, and why, in a plain sentence."""
    readable = alert is not None and request.user.is_authenticated and may_read(request.user, alert)
    context = {"sentence": sentence, "alert": alert if readable else None, "clinic": settings.CLINIC_NAME}
    return render(request, "alerts/refused.html", context, status=status)


def _context(
    alert: Alert, person: User, *, seen_event: int, sent: Mapping[str, forms.Form] | None = None
) -> dict[str, Any]:
    """Everything the page shows, in a fixed number of queries but for values that are kept apart."""
    wording = wording_of(alert)
    events = list(alert.events.select_related("actor"))
    values, more_values = told_values(alert, person)
    return {
        "clinic": settings.CLINIC_NAME,
        "phone": settings.CLINIC_PHONE,
        "zone": settings.CLINIC_TIME_ZONE,
        "alert": alert,
        "policy_words": _policy_words(alert),
        "table_words": critical_table().approval.words if alert.kind in READ_BACK_KINDS else "",
        "word": wording.severities[alert.severity],
        "happened": wording.kind.meaning,
        "to_do": wording.kind.to_do,
        "about": about_sentences(alert),
        "cleared": alert.state == State.CLEARED_UNACKED,
        "overtaken": _is_overtaken(alert),
        "all_told": plan_from_data(alert.plan).is_all_told(step=alert.step, loop=alert.loop),
        "was_decided": alert.kind not in WATCH_KINDS,
        "patient": alert.patient if person.has_perm("labs.view_patient") else None,
        "values": values,
        "more_than": SHOWN if more_values else 0,
        "incident": alert.about.get("incident", "") if person.has_perm("courses.view_incident") else "",
        "departed": _departed(alert, person),
        "reasons": _reasons(alert.decision),
        "missing": alert.decision.answer.get("missing", []) if alert.decision else [],
        "orders": _orders(alert.decision),
        "held": _held(alert) if person.has_perm("labs.view_quarantinedresult") else [],
        "changes": _changes(alert) if person.has_perm("labs.view_result") else [],
        "told": _told(alert),
        "events": told_in_words(events),
        "seen_event": seen_event,
        "empty_roles": events[0].detail.get("roles", []) if events else [],
        "next_roles": _next_roles(alert),
        "acknowledgement": alert.acknowledgements.select_related("person").last(),
        "may_acknowledge": alert.needs_somebody and may_acknowledge(person, alert),
        **acts_context(alert, person, seen_event=seen_event, sent=sent),
    }


def _is_overtaken(alert: Alert) -> bool:
    """Whether a newer decision of its course stands, so that what it asked for is not to be done any more."""
    return alert.cause_gone_at is not None or (
        alert.state == State.CLEARED_UNACKED and alert.kind in DECISION_KINDS
    )


def _policy_words(alert: Alert) -> str:
    """The version that the alert follows, and who approved it where that is still the version in force."""
    approval = policy().approval
    if alert.policy_version == policy().edition:
        return approval.words
    return f"version {alert.policy_version}, with which it began; another one is followed now"


def _departed(alert: Alert, person: User) -> str:
    """What departed from the directive, from the row itself, for those who read such rows."""
    for name, rows in (("infusion", Infusion.objects), ("administration", Administration.objects)):
        if name in alert.about and person.has_perm(f"courses.view_{name}"):
            return str(rows.values_list("deviation", flat=True).get(pk=alert.about[name]))
    return ""


def _reasons(decision: Decision | None) -> list[dict[str, Any]]:
    """Why: each acting reason of the decision as its answer holds it; notes stay on the course's page."""
    answer = decision.answer if decision else {}
    return [reason for reason in answer.get("reasons", []) if reason.get("action") != "proceed"]


def _orders(decision: Decision | None) -> QuerySet[OrderEvent] | list[OrderEvent]:
    """What was done to the cycle's orders when the decision was made."""
    if decision is None:
        return []
    return OrderEvent.objects.filter(decision__in=[decision.pk, decision.verdict_origin_id]).select_related(
        "order__cycle"
    )


def _held(alert: Alert) -> QuerySet[QuarantinedResult] | list[QuarantinedResult]:
    """What else from the same laboratory waits for a person."""
    if alert.message is None:
        return []
    return (
        QuarantinedResult.objects.filter(
            state=QuarantinedResult.State.OPEN,
            message__sender=alert.message.sender,
            message__msh3=alert.message.msh3,
            message__msh4=alert.message.msh4,
        )
        .select_related("patient")
        .order_by("-opened_at")[:HELD_SHOWN]
    )


def _changes(alert: Alert) -> list[ChangedResult]:
    """The values that were signed on, beside what stands now; only of this alert's course."""
    if alert.kind != Kind.RESULT_CHANGED or alert.message is None:
        return []
    found = changed_results(alert.message, decision=alert.decision)
    return [change for change in found if change.decision.course_id == alert.course_id]


def _told(alert: Alert) -> QuerySet[Notification]:
    """Who was owed a mail, and how each attempt went."""
    return alert.notifications.select_related("person").prefetch_related("attempts")


def _next_roles(alert: Alert) -> tuple[str, ...]:
    """Who is told next if nobody acknowledges."""
    steps = plan_from_data(alert.plan).steps
    return steps[min(alert.step, len(steps) - 1)].audience
