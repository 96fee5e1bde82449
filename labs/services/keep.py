"""Keep what arrived, byte for byte and committed, and only then say how to acknowledge it."""

import hashlib
import uuid
from dataclasses import dataclass
from functools import partial

from django.db import IntegrityError, transaction

from labs.clock import database_now
from labs.formats.hl7_ack import Acks, Header, Verdict, build_ack, judge, read_header
from labs.formats.parsed import Rejected
from labs.models import LabMessage, MessageOutcome, Sender
from labs.signals import message_kept

# A file is known by its feed, and what a person typed by its form; neither is acknowledged.
_WITHOUT_HEADER = frozenset({LabMessage.Door.CSV, LabMessage.Door.MANUAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """A message that is durably stored: its row, and the acknowledgements to send in order."""

    message_id: int
    ack_code: str
    acks: tuple[bytes, ...]
    duplicate: bool


def keep_message(*, body: bytes, door: str, peer: str = "", feed: str = "") -> KeptMessage:
    """Store one message in one commit and answer with its acknowledgement.

    1. Read the header alone; the content is read later, from the row.
    2. Insert the bytes; a header that cannot be taken is kept with its refusal as outcome.
    3. Bytes seen before with this control id: nothing is stored and the first answer is repeated.

    Raises only while nothing is committed; the caller then answers AE or closes, never AA.
    """
    now = database_now()
    header = None if door in _WITHOUT_HEADER else read_header(body)
    verdict = Verdict(code="") if header is None else judge(header)
    acks = Acks(first=b"")
    if header is not None:
        ids = (uuid.uuid4().hex[:20], uuid.uuid4().hex[:20])
        acks = build_ack(header, verdict=verdict, control_ids=ids, at=now)
    msh3, msh4, control_id = _origin(header, feed)
    message = LabMessage(
        door=door,
        peer=peer[:255],
        sender=feed or _sender_name(msh3, msh4),
        msh3=msh3,
        msh4=msh4,
        control_id=control_id,
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        ack_code=verdict.code,
        ack=acks.first,
        application_ack=acks.second,
        received_at=now,
    )
    return _insert(message, verdict)


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
    return _insert(message, Verdict(code="", reason_code=code, reason=reason)).message_id


def _insert(message: LabMessage, verdict: Verdict) -> KeptMessage:
    try:
        with transaction.atomic():
            message.save(force_insert=True)
            if verdict.reason_code:
                MessageOutcome.objects.create(
                    message=message,
                    state=MessageOutcome.State.REJECTED,
                    reason_code=verdict.reason_code,
                    reason=verdict.reason,
                    at=message.received_at,
                )
            tell = partial(message_kept.send_robust, sender=LabMessage, message_ids=[message.pk])
            transaction.on_commit(tell, robust=True)
    except IntegrityError:
        return _seen_before(message)
    return _kept(message, duplicate=False)


def _seen_before(message: LabMessage) -> KeptMessage:
    """The stored twin of a message the database refused to store again."""
    twin = LabMessage.objects.defer("body").get(
        msh3=message.msh3, msh4=message.msh4, control_id=message.control_id, sha256=message.sha256
    )
    return _kept(twin, duplicate=True)


def _kept(message: LabMessage, *, duplicate: bool) -> KeptMessage:
    acks = tuple(bytes(ack) for ack in (message.ack, message.application_ack) if ack)
    return KeptMessage(message_id=message.pk, ack_code=message.ack_code, acks=acks, duplicate=duplicate)


def _origin(header: Header | Rejected | None, feed: str) -> tuple[str, str, str]:
    """MSH-3, MSH-4 and MSH-10 as they fit their columns; a file is known by its feed."""
    if header is None:
        return feed, "", ""
    if isinstance(header, Rejected):
        return "", "", ""
    # PostgreSQL text cannot hold NUL; the bytes themselves keep it.
    return (
        header.application.replace("\0", "")[:180],
        header.facility.replace("\0", "")[:180],
        header.control_id.replace("\0", "")[:200],
    )


def _sender_name(msh3: str, msh4: str) -> str:
    name = Sender.objects.filter(msh3=msh3, msh4=msh4).values_list("name", flat=True).first()
    return name or ""
