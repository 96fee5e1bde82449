"""Read messages that have no outcome yet, each in its own transaction, none twice, none stopping another."""

import gc
import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.module_loading import import_string

from labs.clock import database_now
from labs.failpoints import reach
from labs.formats import csv_rows, hl7v2, manual_form
from labs.formats.csv_cells import FeedProfile
from labs.formats.hl7_ack import Header, read_header
from labs.formats.hl7_merge import EVENT
from labs.formats.parsed import ParsedMessage, ParsedPatient, Problem, Rejected, SenderProfile
from labs.library import limits
from labs.models import CsvFeed, FileRows, LabMessage, MessageOutcome, Patient, QuarantinedResult, Sender
from labs.same_person import read_people
from labs.services.again import Again, Place
from labs.services.fhir import FhirReading, read_fhir
from labs.services.fhir_again import open_kept
from labs.services.identity import match_patients
from labs.services.meaning import local_codes_of, unit_spellings_of
from labs.services.read_merges import read_merge_message
from labs.services.record import Recorder, Tally
from labs.signals import evidence_changed

logger = logging.getLogger(__name__)
_CLAIMS = 7101  # the advisory locks of this stage on PostgreSQL
_SHOWN = 4000
# Named, so that only a process that meets a file loads pandas: the listener does without its 40 MB.
_TABLE_READER = "labs.csv_table.read_table"
MANUAL = "manual"  # the sender of results that people type
_HL7 = frozenset({LabMessage.Door.MLLP, LabMessage.Door.HL7_FILE})
_PATIENCE = 3  # refusals by the database before a pass is given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message parsed as its door says, and whose codes, units and numbers it speaks in."""

    parsed: ParsedMessage
    sender: str
    codes: str
    bare_number_ok: bool
    notes: tuple[str, ...] = ()
    confirmed: Mapping[Place, str] = field(default_factory=dict)
    people: Mapping[ParsedPatient, Patient] = field(default_factory=dict)


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
    done, refusals = 0, 0
    for message_id in chosen:
        try:
            done += _read_one(message_id, now)
        except (OperationalError, InterfaceError) as refusal:
            refusals += 1
            logger.error("Message %s stays waiting: %s", message_id, type(refusal).__name__)
            if refusals >= _PATIENCE:
                raise
    return done


def take_request(*, message_id: int) -> FhirReading | None:
    """Read one kept FHIR request and say what became of it; none where another worker has it."""
    now = database_now()
    with transaction.atomic():
        message = _claim(message_id)
        if message is None:
            return None
        reading = read_fhir(message, now)
        _finish(message, _as_told(reading), now)
    return reading


def note_repeated(*, message_id: int) -> None:
    """Give a request its outcome whose twin, with the same Idempotency-Key, was faster and was answered."""
    MessageOutcome.objects.create(
        message_id=message_id,
        state=MessageOutcome.State.DUPLICATE,
        notes=["The same request was answered before (Idempotency-Key)."],
        at=database_now(),
    )


def _read_one(message_id: int, now: datetime) -> bool:
    """Read one message, unless another worker has it. What the database refuses for a time stays waiting."""
    try:
        with transaction.atomic():
            message = _claim(message_id)
            if message is None:
                return False
            reach("read.claimed")
            _read(message, now)
            reach("read.finished")
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # a fault of ours in one message gets a visible outcome and hides no other
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("Message %s could not be read (%s)\n%s", message_id, type(error).__name__, where)
        return _give_up(message_id, now, type(error).__name__)
    return True


