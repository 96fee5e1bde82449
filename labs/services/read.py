"""Read messages that have no outcome yet, each in its own transaction, none twice, none stopping another."""

import gc
import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connection, transaction

from labs.clock import database_now
from labs.failpoints import reach
from labs.formats.parsed import ParsedPatient, Problem, Rejected
from labs.library import limits
from labs.models import FileRows, LabMessage, MessageOutcome, Patient, QuarantinedResult
from labs.prepared import rows_prepared, run_prepared
from labs.services.again import Again
from labs.services.bulk import insert_values
from labs.services.fhir import FhirReading, read_fhir
from labs.services.identity import match_patients
from labs.services.news import News
from labs.services.opening import HL7, Opened, is_merge, open_message
from labs.services.read_merges import read_merge_message
from labs.services.record import Recorder, Tally
from labs.services.site import Site

logger = logging.getLogger(__name__)
_CLAIMS = 7101  # the advisory locks of this stage on PostgreSQL
_SHOWN = 4000
_PATIENCE = 3  # refusals by the database before a pass is given up


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What the messages of one pass share: its moment, the set-up, and whom to tell of."""

    now: datetime
    site: Site = field(default_factory=Site)
    news: News = field(default_factory=News)


def read_waiting_messages(
    *, limit: int = 500, older_than: timedelta | None = None, ids: Iterable[int] | None = None
) -> int:
    """Read what waits, oldest first, and say how many messages got their outcome.

    A message that the database refuses for the moment stays waiting and hides none behind it; a database that
    keeps refusing raises.
    """
    now = database_now()
    waiting = LabMessage.objects.filter(outcome__isnull=True)
    if older_than is not None:
        waiting = waiting.filter(received_at__lte=now - older_than)
    if ids is not None:
        waiting = waiting.filter(pk__in=list(ids))
    # Whoever keeps a FHIR request reads it at once; one that still waits after that lost its web server.
    patience = timedelta(seconds=limits().fhir_patience_seconds)
    waiting = waiting.exclude(door=LabMessage.Door.FHIR, received_at__gt=now - patience)
    chosen = list(waiting.order_by("pk").values_list("pk", flat=True)[:limit])
    return _read_all(chosen, _Pass(now=now))


def _read_all(chosen: Iterable[int], this: _Pass) -> int:
    """Read these messages, each for itself, and tell whose evidence changed."""
    done, refusals = 0, 0
    try:
        for message_id in chosen:
            if not this.site.is_fresh:
                this.site = Site()
            try:
                done += _read_one(message_id, this)
            except (OperationalError, InterfaceError) as refusal:
                refusals += 1
                logger.error("Message %s stays waiting: %s", message_id, type(refusal).__name__)
                if refusals >= _PATIENCE:
                    raise
            this.news.tell_in_time()
    finally:
        this.news.tell()
    return done


def take_request(*, message_id: int) -> FhirReading | None:
    """Read one kept FHIR request and say what became of it; none where another worker has it."""
    this = _Pass(now=database_now())
    with transaction.atomic():
        message = _claim(message_id)
        if message is None:
            return None
        reading = read_fhir(message, this.now)
        _finish(message, _as_told(reading), this)
    this.news.tell()
    return reading


def note_repeated(*, message_id: int) -> None:
    """Give a request its outcome whose twin, with the same Idempotency-Key, was faster and was answered."""
    MessageOutcome.objects.create(
        message_id=message_id,
        state=MessageOutcome.State.DUPLICATE,
        notes=["The same request was answered before (Idempotency-Key)."],
        at=database_now(),
    )


def _read_one(message_id: int, this: _Pass) -> bool:
    """Read one message, unless another worker has it. What the database refuses for a time stays waiting."""
    try:
        with transaction.atomic():
            message = _claim(message_id)
            if message is None:
                return False
            reach("read.claimed")
            _read(message, this)
            reach("read.finished")
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # a fault of ours in one message gets a visible outcome and hides no other
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("Message %s could not be read (%s)\n%s", message_id, type(error).__name__, where)
        return _give_up(message_id, this.now, type(error).__name__)
    return True


_CLAIM = "SELECT pg_try_advisory_xact_lock(%s, %s)"
_STILL_WAITING = (
    "id = %s AND NOT EXISTS (SELECT FROM labs_messageoutcome WHERE message_id = labs_labmessage.id)"
)


def _claim(message_id: int) -> LabMessage | None:
    """The message, if it is still waiting and nobody else is reading it.

    On PostgreSQL by an advisory lock that ends with the transaction (the table grants no update, so its rows
    cannot be locked); on SQLite the transaction itself is the lock.
    """
    if connection.vendor == "postgresql":
        [(is_ours,)] = run_prepared(_CLAIM, [_CLAIMS, message_id % 2**31])
        # A statement of its own, so that it sees what was committed until the lock was ours.
        found = rows_prepared(LabMessage, _STILL_WAITING, [message_id]) if is_ours else []
        return found[0] if found else None
    return LabMessage.objects.filter(pk=message_id, outcome__isnull=True).first()


def _read(message: LabMessage, this: _Pass) -> None:
    """Parse, match, record, and give the message its outcome."""
    with _collector_rests() if message.door == LabMessage.Door.CSV else nullcontext():
        _finish(message, _answer(message, this), this)


@contextmanager
def _collector_rests() -> Iterator[None]:
    """Leave cyclic garbage alone for a while: looking for it among all rows of a file costs half the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _answer(message: LabMessage, this: _Pass) -> tuple[Tally, list[str]] | Rejected:
    """What recording a message came to, with remarks; or why it cannot be read."""
    if message.door == LabMessage.Door.FHIR:
        return _as_told(read_fhir(message, this.now))
    if is_merge(message) and (sender := this.site.sender(message.msh3, message.msh4)) is not None:
        return read_merge_message(message, sender=sender, now=this.now)
    opened = open_message(message, site=this.site)
    if isinstance(opened, Rejected):
        return opened
    tally = record(message, opened, this.now, site=this.site)
    tally.quiet += [(position, "", "empty") for position in opened.parsed.empty_rows]
    return tally, [*opened.notes, *_reused_control_id(message)]


