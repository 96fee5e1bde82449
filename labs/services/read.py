"""Read messages that have no outcome yet, each in its own transaction, none twice, none stopping another."""

import logging
import traceback
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from labs.clock import database_now
from labs.formats import csv_rows, hl7v2
from labs.formats.hl7_ack import Header, read_header
from labs.formats.hl7_merge import EVENT
from labs.formats.parsed import ParsedMessage, Rejected, SenderProfile
from labs.library import limits
from labs.models import CsvFeed, LabMessage, MessageOutcome, QuarantinedResult, Sender
from labs.same_person import read_people
from labs.services.identity import match_patients
from labs.services.meaning import local_codes_of
from labs.services.read_merges import read_merge_message
from labs.services.record import Recorder, Tally
from labs.signals import evidence_changed

logger = logging.getLogger(__name__)
_CLAIMS = 7101  # the advisory locks of this stage on PostgreSQL
_SHOWN = 4000
_PATIENCE = 3  # refusals by the database before a pass is given up


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


def _read_one(message_id: int, now: datetime) -> bool:
    """Read one message, unless another worker has it. What the database refuses for a time stays waiting."""
    try:
        with transaction.atomic():
            message = _claim(message_id)
            if message is None:
                return False
            _read(message, now)
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
    read = _read_csv if message.door == LabMessage.Door.CSV else _read_hl7
    answer = read(message, now)
    if isinstance(answer, Rejected):
        _keep_apart(message, answer, now)
        return
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
    if tally.patient_ids:
        ids = sorted(tally.patient_ids)
        transaction.on_commit(
            partial(evidence_changed.send_robust, sender=LabMessage, patient_ids=ids), robust=True
        )


def _read_hl7(message: LabMessage, now: datetime) -> tuple[Tally, list[str]] | Rejected:
    sender = Sender.objects.filter(msh3=message.msh3, msh4=message.msh4).first()
    if sender is None:
        return Rejected(
            code="unknown-sender",
            reason="The sending application and facility (MSH-3, MSH-4) are not set up here.",
        )
    if _is_merge(message):
        return read_merge_message(message, sender=sender, now=now)
    profile = SenderProfile(
        zone=ZoneInfo(sender.zone),
        charset=sender.default_charset,
        status_from_report=sender.blank_status_from_report,
    )
    parsed = hl7v2.parse(bytes(message.body), profile=profile, most=limits().results_in_message)
    if isinstance(parsed, Rejected):
        return parsed
    notes = [*parsed.notes, *_other_receiver(parsed), *_reused_control_id(message)]
    tally = _record(
        message, parsed, now, sender=sender.name, codes=sender.name, bare_number_ok=sender.bare_mrn_ok
    )
    return tally, notes


def _is_merge(message: LabMessage) -> bool:
    header = read_header(bytes(message.body))
    return isinstance(header, Header) and (header.msh.component(9), header.msh.component(9, 2)) == EVENT


def _read_csv(message: LabMessage, now: datetime) -> tuple[Tally, list[str]] | Rejected:
    feed = CsvFeed.objects.filter(name=message.sender).first()
    if feed is None:
        return Rejected(code="unknown-feed", reason="The feed of this file is not set up here.")
    profile = csv_rows.FeedProfile(
        layout=feed.layout,
        encoding=feed.encoding,
        delimiter=feed.delimiter,
        decimal=feed.decimal,
        datetime_format=feed.datetime_format,
        date_format=feed.date_format,
        zone=ZoneInfo(feed.zone),
        coding_system="LN" if feed.codes.upper() == "LOINC" else "",
    )
    parsed = csv_rows.parse(bytes(message.body), feed=profile, most=limits().results_in_file)
    if isinstance(parsed, Rejected):
        return parsed
    tally = _record(message, parsed, now, sender=feed.name, codes=feed.codes, bare_number_ok=True)
    return tally, list(parsed.notes)


def _record(
    message: LabMessage,
    parsed: ParsedMessage,
    now: datetime,
    *,
    sender: str,
    codes: str,
    bare_number_ok: bool,
) -> Tally:
    merged = read_people()
    people = match_patients(
        (report.patient for report in parsed.reports), bare_number_ok=bare_number_ok, merged=merged
    )
    recorder = Recorder(
        message=message, sender=sender, local_codes=local_codes_of(codes), now=now, merged=merged
    )
    return recorder.record(parsed, people=people)


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
    others = LabMessage.objects.filter(
        msh3=message.msh3, msh4=message.msh4, control_id=message.control_id, pk__lt=message.pk
    )
    return ["The control id was used before for another message."] if others.exists() else []


def _keep_apart(message: LabMessage, why: Rejected, now: datetime) -> None:
    """Give a message that cannot be read its outcome: a file is refused, a message waits for a person."""
    is_file = message.door == LabMessage.Door.CSV
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