def _claim(message_id: int) -> LabMessage | None:
    """The message, if it is still waiting and nobody else is reading it.

    On PostgreSQL by an advisory lock that ends with the transaction (the table grants no update, so its rows
    cannot be locked); on SQLite the transaction itself is the lock.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_CLAIMS, message_id % 2**31])
            row = cursor.fetchone()
        if not row[0]:
            return None
    return LabMessage.objects.filter(pk=message_id, outcome__isnull=True).first()


def _read(message: LabMessage, now: datetime) -> None:
    """Parse, match, record, and give the message its outcome."""
    with _collector_rests() if message.door == LabMessage.Door.CSV else nullcontext():
        _finish(message, _answer(message, now), now)


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


def _answer(message: LabMessage, now: datetime) -> tuple[Tally, list[str]] | Rejected:
    """What recording a message came to, with remarks; or why it cannot be read."""
    if message.door == LabMessage.Door.FHIR:
        return _as_told(read_fhir(message, now))
    if _is_merge(message) and (sender := _sender_of(message)) is not None:
        return read_merge_message(message, sender=sender, now=now)
    opened = open_message(message)
    if isinstance(opened, Rejected):
        return opened
    tally = record(message, opened, now)
    tally.quiet += [(position, "", "empty") for position in opened.parsed.empty_rows]
    return tally, [*opened.notes, *_reused_control_id(message)]


def _finish(message: LabMessage, answer: tuple[Tally, list[str]] | Rejected, now: datetime) -> None:
    """Give a message that was read its outcome, and tell whose evidence changed."""
    if isinstance(answer, Rejected):
        _keep_apart(message, answer, now)
        return
    reach("read.recorded")
    tally, notes = answer
    state = _state(tally)
    problem = tally.first_problem
    MessageOutcome.objects.create(
        message=message,
        state=state,
        reason_code=problem.code if problem else "",
        reason=problem.reason if problem else "",
        stored=tally.stored,
        unchanged=tally.unchanged,
        held=tally.held,
        notes=[*notes, *tally.notes],
        at=now,
    )
    if message.door == LabMessage.Door.CSV:
        FileRows.objects.create(message=message, rows=sorted(tally.quiet))
    if tally.patient_ids:
        ids = sorted(tally.patient_ids)
        transaction.on_commit(partial(_tell, ids), robust=True)


def _tell(patient_ids: list[int]) -> None:
    reach("read.committed")
    evidence_changed.send_robust(sender=LabMessage, patient_ids=patient_ids)


def open_message(message: LabMessage) -> Opened | Rejected:
    """Parse a message by its door; nothing is looked up but the set-up of its sender, nothing is stored."""
    match message.door:
        case LabMessage.Door.CSV:
            return _open_csv(message)
        case LabMessage.Door.MANUAL:
            return _open_manual(message)
        case LabMessage.Door.FHIR:
            return _open_fhir(message)
        case _:
            return _open_hl7(message)


def _sender_of(message: LabMessage) -> Sender | None:
    return Sender.objects.filter(msh3=message.msh3, msh4=message.msh4).first()


def _open_hl7(message: LabMessage) -> Opened | Rejected:
    sender = _sender_of(message)
    if sender is None:
        return Rejected(
            code="unknown-sender",
            reason="The sending application and facility (MSH-3, MSH-4) are not set up here.",
        )
    if _is_merge(message):
        return Rejected(
            code="merge-message",
            reason="The message joins two patient numbers; two people decide that under Merged numbers.",
        )
    profile = SenderProfile(
        zone=ZoneInfo(sender.zone),
        charset=sender.default_charset,
        status_from_report=sender.blank_status_from_report,
    )
    parsed = hl7v2.parse(bytes(message.body), profile=profile, most=limits().results_in_message)
    if isinstance(parsed, Rejected):
        return parsed
    return Opened(
        parsed=parsed,
        sender=sender.name,
        codes=sender.name,
        bare_number_ok=sender.bare_mrn_ok,
        notes=(*parsed.notes, *_other_receiver(parsed)),
    )


def _is_merge(message: LabMessage) -> bool:
    if message.door not in _HL7:
        return False
    header = read_header(bytes(message.body))
    return isinstance(header, Header) and (header.msh.component(9), header.msh.component(9, 2)) == EVENT


def _open_csv(message: LabMessage) -> Opened | Rejected:
    feed = CsvFeed.objects.filter(name=message.sender).first()
    if feed is None:
        return Rejected(code="unknown-feed", reason="The feed of this file is not set up here.")
    profile = FeedProfile(
        layout=feed.layout,
        encoding=feed.encoding,
        delimiter=feed.delimiter,
        decimal=feed.decimal,
        datetime_format=feed.datetime_format,
        date_format=feed.date_format,
        zone=ZoneInfo(feed.zone),
        coding_system="LN" if feed.codes.upper() == "LOINC" else "",
    )
    parsed = _parse_csv(bytes(message.body), profile)
    if isinstance(parsed, Rejected):
        return parsed
    return Opened(parsed=parsed, sender=feed.name, codes=feed.codes, bare_number_ok=True, notes=parsed.notes)


def _parse_csv(body: bytes, profile: FeedProfile) -> ParsedMessage | Rejected:
    rows: list[list[str]] | Rejected = import_string(_TABLE_READER)(body, feed=profile)
    if isinstance(rows, Rejected):
        return rows
    return csv_rows.parse(rows, feed=profile, most=limits().results_in_file)


def _as_told(reading: FhirReading) -> tuple[Tally, list[str]] | Rejected:
    """A request in the words of an outcome: refused whole, or what was recorded."""
    faults = [*reading.faults, *(each.fault for each in reading.entries if each.fault is not None)]
    if faults and len(faults) >= len(reading.entries):
        reason = f"{faults[0].reason} ({faults[0].where})" if faults[0].where else faults[0].reason
        return Rejected(code=f"fhir-{faults[0].code}"[:40], reason=reason)
    return reading.tally, list(reading.notes)


def _open_fhir(message: LabMessage) -> Opened | Rejected:
    parsed = open_kept(message)
    if isinstance(parsed, Rejected):
        return parsed
    return Opened(parsed=parsed, sender=message.sender, codes=message.sender, bare_number_ok=False)


def _open_manual(message: LabMessage) -> Opened | Rejected:
    typed = manual_form.parse(bytes(message.body))
    if isinstance(typed, Rejected):
        return typed
    patient = Patient.objects.filter(public_id__in=_uuids(typed.patient_id)).first()
    if patient is None:
        return Rejected(code="unknown-patient", reason="The patient of the typed result is not known here.")
    return Opened(
        parsed=typed.parsed,
        sender=MANUAL,
        codes="LOINC",
        bare_number_ok=False,
        confirmed={manual_form.PLACE: typed.confirmed_value},
        # The form was filled in on this patient's own page; no number was typed that could be another's.
        people={typed.parsed.reports[0].patient: patient},
    )


def _uuids(text: str) -> list[UUID]:
    """The identifier a text is; none where it is no such thing."""
    try:
        return [UUID(text)]
    except ValueError:
        return []


def record(message: LabMessage, opened: Opened, now: datetime, *, again: Again | None = None) -> Tally:
    """Match, judge and store what was parsed, inside the caller's transaction."""
    merged = read_people()
    people: Mapping[ParsedPatient, Patient | Problem] = match_patients(
        (report.patient for report in opened.parsed.reports),
        bare_number_ok=opened.bare_number_ok,
        merged=merged,
    )
    recorder = Recorder(
        message=message,
        sender=opened.sender,
        local_codes=local_codes_of(opened.codes),
        merged=merged,
        unit_spellings=unit_spellings_of(opened.sender),
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


def _other_receiver(parsed: ParsedMessage) -> list[str]:
    """A remark where the header names another receiver than those this clinic answers to."""
    known, named = settings.MLLP_RECEIVERS, "|".join(parsed.receiver)
    if not known or named in known:
        return []
    return [f"The message is addressed to {named.strip('|') or 'nobody'} (MSH-5, MSH-6), not to this clinic."]


def _reused_control_id(message: LabMessage) -> list[str]:
    """A remark where this sender used the control id before for other bytes: counters do restart."""
    if message.door not in _HL7 or not message.control_id:
        return []
    others = LabMessage.objects.filter(
        msh3=message.msh3, msh4=message.msh4, control_id=message.control_id, pk__lt=message.pk
    )
    return ["The control id was used before for another message."] if others.exists() else []


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
