"""Insert and update many rows of one table in chunks: statements grow with chunks, not with rows."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import ForeignKey, Model

CHUNK = 2000
# Below this the ORM's own statement costs no more than ours.
_FEW = 100
# SQLite takes so many parameters in one statement, and compares each row with every case of an update.
_SQLITE_UPDATES = 200


def insert_rows(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> bool:
    """Insert new rows of one table; true where each row is surely there and has its primary key.

    PostgreSQL is given a chunk as one JSON text: thousands of parameters cost far more than the rows.
    """
    if not rows:
        return True
    if len(rows) < _FEW or connection.vendor != "postgresql":
        manager = type(rows[0])._default_manager
        manager.bulk_create(rows, batch_size=CHUNK, ignore_conflicts=ignore_conflicts)
        return not ignore_conflicts
    meta = type(rows[0])._meta
    names = [field.attname for field in meta.concrete_fields]
    columns = ", ".join(f'"{field.column}"' for field in meta.concrete_fields)
    otherwise = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    inserted = 0
    with connection.cursor() as cursor:
        for chunk in _chunks(rows):
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                [meta.db_table, "id", len(chunk)],
            )
            for row, (key,) in zip(chunk, cursor.fetchall(), strict=True):
                row.pk = key
                _take_related_keys(row)
            cursor.execute(
                f'INSERT INTO "{meta.db_table}" ({columns}) SELECT {columns}'
                f' FROM json_populate_recordset(NULL::"{meta.db_table}", %s::json){otherwise}',
                [_as_json(chunk, names)],
            )
            inserted += cursor.rowcount
            for row in chunk:
                row._state.adding, row._state.db = False, connection.alias
    return inserted == len(rows)


def update_rows(rows: Sequence[Model], *, fields: Sequence[str]) -> None:
    """Write these fields of rows that exist."""
    if not rows:
        return
    meta = type(rows[0])._meta
    if len(rows) < _FEW or connection.vendor != "postgresql":
        type(rows[0])._default_manager.bulk_update(rows, fields, batch_size=_SQLITE_UPDATES)
        return
    chosen = [field for field in meta.concrete_fields if field.name in fields]
    names = ["id", *(field.attname for field in chosen)]
    changes = ", ".join(f'"{field.column}" = given."{field.column}"' for field in chosen)
    with connection.cursor() as cursor:
        for chunk in _chunks(rows):
            cursor.execute(
                f'UPDATE "{meta.db_table}" AS stored SET {changes}'
                f' FROM json_populate_recordset(NULL::"{meta.db_table}", %s::json) AS given'
                " WHERE stored.id = given.id",
                [_as_json(chunk, names)],
            )


def _take_related_keys(row: Model) -> None:
    """Rows that a row was given as objects may have got their keys only afterwards."""
    for field in row._meta.concrete_fields:
        if isinstance(field, ForeignKey) and field.is_cached(row):
            related = getattr(row, field.name)
            setattr(row, field.attname, None if related is None else related.pk)


def _chunks(rows: Sequence[Model]) -> Iterator[Sequence[Model]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def _as_json(rows: Sequence[Model], names: Sequence[str]) -> str:
    """Rows as JSON objects by column; our columns bear the names of their attributes."""
    return json.dumps([{name: getattr(row, name) for name in names} for row in rows], default=_written)


def _written(value: object) -> str:
    """A value that JSON does not know, exactly, in the form PostgreSQL reads it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form here")
