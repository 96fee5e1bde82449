"""Read messages that have no outcome yet, several in one commit, none twice, none stopping another."""

import gc
import logging
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Length

from labs.clock import database_now
from labs.failpoints import reach
from labs.formats.parsed import Rejected
from labs.library import limits
from labs.models import LabMessage, MessageOutcome
from labs.prepared import rows_prepared, run_prepared
from labs.services.fhir import FhirReading, read_fhir
from labs.services.news import News
from labs.services.opening import HL7, Opened, is_merge, open_message
from labs.services.outcomes import Answer, finish
from labs.services.read_merges import read_merge_message
from labs.services.record import Tally
from labs.services.recording import Parsed, record_all
from labs.services.site import Site

logger = logging.getLogger(__name__)
_CLAIMS = 7101  # the advisory locks of this stage on PostgreSQL
# What shares one commit: a fault in one has all of them read again, and bodies are held in memory.
_TOGETHER = 32
_TOGETHER_BYTES = 256 * 1024
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
    chosen = waiting.annotate(size=Length("body")).order_by("pk").values_list("pk", "door", "size")[:limit]
    return _read_all(_groups(list(chosen)), _Pass(now=now))


def _groups(chosen: Iterable[tuple[int, str, int]]) -> Iterator[list[int]]:
    """The messages in order, as many together as share one commit; what is long or no HL7 stands alone.

    A commit costs as much as recording a message, and so do all the looks into the database together.
    """
    group: list[int] = []
    size = 0
    for message_id, door, length in chosen:
        is_alone = door not in HL7
        if group and (is_alone or len(group) == _TOGETHER or size + length > _TOGETHER_BYTES):
            yield group
            group, size = [], 0
        if is_alone:
            yield [message_id]
        else:
            group.append(message_id)
            size += length
    if group:
        yield group


def _read_all(groups: Iterable[list[int]], this: _Pass) -> int:
    """Read these messages, each as if for itself, and tell whose evidence changed."""
    done, refusals = 0, 0
    try:
        for group in groups:
            if not this.site.is_fresh:
                this.site = Site()
            together = _read_together(group, this) if len(group) > 1 else None
            done += together or 0
            for message_id in group if together is None else ():
                try:
                    done += _read_one(message_id, this)
                except (OperationalError, InterfaceError) as refusal:
                    refusals += 1
                    logger.error("Message %s stays waiting: %s", message_id, type(refusal).__name__)
                    if refusals >= _PATIENCE:
                        raise
                this.news.tell_in_time()
            this.news.tell_in_time()
    finally:
        this.news.tell()
    return done


def take_request(*, message_id: int) -> FhirReading | None:
    """Read one kept FHIR request and say what became of it; none where another worker has it."""
    this = _Pass(now=database_now())
    with transaction.atomic():
        claimed = _claim([message_id])
        if not claimed:
            return None
        reach("read.claimed")
        reading = read_fhir(claimed[0], this.now)
        finish([(claimed[0], _as_told(reading))], now=this.now, news=this.news)
        reach("read.finished")
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


def _read_together(message_ids: Sequence[int], this: _Pass) -> int | None:
    """Read several messages in one commit; none where one stumbles: nothing of them is stored then."""
    try:
        return _read(message_ids, this)
    except Exception as error:
        logger.warning("%d messages are read one by one (%s)", len(message_ids), type(error).__name__)
        return None


def _read_one(message_id: int, this: _Pass) -> int:
    """Read one message, unless another worker has it. What the database refuses for a time stays waiting."""
    try:
        return _read([message_id], this)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # a fault of ours in one message gets a visible outcome and hides no other
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("Message %s could not be read (%s)\n%s", message_id, type(error).__name__, where)
        return _give_up(message_id, this.now, type(error).__name__)


_CLAIM = (
    "SELECT id FROM unnest(%s::bigint[]) AS waiting(id)"
    " WHERE pg_try_advisory_xact_lock(%s, (id %% 2147483648)::int)"
)
_STILL_WAITING = (
    "id = ANY(%s) AND NOT EXISTS (SELECT FROM labs_messageoutcome WHERE message_id = labs_labmessage.id)"
    " ORDER BY id"
)


def _claim(message_ids: Sequence[int]) -> list[LabMessage]:
    """Those of the messages that are still waiting and that nobody else is reading, in order.

    On PostgreSQL by an advisory lock that ends with the transaction (the table grants no update, so its rows
    cannot be locked); on SQLite the transaction itself is the lock.
    """
    if connection.vendor == "postgresql":
        ours = [pk for (pk,) in run_prepared(_CLAIM, [list(message_ids), _CLAIMS])]
        # A statement of its own, so that it sees what was committed until the locks were ours.
        return rows_prepared(LabMessage, _STILL_WAITING, [ours]) if ours else []
    return list(LabMessage.objects.filter(pk__in=message_ids, outcome__isnull=True).order_by("pk"))


