"""Keep what arrived, byte for byte and committed, and only then say how to acknowledge it."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Field, JSONField

from labs.clock import database_now
from labs.failpoints import reach
from labs.formats.hl7_ack import NOT_ITS_SENDER, Acks, Header, Verdict, build_ack, judge, read_header
from labs.formats.parsed import Rejected
from labs.models import CsvFeed, LabMessage, MessageOutcome
from labs.prepared import run_prepared
from labs.signals import message_kept

# A file is known by its feed, and what a person typed by its form; neither is acknowledged.
_WITHOUT_HEADER = frozenset({LabMessage.Door.CSV, LabMessage.Door.MANUAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Bytes that came in: by which door, from where, and for a file in which feed.

    `certificate` holds the names the connection's client certificate vouches for, perhaps none; it is None
    where the door asks for no certificates.
    """

    body: bytes
    door: str
    peer: str = ""
    feed: str = ""
    certificate: AbstractSet[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """A message that is durably stored: its row, and the acknowledgements to send in order."""

    message_id: int
    ack_code: str
    acks: tuple[bytes, ...]
    duplicate: bool


class _Sender(NamedTuple):
    """What tells a sender: our name, MSH-3, MSH-4, and the name in its certificate."""

    name: str
    msh3: str
    msh4: str
    certificate: str


_SENDERS = "SELECT name, msh3, msh4, certificate FROM labs_sender"


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
) -> KeptMessage:
    """Store one message in one commit and answer with its acknowledgement, as `keep_messages` does."""
    [kept] = keep_messages([Arrival(body=body, door=door, peer=peer, feed=feed, certificate=certificate)])
    return kept


def keep_messages(arrivals: Sequence[Arrival], *, announce: bool = True) -> list[KeptMessage]:
    """Store messages that came at the same time in one commit, each with its acknowledgement.

    1. Read each header alone; the content is read later, from the row.
    2. Insert the bytes; a header that cannot be taken is kept with its refusal as outcome. So is a message
       for which its connection's certificate does not speak.
    3. Bytes seen before with this control id: nothing is stored and the first answer is repeated.

    Raises only while nothing is committed; the caller then answers AE or closes, never AA. A caller that does
    not let them be announced here calls `announce_kept` afterwards.
    """
    now = datetime.now(UTC)  # what the acknowledgements say; the row has the database's time
    headers = [None if arrival.door in _WITHOUT_HEADER else read_header(arrival.body) for arrival in arrivals]
    origins = _origins(arrivals, headers)
    verdicts = [
        NOT_ITS_SENDER if not origin.is_its_own else judge(header) if header else Verdict(code="")
        for origin, header in zip(origins, headers, strict=True)
    ]
    messages = []
    for arrival, header, origin, verdict in zip(arrivals, headers, origins, verdicts, strict=True):
        acks = Acks(first=b"")
        if header is not None:
            ids = (uuid.uuid4().hex[:20], uuid.uuid4().hex[:20])
            acks = build_ack(header, verdict=verdict, control_ids=ids, at=now)
        messages.append(
            LabMessage(
                door=arrival.door,
                peer=arrival.peer[:255],
                sender=origin.sender,
                msh3=origin.msh3,
                msh4=origin.msh4,
                control_id=origin.control_id,
                sha256=hashlib.sha256(arrival.body).hexdigest(),
                body=arrival.body,
                ack_code=verdict.code,
                ack=acks.first,
                application_ack=acks.second,
                received_at=now,
            )
        )
    return _insert(messages, verdicts, announce=announce)


def keep_refused(*, body: bytes, door: str, peer: str, code: str, reason: str) -> int:
    """Keep bytes that never became a message (a broken or unfinished frame) as an incident."""
    message = LabMessage(
        door=door,
        peer=peer[:255],
        msh3=code,
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        received_at=datetime.now(UTC),
    )
    [kept] = _insert([message], [Verdict(code="", reason_code=code, reason=reason)], announce=True)
    return kept.message_id


def keep_request(*, body: bytes, sender: str, peer: str, request: dict[str, str]) -> int:
    """Keep one FHIR request before it is read; it is read at once, by whoever keeps it."""
    now = database_now()
    # Every request is kept, were it the same bytes again: what it asks depends on what is stored by then.
    message = LabMessage.objects.create(
        door=LabMessage.Door.FHIR,
        peer=peer[:255],
        sender=sender,
        msh3=sender,
        msh4="fhir",
        control_id=uuid.uuid4().hex,
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        request=request,
        received_at=now,
    )
    return message.pk


def announce_kept(message_ids: Iterable[int]) -> None:
    """Say that these messages are kept and may be read; whoever does not hear it finds them all the same."""
    message_kept.send_robust(sender=LabMessage, message_ids=list(message_ids))


def _insert(
    messages: Sequence[LabMessage], verdicts: Sequence[Verdict], *, announce: bool
) -> list[KeptMessage]:
    """Insert the rows, each refused one with its outcome; a twin that is stored already stays as it was."""
    reach("keep.before-insert")
    is_plain = not any(verdict.reason_code for verdict in verdicts)
    now = datetime.now(UTC) if is_plain else database_now()
    with nullcontext() if is_plain else transaction.atomic():  # one statement is one commit of its own
        new = _insert_rows(messages)
        refused = [
            MessageOutcome(
                message=message,
                state=MessageOutcome.State.REJECTED,
                reason_code=verdict.reason_code,
                reason=verdict.reason,
                at=now,
            )
            for message, verdict in zip(messages, verdicts, strict=True)
            if verdict.reason_code and message.pk
        ]
        if refused:
            MessageOutcome.objects.bulk_create(refused)
    reach("keep.committed")
    if announce and new:
        transaction.on_commit(partial(announce_kept, [message.pk for message in new]), robust=True)
    return [
        _kept(message, duplicate=False) if message.pk else _kept(_twin(message), duplicate=True)
        for message in messages
    ]


