"""CSV files: a declared dialect, good rows stored, bad rows kept apart, damaged files refused."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labs.library import limits
from labs.models import LabMessage, MessageOutcome, Observation, QuarantinedResult, Result
from labs.services import bulk, keep_message, read_waiting_messages
from tests.builders_labs import csv_row, long_csv, make_feed, make_local_code, make_patient, receive

pytestmark = pytest.mark.django_db


def take(body: bytes) -> LabMessage:
    return receive(body, door="csv", feed="csv-lab")


def outcome(row: LabMessage) -> tuple[str, str, int, int]:
    found = MessageOutcome.objects.get(message=row)
    return found.state, found.reason_code, found.stored, found.held


def test_a_long_file_is_stored_row_by_row() -> None:
    make_patient()
    make_feed()
    row = take(long_csv(csv_row(), csv_row("8.1", unit="g/dL", test_code="718-7", comment="haemolysed")))
    assert outcome(row) == ("read", "", 2, 0)
    platelets, haemoglobin = Observation.objects.order_by("position")
    assert (platelets.position, platelets.value, platelets.ref_low) == (2, 60, 150)
    assert platelets.collected_at == datetime(2026, 5, 4, 6, 0, tzinfo=UTC)
    assert (haemoglobin.position, haemoglobin.value, haemoglobin.quality) == (3, 81, ["haemolysed"])


BAD_ROWS = [
    (csv_row(unit=""), "no-unit"),
    (csv_row(unit="furlong"), "unknown-unit"),
    (csv_row("1.43E+02"), "not-a-number"),
    (csv_row("02-May"), "not-a-number"),
    (csv_row('"1,043"'), "not-a-number"),
    (csv_row("#N/A"), "not-a-number"),
    (csv_row(""), "no-value"),
    (csv_row(status=""), "unknown-status"),
    (csv_row(status="final"), "unknown-status"),
    (csv_row(collected_at=""), "no-collection-time"),
    (csv_row(collected_at="04.05.2026 08:00"), "bad-time"),
    (csv_row(collected_at="46146"), "bad-time"),
    (csv_row(collected_at="0001-01-01T00:00:00+14:00"), "bad-time"),
    (csv_row(collected_at="2026-03-29 02:30"), "skipped-hour"),
    (csv_row(mrn="9999"), "unknown-patient"),
    (csv_row(mrn=""), "no-patient-number"),
    (csv_row(dob="02.03.1961"), "no-birth-date"),
    (csv_row(family="Meier"), "name-differs"),
    (csv_row(test_code="PLT"), "unmapped-code"),
    (csv_row()[:-1], "damaged-row"),
    ([*csv_row(), "extra"], "damaged-row"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS)
def test_a_bad_row_waits_and_the_good_ones_are_stored(bad: list[str], reason: str) -> None:
    make_patient()
    make_feed()
    row = take(long_csv(bad, csv_row("61", order_no="C2")))
    assert outcome(row) == ("read", reason, 1, 1)
    held = QuarantinedResult.objects.get()
    assert (held.position, held.reason_code) == (2, reason)
    assert Observation.objects.get().position == 3


HEADER = long_csv().decode().strip()
DAMAGED = [
    (b"", "empty-file"),
    (long_csv(csv_row(), header=HEADER.replace(",unit", "")), "bad-header"),
    (long_csv(csv_row(), header=HEADER.replace("unit", "value")), "bad-header"),
    (long_csv(csv_row(), header=HEADER + ",comparator"), "bad-header"),
    (long_csv(csv_row(), header=HEADER.replace(",", ";")), "bad-header"),
    (long_csv(csv_row(comment='"open')), "bad-dialect"),
    (long_csv(csv_row(family="M\u00fcller")).replace("ü".encode(), b"\xfc"), "bad-encoding"),
    (long_csv(csv_row()).decode().encode("utf-16"), "bad-encoding"),
    (long_csv(csv_row(comment="a\0b")), "bad-encoding"),
]


@pytest.mark.parametrize(("body", "reason"), DAMAGED)
def test_a_damaged_file_is_refused_whole(body: bytes, reason: str) -> None:
    make_patient()
    make_feed()
    assert outcome(take(body)) == ("rejected", reason, 0, 0)
    assert not Observation.objects.exists()


@pytest.mark.parametrize(
    ("form", "text", "precision"),
    [
        ("%d.%m.%Y %H:%M:%S", "04.05.2026 08:00:00", "second"),
        ("%Y-%m-%d %H", "2026-05-04 08", "hour"),
        ("%d %b %Y", "04 May 2026", "day"),
        ("%d.%m.%Y %H:%M%z", "04.05.2026 08:00+0200", "minute"),
    ],
)
def test_the_declared_form_of_a_time_says_how_precise_it_is(form: str, text: str, precision: str) -> None:
    make_patient()
    make_feed(datetime_format=form)
    take(long_csv([], csv_row(collected_at=text)))
    assert Observation.objects.get().time_precision == precision


def test_a_german_feed_in_its_declared_dialect() -> None:
    make_patient(mrn="00123")
    make_local_code(sender="german-codes", code="THRO", coding_system="L")
    make_feed(
        encoding="cp1252",
        delimiter="semicolon",
        decimal=",",
        datetime_format="%d.%m.%Y %H:%M",
        date_format="%d.%m.%Y",
        codes="german-codes",
    )
    cells = {
        "mrn": "00123",
        "dob": "02.03.1961",
        "test_code": "THRO",
        "collected_at": "04.05.2026 08:00",
        "reported_at": "",
        "ref_range": "150,5-400",
    }
    text = long_csv(csv_row("60,5", unit="Gpt/l", **cells), csv_row("60.5", unit="Gpt/l", **cells))
    lines = text.decode().split("\r\n")
    body = "\r\n".join(
        [
            lines[0].replace(",", ";"),
            ";".join(csv_row("60,5", unit="Gpt/l", **cells)),
            ";".join(csv_row("60.5", unit="Gpt/l", **cells)),
            "",
        ]
    ).encode("cp1252")
    assert outcome(take(body)) == ("read", "not-a-number", 1, 1)
    stored = Observation.objects.get()
    assert f"{stored.value.normalize():f} {stored.ref_low.normalize():f}" == "60.5 150.5"
    assert (stored.time_precision, stored.collected_at) == ("minute", datetime(2026, 5, 4, 6, tzinfo=UTC))


def test_a_wide_file_names_analyte_and_unit_in_its_columns() -> None:
    make_patient()
    make_feed(layout="wide")
    body = (
        "MRN,Name,DOB,Sex,Collected,777-3 (10*9/L),718-7 (g/dL),9999-9 (x10(9)/L)\r\n"
        '1001,"Müller, Maria",1961-03-02,F,2026-05-04T08:00,60,8.1,\r\n'
        '1001,"Müller, Maria",1961-03-02,F,2026-05-05,61,,4\r\n'
    ).encode()
    assert outcome(take(body)) == ("read", "unmapped-code", 3, 1)
    found = {(row.position, row.part): row.value for row in Observation.objects.all()}
    assert found == {(2, "777-3 (10*9/L)"): 60, (2, "718-7 (g/dL)"): 81, (3, "777-3 (10*9/L)"): 61}
    assert set(Observation.objects.values_list("status", flat=True)) == {"final"}
    assert QuarantinedResult.objects.get().part == "9999-9 (x10(9)/L)"


def test_two_wide_files_that_contradict_each_other_clear_nothing() -> None:
    make_patient()
    make_feed(layout="wide")
    head = "MRN,Name,DOB,Sex,Collected,777-3 (10*9/L)\r\n"
    line = '1001,"Müller, Maria",1961-03-02,F,2026-05-04T08:00,'
    take(f"{head}{line}160\r\n".encode())
    take(f"{head}{line}60\r\n".encode())
    assert {row.result.in_conflict for row in Observation.objects.select_related("result")} == {True}


def test_a_file_of_many_orders_is_stored_whole_and_its_repetition_changes_nothing() -> None:
    make_patient()
    make_feed()
    rows = [csv_row(str(50 + n), order_no=f"C{n}") for n in range(250)]
    assert outcome(take(long_csv(*rows)))[2] == 250
    assert outcome(take(long_csv(*reversed(rows)))) == ("duplicate", "", 0, 0)
    assert Observation.objects.count() == 250


def queries_of(rows: list[list[str]]) -> int:
    kept = keep_message(body=long_csv(*rows), door="csv", feed="csv-lab")
    with CaptureQueriesContext(connection) as queries:
        read_waiting_messages(ids=[kept.message_id])
    assert MessageOutcome.objects.get(message_id=kept.message_id).stored == len(rows)
    return len(queries)


@pytest.mark.postgres
def test_statements_grow_with_chunks_and_not_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    make_patient()
    make_feed()
    queries_of([csv_row(order_no="first")])  # the first row of a feed also notes its units
    counts = []
    for size in (600, 1900):
        counts.append(queries_of([csv_row(str(50 + n % 900), order_no=f"{size}-{n}") for n in range(size)]))
    assert counts[0] == counts[1]
    monkeypatch.setattr(bulk, "CHUNK", 500)
    cut = queries_of([csv_row(str(50 + n % 900), order_no=f"cut-{n}") for n in range(1900)])
    # New results go by chunks, as another worker may make them too; reports and versions are copied.
    assert cut == counts[0] + 3


@pytest.mark.sqlite
def test_statements_stay_few_on_sqlite_too() -> None:
    make_patient()
    make_feed()
    few, many = (
        queries_of([csv_row(str(50 + n % 900), order_no=f"{size}-{n}") for n in range(size)])
        for size in (200, 1000)
    )
    assert many - few < 800 / 10


def test_many_rows_written_at_once_are_the_same_as_each_written_alone() -> None:
    make_patient()
    make_feed()
    make_feed(name="other")
    rows = [
        csv_row(f"{100 + n}.{n:03}", order_no=f"C{n}", comment='"haemolysed, \u00e9"' if n % 2 else "")
        for n in range(150)
    ]
    take(long_csv(*rows))
    for row in rows:
        receive(long_csv(row), door="csv", feed="other")
    ours = ("result", "message", "report", "supersedes", "id", "public_id", "position", "received_at")
    columns = [field.attname for field in Observation._meta.fields if field.name not in ours]
    together, alone = (
        list(Observation.objects.filter(message__sender=name).order_by("value").values(*columns))
        for name in ("csv-lab", "other")
    )
    assert together == alone
    assert Result.objects.filter(current__isnull=False, in_conflict=False).count() == 300


def test_versions_of_many_results_in_one_file_replace_each_other_in_order() -> None:
    make_patient()
    make_feed()
    first = [csv_row(str(100 + n), order_no=f"C{n}", status="P", reported_at="") for n in range(120)]
    then = [csv_row(str(300 + n), order_no=f"C{n}", reported_at="") for n in range(120)]
    assert outcome(take(long_csv(*first, *then)))[2] == 240
    results = Result.objects.select_related("current__supersedes")
    assert [(row.current.version, row.current.status) for row in results] == [(2, "final")] * 120
    steps = [(row.current.supersedes.value or 0) + 200 == row.current.value for row in results]
    assert steps == [True] * 120


def test_a_file_of_too_many_results_is_refused_whole() -> None:
    make_patient()
    make_feed()
    rows = [csv_row()] * (limits().results_in_file + 1)
    assert outcome(take(long_csv(*rows))) == ("rejected", "too-many-results", 0, 0)
    assert not Observation.objects.exists()


def test_the_same_file_again_is_not_taken_twice() -> None:
    make_patient()
    make_feed()
    first, again = take(long_csv(csv_row())), take(long_csv(csv_row()))
    assert first == again
    assert Observation.objects.count() == 1


def test_a_file_of_a_feed_that_is_gone_is_refused() -> None:
    assert outcome(take(long_csv(csv_row()))) == ("rejected", "unknown-feed", 0, 0)
