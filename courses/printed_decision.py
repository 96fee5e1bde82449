"""What a printed decision says beside its stored answer: allergies, and silent rules in few lines."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from courses.fact_words import ALLERGY
from courses.rules.facts import ALLERGY_ORDER, AllergyFinding
from courses.rules.wording import day_words
from labs.templatetags.clinic_text import analyte_name

Line = Mapping[str, Any]
_NAME = "\0"  # stands for the name while lines are compared; no stored text holds it


def allergy_line(situation: Line) -> str:
    """The newest review of allergies the decision knew of; not knowing is said, never left out."""
    reviews = situation.get("facts", {}).get("allergy_review") or []
    newest = max(
        reviews,
        key=lambda each: (each["on"], ALLERGY_ORDER.index(AllergyFinding(each["finding"]))),
        default=None,
    )
    if newest is None:
        return "not recorded"
    words = ALLERGY[AllergyFinding(newest["finding"])]
    return f"{words}, reviewed {day_words(date.fromisoformat(newest['on']))}"


def missing_groups(missing: Iterable[Line]) -> list[dict[str, str]]:
    """What lacks for one reason and is cured alike stands on one line, with every name."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for gap in missing:
        name = analyte_name(gap["code"])
        cure = str(gap["resolve"]).replace(name, _NAME)
        key = (str(gap.get("rule", "")), str(gap["why"]), cure, gap.get("due_on") or "")
        found.setdefault(key, []).append(name)
    return [
        {
            "names": ", ".join(names),
            "rule": rule,
            "why": why,
            "resolve": cure.replace(_NAME, ", ".join(names)),
            "due_on": due_on,
        }
        for (rule, why, cure, due_on), names in found.items()
    ]


def silent_groups(silent: Iterable[Line]) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Rules that compared something, one line each or several together; all others by their why."""
    compared: list[dict[str, Any]] = []
    plain: dict[str, dict[str, list[str]]] = {}
    for rule in silent:
        if not rule.get("comparisons"):
            family, _, term = str(rule["name"]).partition(": ")
            terms = plain.setdefault(str(rule["why"]), {}).setdefault(f"[{rule['rule']}] {family}", [])
            terms += [term] if term else []
            continue
        # Of the age of results each quantity says whose it is.
        is_named = all(each["quantity"].startswith(str(rule["name"])) for each in rule["comparisons"])
        last = compared[-1] if compared else None
        if is_named and last is not None and last["rule"] == rule["rule"] and not last["name"]:
            last["comparisons"] += rule["comparisons"]
        else:
            name = "" if is_named else rule["name"]
            line = {"rule": rule["rule"], "name": name, "comparisons": list(rule["comparisons"])}
            compared.append(line)
    return compared, {
        why: [f"{family}: {', '.join(terms)}" if terms else family for family, terms in rules.items()]
        for why, rules in plain.items()
    }


def grade_groups(grades: Iterable[Line]) -> list[dict[str, Any]]:
    """What was graded alike on one day stands on one line, with every term; the worst first."""
    found: dict[tuple[Any, str, Any, str], list[str]] = {}
    for line in grades:
        why = str(line.get("ungradable", "")) if line["grade"] is None else ""
        key = (line["grade"], why, line.get("collected_on"), str(line["version"]))
        found.setdefault(key, []).append(str(line["term"]))
    # What nobody can grade is what a reader must see first.
    ordered = sorted(found.items(), key=lambda item: -99 if item[0][0] is None else -item[0][0])
    return [
        {"grade": grade, "why": why, "on": on, "version": version, "terms": ", ".join(terms)}
        for (grade, why, on, version), terms in ordered
    ]
