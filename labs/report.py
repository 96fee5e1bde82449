"""Show what is stored as plain values for the command line: a message's rows, a patient's results."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from labs.models import MessageOutcome, Observation, Patient, QuarantinedResult, Result
from labs.models.result import WITHDRAWN
from labs.same_person import numbers_of


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
            "state": "held",
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
    """A person's current results, newest first; with history also what was superseded, voided or held.

    Results filed under another number of the same person are among them.
    """
    numbers = numbers_of(patient.pk)
    results = (
        Result.objects.filter(patient__in=numbers).select_related("current").prefetch_related("versions")
    )
    waiting = QuarantinedResult.objects.unread_of(numbers).select_related("message")
    unread = {
        (row.message.sender, row.order_number, row.analyte, row.sub_id, row.collected_at): row.reason
        for row in waiting.defer("message__body")
    }
    found = [
        row
        for result in results
        for row in _versions(result, history=history, unread=unread.get(_identity(result), ""))
    ]
    if history:
        held = QuarantinedResult.objects.filter(patient__in=numbers, state="open")
        found += [_held(row) for row in held]
    return found


def _identity(result: Result) -> tuple[str, str, str, str, datetime]:
    return (result.sender, result.filler_order, result.analyte, result.sub_id, result.collected_at)


def _versions(result: Result, *, history: bool, unread: str) -> Iterator[dict[str, Any]]:
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
            "usable": is_current and result.is_usable and not unread,
            "version": row.version,
            "state": state,
            "reason": _reason(result, row, unread=unread),
        }


def _reason(result: Result, row: Observation, *, unread: str) -> str:
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
    if row.quality:
        return f"The specimen is marked: {', '.join(row.quality)}."
    if not row.is_usable:
        return f"The result is {row.status}, not final."
    return f"The laboratory stated it anew, and that waits for a person: {unread}" if unread else ""


def _held(row: QuarantinedResult) -> dict[str, Any]:
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
        "state": "held",
        "reason_code": row.reason_code,
        "reason": row.reason,
        "sent": row.sent,
    }


def _number(value: Decimal | None) -> str | None:
    """Without exponent and without trailing zeros."""
    return None if value is None else f"{value.normalize():f}"


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()
