"""Show what is stored as plain values for the command line: a message's rows, a patient's results."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from labs.formats.manual_form import UNVERIFIED
from labs.models import MessageOutcome, Observation, Patient, QuarantinedResult, Result
from labs.models.result import WITHDRAWN


def message_report(*, message_id: int) -> dict[str, Any]:
    """What became of one message, row by row."""
    outcome = MessageOutcome.objects.get(message_id=message_id)
    stored = [
        {
            "row": row.position,
            "column": row.part,
            "state": "stored",
            "analyte": row.analyte,
            "reason_code": "",
            "reason": "",
        }
        for row in Observation.objects.filter(message_id=message_id)
    ]
    held = [
        {
            "row": row.position,
            "column": row.part,
            "state": "held" if row.state == QuarantinedResult.State.OPEN else "resolved",
            "analyte": row.analyte,
            "reason_code": row.reason_code,
            "reason": row.reason,
        }
        for row in QuarantinedResult.objects.filter(message_id=message_id)
    ]
    return {
        "message": message_id,
        "state": outcome.state,
        "reason_code": outcome.reason_code,
        "reason": outcome.reason,
        "stored": outcome.stored,
        "unchanged": outcome.unchanged,
        "held": outcome.held,
        "notes": outcome.notes,
        "rows": sorted(stored + held, key=lambda row: (row["row"], row["column"])),
    }


def patient_results(*, patient: Patient, history: bool = False) -> list[dict[str, Any]]:
    """A patient's current results, newest first; with history also what was superseded, voided or held."""
    results = Result.objects.filter(patient=patient).select_related("current").prefetch_related("versions")
    found = [row for result in results for row in _versions(result, history=history)]
    if history:
        found += [_held(row) for row in _kept_apart(patient)]
    return found


def _versions(result: Result, *, history: bool) -> Iterator[dict[str, Any]]:
    rows = sorted(result.versions.all(), key=lambda row: row.version, reverse=True)
    for row in rows if history else [row for row in rows if row.pk == result.current_id]:
        is_current = row.pk == result.current_id
        withdrawn = row.status in WITHDRAWN
        if withdrawn and not history:
            continue
        state = "voided" if withdrawn else "current" if is_current else "superseded"
        yield {
            "analyte": row.analyte,
            "loinc": row.loinc,
            "value": _number(row.value),
            "comparator": row.comparator or None,
            "unit": row.unit,
            "collected_at": _instant(row.collected_at),
            "time_precision": row.time_precision,
            "status": row.status,
            "quality": row.quality,
            "ref_low": _number(row.ref_low),
            "ref_high": _number(row.ref_high),
            "usable": is_current and result.is_usable,
            "version": row.version,
            "state": state,
            "reason": _reason(result, row),
        }


def _reason(result: Result, row: Observation) -> str:
    """Why a version does not count, or may not clear a treatment; nothing where it may."""
    current = result.current
    if current is None or row.pk != current.pk:
        word = f"version {current.version} ({current.status})" if current else "another version"
        return f"It was replaced by {word}."
    if row.status in WITHDRAWN:
        asks = " It was stated again afterwards; ask the laboratory which counts."
        return f"The laboratory withdrew the result ({row.status})." + (asks if result.in_conflict else "")
    if result.in_conflict:
        return "Two results for one specimen and time differ, and neither is marked as the correction."
    if UNVERIFIED in row.quality:
        return "A person typed it, and nobody else has verified it against its source."
    if row.quality:
        return f"The specimen is marked: {', '.join(row.quality)}."
    return "" if row.is_usable else f"The result is {row.status}, not final."


def _kept_apart(patient: Patient) -> QuerySet[QuarantinedResult]:
    """What waits, and what two people rejected; what they read otherwise has become versions."""
    rejected = Q(resolutions__kind="reject", resolutions__verdict__confirmed=True)
    rows = QuarantinedResult.objects.filter(patient=patient)
    return rows.filter(Q(state="open") | rejected).order_by("pk").distinct()


def _held(row: QuarantinedResult) -> dict[str, Any]:
    is_open = row.state == QuarantinedResult.State.OPEN
    return {
        "analyte": row.analyte,
        "loinc": None,
        "value": None,
        "comparator": None,
        "unit": None,
        "collected_at": _instant(row.collected_at) if row.collected_at else None,
        "time_precision": None,
        "status": None,
        "quality": [],
        "ref_low": None,
        "ref_high": None,
        "usable": False,
        "version": None,
        "state": "held" if is_open else "rejected",
        "reason_code": row.reason_code,
        "reason": row.reason if is_open else f"{row.reason} {row.resolution}",
        "sent": row.sent,
    }


def _number(value: Decimal | None) -> str | None:
    """Without exponent and without trailing zeros."""
    return None if value is None else f"{value.normalize():f}"


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()
