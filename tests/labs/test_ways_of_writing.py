"""However many rows are written, and by whatever statement, the same is stored as row by row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.models import (
    FileRows,
    LabReport,
    MessageOutcome,
    Observation,
    QuarantinedResult,
    Result,
    UnitUse,
)
from labs.services import bulk, history, identity, outcomes, read, storing
from labs.services.keep import keep_message
from labs.services.read import read_waiting_messages
from tests.builders_labs import (
    csv_row,
    long_csv,
    make_feed,
    make_patient,
    make_sender,
    message,
    obr,
    obx,
)

pytestmark = pytest.mark.django_db
# What differs from run to run, or names a row by a key of the run.
OWN = {"id", "public_id", "message_id", "received_at", "at", "first_at", "opened_at"}
Arrived = tuple[bytes, str, str]


def by_rows(model: type[Model], rows: Sequence[Mapping[str, Any]], **_: Any) -> int:
    """The slow way: one object and one statement for each row."""
    for row in rows:
        model(**row).save(force_insert=True)
    return len(rows)


def tables_by_rows(*tables: tuple[type[Model], Sequence[Mapping[str, Any]]]) -> None:
    for model, rows in tables:
        by_rows(model, rows)


def update_by_rows(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        model._default_manager.filter(pk=row["id"]).update(**row)


def slowly(patch: pytest.MonkeyPatch) -> None:
    """Everything by Django's own statements, as if this were any other database."""
    for module in (bulk, history, outcomes, storing):
        if hasattr(module, "insert_values"):
            patch.setattr(module, "insert_values", by_rows)
        if hasattr(module, "update_values"):
            patch.setattr(module, "update_values", update_by_rows)
    patch.setattr(storing, "insert_tables", tables_by_rows)
    for module in (history, identity, read):
        patch.setattr(module, "connection", OtherDatabase())


class OtherDatabase:
    vendor = "any other"


def in_one_chunk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bulk, "MANY", 10_000)


def in_many_chunks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bulk, "MANY", 10_000)
    patch.setattr(bulk, "CHUNK", 2)


def copied(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bulk, "MANY", 1)


WAYS: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (in_one_chunk, in_many_chunks, copied)


def columns(row: Any) -> dict[str, Any]:
    """A row's columns, but for those that are its own in every run."""
    found = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in OWN
    }
    if found.get("ordered_at") is not None and found["ordered_at"] == row.message.received_at:
        found["ordered_at"] = "when it was received"
    return found


def stored() -> list[Any]:
    """Everything that reading leaves behind, in an order of its own."""
    results = {row.pk: str(row) + row.filler_order + row.sub_id for row in Result.objects.all()}
    versions = {
        row.pk: f"{results[row.result_id]} {row.version} of {row.message.control_id}"
        for row in Observation.objects.select_related("message")
    }
    reports = {row.pk: f"{row.message.control_id} {row.position}" for row in LabReport.objects.all()}
    found: list[Any] = []
    for model in (Result, Observation, LabReport, QuarantinedResult, MessageOutcome, FileRows, UnitUse):
        for row in model._default_manager.all():
            cells = columns(row)
            for name, known in (
                ("result_id", results),
                ("supersedes_id", versions),
                ("current_id", versions),
                ("report_id", reports),
            ):
                if cells.get(name) is not None:
                    cells[name] = known[cells[name]]
            found.append((model.__name__, sorted((name, repr(cell)) for name, cell in cells.items())))
    return sorted(found)


def left_behind(arrived: Sequence[Arrived], way: Callable[[pytest.MonkeyPatch], None]) -> list[Any]:
    """What these messages leave behind, written in one way; nothing of it stays."""
    with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        way(patch)
        for body, door, feed in arrived:
            keep_message(body=body, door=door, feed=feed)
        read_waiting_messages()
        connection.check_constraints()
        found = stored()
        transaction.set_rollback(True)
    return found


def alike(arrived: Sequence[Arrived]) -> list[Any]:
    slow = left_behind(arrived, slowly)
    for way in WAYS:
        assert left_behind(arrived, way) == slow, way.__name__
    return slow


STATEMENTS = st.tuples(
    st.sampled_from(["60", "160", "0.06", "<10", "furlong", '""', ""]),
    st.sampled_from(["10*9/L", "10*9/L", "/nL", "furlong"]),
    st.sampled_from(["P", "F", "F", "C", "A", "W", "X", "D", "I", "V", "U"]),
    st.integers(0, 3),
    st.sampled_from(["1001", "1002", "1003"]),
)


@pytest.fixture
def laboratory() -> None:
    make_sender()
    make_feed()
    make_patient()
    make_patient(mrn="1002")


@pytest.mark.postgres
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.lists(STATEMENTS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_any_messages_and_files_leave_the_same_rows_in_every_way(
    laboratory: None, sent: list[list[tuple[str, str, str, int, str]]]
) -> None:
    arrived: list[Arrived] = []
    for place, statements in enumerate(sent):
        lines = [
            line
            for value, unit, status, order, _mrn in statements
            for line in (
                obr(f"F{order}", changed=f"202605041{place}0000+0200"),
                obx(value, unit=unit, status=status, kind="ST"),
            )
        ]
        arrived.append((message(*lines, control_id=f"M{place}"), "mllp", ""))
        rows = [
            csv_row(value, unit=unit, status=status, mrn=mrn, order_no=f"C{order}")
            for value, unit, status, order, mrn in statements
        ]
        arrived.append((long_csv(*rows), "csv", "csv-lab"))
    alike(arrived)


@pytest.mark.postgres
def test_awkward_texts_are_stored_alike(laboratory: None) -> None:
    comments = [
        "a\\b",
        "tab\there",
        "quote \" and '",
        "\\N",
        "\\.",
        "ü 中 \u2028",
        "two\nlines",
        "{}",
        "null",
    ]
    rows = [
        csv_row("60", order_no=f"C{n}", comment='"' + text.replace('"', '""') + '"')
        for n, text in enumerate(comments)
    ]
    rows.append(csv_row("61", order_no="C\\t", comment="clotted; haemolysed"))
    found = alike([(long_csv(*rows), "csv", "csv-lab")])
    assert sum(name == "Observation" for name, _cells in found) == len(rows)


@pytest.mark.postgres
def test_a_result_that_another_worker_makes_in_between_gets_the_next_version(
    laboratory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_message(body=message(obr(), obx("60"), control_id="M1"), door="mllp")
    read_waiting_messages()
    lock, asked = history._lock, []

    def too_early(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        return [] if len(asked) == 1 else lock(*args, **kwargs)

    monkeypatch.setattr(history, "_lock", too_early)
    keep_message(
        body=message(obr(), obx("61", status="C"), obr("F2"), obx("70"), control_id="M2"), door="mllp"
    )
    read_waiting_messages()
    assert len(asked) == 2
    assert not MessageOutcome.objects.exclude(state="read").exists()
    rows = Result.objects.order_by("filler_order").values_list(
        "current__value", "current__version", "in_conflict"
    )
    assert [(f"{value:f}"[:2], version, conflict) for value, version, conflict in rows] == [
        ("61", 2, False),
        ("70", 1, False),
    ]
    connection.check_constraints()
