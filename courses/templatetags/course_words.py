"""Template filters and tags for the words of a course: actions, states, activities, reason codes."""

from decimal import Decimal
from typing import Any

from django import template
from django.contrib.auth.models import User

from courses.day_data import STEPS, Asked, Shape
from courses.decision_words import leading_reason
from courses.left_out import left_out_words
from courses.models import TherapyStep
from courses.reason_words import why_of_order, why_sentence
from courses.rules.activity import both_units
from courses.services.by_hand import may_be_done
from courses.services.leave_out import may_be_left_out
from labs.services.authority import printed_name
from labs.templatetags.clinic_text import NOTHING, birth, instant, unit

register = template.Library()
register.filter(leading_reason)
register.filter(left_out_words)
register.filter(may_be_done)
register.filter(may_be_left_out)
register.filter(why_of_order)
register.filter(why_sentence)

_ACTIONS = {
    "proceed": ("Proceed", "check_circle"),
    "reduce": ("Reduce", "arrow_circle_down"),
    "hold": ("Hold", "pause_circle"),
    "delay": ("Delay", "schedule"),
    "stop": ("Stop", "dangerous"),
    "waiting": ("Waiting", "hourglass_empty"),
    "none": ("Not assessed", "help"),
}
_COUNTED = {"d": "days", "a": "years"}
_SIGNED = {"proceed": "direct", "reduce": "reduce", "delay": "delay", "stop": "stop at"}
_TESTS = {"below": "below", "at_most": "at most", "above": "above", "at_least": "at least"}
_MET = {True: "yes", False: "no", None: "cannot be told"}
_PURPOSES = {
    "resolution": "To end the toxicity",
    "exception": "To explain the finding",
    "validity": "To trust the evidence",
}
_LEVELS = {
    "full": "full",
    "reduced": "reduced",
    "restored": "full again, after a reduced cycle that was tolerated",
    "stopped": "none: the course is stopped",
}
_STEP_STATES = {
    "done": ("Done", "check_circle"),
    "due": ("Due", "radio_button_unchecked"),
    "waiting": ("Waiting", "hourglass_empty"),
    "blocked": ("Blocked", "block"),
    "warning": ("Warning", "warning"),
    "not_needed": ("Not needed", "remove"),
    "overdue": ("Overdue", "event_busy"),
}
# Answers of what ends a day that are stored as a code.
_CODED = ("reason", "vial")
_STATES = {
    "proposed": "edit_note",
    "active": "check_circle",
    "suspended": "pause_circle",
    "accepted": "inventory",
    "prepared": "science",
    "dispensed": "local_shipping",
    "done": "task_alt",
    "cancelled": "cancel",
    "void": "block",
    "called_back": "undo",
}


@register.inclusion_tag("courses/_badge.html")
def action_badge(action: str) -> dict[str, str]:
    """An action as a word with its icon."""
    word, icon = _ACTIONS.get(action, (action, "help"))
    return {"kind": action, "word": word, "icon": icon}


@register.filter
def counted_unit(text: str) -> str:
    """A unit as people write it, and what is counted in words: `3 days`, `65 years`."""
    return _COUNTED.get(text) or unit(text)


@register.filter
def action_word(action: str) -> str:
    """An action as a word."""
    return _ACTIONS.get(action, (action, ""))[0]


@register.filter
def signed_words(meaning: str) -> str:
    """What a signature's meaning says of a cycle, as a verb."""
    return _SIGNED.get(meaning, meaning)


@register.filter
def step_word(state: str) -> str:
    """How a step of a day stands, as a word."""
    return _STEP_STATES.get(state, (words(state), ""))[0]


@register.filter
def key_words(key: str) -> str:
    """A key of a data file as words: `stay.hours` becomes `Stay: hours`."""
    return words(key).replace(".", ": ").capitalize()


@register.inclusion_tag("courses/_badge.html")
def state_badge(state: str) -> dict[str, str]:
    """An order's state as a word with its icon."""
    return {"kind": state, "word": words(state).capitalize(), "icon": _STATES.get(state, "help")}


@register.inclusion_tag("courses/_badge.html")
def step_badge(state: str) -> dict[str, str]:
    """How a step of a day stands, as a word with its icon."""
    word, icon = _STEP_STATES.get(state, (words(state), "help"))
    return {"kind": f"step-{state}", "word": word, "icon": icon}


@register.filter
def part_icon(state: str) -> str:
    """The icon of how a part of a therapy stands; its words stand beside it."""
    return _STEP_STATES[state][1]


@register.filter
def step_words(step: TherapyStep) -> str:
    """What an entry of a day says, in the words it was asked in: its answers, without the computed ones."""
    known = next((row.asked for kind, row in STEPS.items() if kind.value == step.kind), ())
    asked = {each.key: each for each in known}
    shown = {key: value for key, value in step.data.items() if key != "gbq" and value not in ("", [], None)}
    return "; ".join(_answer_words(key, value, asked.get(key)) for key, value in shown.items())


def _answer_words(key: str, value: Any, asked: Asked | None) -> str:
    """One answer: a choice by its words, a time on the clinic's clock, all else as it was entered."""
    if asked is not None and asked.shape is Shape.CHOICE:
        return f"{asked.label}: {asked.choices.get(value, value)}"
    if asked is not None and asked.shape is Shape.INSTANT:
        return f"{words(key)}: {instant(value)}"
    if asked is not None and asked.shape is Shape.DAY:
        return f"{words(key)}: {birth(value)}"
    if key in _CODED:
        return f"{words(key)}: {words(value)}"
    return f"{words(key)}: {', '.join(value) if isinstance(value, list) else value}"


@register.filter
def person_name(user: User) -> str:
    """Somebody's name as it is printed; the log-in name where none is known."""
    return printed_name(user)


@register.filter
def activity(gbq: Decimal | str | None) -> str:
    """An activity in both units: `7.4 GBq (200 mCi)`."""
    if gbq is None or gbq == "":
        return NOTHING
    return both_units(Decimal(gbq))


@register.filter
def activity_or_none(gbq: Decimal) -> str:
    """An activity in both units, also where it is none: `0 GBq`."""
    return both_units(gbq) if gbq else "0 GBq"


@register.filter
def words(code: str) -> str:
    """A code as words: `steroid_cover` becomes `steroid cover`."""
    return str(code).replace("_", " ").replace("-", " ").replace("sstr", "SSTR")


@register.filter
def item_words(item: Any) -> str:
    """One line of an order's items, as the protocol states it."""
    if not isinstance(item, dict):
        return str(item)
    given = {key: value for key, value in item.items() if value not in ("", None)}
    named = [f"{words(key)} {value}" for key, value in given.items() if key not in ("product", "text")]
    parts = [str(given["product"])] if "product" in given else []
    line = ", ".join([*parts, *named])
    return ". ".join(part for part in (line, str(given.get("text", ""))) if part)


@register.filter
def compared(test: str) -> str:
    """How a value was compared with its limit."""
    return _TESTS.get(test, words(test))


@register.filter
def met_words(met: bool | None) -> str:
    """Whether a comparison holds; not knowing is an answer of its own."""
    return _MET[met]


@register.filter
def purpose_words(purpose: str) -> str:
    """What a comparison other than the acting one was made for."""
    return _PURPOSES.get(purpose, words(purpose).capitalize())


@register.filter
def level_words(level: str) -> str:
    """What the cycles and toxicities so far leave of the activity."""
    return _LEVELS.get(level, words(level))


@register.filter
def grade_words(grade: int | None) -> str:
    """A grade, or that there is none."""
    return "not gradable" if grade is None else f"grade {grade}"
