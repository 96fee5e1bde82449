"""A message as it will be stored: its columns, its verdict and acknowledgements, and the statement for it."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Field

from labs.formats.hl7_ack import NOT_ITS_SENDER, Acks, Header, Verdict, build_ack, judge
from labs.formats.parsed import Rejected
from labs.models import LabMessage
from labs.services.origins import Arrival, KnownSender, origin_of

_NO_HEADER = Verdict(code="")


class NewMessage(NamedTuple):
    """The columns of a row that is not stored yet, but for those that the database gives it."""

    public_id: uuid.UUID
    door: str
    peer: str
    sender: str
    msh3: str
    msh4: str
    control_id: str
    sha256: str
    body: bytes
    ack_code: str = ""
    ack: bytes = b""
    application_ack: bytes = b""
    request: str = "{}"  # JSON; a FHIR request is stored in another way


class Statement(NamedTuple):
    """An insert around its rows: what stands before them, one row, and what stands after."""

    opening: str
    row: str
    ending: str


def judged_message(
    arrival: Arrival, header: Header | Rejected | None, senders: Sequence[KnownSender], *, at: datetime
) -> tuple[NewMessage, Verdict]:
    """The row of one message with the acknowledgement its verdict asks for; a file has neither."""
    origin = origin_of(arrival, header, senders)
    verdict, acks = _NO_HEADER, Acks(first=b"")
    if header is not None:
        verdict = judge(header) if origin.is_its_own else NOT_ITS_SENDER
        acks = build_ack(header, verdict=verdict, control_ids=new_control_ids(), at=at)
    row = NewMessage(
        public_id=uuid.uuid4(),
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
    )
    return row, verdict


def in_one_order(rows: Sequence[NewMessage]) -> list[NewMessage]:
    """Rows as every statement inserts them: of two that bring the same ones neither waits for the other."""
    return sorted(rows, key=attrgetter("msh3", "msh4", "control_id", "sha256"))


def new_control_ids() -> tuple[str, str]:
    """The control ids of at most two acknowledgements: halves of one random number."""
    both = uuid.uuid4().hex
    return both[:16], both[16:]


@lru_cache(maxsize=2)
def insert_statement(*, only_if: str = "") -> Statement:
    """Insert rows of new messages; no search for a twin that another connection could overtake.

    With a condition in SQL, which is PostgreSQL only, the rows go in together or not at all.
    """
    fields = [_field(name) for name in NewMessage._fields]
    columns = ", ".join(str(field.column) for field in fields)
    table, received_at = LabMessage._meta.db_table, _field("received_at").column
    opening = f"INSERT INTO {table} ({columns}, {received_at})"
    ending = " ON CONFLICT (msh3, msh4, control_id, sha256) DO NOTHING RETURNING public_id, id"
    marks = ", ".join(["%s"] * len(fields))
    if only_if:
        # Rows of a query, unlike those of a plain insert, do not take their types from the table.
        marks = ", ".join(f"%s::{field.db_type(connection)}" for field in fields)
        opening += " SELECT new.*, clock_timestamp() FROM (VALUES "
        return Statement(opening, f"({marks})", f") AS new WHERE {only_if}{ending}")
    # The database's own clock where it has one, as in `database_now`.
    clock = "clock_timestamp()" if connection.vendor == "postgresql" else "%s"
    return Statement(f"{opening} VALUES ", f"({marks}, {clock})", ending)


def stored_values(row: NewMessage, *, at: datetime) -> Sequence[Any]:
    """The values of a row for the statement without a condition, as the database's driver takes them."""
    if connection.vendor == "postgresql":
        return row
    prepared = {
        name: _field(name).get_db_prep_save(getattr(row, name), connection) for name in ("public_id",)
    }
    return [*row._replace(**prepared), _field("received_at").get_db_prep_save(at, connection)]


def _field(name: str) -> "Field[Any, Any]":
    found = LabMessage._meta.get_field(name)
    assert isinstance(found, Field)
    return found
