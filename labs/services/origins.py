"""Tell who a message says it is from, and whether its connection may speak for that sender."""

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from labs.formats.hl7_ack import NOT_ITS_SENDER, Header
from labs.formats.parsed import Rejected
from labs.models import CsvFeed, LabMessage, MessageOutcome


class Arrival(NamedTuple):
    """Bytes that came in: by which door, from where, and for a file in which feed.

    `certificate` holds the names the connection's client certificate vouches for, perhaps none; it is None
    where the door asks for no certificates.
    """

    body: bytes
    door: str
    peer: str = ""
    feed: str = ""
    certificate: AbstractSet[str] | None = None


class KnownSender(NamedTuple):
    """What tells a sender: our name, MSH-3, MSH-4, and the name in its certificate."""

    name: str
    msh3: str
    msh4: str
    certificate: str


class Origin(NamedTuple):
    """Who a message says it is from: our name, and MSH-3, MSH-4 and MSH-10 as they fit their columns."""

    sender: str = ""
    msh3: str = ""
    msh4: str = ""
    control_id: str = ""
    is_its_own: bool = True


def origin_of(arrival: Arrival, header: Header | Rejected | None, senders: Sequence[KnownSender]) -> Origin:
    """Who a header names, among these senders; a file has no header and is known by its feed."""
    if header is None:
        sha256 = hashlib.sha256(arrival.body).hexdigest()
        is_file = arrival.door == LabMessage.Door.CSV
        reading = _reading_of_file(arrival.feed, sha256) if is_file else ""
        return Origin(sender=arrival.feed, msh3=arrival.feed, control_id=reading)
    if isinstance(header, Rejected):
        return Origin(sender=arrival.feed)
    msh3, msh4 = _column(header.application, 180), _column(header.facility, 180)
    control_id = _column(header.control_id, 200)
    own = next((sender for sender in senders if (sender.msh3, sender.msh4) == (msh3, msh4)), None)
    if arrival.certificate is not None and not _may_speak(arrival.certificate, own, senders):
        # Apart from the sender's own messages, so that its own same bytes are no duplicate of these.
        return Origin(msh3=NOT_ITS_SENDER.reason_code, control_id=control_id, is_its_own=False)
    name = arrival.feed or (own.name if own else "")
    return Origin(sender=name, msh3=msh3, msh4=msh4, control_id=control_id)


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


def _may_speak(
    certificate: AbstractSet[str], own: KnownSender | None, senders: Sequence[KnownSender]
) -> bool:
    """Who has a certificate speaks with it; and whose certificate it is speaks for nobody else."""
    if own and own.certificate:
        return own.certificate in certificate
    return not any(sender.certificate in certificate for sender in senders if sender.certificate)


def _column(text: str, longest: int) -> str:
    """Header text as its column takes it; PostgreSQL text cannot hold NUL, but the bytes keep it."""
    return text.replace("\0", "")[:longest]
