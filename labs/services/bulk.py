"""Insert and update many rows of one table in chunks: statements grow with chunks, not with rows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import JSONField, Model

from labs.prepared import count_prepared, run_prepared

CHUNK = 2000
# From so many rows on, opening a COPY costs less than it saves.
MANY = 500
# SQLite takes so many parameters in one statement, and compares each row with every case of an update.
_SQLITE_UPDATES = 200
# The values of one row by the names of its columns, which are those of the model's attributes.
Values = Mapping[str, Any]
Item = TypeVar("Item")


def insert_rows(rows: Sequence[Model]) -> None:
    """Insert new rows of one table and give them their primary keys."""
    if not rows:
        return
    model = type(rows[0])
    [keys] = reserve_keys((model, len(rows)))
    for row, key in zip(rows, keys, strict=True):
        row.pk = key
    names = [field.attname for field in model._meta.concrete_fields]
    insert_values(model, [{name: getattr(row, name) for name in names} for row in rows])
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def insert_values(model: type[Model], rows: Sequence[Values], *, ignore_conflicts: bool = False) -> int:
    """Insert rows given by their columns, all with the same ones; how many of them are new.

    PostgreSQL is given many by COPY, else a chunk as one JSON text: a parameter for each value costs far more
    than the rows. COPY knows no conflicts; constraints and triggers hold for it as for every insert.
    """
    if not rows:
        return 0
    if connection.vendor != "postgresql":
        # Its transactions exclude each other: what was not there a moment ago is not there now.
        model._default_manager.bulk_create([model(**row) for row in rows], batch_size=CHUNK)
        return len(rows)
    if len(rows) >= MANY and not ignore_conflicts:
        return _copy(model, rows)
    otherwise = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    statement = _insert(model, tuple(rows[0])) + otherwise
    return sum(count_prepared(statement, [_as_json(chunk)]) for chunk in _chunks(rows))


def insert_tables(*tables: tuple[type[Model], Sequence[Values]]) -> None:
    """Insert the rows of several tables, which may name each other; of a short message in one statement."""
    filled = [(model, rows) for model, rows in tables if rows]
    is_short = all(len(rows) < MANY for _model, rows in filled)
    if connection.vendor != "postgresql" or not is_short or len(filled) < 2:
        for model, rows in filled:
            insert_values(model, rows)
        return
    *first, last = [_insert(model, tuple(rows[0])) for model, rows in filled]
    before = ", ".join(f"part_{place} AS ({statement})" for place, statement in enumerate(first))
    count_prepared(f"WITH {before} {last}", [_as_json(rows) for _model, rows in filled])


def _copy(model: type[Model], rows: Sequence[Values]) -> int:
    """Insert rows of which none can be there already."""
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    cells = itemgetter(*names)
    as_text = [
        place for place, name in enumerate(names) if isinstance(model._meta.get_field(name), JSONField)
    ]
    statement = f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN'
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            written = list(cells(row))
            for place in as_text:
                written[place] = json.dumps(written[place])
            copy.write_row(written)
    return len(rows)


def update_values(model: type[Model], rows: Sequence[Values]) -> None:
    """Write these columns of rows that exist; `id` says which row is meant."""
    if not rows:
        return
    names = [name for name in rows[0] if name != "id"]
    if connection.vendor != "postgresql":
        changed = [model(**row) for row in rows]
        model._default_manager.bulk_update(changed, names, batch_size=_SQLITE_UPDATES)
        return
    for chunk in _chunks(rows):
        count_prepared(_update(model, tuple(names)), [_as_json(chunk)])


def reserve_keys(*wanted: tuple[type[Model], int]) -> list[list[int]]:
    """So many primary keys of each of these tables that nobody else will be given; in one statement.

    Rows that name each other can so be inserted without waiting for the keys of the first ones.
    """
    if connection.vendor == "postgresql":
        values = [value for model, count in wanted for value in (f'"{model._meta.db_table}"', count)]
        [found] = run_prepared(_reserve(len(wanted)), values)
        return list(found)
    return [_reserve_on_sqlite(model._meta.db_table, count) for model, count in wanted]


def _reserve_on_sqlite(table: str, count: int) -> list[int]:
    """The keys that follow the highest one ever given, which is noted where SQLite looks itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        row = cursor.fetchone()
        last = row[0] if row else 0
        note = "UPDATE sqlite_sequence SET seq = %s WHERE name = %s"
        if row is None:
            note = "INSERT INTO sqlite_sequence (seq, name) VALUES (%s, %s)"
        cursor.execute(note, [last + count, table])
    return list(range(last + 1, last + 1 + count))


@cache
def _reserve(tables: int) -> str:
    # OFFSET keeps the sequence from being looked up again for every key.
    one = (
        "ARRAY(SELECT nextval(keys.source) FROM"
        " (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS source OFFSET 0) keys,"
        " generate_series(1, %s))"
    )
    return "SELECT " + ", ".join([one] * tables)


@cache
def _insert(model: type[Model], names: tuple[str, ...]) -> str:
    table = model._meta.db_table
    columns = ", ".join(f'"{name}"' for name in names)
    return (
        f'INSERT INTO "{table}" ({columns}) SELECT {columns}'
        f' FROM json_populate_recordset(NULL::"{table}", %s::json)'
    )


@cache
def _update(model: type[Model], names: tuple[str, ...]) -> str:
    table = model._meta.db_table
    changes = ", ".join(f'"{name}" = given."{name}"' for name in names)
    return (
        f'UPDATE "{table}" AS stored SET {changes}'
        f' FROM json_populate_recordset(NULL::"{table}", %s::json) AS given WHERE stored.id = given.id'
    )


def _chunks(rows: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def _as_json(rows: Sequence[Values]) -> str:
    return json.dumps(rows, default=_written)


def _written(value: object) -> str:
    """A value that JSON does not know, exactly, in the form PostgreSQL reads it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form here")
