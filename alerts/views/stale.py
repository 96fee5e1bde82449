"""The answer to an act on an alert that is no longer what the page showed: both versions, side by side."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from alerts.history import Standing, standing_after
from alerts.inbox import STATE_WORDS
from alerts.library import policy
from alerts.models import Alert
from alerts.models.alert import EventKind
from alerts.views.event_words import name_of, told_in_words
from courses.models import Decision
from labs.templatetags.clinic_text import instant

_UNTOLD = (EventKind.VIEWED,)


def stale_page(request: HttpRequest, alert: Alert, *, seen_event: int, sentence: str) -> HttpResponse:
    """What was read, what stands now, and what happened in between; nothing was done."""
    events = list(alert.events.select_related("actor"))
    before, after = standing_after(events, last=seen_event), standing_after(events)
    since = [event for event in events if event.pk > seen_event and event.kind not in _UNTOLD]
    context: dict[str, Any] = {
        "clinic": settings.CLINIC_NAME,
        "alert": alert,
        "sentence": sentence,
        "rows": list(_compared(before, after, _decisions(before, after))),
        "since": told_in_words(since),
    }
    return render(request, "alerts/stale.html", context, status=409)


def _decisions(*standings: Standing) -> dict[int, Decision]:
    wanted = [each.decision for each in standings if each.decision is not None]
    return {row.pk: row for row in Decision.objects.filter(pk__in=wanted)}


def _compared(
    before: Standing, after: Standing, decisions: dict[int, Decision]
) -> Iterator[tuple[str, str, str]]:
    levels = policy().words
    yield "Severity", levels.get(before.severity or 0, "–"), levels.get(after.severity or 0, "–")
    yield "State", STATE_WORDS[before.state.value], STATE_WORDS[after.state.value]
    yield "Who has it", _holder(before.holder), _holder(after.holder)
    if decisions:
        yield "Decision", _decided(before, decisions), _decided(after, decisions)


def _holder(person: User | None) -> str:
    return name_of(person) if person else "nobody"


def _decided(standing: Standing, decisions: dict[int, Decision]) -> str:
    decision = decisions.get(standing.decision or 0)
    return f"{decision.action}, made {instant(decision.made_at)}" if decision else "–"
