"""What a recorded decision says in a line or two: why it acts, what is missing, and what would end it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from courses.rules.order_states import OrderKind
from courses.rules.pregnancy import PREGNANCY
from labs.library import by_loinc

_COLLECT = "collect "
NOT_ASSESSED = "SYS-"  # begins the rules of holds that faults of ours are recorded by


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """The draws and tests that a decision misses: their names, and the first day by which one is due."""

    names: tuple[str, ...]
    due_on: date | None
    # What would bring them in.
    kinds: tuple[OrderKind, ...]


def leading_reason(answer: Mapping[str, Any]) -> str:
    """The first sentence that explains the action; for a hold without one, the first thing missing."""
    action = answer.get("action")
    for reason in answer.get("reasons", []):
        if reason.get("action") == action:
            return str(reason.get("sentence", ""))
    missing = answer.get("missing", [])
    return str(missing[0].get("why", "")) if missing else ""


def what_ends_it(answer: Mapping[str, Any]) -> str:
    """What would end a hold or delay, as far as the decision knows it; like steps are told once."""
    alike: dict[str, list[str]] = {}
    for gap in answer.get("missing", []):
        name = _name(str(gap.get("code", "")))
        step = str(gap.get("resolve", ""))
        alike.setdefault(step.replace(name, "{}", 1) if name else step, []).append(name)
    # What is to be collected is told once, by the gaps.
    others = [str(each) for each in answer.get("release", []) if not str(each).startswith(_COLLECT)]
    known = {str(gap.get("resolve", "")) for gap in answer.get("missing", [])}
    told = [_sentence(each) for each in others if each not in known]
    return " ".join([*told, *(_step(step, names) for step, names in alike.items() if step)])


def is_unassessed(answer: Mapping[str, Any]) -> bool:
    """Whether a decision rests on nothing, because the course could not be assessed."""
    return any(str(reason.get("rule", "")).startswith(NOT_ASSESSED) for reason in answer.get("reasons", []))


def lacking(answer: Mapping[str, Any]) -> Lacking | None:
    """The draws and tests among what is missing; none where nothing of the kind is."""
    gaps = [gap for gap in answer.get("missing", []) if _name(str(gap.get("code", "")))]
    tests = [gap for gap in answer.get("missing", []) if gap.get("code") == PREGNANCY]
    if not gaps and not tests:
        return None
    due = [date.fromisoformat(str(gap["due_on"])) for gap in (*gaps, *tests) if gap.get("due_on")]
    names = [_name(str(gap["code"])) for gap in gaps] + ["pregnancy test"] * bool(tests)
    kinds = [OrderKind.LAB_DRAWS] * bool(gaps) + [OrderKind.PREGNANCY_TEST] * bool(tests)
    return Lacking(names=tuple(names), due_on=min(due, default=None), kinds=tuple(kinds))


def first_confirm(answer: Mapping[str, Any]) -> str:
    """What comes before a signature where the decision rests on an occurrence seen only between cycles."""
    if not answer.get("to_confirm"):
        return ""
    return (
        "A physician first says whether an occurrence seen only between cycles counts; then it can be signed."
    )


def _step(step: str, names: list[str]) -> str:
    """One thing to do as a sentence; from the third name on, how many instead of which."""
    which = " and ".join(names) if len(names) < 3 else f"these {len(names)} results"
    return _sentence(step.replace("{}", which, 1))


def _sentence(told: str) -> str:
    return f"{told[:1].upper()}{told[1:]}" + ("" if told.endswith(".") else ".")


def _name(code: str) -> str:
    analyte = by_loinc(code)
    return analyte.name if analyte else ""
