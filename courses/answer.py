"""Word a recommendation as the JSON answer other programs and stored decisions rely on."""

from datetime import date
from decimal import Decimal
from typing import Any

from courses import library
from courses.rules.values import (
    Evidence,
    EvidenceKind,
    GradeLine,
    MissingEvidence,
    Reason,
    Recommendation,
)
from labs.library import analytes


def answer(recommendation: Recommendation, *, sha256: str) -> dict[str, Any]:
    """The answer of contracts §2: every number as an exact decimal string, every day as ISO text."""
    found = recommendation
    window, delay = found.window, found.delay
    return {
        "action": found.action.word,
        "cycle": found.cycle,
        "activity_gbq": None if found.activity_gbq is None else _plain(found.activity_gbq),
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
        "stops_on": _day(found.stops_on),
        "awaiting_labs": found.awaiting_labs,
        "labs_due": _day(found.labs_due),
        "not_considered": list(found.not_considered),
        "protocol": {"id": found.protocol_id, "sha256": sha256},
        "engine": library.engine(),
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
    }


def _evidence(item: Evidence) -> dict[str, Any]:
    """A lab as contracts §2 shows it; anything else says what kind it is."""
    found: dict[str, Any] = {"code": item.code, "value": item.value, "unit": item.unit}
    found["collected_at"] = None if item.collected_at is None else item.collected_at.isoformat()
    if item.kind is not EvidenceKind.LAB:
        found |= {"kind": item.kind.value, "name": item.name, "on": _day(item.on)}
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
    return found


def _plain(number: Decimal) -> str:
    """Without exponent or trailing zeros: 7.4, not 7.400 or 74E-1."""
    return f"{number.normalize():f}"


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
