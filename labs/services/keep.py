"""Keep what arrived, byte for byte and committed, and only then say how to acknowledge it."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from django.db import transaction

from labs.clock import database_now
from labs.failpoints import reach
from labs.formats.hl7_ack import Header, Verdict, read_header
from labs.models import LabMessage, MessageOutcome
from labs.prepared import run_prepared
from labs.services.new_message import NewMessage, insert_statement, judged_message, stored_values
from labs.services.origins import Arrival, KnownSender
from labs.signals import message_kept

# A file is known by its feed, and what a person typed by its form; neither is acknowledged.
_WITHOUT_HEADER = frozenset({LabMessage.Door.CSV, LabMessage.Door.MANUAL})
_SENDERS = "SELECT name, msh3, msh4, certificate FROM labs_sender"


class KeptMessage(NamedTuple):
    """A message that is durably stored: its row, and the acknowledgements to send in order."""

    message_id: int
    ack_code: str
    acks: tuple[bytes, ...]
    duplicate: bool


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
    senders: list[KnownSender] = []
    if any(isinstance(header, Header) for header in headers):
        senders = [KnownSender(*row) for row in run_prepared(_SENDERS, ())]  # a site has a handful
    judged = [
        judged_message(arrival, header, senders, at=now)
        for arrival, header in zip(arrivals, headers, strict=True)
    ]
    return _insert([row for row, _ in judged], [verdict for _, verdict in judged], announce=announce)


def keep_refused(*, body: bytes, door: str, peer: str, code: str, reason: str) -> int:
    """Keep bytes that never became a message (a broken or unfinished frame) as an incident."""
    row = NewMessage(
        public_id=uuid.uuid4(),
        door=door,
        peer=peer[:255],
        sender="",
        msh3=code,
        msh4="",
        control_id="",
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
    )
    [kept] = _insert([row], [Verdict(code="", reason_code=code, reason=reason)], announce=True)
    return kept.message_id


def keep_request(*, body: bytes, sender: str, peer: str, request: dict[str, str]) -> int:
    """Keep one FHIR request before it is read; it is read at once, by whoever keeps it."""
    now = database_now()
    reach("keep.before-insert")
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
    reach("keep.committed")
    return message.pk


def announce_kept(message_ids: Iterable[int]) -> None:
    """Say that these messages are kept and may be read; whoever does not hear it finds them all the same."""
    message_kept.send_robust(sender=LabMessage, message_ids=list(message_ids))


def _insert(rows: Sequence[NewMessage], verdicts: Sequence[Verdict], *, announce: bool) -> list[KeptMessage]:
    """Insert the rows, each refused one with its outcome; a twin that is stored already stays as it was."""
    reach("keep.before-insert")
    is_plain = not any(verdict.reason_code for verdict in verdicts)
    now = datetime.now(UTC) if is_plain else database_now()
    with nullcontext() if is_plain else transaction.atomic():  # one statement is one commit of its own
        ids = _insert_rows(rows)
        refused = [
            MessageOutcome(
                message_id=ids[row.public_id],
                state=MessageOutcome.State.REJECTED,
                reason_code=verdict.reason_code,
                reason=verdict.reason,
                at=now,
            )
            for row, verdict in zip(rows, verdicts, strict=True)
            if verdict.reason_code and row.public_id in ids
        ]
        if refused:
            MessageOutcome.objects.bulk_create(refused)
    reach("keep.committed")
    if announce and ids:
        transaction.on_commit(partial(announce_kept, list(ids.values())), robust=True)
    return [kept_row(row, ids[row.public_id]) if row.public_id in ids else _twin(row) for row in rows]


def _insert_rows(rows: Sequence[NewMessage]) -> dict[uuid.UUID, int]:
    """Insert the rows in one statement; the ids of those that are new."""
    opening, one, ending = insert_statement()
    at = datetime.now(UTC)
    values = [value for row in rows for value in stored_values(row, at=at)]
    made = run_prepared(opening + ", ".join([one] * len(rows)) + ending, values)
    return {uuid.UUID(str(public_id)): number for public_id, number in made}


def _twin(row: NewMessage) -> KeptMessage:
    """The stored message of the same bytes, which the database did not store again, with its first answer."""
    stored = LabMessage.objects.defer("body").get(
        msh3=row.msh3, msh4=row.msh4, control_id=row.control_id, sha256=row.sha256
    )
    acks = bytes(stored.ack), bytes(stored.application_ack)
    return _kept(stored.pk, stored.ack_code, acks, duplicate=True)


def kept_row(row: NewMessage, message_id: int) -> KeptMessage:
    """A message that has just been stored, as whoever keeps it hands it on."""
    return _kept(message_id, row.ack_code, (row.ack, row.application_ack), duplicate=False)


def _kept(message_id: int, ack_code: str, acks: Iterable[bytes], *, duplicate: bool) -> KeptMessage:
    said = tuple(ack for ack in acks if ack)
    return KeptMessage(message_id=message_id, ack_code=ack_code, acks=said, duplicate=duplicate)
