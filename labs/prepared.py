"""Run the few statements that are run for every message; PostgreSQL keeps them prepared."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model

Row = TypeVar("Row", bound=Model)


def run_prepared(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run one statement inside the caller's transaction, or in one of its own, and return its rows."""
    with _ran(statement, values) as cursor:
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def count_prepared(statement: str, values: Sequence[Any]) -> int:
    """Run one statement that returns no rows; how many rows it made or changed."""
    with _ran(statement, values) as cursor:
        return int(cursor.rowcount)


def rows_prepared(model: type[Row], where: str, values: Sequence[Any]) -> list[Row]:
    """The whole rows of a table that meet a condition, as objects. PostgreSQL only."""
    statement, names = _whole_rows(model)
    converters = _json_converters(model)
    found = []
    for row in run_prepared(f"{statement} WHERE {where}", values):
        cells = list(row)
        for place, convert in converters:
            cells[place] = convert(cells[place], None, connection)
        found.append(model.from_db(connection.alias, names, cells))
    return found


@contextmanager
def _ran(statement: str, values: Sequence[Any]) -> Iterator[Any]:
    """A cursor that has run one statement.

    Django's own cursor writes the values into the text, which costs more than such a statement itself; and
    only what is sent apart from its values can be prepared, which the driver does once a statement has come a
    few times (`prepare_threshold` in the settings). SQLite keeps statements prepared anyway.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql" or database.queries_logged:
        with database.cursor() as usual:
            usual.execute(statement, values)
            yield usual
        return
    database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors, psycopg.Cursor(database.connection) as cursor:
        cursor.execute(statement, values)
        yield cursor


@cache
def _whole_rows(model: type[Model]) -> tuple[str, list[str]]:
    fields = model._meta.concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields)
    return f'SELECT {columns} FROM "{model._meta.db_table}"', [field.attname for field in fields]


@cache
def _json_converters(model: type[Model]) -> list[tuple[int, Any]]:
    """The columns that Django has the driver hand over as text."""
    return [
        (place, field.from_db_value)
        for place, field in enumerate(model._meta.concrete_fields)
        if hasattr(field, "from_db_value")
    ]
