"""Read a kept message again through the same door: what waited is stored in order, and nothing twice."""

import logging
import traceback
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, transaction

from labs.clock import database_now
from labs.formats.parsed import Rejected
from labs.models import (
    LabMessage,
    MessageOutcome,
    MessageReplay,
    QuarantinedResult,
    QuarantineResolution,
)
from labs.services.again import what_people_said
from labs.services.authority import check_right, printed_name
from labs.services.doubted import patients_concerned
from labs.services.fhir_again import record_again
from labs.services.opening import open_message
from labs.services.record import Tally
from labs.services.recording import record
from labs.signals import evidence_changed

logger = logging.getLogger(__name__)
RESOLVE = "labs.resolve_quarantine"
READ_AGAIN = "The message was read again"


class StillUnreadable(Exception):
    """The message cannot be read this time either; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What reading a message again came to."""

    stored: int
    unchanged: int
    held: int


def read_again(*, item: QuarantinedResult, by: User, now: datetime | None = None) -> Replayed:
    """Read the message of a held result again, as after a change of the set-up; nothing is decided here.

    Raises NotAllowed, StillUnreadable.
    """
    check_right(by, RESOLVE, else_say="Only nurses and physicians have a kept message read again.")
    return replay(message_id=item.message_id, by=by, words=f"{READ_AGAIN}.", now=now or database_now())


def replay(
    *,
    message_id: int,
    by: User,
    words: str,
    now: datetime,
    because: QuarantineResolution | None = None,
) -> Replayed:
    """One message, in one transaction.

    1. lock what became of it; 2. parse it as at first; 3. record what waits with what people have said;
    4. end the rows that were cured, with `words`; 5. bring the outcome up to date and keep the tally.
    """
    try:
        with transaction.atomic():
            outcome = lock_outcome(message_id)
            message = LabMessage.objects.get(pk=message_id)
            return _replay(message, outcome, by=by, words=words, now=now, because=because)
    except (OperationalError, InterfaceError, StillUnreadable):
        raise
    except Exception as error:  # a fault of ours in one message: its rows go on waiting, and somebody is told
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("Message %s could not be read again (%s)\n%s", message_id, type(error).__name__, where)
        fault = type(error).__name__
        raise StillUnreadable(
            f"A fault in this software stops the reading ({fault}). Tell support."
        ) from error


def lock_outcome(message_id: int) -> MessageOutcome:
    """What became of a message, locked: always before its rows, so that no two people wait for each other."""
    return MessageOutcome.objects.select_for_update().get(message_id=message_id)


def _replay(
    message: LabMessage,
    outcome: MessageOutcome,
    *,
    by: User,
    words: str,
    now: datetime,
    because: QuarantineResolution | None,
) -> Replayed:
    opened = open_message(message)
    if isinstance(opened, Rejected):
        raise StillUnreadable(opened.reason)
    again = what_people_said(message=message, parsed=opened.parsed)
    tally = Tally()
    if again.waiting:
        is_fhir = message.door == LabMessage.Door.FHIR
        tally = record_again(message, now, again) if is_fhir else record(message, opened, now, again=again)
    cured = again.cured
    tally.patient_ids |= patients_concerned(row for row in cured if row.patient_id is None)
    for row in cured:
        end(row, by=by, words=words, now=now)
        if row.patient_id is not None:
            tally.patient_ids.add(row.patient_id)
    save([*cured, *again.still.values()])
    follow(outcome, tally, is_read=True)
    MessageReplay.objects.create(
        message=message,
        because=because,
        by=by,
        printed_name=printed_name(by),
        stored=tally.stored,
        unchanged=tally.unchanged,
        held=tally.held,
        at=now,
    )
    tell(tally.patient_ids)
    return Replayed(stored=tally.stored, unchanged=tally.unchanged, held=tally.held)


def end(row: QuarantinedResult, *, by: User, words: str, now: datetime) -> None:
    """A result that waits no longer; nobody owns it any more. The caller saves it."""
    row.state, row.resolved_at = QuarantinedResult.State.RESOLVED, now
    row.resolved_by, row.resolution = by.get_username(), words
    row.owner, row.owned_since = None, None


def save(rows: list[QuarantinedResult]) -> None:
    """Write what a judgement or a reading changed in these rows."""
    fields = ["state", "patient", "owner", "owned_since", "resolved_at", "resolved_by", "resolution"]
    QuarantinedResult.objects.bulk_update(rows, fields)


def follow(outcome: MessageOutcome, tally: Tally, *, is_read: bool) -> None:
    """Bring what became of a message up to date; `is_read`: it was read, and not only what waited refused."""
    outcome.stored += tally.stored
    outcome.unchanged += tally.unchanged
    left = QuarantinedResult.objects.filter(
        message_id=outcome.message_id, state=QuarantinedResult.State.OPEN
    ).order_by("pk")
    outcome.held = left.count()
    first = left.first()
    if outcome.stored or outcome.unchanged or (first is None and is_read):
        outcome.state = MessageOutcome.State.READ
        outcome.reason_code = outcome.reason = ""
    elif first is None:
        outcome.state = MessageOutcome.State.REJECTED
    if first is not None:
        outcome.reason_code, outcome.reason = first.reason_code, first.reason
    outcome.save(update_fields=["stored", "unchanged", "held", "state", "reason_code", "reason"])


def tell(patient_ids: set[int]) -> None:
    """Have the courses of these patients assessed once this is committed."""
    if patient_ids:
        ids = sorted(patient_ids)
        transaction.on_commit(
            partial(evidence_changed.send_robust, sender=LabMessage, patient_ids=ids), robust=True
        )
