"""Lay an answer out as a page of plain text, in the order in which a physician checks it by hand."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from textwrap import wrap
from typing import Any

from courses.rules.activity import both_units
from courses.rules.values import Purpose
from courses.rules.wording import day_words, measured, unit_words

WIDTH = 100
_TESTS = {"below": "below", "at_most": "at or below", "above": "above", "at_least": "at or above"}
_UNKNOWN = "not known"
_MET = {True: "yes", False: "no", None: _UNKNOWN}
_ACTIONS = {
    "proceed": "PROCEED: the protocol lets cycle {cycle} be given at full activity",
    "reduce": "REDUCE: the protocol lets cycle {cycle} be given at reduced activity",
    "hold": "HOLD: cycle {cycle} cannot be judged, do not give it",
    "delay": "DELAY: do not give cycle {cycle} now",
    "stop": "STOP: end the course for good, do not give cycle {cycle}",
}
_PURPOSES = {
    Purpose.TRIGGER: "",
    Purpose.RESOLUTION: "over when ",
    Purpose.RETURN: "back when ",
    Purpose.EXCEPTION: "explained by ",
    Purpose.VALIDITY: "",
}
_FACTS = {
    "pregnancy": "pregnancy",
    "sstr_imaging": "somatostatin receptor imaging",
    "analogue_injections": "somatostatin analogue injections",
    "allergy_review": "allergies and earlier reactions",
    "disease_flags": "heart failure, dialysis, anticoagulation",
    "interruptions": "intercurrent illness and surgery",
}


def text_answer(found: dict[str, Any], *, patient: str, today: date) -> str:
    """The page: `found` is the JSON answer, `patient` a line on the patient, `today` the day of judging."""
    acting = [reason for reason in found["reasons"] if reason["action"] != "proceed"]
    notes = [reason for reason in found["reasons"] if reason["action"] == "proceed"]
    lines = [
        *_head(found, patient, today),
        *_section("WHY", _reasons(acting) if acting else ["  No rule asks for anything else."]),
        *_section("WHAT IS MISSING, AND ITS CURE", _missing(found)),
        *_section("WHAT WOULD RELEASE THE CYCLE", _release(found)),
        *_section("TO BE CONFIRMED BY A PHYSICIAN BEFORE SIGNING", _to_confirm(found)),
        *_section("NOTES", _reasons(notes)),
        *_section("COURSE SO FAR", _memory(found)),
        *_section("GRADES", _grades(found)),
        *_section("RULES THAT ARE SILENT, AND WHY", _silent(found)),
        *_section("NOT CONSIDERED", [f"  {_FACTS.get(name, name)}" for name in found["not_considered"]]),
        *_section("PROTOCOL", _protocol(found)),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A title with its lines; nothing where there are none."""
    found = list(lines)
    if found:
        yield from ["", title, "-" * len(title), *found]


def _folded(text: str, *, first: str = "  ", rest: str = "    ") -> list[str]:
    return wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=True,
        break_on_hyphens=False,
    )


def _head(found: dict[str, Any], patient: str, today: date) -> Iterator[str]:
    yield "RECOMMENDATION OF THE PROTOCOL (it supports the physician, it does not decide)"
    yield "=" * WIDTH
    yield f"Patient     {patient}"
    planned = "no planned day" if found["planned_on"] is None else f"planned for {_day(found['planned_on'])}"
    yield f"Cycle       {found['cycle']}, {planned}; judged on {day_words(today)}{_judged_for(found, today)}"
    if found["window"] is not None:
        yield f"Window      {_day(found['window']['earliest'])} to {_day(found['window']['latest'])}"
    yield f"Action      {_ACTIONS[found['action']].format(cycle=found['cycle'])}"
    if found["awaiting_labs"]:
        yield "            nothing holds but evidence that is not yet due"
    activity = found["activity_gbq"]
    yield f"Activity    {'none' if activity is None else both_units(Decimal(activity))}"


def _judged_for(found: dict[str, Any], today: date) -> str:
    day = found["judged_for"]
    return "" if day in (None, today.isoformat()) else f" for {_day(day)}"


def _reasons(reasons: list[dict[str, Any]]) -> Iterator[str]:
    """Each reason with its comparisons, threshold, release and source."""
    for reason in reasons:
        word = "note" if reason["action"] == "proceed" else reason["action"].upper()
        yield from _folded(f"{word} [{reason['rule']}] {reason['sentence']}")
        told: set[str] = set()  # where a number came from is told once for each reason
        for comparison in reason["comparisons"]:
            yield from _comparison(comparison, told)
        for item in reason["evidence"]:
            if item.get("kind") in ("adverse event", "recorded fact"):
                yield from _folded(_fact(item), first="    - ", rest="      ")
        yield from _folded(f"Threshold: {reason['threshold']}", first="    ", rest="      ")
        yield from _folded(f"Source: {reason['source']}", first="    ", rest="      ")


def _comparison(item: dict[str, Any], told: set[str]) -> list[str]:
    """- Platelets 60 ×10^9/L (4 May 2026, 06:00 UTC) below 75: yes; 15 ×10^9/L below 75."""
    unit = {"d": "days", "a": "years"}.get(item["unit"], unit_words(item["unit"]))
    at = f" ({_instant(item['collected_at'])})" if "collected_at" in item else ""
    purpose = _PURPOSES[Purpose(item.get("purpose", "trigger"))]
    value = item["value"] if item["value"] == _UNKNOWN else measured(item["value"], unit)
    text = f"{purpose}{item['quantity']} {value}{at} "
    text += f"{_TESTS[item['test']]} {item['limit']}: {_MET[item['met']]}"
    if item["value"] == item["limit"] == _UNKNOWN:
        text = f"{purpose}{item['quantity']}: {_UNKNOWN}"
    more = [item.get("to_limit"), item.get("to_next_grade")]
    text += "".join(f"; {words}" for words in more if words)
    lines = _folded(text, first="    - ", rest="      ")
    for name, words in (("value", item.get("value_from")), ("limit", item.get("limit_from"))):
        if words and words not in told:
            told.add(words)
            lines += _folded(f"{name}: {words}", first="      ", rest="        ")
    return lines