@cache
def _statement(vendor: str) -> tuple[str, str, str]:
    """The insert around its rows: no search for a twin that another connection could overtake."""
    fields = [field for field in LabMessage._meta.local_concrete_fields if not field.primary_key]
    names = ", ".join(str(field.column) for field in fields)
    # The database's own clock where it has one, as in `database_now`.
    clock = "clock_timestamp()" if vendor == "postgresql" else "%s"
    marks = ", ".join(clock if field.name == "received_at" else "%s" for field in fields)
    return (
        f"INSERT INTO {LabMessage._meta.db_table} ({names}) VALUES ",
        f"({marks})",
        " ON CONFLICT (msh3, msh4, control_id, sha256) DO NOTHING RETURNING public_id, id",
    )


def _insert_rows(messages: Sequence[LabMessage]) -> list[LabMessage]:
    """Insert the rows in one statement and give them their ids; those that are new."""
    opening, row, ending = _statement(connection.vendor)
    fields = [field for field in LabMessage._meta.local_concrete_fields if not field.primary_key]
    if connection.vendor == "postgresql":
        values = [
            _plain(message, field) for message in messages for field in fields if field.name != "received_at"
        ]
    else:
        values = [
            field.get_db_prep_save(getattr(message, field.attname), connection)
            for message in messages
            for field in fields
        ]
    rows = run_prepared(opening + ", ".join([row] * len(messages)) + ending, values)
    ids = {uuid.UUID(str(public_id)): number for public_id, number in rows}
    for message in messages:
        message.pk = ids.get(message.public_id)
    return [message for message in messages if message.pk]


def _plain(message: LabMessage, field: "Field[Any, Any]") -> Any:
    """A column's value as the driver takes it; only JSON has to be told from text."""
    value = getattr(message, field.attname)
    return field.get_db_prep_save(value, connection) if isinstance(field, JSONField) else value


def _twin(message: LabMessage) -> LabMessage:
    """The stored row of bytes that the database did not store again."""
    return LabMessage.objects.defer("body").get(
        msh3=message.msh3, msh4=message.msh4, control_id=message.control_id, sha256=message.sha256
    )


def _kept(message: LabMessage, *, duplicate: bool) -> KeptMessage:
    acks = tuple(bytes(ack) for ack in (message.ack, message.application_ack) if ack)
    return KeptMessage(message_id=message.pk, ack_code=message.ack_code, acks=acks, duplicate=duplicate)


def _origins(arrivals: Sequence[Arrival], headers: Sequence[Header | Rejected | None]) -> list[_Origin]:
    """Who each header names, and whether its connection may speak for it; one query for all."""
    senders: list[_Sender] = []
    if any(isinstance(header, Header) for header in headers):
        senders = [_Sender(*row) for row in run_prepared(_SENDERS, ())]  # a site has a handful
    return [_origin(arrival, header, senders) for arrival, header in zip(arrivals, headers, strict=True)]


def _origin(arrival: Arrival, header: Header | Rejected | None, senders: Sequence[_Sender]) -> _Origin:
    if header is None:
        sha256 = hashlib.sha256(arrival.body).hexdigest()
        is_file = arrival.door == LabMessage.Door.CSV
        reading = _reading_of_file(arrival.feed, sha256) if is_file else ""
        return _Origin(sender=arrival.feed, msh3=arrival.feed, control_id=reading)
    if isinstance(header, Rejected):
        return _Origin(sender=arrival.feed)
    msh3, msh4 = _column(header.application, 180), _column(header.facility, 180)
    control_id = _column(header.control_id, 200)
    own = next((sender for sender in senders if (sender.msh3, sender.msh4) == (msh3, msh4)), None)
    if arrival.certificate is not None and not _may_speak(arrival.certificate, own, senders):
        # Apart from the sender's own messages, so that its own same bytes are no duplicate of these.
        return _Origin(msh3=NOT_ITS_SENDER.reason_code, control_id=control_id, is_its_own=False)
    name = arrival.feed or (own.name if own else "")
    return _Origin(sender=name, msh3=msh3, msh4=msh4, control_id=control_id)


def _reading_of_file(feed: str, sha256: str) -> str:
    """A file has no control id. One that was refused may be read again once its feed is declared anew."""
    same = LabMessage.objects.filter(door=LabMessage.Door.CSV, msh3=feed, sha256=sha256)
    last = same.order_by("-pk").values("control_id", "outcome__state", "outcome__at").first()
    if last is None:
        return ""
    if last["outcome__state"] == MessageOutcome.State.REJECTED:
        changes = CsvFeed.history.filter(name=feed, history_date__gt=last["outcome__at"])
        newest = changes.order_by("-history_id").values_list("history_id", flat=True).first()
        if newest is not None:
            return f"declared anew {newest}"
    return str(last["control_id"])


def _may_speak(certificate: AbstractSet[str], own: _Sender | None, senders: Sequence[_Sender]) -> bool:
    """Who has a certificate speaks with it; and whose certificate it is speaks for nobody else."""
    if own and own.certificate:
        return own.certificate in certificate
    return not any(sender.certificate in certificate for sender in senders if sender.certificate)


def _column(text: str, longest: int) -> str:
    """Header text as its column takes it; PostgreSQL text cannot hold NUL, but the bytes keep it."""
    return text.replace("\0", "")[:longest]