def _read(message_ids: Sequence[int], this: _Pass) -> int:
    """Parse, match, record, and give messages their outcome, all in one commit; how many were ours."""
    with transaction.atomic(), _collector_rests():
        claimed = _claim(message_ids)
        for _each in claimed:
            reach("read.claimed")
        if claimed:
            finish(_answers(claimed, this), now=this.now, news=this.news)
        for _each in claimed:
            reach("read.finished")
    return len(claimed)


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


def _answers(messages: Sequence[LabMessage], this: _Pass) -> list[tuple[LabMessage, Answer]]:
    """Each message with what recording it came to, with remarks; or with why it cannot be read."""
    opened = [(message, _opened(message, this)) for message in messages]
    parsed = [Parsed(message=message, opened=each) for message, each in opened if isinstance(each, Opened)]
    tallies = iter(record_all(parsed, this.now, site=this.site))
    reused = _reused_control_ids([each.message for each in parsed])
    answered: list[tuple[LabMessage, Answer]] = []
    for message, each in opened:
        if not isinstance(each, Opened):
            answered.append((message, each))
            continue
        tally = next(tallies)
        tally.quiet += [(position, "", "empty") for position in each.parsed.empty_rows]
        remark = ["The control id was used before for another message."] if message.pk in reused else []
        answered.append((message, (tally, [*each.notes, *remark])))
    return answered


def _opened(message: LabMessage, this: _Pass) -> Opened | Answer:
    """A message parsed, ready to be recorded; or the answer to one that is not recorded that way."""
    if message.door == LabMessage.Door.FHIR:
        return _sent_again(message) or _as_told(read_fhir(message, this.now))
    if is_merge(message) and (sender := this.site.sender(message.msh3, message.msh4)) is not None:
        return read_merge_message(message, sender=sender, now=this.now)
    return open_message(message, site=this.site)


def _sent_again(message: LabMessage) -> tuple[Tally, list[str]] | None:
    """The answer to a request that lost its web server, where its sender sent it again and was answered."""
    same = LabMessage.objects.filter(door=message.door, sender=message.sender, sha256=message.sha256)
    later = same.filter(pk__gt=message.pk, outcome__isnull=False).select_related("outcome").defer("body")
    twin = next((each for each in later.order_by("pk") if each.request == message.request), None)
    if twin is None:
        return None
    known = twin.outcome.stored + twin.outcome.unchanged + twin.outcome.held
    return Tally(unchanged=known), ["Its sender sent the same request again and was answered then."]


def _as_told(reading: FhirReading) -> tuple[Tally, list[str]] | Rejected:
    """A request in the words of an outcome: refused whole, or what was recorded."""
    faults = [*reading.faults, *(each.fault for each in reading.entries if each.fault is not None)]
    if faults and len(faults) >= len(reading.entries):
        reason = f"{faults[0].reason} ({faults[0].where})" if faults[0].where else faults[0].reason
        return Rejected(code=f"fhir-{faults[0].code}"[:40], reason=reason)
    return reading.tally, list(reading.notes)


def _reused_control_ids(messages: Sequence[LabMessage]) -> set[int]:
    """Those of them whose sender used the control id before for other bytes: counters do restart."""
    asked = [message.pk for message in messages if message.door in HL7 and message.control_id]
    if not asked:
        return set()
    if connection.vendor == "postgresql":
        return {pk for (pk,) in run_prepared(f"{_REUSED} = ANY(%s)", [asked])}
    marks = ", ".join(["%s"] * len(asked))
    return {pk for (pk,) in run_prepared(f"{_REUSED} IN ({marks})", asked)}


_REUSED = (
    "SELECT sent.id FROM labs_labmessage sent WHERE EXISTS (SELECT 1 FROM labs_labmessage used"
    " WHERE used.msh3 = sent.msh3 AND used.msh4 = sent.msh4 AND used.control_id = sent.control_id"
    " AND used.id < sent.id) AND sent.id"
)


def _give_up(message_id: int, now: datetime, fault: str) -> int:
    """Put a message that our own code stumbled over where a person sees it."""
    reason = f"The message could not be read because of a fault in this software ({fault}). Tell support."
    failed = Rejected(code="reader-failed", reason=reason)
    with transaction.atomic():
        claimed = _claim([message_id])
        finish([(message, failed) for message in claimed], now=now, news=News())
    return len(claimed)