def _fact(item: dict[str, Any]) -> str:
    days = [_day(item[key]) for key in ("on", "until") if item.get(key)]
    return (
        f"{item['name']}: {item['value']}, {' to '.join(days)}"
        if days
        else f"{item['name']}: {item['value']}"
    )


def _missing(found: dict[str, Any]) -> Iterator[str]:
    """Each cause once, with what cures it."""
    causes: dict[tuple[str, str], list[str]] = {}
    for gap in found["missing"]:
        due = "" if gap["due_on"] is None else f" (due by {_day(gap['due_on'])})"
        causes.setdefault((gap["rule"], gap["why"]), []).append(f"{gap['resolve']}{due}")
    for (rule, why), cures in causes.items():
        yield from _folded(f"[{rule}] {why}")
        for cure in cures:
            yield from _folded(f"-> {cure}", first="    ", rest="       ")


def _release(found: dict[str, Any]) -> Iterator[str]:
    for number, text in enumerate(found["release"], start=1):
        yield from _folded(f"{number}. {text}", rest="     ")
    if found["release"] and found["action"] != "stop":
        day = "not known" if found["release_on"] is None else _day(found["release_on"])
        yield f"  Earliest day the cycle could be given: {day}"


def _to_confirm(found: dict[str, Any]) -> Iterator[str]:
    for occurrence in found["to_confirm"]:
        yield from _folded(f"[{occurrence['rule']}] {occurrence['sentence']}")


def _memory(found: dict[str, Any]) -> Iterator[str]:
    """Cycles given, the activity level, and the delay with its limit."""
    for cycle in found["cycles"]:
        place = f" at {cycle['elsewhere']}" if "elsewhere" in cycle else ""
        given = f"{_day(cycle['on'])}  {both_units(Decimal(cycle['activity_gbq']))}{place}"
        yield f"  cycle {cycle['number']}  {given}"
    if found["activity_level"] is not None:
        yield from _folded(f"activity level: {found['activity_level']}; {found['activity_level_why']}")
    delay = found["delay"]
    if delay is not None:
        yield (
            f"  planned {delay['days']} days after the nominal day, "
            f"{delay['toxicity_days']} of them by toxicity"
        )
    if delay is not None and found["stops_on"] is not None:
        yield (
            f"  day {found['clock_day']} of {delay['limit_days']} of a delay by toxicity, "
            f"counted from {_day(delay['counted_from'])}"
        )
        yield f"  an unresolved toxicity stops the course on {_day(found['stops_on'])}"


def _grades(found: dict[str, Any]) -> Iterator[str]:
    """Each graded term, and below it what another version of the criteria says where it differs."""
    others = {line["term"]: line for line in found["grade_differences"]}
    graded = {line["term"] for line in found["grades"]}
    for line in found["grades"]:
        grade = _grade(line["grade"], line.get("ungradable"))
        on = "" if line["collected_on"] is None else f", {_day(line['collected_on'])}"
        yield from _folded(f"{line['term']}: {grade} (CTCAE {line['version']}{on})")
        if "remark" in line:
            yield f"    {line['remark']}"
        other = others.get(line["term"])
        if other is not None:
            words = _grade(other["other_grade"], None)
            yield f"    differs in CTCAE {other['other_version']}: {other['other_term']}, {words}"
    for term, other in others.items():
        if term not in graded:
            words = _grade(other["other_grade"], None)
            yield f"  {term}: not graded by CTCAE {other['version']}; CTCAE {other['other_version']}: {words}"


def _grade(grade: int | None, why: str | None) -> str:
    if grade is not None:
        return f"grade {grade}"
    return f"no single grade: {why}" if why else "no single grade"


def _silent(found: dict[str, Any]) -> Iterator[str]:
    """What was compared one by one; rules that made no comparison together, by why."""
    plain_ones: dict[str, list[str]] = {}
    for rule in found["silent"]:
        if not rule.get("comparisons"):
            plain_ones.setdefault(rule["why"], []).append(f"[{rule['rule']}] {rule['name']}")
            continue
        yield from _folded(f"[{rule['rule']}] {rule['name']}: {rule['why']}")
        for item in rule["comparisons"]:
            if "value_from" in item and "collected_at" in item:
                yield from _folded(f"value: {item['value_from']}", first="      ", rest="        ")
            if "limit_from" in item:
                yield from _folded(f"limit: {item['limit_from']}", first="      ", rest="        ")
    for why, rules in plain_ones.items():
        yield from _folded(f"{why[0].upper()}{why[1:]}: {'; '.join(rules)}")


def _protocol(found: dict[str, Any]) -> Iterator[str]:
    yield f"  {found['protocol']['id']}"
    yield f"  sha256 {found['protocol']['sha256']}"
    yield f"  engine {found['engine']}"


def _day(text: str) -> str:
    return day_words(date.fromisoformat(text))


def _instant(text: str) -> str:
    instant = datetime.fromisoformat(text).astimezone(UTC)
    return f"{day_words(instant.date())}, {instant:%H:%M} UTC"
