"""Keep plain messages from inside an event loop: one statement and one commit, on a connection of its own.

What needs more than one new row (a refusal with its outcome, a twin's first answer) is left to
`keep_messages`, and so is everything while the connection is broken.
"""

import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from django.db import connection
from psycopg.rows import TupleRow

from labs.failpoints import reach
from labs.formats.hl7_ack import Header, read_header
from labs.services.keep import KeptMessage, kept_row
from labs.services.new_message import NewMessage, in_one_order, insert_statement, judged_message
from labs.services.origins import Arrival, KnownSender

logger = logging.getLogger(__name__)
_REST_SECONDS = 5.0  # after a fault; the threads keep what comes meanwhile
_NOT_FOR_THE_DRIVER = ("cursor_factory", "context")  # Django's own, for connections without a loop
# Every sender in one text: a row goes in only while this is still what its acknowledgement was judged by.
_SENDERS = (
    "SELECT coalesce(json_agg(json_build_array(name, msh3, msh4, certificate) ORDER BY id)::text, '[]')"
    " FROM labs_sender"
)


class LoopKeeper:
    """One connection to PostgreSQL that belongs to an event loop."""

    def __init__(self) -> None:
        self._connection: psycopg.AsyncConnection[TupleRow] | None = None
        self._cursor: psycopg.AsyncCursor[TupleRow] | None = None
        self._known = ""  # the senders as one text; nothing when they have to be read
        self._senders: tuple[KnownSender, ...] = ()
        self.rests_until = 0.0

    async def keep(self, arrivals: Sequence[Arrival]) -> list[KeptMessage | None]:
        """Store the plain ones among messages that came at the same time, in one commit.

        None stands for each that was not stored, or of which that is not known; it may be kept again.
        """
        if time.monotonic() < self.rests_until:
            return [None] * len(arrivals)
        try:
            return await self._keep(arrivals)
        except (psycopg.Error, OSError) as fault:
            logger.error("The listener's own database connection failed: %s", type(fault).__name__)
            self.rests_until = time.monotonic() + _REST_SECONDS
            await self.close()
            return [None] * len(arrivals)

    async def close(self) -> None:
        """Hang up; the next message connects anew."""
        old, self._connection, self._cursor, self._known = self._connection, None, None, ""
        if old is not None:
            await old.close()

    async def _keep(self, arrivals: Sequence[Arrival]) -> list[KeptMessage | None]:
        cursor = self._cursor or await self._connect()
        if not self._known:
            await self._read_senders(cursor)
        now = datetime.now(UTC)
        judged = [self._plain(arrival, now) for arrival in arrivals]
        rows = in_one_order([row for row in judged if row is not None])
        reach("keep.before-insert")
        ids = await self._insert(cursor, rows) if rows else {}
        reach("keep.committed")
        if len(ids) < len(rows):
            self._known = ""  # the senders may have changed, where it is no twin
        return [kept_row(row, ids[row.public_id]) if row and row.public_id in ids else None for row in judged]

    async def _insert(
        self, cursor: psycopg.AsyncCursor[TupleRow], rows: Sequence[NewMessage]
    ) -> dict[UUID, int]:
        opening, one, ending = insert_statement(only_if=f"({_SENDERS}) = %s")
        values = [value for row in rows for value in row]
        statement = opening + ", ".join([one] * len(rows)) + ending
        await cursor.execute(statement, [*values, self._known])
        return dict(await cursor.fetchall())

    def _plain(self, arrival: Arrival, now: datetime) -> NewMessage | None:
        """The row of a message that is taken and needs no other row; none for any other."""
        header = read_header(arrival.body)
        if not isinstance(header, Header):
            return None
        row, verdict = judged_message(arrival, header, self._senders, at=now)
        return None if verdict.reason_code else row

    async def _connect(self) -> psycopg.AsyncCursor[TupleRow]:
        wanted = connection.get_connection_params()
        for name in _NOT_FOR_THE_DRIVER:
            wanted.pop(name, None)
        self._connection = await psycopg.AsyncConnection.connect(**wanted, autocommit=True)
        self._cursor = self._connection.cursor()
        return self._cursor

    async def _read_senders(self, cursor: psycopg.AsyncCursor[TupleRow]) -> None:
        await cursor.execute(_SENDERS)
        found = await cursor.fetchone()
        assert found is not None, "an aggregate always has a row"
        self._senders = tuple(KnownSender(*row) for row in json.loads(found[0]))
        self._known = found[0]
