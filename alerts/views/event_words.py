"""Say in words what happened to an alert; names of people, never of patients."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User

from alerts.library import policy
from alerts.models import AlertEvent
from alerts.models.alert import EventKind
from alerts.models.reach import REACHED_WORDS, WHOM_WORDS
from labs.templatetags.clinic_text import visible

Names = Mapping[int, str]
Detail = Mapping[str, Any]


def told_in_words(events: Iterable[AlertEvent]) -> list[tuple[AlertEvent, str]]:
    """Each event with its sentence. One query for the names of those who were told."""
    found = list(events)
    wanted = {person for event in found for person in _ids(event.detail)}
    names = {user.pk: name_of(user) for user in User.objects.filter(pk__in=wanted)}
    return [(event, _sentence(event, names)) for event in found]


def name_of(person: User) -> str:
    """The name people know."""
    return visible(person.get_full_name() or person.get_username())


def _ids(detail: Detail) -> list[int]:
    people = list(detail.get("people", []))
    return [*people, detail["person"]] if detail.get("person") else people


def _sentence(event: AlertEvent, names: Names) -> str:
    words = str(event.get_kind_display())
    said = _SAYINGS.get(EventKind(event.kind), _by_whom)(event.detail, names)
    by = name_of(event.actor) if event.actor else ""
    return ", ".join(part for part in (f"{words}: {said}" if said else words, by and f"by {by}") if part)


def _who(detail: Detail, names: Names) -> str:
    return ", ".join(names.get(person, "somebody") for person in _ids(detail))


def _by_whom(detail: Detail, names: Names) -> str:
    return ", ".join(detail.get("roles", []))


def _step(detail: Detail, names: Names) -> str:
    who, roles = _who(detail, names), ", ".join(detail.get("roles", []))
    return f"step {detail.get('step')}, {roles}" + (f" ({who})" if who else "")


def _worsened(detail: Detail, names: Names) -> str:
    before, after = (policy().words.get(detail.get(name, 0), "?") for name in ("from", "to"))
    return f"from {before} to {after}"


def _silenced(detail: Detail, names: Names) -> str:
    return f"{detail.get('minutes')} minutes, told {_who(detail, names)}"


def _called(detail: Detail, names: Names) -> str:
    whom = {each.value: words for each, words in WHOM_WORDS.items()}
    ended = {each.value: words for each, words in REACHED_WORDS.items()}
    return f"{whom.get(detail.get('whom', ''), 'somebody')}, {ended.get(detail.get('outcome', ''), '?')}"


# What an event says beside its kind and whoever did it.
_SAYINGS: Mapping[EventKind, Callable[[Detail, Names], str]] = {
    EventKind.STEP: _step,
    EventKind.EMPTY_STEP: _step,
    EventKind.WORSENED: _worsened,
    EventKind.ACCEPTED: _who,
    EventKind.REFUSED: _who,
    EventKind.HANDED_OVER: _who,
    EventKind.SUPPRESSED: _silenced,
    EventKind.CALLED: _called,
    EventKind.ESCALATED: lambda detail, names: str(detail.get("reason", "")),
    EventKind.CLOSED: lambda detail, names: str(detail.get("why", "")),
}
