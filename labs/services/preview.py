"""Say what taking a file in would do, by doing it and undoing it: the same code, no other rule."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from labs.models import FileRows, LabMessage, MessageOutcome, Observation, QuarantinedResult
from labs.models.result import WITHDRAWN
from labs.remedies import remedy
from labs.services.keep import keep_message
from labs.services.meaning import plain
from labs.services.read import read_waiting_messages

_SHOWN = 300
# What a reader wants to see first.
_ORDER = {
    word: place
    for place, word in enumerate(
        ("held", "changed", "withdrawn", "new", "older", "no-result", "unchanged", "empty")
    )
}


class ReaderBusy(Exception):
    """The database did not let the file be read just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFile:
    """What taking a file in did, or would do: its message, the outcome, and every row's fate."""

    message_id: int
    known: bool
    state: str
    reason_code: str
    reason: str
    lines: list[dict[str, Any]]

    @property
    def digest(self) -> str:
        """One fingerprint of everything a reader of the preview sees."""
        content = [self.state, self.reason_code, self.reason, self.lines]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def try_file(*, feed: str, file_name: str, body: bytes) -> TakenFile:
    """What would become of every row. Nothing of it stays."""
    with transaction.atomic():
        taken = take_file(feed=feed, file_name=file_name, body=body)
        transaction.set_rollback(True)
    return taken


def take_file(*, feed: str, file_name: str, body: bytes) -> TakenFile:
    """Keep and read a file like any other, inside the caller's transaction. Raises ReaderBusy."""
    kept = keep_message(body=body, door=LabMessage.Door.CSV, peer=file_name, feed=feed)
    read_waiting_messages(ids=[kept.message_id])
    outcome = MessageOutcome.objects.filter(message_id=kept.message_id).first()
    if outcome is None:
        raise ReaderBusy("The file could not be read just now. Try again in a minute.")
    lines = [] if kept.duplicate else list(_lines(kept.message_id))
    return TakenFile(
        message_id=kept.message_id,
        known=kept.duplicate,
        state=outcome.state,
        reason_code=outcome.reason_code,
        reason=outcome.reason,
        lines=sorted(lines, key=lambda line: (_ORDER[line["state"]], line["row"], line["column"])),
    )


def _lines(message_id: int) -> Iterator[dict[str, Any]]:
    """One line for each result of the file, and one for each row that brings none."""
    for held in QuarantinedResult.objects.filter(message_id=message_id):
        yield {
            **_place(held.position, held.part, "held"),
            "patient": held.patient_id,
            "analyte": held.analyte,
            "reason_code": held.reason_code,
            "reason": held.reason,
            "remedy": remedy(held.reason_code),
            "sent": held.sent[:_SHOWN],
        }
    rows = Observation.objects.filter(message_id=message_id).select_related("supersedes", "result__current")
    for row in rows:
        yield _stored(row)
    quiet = FileRows.objects.filter(message_id=message_id).values_list("rows", flat=True).first()
    for position, part, word in quiet or ():
        yield _place(position, part, word)


def _stored(row: Observation) -> dict[str, Any]:
    """One new version beside what stood before it, or beside what stands in spite of it."""
    old = row.supersedes
    state = "withdrawn" if row.status in WITHDRAWN else "new" if row.version == 1 else "changed"
    if old is None and row.version > 1:
        state, old = "older", row.result.current
    return {
        **_place(row.position, row.part, state),
        "patient": row.patient_id,
        "analyte": row.analyte,
        "old": _value(old) if old else "",
        "old_status": old.status if old else "",
        "new": _value(row),
        "new_status": row.status,
        "unit": row.unit,
        "sent": f"{row.sent_value} {row.sent_unit}".strip(),
        "collected_at": row.collected_at.isoformat(),
        "precision": row.time_precision,
        "quality": row.quality,
    }


def _place(row: int, column: str, state: str) -> dict[str, Any]:
    return {"row": row, "column": column, "state": state}


def _value(row: Observation) -> str:
    return f"{row.comparator}{plain(row.value)}"
