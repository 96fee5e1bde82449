"""Say what time it is: the database's clock where it has one, else the host's."""

from datetime import UTC, datetime, timedelta

from django.db import connection


def database_now() -> datetime:
    """The present instant, aware, in UTC. Services read it once at the top and pass it on.

    PostgreSQL answers with its wall clock, so that hosts whose clocks differ agree; the transaction's start
    (`now()`) would stand still during a long pass. SQLite lives in this process and has no other clock.
    """
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    instant = row[0]
    assert isinstance(instant, datetime)
    return instant.astimezone(UTC)


def clocks_apart() -> timedelta:
    """How far the database's clock is ahead of this host's, beyond what the question took."""
    before = datetime.now(UTC)
    shown = database_now()
    after = datetime.now(UTC)
    if connection.vendor != "postgresql" or before <= shown <= after:
        return timedelta(0)
    return shown - after if shown > after else shown - before