def _finish(message: LabMessage, answer: tuple[Tally, list[str]] | Rejected, this: _Pass) -> None:
    """Give a message that was read its outcome, and have it told whose evidence changed."""
    if isinstance(answer, Rejected):
        _keep_apart(message, answer, this.now)
        return
    reach("read.recorded")
    tally, notes = answer
    problem = tally.first_problem
    outcome = {
        "message_id": message.pk,
        "state": _state(tally),
        "reason_code": problem.code if problem else "",
        "reason": problem.reason if problem else "",
        "stored": tally.stored,
        "unchanged": tally.unchanged,
        "held": tally.held,
        "notes": [*notes, *tally.notes],
        "at": this.now,
    }
    insert_values(MessageOutcome, [outcome])
    if message.door == LabMessage.Door.CSV:
        FileRows.objects.create(message=message, rows=sorted(tally.quiet))
    if tally.patient_ids:
        this.news.add(tally.patient_ids)


def _as_told(reading: FhirReading) -> tuple[Tally, list[str]] | Rejected:
    """A request in the words of an outcome: refused whole, or what was recorded."""
    faults = [*reading.faults, *(each.fault for each in reading.entries if each.fault is not None)]
    if faults and len(faults) >= len(reading.entries):
        reason = f"{faults[0].reason} ({faults[0].where})" if faults[0].where else faults[0].reason
        return Rejected(code=f"fhir-{faults[0].code}"[:40], reason=reason)
    return reading.tally, list(reading.notes)


def record(
    message: LabMessage,
    opened: Opened,
    now: datetime,
    *,
    again: Again | None = None,
    site: Site | None = None,
) -> Tally:
    """Match, judge and store what was parsed, inside the caller's transaction."""
    site = site or Site()
    people: Mapping[ParsedPatient, Patient | Problem] = match_patients(
        (report.patient for report in opened.parsed.reports),
        bare_number_ok=opened.bare_number_ok,
        merged=site.people,
    )
    recorder = Recorder(
        message=message,
        sender=opened.sender,
        site=site,
        local_codes=site.local_codes(opened.codes),
        confirmed={**opened.confirmed, **(again.confirmed if again else {})},
        again=again,
        now=now,
    )
    return recorder.record(
        opened.parsed, people={**people, **opened.people, **(again.patients if again else {})}
    )


def _state(tally: Tally) -> str:
    if tally.held and not (tally.stored or tally.unchanged):
        return MessageOutcome.State.QUARANTINED
    if tally.unchanged and not (tally.stored or tally.held):
        return MessageOutcome.State.DUPLICATE
    return MessageOutcome.State.READ


def _reused_control_id(message: LabMessage) -> list[str]:
    """A remark where this sender used the control id before for other bytes: counters do restart."""
    if message.door not in HL7 or not message.control_id:
        return []
    used = run_prepared(_USED_BEFORE, [message.msh3, message.msh4, message.control_id, message.pk])
    return ["The control id was used before for another message."] if used else []


_USED_BEFORE = (
    "SELECT 1 FROM labs_labmessage WHERE msh3 = %s AND msh4 = %s AND control_id = %s AND id < %s LIMIT 1"
)


def _keep_apart(message: LabMessage, why: Rejected, now: datetime) -> None:
    """Give a message that cannot be read its outcome: a message waits for a person.

    A file and a FHIR request are refused: whoever sent them is told at once, and sends them again.
    """
    is_file = message.door in {LabMessage.Door.CSV, LabMessage.Door.FHIR}
    MessageOutcome.objects.create(
        message=message,
        state=MessageOutcome.State.REJECTED if is_file else MessageOutcome.State.QUARANTINED,
        reason_code=why.code,
        reason=why.reason,
        held=0 if is_file else 1,
        at=now,
    )
    if not is_file:
        QuarantinedResult.objects.create(
            message=message,
            position=0,
            reason_code=why.code,
            reason=why.reason,
            sent=bytes(message.body)[:_SHOWN].decode("utf-8", "backslashreplace").replace("\0", "\\0"),
            opened_at=now,
        )


def _give_up(message_id: int, now: datetime, fault: str) -> bool:
    """Put a message that our own code stumbled over where a person sees it."""
    with transaction.atomic():
        message = _claim(message_id)
        if message is None:
            return False
        reason = f"The message could not be read because of a fault in this software ({fault}). Tell support."
        _keep_apart(message, Rejected(code="reader-failed", reason=reason), now)
    return True
