"""The columns of the rows that a report and its results leave behind, cut to what the columns hold.

Dictionaries, because building a model's object costs ten times as much.
"""

from typing import Any
from uuid import uuid4

from labs.formats.parsed import ParsedReport
from labs.models import LabMessage
from labs.services.history import History
from labs.services.meaning import Understood

LONGEST_ORDER = 200


def order_of(report: ParsedReport | None) -> str:
    """The order number by which a result is known."""
    return (report.filler_order or report.placer_order) if report else ""


def report_columns(report: ParsedReport, *, key: int, patient_id: int, message: LabMessage) -> dict[str, Any]:
    """One report of a message."""
    return {
        "id": key,
        "message_id": message.id,
        "patient_id": patient_id,
        "position": report.position,
        "filler_order": report.filler_order[:LONGEST_ORDER],
        "placer_order": report.placer_order[:LONGEST_ORDER],
        "panel": report.panel[:200],
        "status": report.status[:8],
        "status_changed_at": report.ordered_at,
        "received_at": message.received_at,
    }


def version_columns(
    report: ParsedReport, understood: Understood, *, history: History, report_id: int, message: LabMessage
) -> dict[str, Any]:
    """One version of a result; its history gives it its key and says which version it supersedes."""
    sent, collected = understood.sent, understood.collected
    ordered_at = report.ordered_at or message.received_at
    ordered_by = report.ordered_by if report.ordered_at else "received"
    return {
        "id": None,
        "public_id": uuid4(),
        "result_id": history.result.id,
        "version": history.next_version,
        "position": sent.position,
        "part": sent.part[:64],
        "patient_id": history.result.patient_id,
        "message_id": message.id,
        "report_id": report_id,
        "supersedes_id": None,
        "analyte": understood.analyte.short,
        "loinc": understood.loinc,
        "code_sent": understood.code_sent[:200],
        "value": understood.value,
        "comparator": understood.comparator,
        "unit": understood.analyte.unit,
        "sent_value": sent.sent_value[:255],
        "sent_unit": sent.sent_unit[:64],
        "ref_low": understood.range.low,
        "ref_high": understood.range.high,
        "ref_text": sent.ref_text[:255],
        "flags": sent.flags[:64],
        "collected_at": collected.instant,
        "collected_text": collected.text[:64],
        "time_precision": collected.precision,
        "zone_source": collected.zone_source[:64],
        "status": understood.status,
        "status_sent": sent.status_sent[:16],
        "quality": list(sent.quality),
        "comment": sent.comment,
        "ordered_at": ordered_at,
        "ordered_by": ordered_by,
        "digest": understood.digest(ordered_at=ordered_at, ordered_by=ordered_by),
        "received_at": message.received_at,
    }
