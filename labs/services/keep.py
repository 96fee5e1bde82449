"""Keep what arrived, byte for byte and committed, and only then say how to acknowledge it."""

import hashlib
import uuid
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache, partial

from django.db import connection, transaction
from django.db.models import Q

from labs.clock import database_now
from labs.failpoints import reach
from labs.formats.hl7_ack import NOT_ITS_SENDER, Acks, Header, Verdict, build_ack, judge, read_header
from labs.formats.parsed import Rejected
from labs.models import LabMessage, MessageOutcome, Sender
from labs.signals import message_kept


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """A message that is durably stored: its row, and the acknowledgements to send in order."""

    message_id: int
    ack_code: str
    acks: tuple[bytes, ...]
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """Who a message says it is from: our name, and MSH-3, MSH-4 and MSH-10 as they fit their columns."""

    sender: str = ""
    msh3: str = ""
    msh4: str = ""
    control_id: str = ""
    is_its_own: bool = True


def keep_message(
    *,
    body: bytes,
    door: str,
    peer: str = "",
    feed: str = "",
    certificate: AbstractSet[str] | None = None,
    announce: bool = True,
) -> KeptMessage:
    """Store one message in one commit and answer with its acknowledgement.

    1. Read the header alone; the content is read later, from the row.
    2. Insert the bytes; a header that cannot be taken is kept with its refusal as outcome. So is a message
       for which this connection's `certificate` does not speak (its names; none where no door asks for one).
    3. Bytes seen before with this control id: nothing is stored and the first answer is repeated.

    Raises only while nothing is committed; the caller then answers AE or closes, never AA. A caller that
    keeps many does not `announce` each, but calls `announce_kept` for several.
    """
    now = database_now()
    header = None if door == LabMessage.Door.CSV else read_header(body)
    origin = _origin(header, feed, certificate)
    verdict = Verdict(code="") if header is None else judge(header)
    if not origin.is_its_own:
        verdict = NOT_ITS_SENDER
    acks = Acks(first=b"")
    if header is not None:
        ids = (uuid.uuid4().hex[:20], uuid.uuid4().hex[:20])
        acks = build_ack(header, verdict=verdict, control_ids=ids, at=now)
    message = LabMessage(
        door=door,
        peer=peer[:255],
        sender=origin.sender,
        msh3=origin.msh3,
        msh4=origin.msh4,
        control_id=origin.control_id,
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        ack_code=verdict.code,
        ack=acks.first,
        application_ack=acks.second,
        received_at=now,
    )
    return _insert(message, verdict, announce=announce)


def keep_refused(*, body: bytes, door: str, peer: str, code: str, reason: str) -> int:
    """Keep bytes that never became a message (a broken or unfinished frame) as an incident."""
    now = database_now()
    message = LabMessage(
        door=door,
        peer=peer[:255],
        msh3=code,
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        received_at=now,
    )
    return _insert(message, Verdict(code="", reason_code=code, reason=reason), announce=True).message_id


def announce_kept(message_ids: Iterable[int]) -> None:
    """Say that these messages are kept and may be read; whoever does not hear it finds them all the same."""
    message_kept.send_robust(sender=LabMessage, message_ids=list(message_ids))


def _insert(message: LabMessage, verdict: Verdict, *, announce: bool) -> KeptMessage:
    """Insert the row, with its refusal as outcome where there is one; a twin of it stays as it was."""
    reach("keep.before-insert")
    if not verdict.reason_code:
        is_new = _insert_row(message)  # one statement, and so one commit
    else:
        with transaction.atomic():
            is_new = _insert_row(message)
            if is_new:
                MessageOutcome.objects.create(
                    message=message,
                    state=MessageOutcome.State.REJECTED,
                    reason_code=verdict.reason_code,
                    reason=verdict.reason,
                    at=message.received_at,
                )
    reach("keep.committed")
    if not is_new:
        return _seen_before(message)
    if announce:
        transaction.on_commit(partial(announce_kept, [message.pk]), robust=True)
    return _kept(message, duplicate=False)


@cache
def _insert_statement() -> str:
    """Insert unless the same bytes are there: no search that another connection could overtake."""
    quote = connection.ops.quote_name
    columns = [str(field.column) for field in LabMessage._meta.local_concrete_fields if not field.primary_key]
    names, marks = ", ".join(quote(column) for column in columns), ", ".join(["%s"] * len(columns))
    return (
        f"INSERT INTO {quote(LabMessage._meta.db_table)} ({names}) VALUES ({marks})"
        " ON CONFLICT (msh3, msh4, control_id, sha256) DO NOTHING RETURNING id"
    )


def _insert_row(message: LabMessage) -> bool:
    """Insert the row and give it its id; false where its twin is stored already."""
    fields = [field for field in LabMessage._meta.local_concrete_fields if not field.primary_key]
    values = [field.get_db_prep_save(getattr(message, field.attname), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_insert_statement(), values)
        rows = cursor.fetchall()
    if rows:
        message.pk = rows[0][0]
        message._state.adding = False
    return bool(rows)


def _seen_before(message: LabMessage) -> KeptMessage:
    """The stored twin of a message the database did not store again."""
    twin = LabMessage.objects.defer("body").get(
        msh3=message.msh3, msh4=message.msh4, control_id=message.control_id, sha256=message.sha256
    )
    return _kept(twin, duplicate=True)


def _kept(message: LabMessage, *, duplicate: bool) -> KeptMessage:
    acks = tuple(bytes(ack) for ack in (message.ack, message.application_ack) if ack)
    return KeptMessage(message_id=message.pk, ack_code=message.ack_code, acks=acks, duplicate=duplicate)


def _origin(header: Header | Rejected | None, feed: str, certificate: AbstractSet[str] | None) -> _Origin:
    """Who the header names, and whether the connection may speak for it; a file is known by its feed."""
    if header is None:
        return _Origin(sender=feed, msh3=feed)
    if isinstance(header, Rejected):
        return _Origin(sender=feed)
    # PostgreSQL text cannot hold NUL; the bytes themselves keep it.
    msh3, msh4 = header.application.replace("\0", "")[:180], header.facility.replace("\0", "")[:180]
    control_id = header.control_id.replace("\0", "")[:200]
    named = Q(msh3=msh3, msh4=msh4)
    rows = Sender.objects.filter(named | Q(certificate__in=certificate) if certificate else named)
    senders = list(rows.values_list("name", "msh3", "msh4", "certificate"))
    own = next((row for row in senders if (row[1], row[2]) == (msh3, msh4)), None)
    bound = own[3] if own else ""
    # Who has a certificate speaks with it; and whose certificate it is speaks for nobody else.
    others = [row for row in senders if row is not own]
    if certificate is not None and bound not in certificate and (bound or others):
        # Apart from the sender's own messages, so that its own same bytes are no duplicate of these.
        return _Origin(msh3=NOT_ITS_SENDER.reason_code, control_id=control_id, is_its_own=False)
    return _Origin(sender=feed or (own[0] if own else ""), msh3=msh3, msh4=msh4, control_id=control_id)
