"""Run the few statements that are run for every message; PostgreSQL keeps them prepared."""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def run_prepared(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run one statement inside the caller's transaction, or in one of its own, and return its rows.

    Django's own cursor writes the values into the text, which costs more than such a statement itself. SQLite
    keeps statements prepared anyway.
    """
    with connection.cursor() as usual:  # connects where it must
        if connection.vendor != "postgresql" or connection.queries_logged:
            usual.execute(statement, values)
            return list(usual.fetchall())
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, values, prepare=True)
        return cursor.fetchall()
