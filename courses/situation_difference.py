"""What lies between two situations beside laboratory results, in short lines for whoever read the older."""

from collections.abc import Iterator, Mapping
from typing import Any

from courses.situation_facts import PERITONEAL
from labs.templatetags.clinic_text import day, number

_LISTS = {
    "weights": "body weight",
    "cycles": "administration",
    "uncounted_parts": "part that does not count",
    "adverse_events": "adverse event",
    "delays": "delay",
    "support": "transfusion or growth factor",
    "manual_grades": "grade given by a person",
    "attributions": "attribution",
    "occurrence_reviews": "review of an occurrence",
    "precautionary_holds": "precautionary hold",
    "overrides": "override of a rule",
    "waivers": "waiver of evidence",
}
_FACTS = {
    "pregnancy": "pregnancy",
    "sstr_imaging": "receptor imaging",
    "analogue_injections": "analogue injection",
    "allergy_review": "allergy review",
    "interruptions": "illness or operation",
    "prior_treatment": "earlier treatment",
}
_UNSAID = ("ref", "values")
Situation = Mapping[str, Any]


def other_changes(before: Situation, after: Situation) -> list[str]:
    """One line for each thing that came, went or moved, other than a laboratory result."""
    old, new = before.get("facts") or {}, after.get("facts") or {}
    return [
        *_moved_day(before, after),
        *(
            line
            for key, name in _LISTS.items()
            for line in _list_changes(name, before.get(key), after.get(key))
        ),
        *(line for key, name in _FACTS.items() for line in _list_changes(name, old.get(key), new.get(key))),
        *_flag_changes(old.get("disease_flags") or {}, new.get("disease_flags") or {}),
        *_peritoneal_change(old, new),
        *_protocol_change(before, after),
    ]


def _moved_day(before: Situation, after: Situation) -> Iterator[str]:
    old, new = before.get("planned_on"), after.get("planned_on")
    if old != new and old and new:
        yield f"The planned day was moved from {day(old)} to {day(new)}"


def _peritoneal_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = old.get(PERITONEAL), new.get(PERITONEAL)
    if before != after:
        said = {True: "yes", False: "no", None: "not known"}
        yield f"Peritoneal or mesenteric disease: from {said[before]} to {said[after]}"


def _protocol_change(before: Situation, after: Situation) -> Iterator[str]:
    old, new = before.get("protocol"), after.get("protocol")
    if old != new and old and new:
        yield f"The course was moved from protocol {old} to {new}"


def _changes_of(names: Mapping[str, str], before: Situation, after: Situation) -> Iterator[str]:
    for key, name in names.items():
        yield from _list_changes(name, before.get(key), after.get(key))


def _list_changes(name: str, before: list[Any] | None, after: list[Any] | None) -> Iterator[str]:
    old, new = before or [], after or []
    for item in new:
        if item not in old:
            yield f"New: {name}, {_summary(item)}"
    for item in old:
        if item not in new:
            yield f"No longer counted: {name}, {_summary(item)}"


def _flag_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            name = key.replace("_", " ")
            yield f"{name[:1].upper()}{name[1:]}: {_word(old.get(key))} became {_word(new.get(key))}"


def _summary(item: Mapping[str, Any]) -> str:
    """The values of one record, without its reference."""
    said = (
        _said(key, value) for key, value in item.items() if key not in _UNSAID and value not in (None, "")
    )
    return ", ".join(said)


def _said(key: str, value: Any) -> str:
    if key in ("on", "from", "to", "day", "onset") and isinstance(value, str):
        return day(value)
    if key in ("kg", "activity_gbq", "administered_gbq"):
        return f"{number(str(value))} {'kg' if key == 'kg' else 'GBq'}"
    named = {"grade": "grade", "cycle": "cycle", "number": "cycle", "uptake": "uptake", "days": "days"}
    return f"{named[key]} {value}" if key in named else _word(value)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not recorded" if value is None else str(value).replace("_", " ")
