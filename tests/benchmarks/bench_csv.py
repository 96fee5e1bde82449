"""What a file of 20,000 rows costs through the door, beside COPY of the same rows in the same run.

Rounds of both follow each other; the least time of each counts. The floor copies
the rows that the file leaves behind into tables with the same columns, checks and indexes; once more with the
foreign keys as well, which PostgreSQL checks at the end of the same commit.
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from rich.console import Console
from rich.table import Table

from labs.library import limits
from labs.models import LabMessage, MessageOutcome, Observation, Result
from labs.services import keep_message, read_waiting_messages
from tests.benchmarks.floors import Floor, hold
from tests.builders_labs import csv_row, long_csv, make_feed, make_patient

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("real_commits")]
PATIENTS, DRAWS = 100, 20
FIRST_DRAW = datetime(2025, 1, 6, 7, 30, tzinfo=UTC)
PANEL = (
    ("777-3", "10*9/L", "180", "150-400"),
    ("751-8", "10*9/L", "3.2", "1.8-7.7"),
    ("6690-2", "10*9/L", "5.6", "4-10"),
    ("718-7", "g/dL", "12.4", "12-16"),
    ("2160-0", "mg/dL", "0.9", "0.5-1.1"),
    ("1975-2", "mg/dL", "0.6", "<1.2"),
    ("1751-7", "g/L", "41", "35-52"),
    ("1742-6", "U/L", "22", "<35"),
    ("1920-8", "U/L", "25", "<35"),
    ("2823-3", "mmol/L", "4.1", "3.5-5.1"),
)
TABLES = ("labs_labreport", "labs_result", "labs_observation")
ROUNDS = 2


def big_file(number: int) -> bytes:
    """A backlog: every patient's draws, each a panel of ten analytes."""
    rows = []
    for patient in range(PATIENTS):
        for draw in range(DRAWS):
            at = FIRST_DRAW + timedelta(days=7 * draw + 365 * number, minutes=patient)
            for code, unit, value, ref_range in PANEL:
                rows.append(
                    csv_row(
                        value,
                        unit=unit,
                        mrn=f"{5000 + patient}",
                        order_no=f"B{number}-{patient}-{draw}",
                        test_code=code,
                        ref_range=ref_range,
                        collected_at=at.isoformat(),
                        reported_at=(at + timedelta(hours=2)).isoformat(),
                    )
                )
    return long_csv(*rows)


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    into.append(time.perf_counter() - began)


def copied(message_id: int) -> dict[str, bytes]:
    """The rows that a file left behind, as COPY writes them."""
    where = {
        "labs_labreport": "message_id = %s",
        "labs_observation": "message_id = %s",
        "labs_result": "id IN (SELECT result_id FROM labs_observation WHERE message_id = %s)",
    }
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            statement = (
                f"COPY (SELECT * FROM {table} WHERE {where[table]} ORDER BY id) TO STDOUT (FORMAT binary)"
            )
            with cursor.copy(statement.replace("%s", str(message_id))) as copy:
                found[table] = b"".join(copy)
    return found


def make_twins(prefix: str) -> None:
    """Tables with the columns, checks and indexes of the real ones."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TABLE {prefix}_{table} (LIKE {table} INCLUDING ALL)")


def add_foreign_keys(prefix: str) -> None:
    """Those of the real tables, deferred like them; they refer to the real rows, which have the same ids."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE contype = 'f' AND conrelid = %s::regclass",
                [table],
            )
            for name, definition in cursor.fetchall():
                cursor.execute(f'ALTER TABLE {prefix}_{table} ADD CONSTRAINT "{prefix}_{name}" {definition}')


def copy_into_twins(rows: dict[str, bytes], prefix: str) -> None:
    """One commit of all rows into tables like the real ones."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        for table, data in rows.items():
            with cursor.copy(f"COPY {prefix}_{table} FROM STDIN (FORMAT binary)") as copy:
                source = io.BytesIO(data)
                while chunk := source.read(1 << 16):
                    copy.write(chunk)
        cursor.execute("COMMIT")


def test_a_file_of_twenty_thousand_rows_beside_copy() -> None:
    assert PATIENTS * DRAWS * len(PANEL) == limits().results_in_file
    make_feed()
    for patient in range(PATIENTS):
        make_patient(mrn=f"{5000 + patient}", birth_date=date(1961, 3, 2))
    make_twins("twin")
    make_twins("bound")
    add_foreign_keys("bound")
    door: list[float] = []
    own: list[float] = []
    floor: list[float] = []
    bound: list[float] = []
    alone: list[float] = []
    for number in range(-ROUNDS + 1, 1):
        body = big_file(number)
        busy = time.process_time()
        with timed(door):
            kept = keep_message(body=body, door=LabMessage.Door.CSV, feed="csv-lab")
            read_waiting_messages(ids=[kept.message_id])
        own.append(time.process_time() - busy)
        outcome = MessageOutcome.objects.get(message_id=kept.message_id)
        assert (outcome.stored, outcome.held) == (limits().results_in_file, 0), outcome.reason
        rows = copied(kept.message_id)
        with timed(floor):
            copy_into_twins(rows, "twin")
        with timed(bound):
            copy_into_twins(rows, "bound")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS alone (LIKE labs_observation INCLUDING ALL)")
        with (
            timed(alone),
            connection.cursor() as cursor,
            cursor.copy("COPY alone FROM STDIN (FORMAT binary)") as copy,
        ):
            copy.write(rows["labs_observation"])
    assert Result.objects.filter(current__isnull=True).count() == 0
    count = limits().results_in_file
    shown = Table(title=f"A file of {count} rows on PostgreSQL, the least of {ROUNDS} rounds")
    for heading in ("path", "seconds", "rows/s", "of COPY"):
        shown.add_column(heading, justify="left" if heading == "path" else "right")
    best = min(floor)
    for path, seconds in (
        ("through the door: kept, read, judged, stored", min(door)),
        ("COPY of the reports, results and observations", best),
        ("the same with their foreign keys", min(bound)),
        ("COPY of the observations alone", min(alone)),
    ):
        shown.add_row(path, f"{seconds:.2f}", f"{count / seconds:,.0f}", f"{best / seconds:.2f}")
    console = Console(width=120)
    console.print(shown)
    console.print(
        f"Of the door's time {min(own):.2f} s are this process's own; on a busy machine the rest is waiting."
    )
    assert Observation.objects.count() == ROUNDS * count
    # The door's rows go into tables with foreign keys, so COPY with them is what it is held to.
    hold(Floor("a file through the door beside COPY of its rows", min(bound) / min(door), at_least=0.3))
