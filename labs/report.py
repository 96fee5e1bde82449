"""Show what is stored as plain values for the command line: a message's rows, a patient's results."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from labs.formats.csv_write import write_table
from labs.formats.manual_form import UNVERIFIED
from labs.models import FileRows, MessageOutcome, Observation, Patient, QuarantinedResult, Result
from labs.models.result import WITHDRAWN
from labs.remedies import remedy
from labs.result_marks import Marked, marked_results
from labs.same_person import numbers_of

ROW_COLUMNS = ("row", "column", "state", "analyte", "reason_code", "reason", "remedy")
Row = dict[str, Any]


def message_report(*, message_id: int) -> dict[str, Any]:
    """What became of one message, row by row: stored, held, unchanged, no-result or empty."""
    outcome = MessageOutcome.objects.get(message_id=message_id)
    stored = Observation.objects.filter(message_id=message_id).values_list("position", "part", "analyte")
    held = QuarantinedResult.objects.filter(message_id=message_id).values_list(
        "position", "part", "state", "analyte", "reason_code", "reason"
    )
    is_open = QuarantinedResult.State.OPEN
    rows = [_row(row, part, "stored", analyte=analyte) for row, part, analyte in stored]
    rows += [
        _row(row, part, "held" if state == is_open else "resolved", analyte=analyte, why=(code, reason))
        for row, part, state, analyte, code, reason in held
    ]
    quiet = FileRows.objects.filter(message_id=message_id).first()
    rows += [_row(row, part, word) for row, part, word in (quiet.rows if quiet else ())]
    return {
        "message": message_id,
        "state": outcome.state,
        "reason_code": outcome.reason_code,
        "reason": outcome.reason,
        "remedy": remedy(outcome.reason_code),
        "stored": outcome.stored,
        "unchanged": outcome.unchanged,
        "held": outcome.held,
        "notes": outcome.notes,
        "rows": sorted(rows, key=lambda row: (row["row"], row["column"])),
    }


def refusal_report(code: str, reason: str) -> dict[str, Any]:
    """The report of a file that never became a message."""
    return {
        "state": MessageOutcome.State.REJECTED.value,
        "reason_code": code,
        "reason": reason,
        "remedy": remedy(code),
        "rows": [],
    }


def report_csv(report: dict[str, Any]) -> str:
    """The same report as a CSV file; the file as a whole stands first, as row 0."""
    whole = {"row": 0, "column": "", "analyte": "", **report}
    if report.get("known"):
        whole["reason"] = f"Taken in before: nothing changed. {report['reason']}".strip()
    elif report["rows"] and not report["reason"]:
        whole["reason"] = "{stored} stored, {unchanged} known already, {held} held".format(**report)
    rows = [whole, *report["rows"]]
    return write_table(ROW_COLUMNS, ([row[name] for name in ROW_COLUMNS] for row in rows))


def _row(row: int, column: str, state: str, *, analyte: str = "", why: tuple[str, str] = ("", "")) -> Row:
    """One line: `why` is the reason's code and sentence."""
    cells = (row, column, state, analyte, *why, remedy(why[0]))
    return dict(zip(ROW_COLUMNS, cells, strict=True))


def patient_results(*, patient: Patient, history: bool = False) -> list[dict[str, Any]]:
    """A person's current results, newest first; with history also what was superseded, voided or held.

    Results filed under another number of the same person are among them.
    """
    numbers = numbers_of(patient.pk)
    results = marked_results(numbers, with_versions=True)
    waiting = QuarantinedResult.objects.unread_of(numbers).select_related("message")
    unread = {
        (row.message.sender, row.order_number, row.analyte, row.sub_id, row.collected_at): row.reason
        for row in waiting.defer("message__body")
    }
    found = [
        row
        for each in results
        for row in _versions(
            each.result, history=history, beside=Beside(unread.get(_identity(each.result), ""), each)
        )
    ]
    if history:
        found += [_held(row) for row in _kept_apart(numbers)]
    return found


def _identity(result: Result) -> tuple[str, str, str, str, datetime]:
    return (result.sender, result.filler_order, result.analyte, result.sub_id, result.collected_at)


class Beside(NamedTuple):
    """Why a result that is fit by itself may not clear a treatment, seen beside what else is known."""

    unread: str
    marked: Marked

    @property
    def marks(self) -> list[str]:
        """The marks beside those of the specimen."""
        return list(self.marked.codes)

    @property
    def words(self) -> str:
        """The same in words; nothing where it may clear one."""
        if self.unread:
            return f"The laboratory stated it anew, and that waits for a person: {self.unread}"
        return next((mark.words for mark in self.marked.marks), "")


def _versions(result: Result, *, history: bool, beside: Beside) -> Iterator[dict[str, Any]]:
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
            "quality": [*row.quality, *beside.marks] if is_current else row.quality,
            "ref_low": _number(row.ref_low),
            "ref_high": _number(row.ref_high),
            "usable": is_current and result.is_usable and not beside.words,
            "version": row.version,
            "state": state,
            "reason": _reason(result, row, beside),
        }


def _reason(result: Result, row: Observation, beside: Beside) -> str:
    """Why a version does not count, or may not clear a treatment; nothing where it may."""
    current = result.current
    if current is None or row.pk != current.pk:
        word = f"version {current.version} ({current.status})" if current else "another version"
        return f"It was replaced by {word}."
    if row.status in WITHDRAWN:
        asks = " It was stated again afterwards; ask the laboratory which counts."
        return f"The laboratory withdrew the result ({row.status})." + (asks if result.in_conflict else "")
    if result.in_conflict:
        return (
            "The laboratory stated different results for one specimen and time, and it is not clear which of"
            " them counts. Ask it to send the right one marked as a correction."
        )
    if row.quality:
        return _quality_words(row.quality)
    if not row.is_usable:
        return f"The result is {row.status}, not final."
    return beside.words


def _quality_words(quality: list[str]) -> str:
    if UNVERIFIED in quality:
        return "A person typed it, and nobody else has verified it against its source."
    return f"The specimen is marked: {', '.join(quality)}."


def _kept_apart(numbers: Collection[int]) -> QuerySet[QuarantinedResult]:
    """What waits, and what two people rejected; what they read otherwise has become versions."""
    rejected = Q(resolutions__kind="reject", resolutions__verdict__confirmed=True)
    rows = QuarantinedResult.objects.filter(patient__in=numbers)
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
