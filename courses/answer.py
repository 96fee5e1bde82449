"""Word a recommendation as the JSON answer other programs and stored decisions rely on."""

from datetime import date
from typing import Any

from courses import library
from courses.rules.decimals import plain
from courses.rules.values import (
    Comparison,
    Evidence,
    EvidenceKind,
    GivenCycle,
    GradeDifference,
    GradeLine,
    MissingEvidence,
    Purpose,
    Reason,
    Recommendation,
    SilentRule,
    ToConfirm,
)
from labs.library import analytes


def answer(recommendation: Recommendation, *, sha256: str) -> dict[str, Any]:
    """What other programs read: every number as an exact decimal string, every day as ISO text."""
    return (
        _verdict(recommendation)
        | _explanation(recommendation)
        | {
            "protocol": {"id": recommendation.protocol_id, "sha256": sha256},
            "engine": library.engine(),
        }
    )


def _verdict(found: Recommendation) -> dict[str, Any]:
    """The action and the dates it rests on, why, and what is missing."""
    window, delay = found.window, found.delay
    return {
        "action": found.action.word,
        "cycle": found.cycle,
        "activity_gbq": None if found.activity_gbq is None else plain(found.activity_gbq),
        "planned_on": _day(found.planned_on),
        "window": None
        if window is None
        else {"earliest": window.earliest.isoformat(), "latest": window.latest.isoformat()},
        "reasons": [_reason(reason) for reason in found.reasons],
        "missing": [_missing(gap) for gap in found.missing],
        "grades": [_grade(line) for line in found.grades],
        "delay": None
        if delay is None
        else {
            "days": delay.days,
            "toxicity_days": delay.toxicity_days,
            "limit_days": delay.limit_days,
            "counted_from": delay.counted_from.isoformat(),
        },
        # Beside the delay, whose shape other programs rely on: how many days of its limit have passed.
        "clock_day": None if delay is None else delay.day,
        "stops_on": _day(found.stops_on),
        "awaiting_labs": found.awaiting_labs,
        "labs_due": _day(found.labs_due),
        "not_considered": list(found.not_considered),
    }


def _explanation(found: Recommendation) -> dict[str, Any]:
    """What a reader needs beside the reasons to reach the same verdict by hand."""
    return {
        "release": list(found.release),
        "release_on": _day(found.release_on),
        "activity_level": None if found.activity_level is None else found.activity_level.value,
        "activity_level_why": found.activity_level_why,
        "silent": [_silent(rule) for rule in found.silent],
        "grade_differences": [_difference(line) for line in found.grade_differences],
        "to_confirm": [_to_confirm(occurrence) for occurrence in found.to_confirm],
        "judged_for": _day(found.judged_for),
        "cycles": [_cycle(cycle) for cycle in found.given],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "rule": reason.rule,
        "action": reason.action.word,
        "occurrence": None if reason.occurrence is None else reason.occurrence.value,
        "sentence": reason.sentence,
        "evidence": [_evidence(item) for item in reason.evidence],
        "threshold": reason.threshold,
        "source": reason.source,
        "comparisons": [_comparison(item) for item in reason.comparisons],
        "release": reason.release,
        "release_on": _day(reason.release_on),
    }


def _comparison(item: Comparison) -> dict[str, Any]:
    """One comparison; what it does not have is left out, and a purpose other than to act is named."""
    found: dict[str, Any] = {
        "quantity": item.quantity,
        "value": item.value,
        "unit": item.unit,
        "test": item.test,
        "limit": item.limit,
        "met": item.met,
    }
    if item.purpose is not Purpose.TRIGGER:
        found["purpose"] = item.purpose.value
    if item.collected_at is not None:
        found["collected_at"] = item.collected_at.isoformat()
    for name in ("to_limit", "to_next_grade", "value_from", "limit_from"):
        if getattr(item, name):
            found[name] = getattr(item, name)
    return found


def _silent(rule: SilentRule) -> dict[str, Any]:
    found: dict[str, Any] = {"rule": rule.rule, "name": rule.name, "why": rule.why}
    if rule.comparisons:
        found["comparisons"] = [_comparison(item) for item in rule.comparisons]
    return found


def _difference(line: GradeDifference) -> dict[str, Any]:
    return {
        "term": line.term,
        "grade": line.grade,
        "version": line.version,
        "other_term": line.other_term,
        "other_grade": line.other_grade,
        "other_version": line.other_version,
    }


def _to_confirm(occurrence: ToConfirm) -> dict[str, Any]:
    return {
        "rule": occurrence.rule,
        "onset": occurrence.onset.isoformat(),
        "sentence": occurrence.sentence,
        "track": occurrence.track,
        "grade": occurrence.grade,
    }


def _cycle(cycle: GivenCycle) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": cycle.number,
        "on": cycle.on.isoformat(),
        "activity_gbq": plain(cycle.activity_gbq),
    }
    return found | ({"elsewhere": cycle.elsewhere} if cycle.elsewhere else {})


def _evidence(item: Evidence) -> dict[str, Any]:
    """A lab as contracts §2 shows it; anything else says what kind it is."""
    found: dict[str, Any] = {"code": item.code, "value": item.value, "unit": item.unit}
    found["collected_at"] = None if item.collected_at is None else item.collected_at.isoformat()
    if item.kind is not EvidenceKind.LAB:
        found |= {"kind": item.kind.value, "name": item.name, "on": _day(item.on)}
    if item.until is not None:
        found["until"] = item.until.isoformat()
    if item.ref:
        found["ref"] = item.ref
    return found


def _missing(gap: MissingEvidence) -> dict[str, Any]:
    """The LOINC code of an analyte, or the plain name of anything else that is missing."""
    analyte = analytes().get(gap.item)
    code = gap.item if analyte is None else analyte.loinc
    return {
        "code": code,
        "rule": gap.rule,
        "why": gap.why,
        "resolve": gap.resolve,
        "due_on": _day(gap.due_on),
    }


def _grade(line: GradeLine) -> dict[str, Any]:
    found: dict[str, Any] = {"term": line.term, "grade": line.grade, "version": line.version}
    if line.grade is None:
        found["ungradable"] = line.ungradable
    found["analyte"] = line.analyte
    found["collected_on"] = _day(line.collected_on)
    if line.remark:
        found["remark"] = line.remark
    return found


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
