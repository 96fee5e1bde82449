"""Give messages that were read their outcome; what cannot be read is put where a person sees it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from labs.failpoints import reach
from labs.formats.parsed import Rejected
from labs.models import FileRows, LabMessage, MessageOutcome, QuarantinedResult
from labs.services.bulk import insert_rows, insert_values
from labs.services.news import News
from labs.services.record import Tally

# What recording a message came to, with remarks; or why it cannot be read.
Answer = tuple[Tally, list[str]] | Rejected
_SHOWN = 4000
# Whoever sent one of these is told at once, and sends it again.
_REFUSED = frozenset({LabMessage.Door.CSV, LabMessage.Door.FHIR})


def finish(answered: Sequence[tuple[LabMessage, Answer]], *, now: datetime, news: News) -> None:
    """Give these messages their outcome, in order, and have it told whose evidence changed."""
    for _message, answer in answered:
        if not isinstance(answer, Rejected):
            reach("read.recorded")
    insert_values(MessageOutcome, [_outcome(message, answer, now) for message, answer in answered])
    insert_rows(
        [
            _unread(message, answer, now)
            for message, answer in answered
            if isinstance(answer, Rejected) and message.door not in _REFUSED
        ]
    )
    for message, answer in answered:
        if isinstance(answer, Rejected):
            continue
        tally, _notes = answer
        if message.door == LabMessage.Door.CSV:
            FileRows.objects.create(message=message, rows=sorted(tally.quiet))
        if tally.patient_ids:
            news.add(tally.patient_ids)


def _outcome(message: LabMessage, answer: Answer, now: datetime) -> dict[str, Any]:
    """The columns of what became of a message."""
    if isinstance(answer, Rejected):
        return _refusal(message, answer, now)
    tally, notes = answer
    problem = tally.first_problem
    return {
        "message_id": message.pk,
        "state": _state(tally),
        "reason_code": problem.code if problem else "",
        "reason": problem.reason if problem else "",
        "stored": tally.stored,
        "unchanged": tally.unchanged,
        "held": tally.held,
        "notes": [*notes, *tally.notes],
        "at": now,
    }


def _refusal(message: LabMessage, why: Rejected, now: datetime) -> dict[str, Any]:
    """The columns of what became of a message that cannot be read: it waits for a person, or is refused."""
    is_refused = message.door in _REFUSED
    return {
        "message_id": message.pk,
        "state": MessageOutcome.State.REJECTED if is_refused else MessageOutcome.State.QUARANTINED,
        "reason_code": why.code,
        "reason": why.reason,
        "stored": 0,
        "unchanged": 0,
        "held": 0 if is_refused else 1,
        "notes": [],
        "at": now,
    }


def _unread(message: LabMessage, why: Rejected, now: datetime) -> QuarantinedResult:
    """The one row by which a whole message waits for a person."""
    return QuarantinedResult(
        message=message,
        position=0,
        reason_code=why.code,
        reason=why.reason,
        sent=bytes(message.body)[:_SHOWN].decode("utf-8", "backslashreplace").replace("\0", "\\0"),
        opened_at=now,
    )


def _state(tally: Tally) -> str:
    if tally.held and not (tally.stored or tally.unchanged):
        return MessageOutcome.State.QUARANTINED
    if tally.unchanged and not (tally.stored or tally.held):
        return MessageOutcome.State.DUPLICATE
    return MessageOutcome.State.READ
