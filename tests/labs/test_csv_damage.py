"""What spreadsheets and other locales do to CSV files is held or refused, never guessed."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.csv_table import read_table
from labs.formats.csv_cells import FeedProfile
from labs.formats.csv_rows import parse
from labs.formats.csv_text import garbled, strict_rows
from labs.formats.parsed import Problem, Rejected
from labs.models import CsvFeed, LabMessage, MessageOutcome, Observation, QuarantinedResult
from labs.remedies import REMEDIES
from labs.report import message_report
from labs.services.preview import try_file
from labs.zones import clinic_zone
from tests.builders_labs import csv_row, long_csv, make_feed, make_patient, receive

pytestmark = pytest.mark.django_db
GERMAN = {
    "encoding": "cp1252",
    "delimiter": "semicolon",
    "decimal": ",",
    "datetime_format": "%d.%m.%Y %H:%M",
    "date_format": "%d.%m.%Y",
}
GERMAN_CELLS = {
    "dob": "02.03.1961",
    "collected_at": "04.05.2026 08:00",
    "reported_at": "04.05.2026 09:00",
    "ref_range": "150-400",
}


def take(body: bytes, feed: str = "csv-lab") -> tuple[str, str, int, int]:
    row = receive(body, door="csv", feed=feed)
    found = MessageOutcome.objects.get(message=row)
    return found.state, found.reason_code, found.stored, found.held


def german_csv(*rows: list[str], encoding: str = "cp1252") -> bytes:
    """A file as a German spreadsheet writes it."""
    header = long_csv().decode().split("\r\n")[0].split(",")
    return "\r\n".join(";".join(cells) for cells in [header, *rows, []]).encode(encoding)


def german_row(value: str = "60,5", **cells: str) -> list[str]:
    return csv_row(value, **(GERMAN_CELLS | cells))


# --- One damaged cell: the row is held, and the next one is stored -----------------------------

CELLS: list[tuple[str, dict[str, str], str]] = [
    ("a value turned into a date, 2.5 became", {"value": "02-May"}, "not-a-number"),
    ("a German 9.10 turned into a date", {"value": "09. Okt"}, "not-a-number"),
    ("a value turned into a serial date", {"value": "46146"}, "implausible"),
    ("a value in scientific form", {"value": "1.43E+02"}, "not-a-number"),
    ("a value in scientific form of another locale", {"value": '"1,43E+02"'}, "not-a-number"),
    ("thousands, or a decimal comma", {"value": '"1,043"'}, "not-a-number"),
    ("a decimal comma", {"value": '"1,33"'}, "not-a-number"),
    ("thousands with a blank", {"value": "1 043"}, "not-a-number"),
    ("thousands with a hard blank", {"value": "1\u00a0043"}, "not-a-number"),
    ("thousands with an apostrophe", {"value": "1'043"}, "not-a-number"),
    ("digits of another script", {"value": "١٤٣"}, "not-a-number"),
    ("a percent sign", {"value": "60%"}, "not-a-number"),
    ("a formula's error", {"value": "#N/A"}, "not-a-number"),
    ("another error", {"value": "#DIV/0!"}, "not-a-number"),
    ("hashes of a narrow column", {"value": "#####"}, "not-a-number"),
    ("a missing value of a data frame", {"value": "NaN"}, "not-a-number"),
    ("a missing value of a data base", {"value": "NULL"}, "not-a-number"),
    ("no value", {"value": ""}, "no-value"),
    ("a formula", {"value": "=A1"}, "not-a-number"),
    ("a serial date of the 1900 system", {"collected_at": "46146.333333"}, "bad-time"),
    ("a serial date of the 1904 system", {"collected_at": "44684"}, "bad-time"),
    ("a time of another locale", {"collected_at": "04.05.2026 08:00"}, "bad-time"),
    ("a time with slashes", {"collected_at": "05/04/2026 08:00"}, "bad-time"),
    ("a week date", {"collected_at": "2026-W19-1T08:00"}, "bad-time"),
    ("an error for a time", {"collected_at": "#VALUE!"}, "bad-time"),
    ("a birth date of another locale", {"dob": "02.03.1961"}, "no-birth-date"),
    ("a birth date in serial form", {"dob": "22342"}, "no-birth-date"),
    ("a birth date as week date", {"dob": "1961-W09-4"}, "no-birth-date"),
    ("a birth date of two digits", {"dob": "02-Mar-61"}, "no-birth-date"),
    ("a number that lost its zeros", {"mrn": "123"}, "unknown-patient"),
    ("a number in scientific form", {"mrn": "1.23E+02"}, "unknown-patient"),
    ("a number with a decimal point", {"mrn": "123.0"}, "unknown-patient"),
    ("a code turned into a date", {"test_code": "Mar-77"}, "unmapped-code"),
    ("a status in words", {"status": "TRUE"}, "unknown-status"),
    ("a name of the wrong character set", {"family": "MÃ¼ller"}, "name-differs"),
    ("a name that lost a letter", {"family": "M\ufffdller"}, "name-differs"),
    ("a comment of the wrong character set", {"comment": "hÃ¤molytisch"}, "garbled-text"),
    ("a unit of the wrong character set", {"unit": "10Â³/Âµl"}, "garbled-text"),
    ("a control character", {"comment": "a\x1bb"}, "garbled-text"),
    ("a C1 control character", {"comment": "5 \u0080"}, "garbled-text"),
    ("a name over two lines", {"family": '"Mül\nler"'}, "damaged-row"),
]


@pytest.mark.parametrize(("cells", "reason"), [row[1:] for row in CELLS], ids=[row[0] for row in CELLS])
def test_a_damaged_cell_holds_its_row_and_no_other(cells: dict[str, str], reason: str) -> None:
    make_patient(mrn="00123")
    make_feed()
    bad = csv_row(**({"mrn": "00123"} | cells))
    good = csv_row("61", mrn="00123", order_no="C2")
    message = receive(long_csv(bad, good), door="csv", feed="csv-lab")
    held = QuarantinedResult.objects.get()
    assert (held.position, held.reason_code) == (2, reason)
    assert Observation.objects.get().position == 3
    report = message_report(message_id=message.pk)
    assert [(row["row"], row["state"]) for row in report["rows"]] == [(2, "held"), (3, "stored")]
    assert report["rows"][0]["remedy"] == REMEDIES[reason]


def test_a_damaged_reference_range_states_no_limit_and_blocks_no_value() -> None:
    make_patient()
    make_feed()
    ranges = ("Jan 50", "1.5E+02-400", '"150,5-400,0"', "#N/A", "=150-400")
    take(long_csv(*(csv_row(ref_range=text, order_no=f"C{n}") for n, text in enumerate(ranges))))
    limits = Observation.objects.values_list("ref_low", "ref_high")
    assert len(limits) == len(ranges)
    assert set(limits) == {(None, None)}


def test_another_patients_number_that_lost_its_zeros_is_not_believed() -> None:
    make_patient(mrn="00123")
    make_patient(mrn="123", family="Anders", given="Anna", birth_date=date(1950, 1, 1))
    make_feed()
    assert take(long_csv(csv_row(mrn="123"))) == ("quarantined", "birth-date-differs", 0, 1)


# --- The whole file: refused -------------------------------------------------------------------

GOOD = long_csv(csv_row(), csv_row("61", order_no="C2"))
ASCII = GOOD.replace("ü".encode(), b"ue")
HEADER = long_csv().decode().strip()
# Row 2 opens a quotation mark, row 3 closes it in the same column: the cells of two patients in one row.
SWALLOWED = long_csv(csv_row(test_name='"Platelets'), csv_row("61", test_name='Platelets"'))
FILES: list[tuple[str, dict[str, str], bytes, str]] = [
    ("nothing", {}, b"", "empty-file"),
    ("a mark and nothing", {}, b"\xef\xbb\xbf", "empty-file"),
    ("utf-16 for utf-8", {}, GOOD.decode().encode("utf-16"), "bad-encoding"),
    ("cp1252 for utf-8", {}, GOOD.decode().encode("cp1252"), "bad-encoding"),
    ("utf-8 for cp1252", {"encoding": "cp1252"}, GOOD, "bad-encoding"),
    ("utf-8 with a mark for cp1252", {"encoding": "cp1252"}, b"\xef\xbb\xbf" + ASCII, "bad-encoding"),
    ("utf-8 for latin-1", {"encoding": "iso-8859-1"}, GOOD, "bad-encoding"),
    ("utf-16 for latin-1", {"encoding": "iso-8859-1"}, GOOD.decode().encode("utf-16"), "bad-encoding"),
    ("utf-8 for utf-16", {"encoding": "utf-16"}, GOOD, "bad-encoding"),
    ("utf-16 without a mark", {"encoding": "utf-16"}, GOOD.decode().encode("utf-16-le"), "bad-encoding"),
    ("an encoding nobody knows", {"encoding": "klingon"}, GOOD, "bad-encoding"),
    ("no text encoding", {"encoding": "rot13"}, GOOD, "bad-encoding"),
    ("NUL", {}, ASCII.replace(b"61", b"6\x001"), "bad-encoding"),
    ("another delimiter", {}, german_csv(german_row(), encoding="utf-8"), "bad-header"),
    ("a delimiter line", {}, b"sep=,\r\n" + GOOD, "bad-header"),
    ("a column twice", {}, GOOD.replace(b"unit", b"value", 1), "bad-header"),
    ("a column twice but for blanks", {}, GOOD.replace(b"unit", b"value ", 1), "bad-header"),
    ("a column less", {}, long_csv(csv_row(), header=HEADER.replace(",unit", "")), "bad-header"),
    ("a column more", {}, long_csv(csv_row(), header=HEADER + ",x"), "bad-header"),
    ("a column without a name", {}, long_csv(csv_row(), header=HEADER + ","), "bad-header"),
    ("no header", {}, "\r\n".join([",".join(csv_row())] * 2).encode(), "bad-header"),
    ("a title above the header", {}, b"Export of 4 May\r\n" + GOOD, "bad-header"),
    ("an open quotation mark", {}, long_csv(csv_row(comment='"open')), "bad-dialect"),
    ("text after a quotation mark", {}, long_csv(csv_row(comment='"a"b')), "bad-dialect"),
    ("a quotation mark that swallows half a row", {}, SWALLOWED, "bad-dialect"),
    (
        "a comment that swallows rows",
        {},
        long_csv(csv_row(comment='"a'), csv_row("61", order_no="C2"), csv_row("62", comment='b"')),
        "bad-dialect",
    ),
    (
        "day and month exchanged",
        {"datetime_format": "%d/%m/%Y %H:%M", "date_format": "%d/%m/%Y"},
        long_csv(
            csv_row(dob="02/03/1961", collected_at="05/04/2026 08:00", reported_at=""),
            csv_row(dob="02/03/1961", collected_at="05/13/2026 08:00", reported_at="", order_no="C2"),
        ),
        "bad-date-order",
    ),
]


@pytest.mark.parametrize(
    ("feed", "body", "reason"), [row[1:] for row in FILES], ids=[row[0] for row in FILES]
)
def test_a_damaged_file_is_refused_whole_with_a_reason_and_a_remedy(
    feed: dict[str, str], body: bytes, reason: str
) -> None:
    make_patient()
    make_feed(**feed)
    message = receive(body, door="csv", feed="csv-lab")
    report = message_report(message_id=message.pk)
    assert (report["state"], report["reason_code"], report["rows"]) == ("rejected", reason, [])
    assert report["reason"].endswith(".")
    assert report["remedy"] == REMEDIES[reason]
    assert not Observation.objects.exists()
    assert not QuarantinedResult.objects.exists()


# --- What is no damage --------------------------------------------------------------------------

FINE: list[tuple[str, dict[str, str], bytes]] = [
    ("utf-8", {}, GOOD),
    ("utf-8 with a mark", {}, b"\xef\xbb\xbf" + GOOD),
    ("utf-8-sig declared", {"encoding": "utf-8-sig"}, b"\xef\xbb\xbf" + GOOD),
    ("utf-16 little endian", {"encoding": "utf-16"}, b"\xff\xfe" + GOOD.decode().encode("utf-16-le")),
    ("utf-16 big endian", {"encoding": "utf-16"}, b"\xfe\xff" + GOOD.decode().encode("utf-16-be")),
    ("utf-16-le with a mark", {"encoding": "utf-16-le"}, b"\xff\xfe" + GOOD.decode().encode("utf-16-le")),
    ("cp1252", {"encoding": "cp1252"}, GOOD.decode().encode("cp1252")),
    ("latin-1", {"encoding": "iso-8859-1"}, GOOD.decode().encode("latin-1")),
    ("line feeds alone", {}, GOOD.replace(b"\r\n", b"\n")),
    ("carriage returns alone", {}, GOOD.replace(b"\r\n", b"\r")),
    ("no end of the last line", {}, GOOD.removesuffix(b"\r\n")),
    ("every cell quoted", {}, b"\r\n".join(
        b",".join(b'"' + cell + b'"' for cell in line.split(b",")) for line in GOOD.split(b"\r\n")[:-1])),
    ("blank rows at the end", {}, GOOD + b",,,,,,,,,,,,,,,\r\n\r\n , ,,,,,,,,,,,,,,\r\n"),
    ("a comment over two lines", {}, GOOD.replace(b"00,\r\n", b'00,"a\r\nb, c"\r\n')),
    ("a doubled quotation mark", {}, GOOD.replace(b"Platelets", b'"Plate""lets"')),
    ("tab", {"delimiter": "tab"}, GOOD.replace(b",", b"\t")),
    ("a comment that reads NA", {}, GOOD.replace(b"00,\r\n", b"00,NA\r\n")),
]  # fmt: skip


@pytest.mark.parametrize(("feed", "body"), [row[1:] for row in FINE], ids=[row[0] for row in FINE])
def test_a_file_in_its_declared_dialect_is_read_whole(feed: dict[str, str], body: bytes) -> None:
    make_patient()
    make_feed(**feed)
    assert take(body)[2:] == (2, 0)
    assert set(Observation.objects.values_list("value", flat=True)) == {60, 61}


def test_empty_rows_and_rows_without_a_result_stand_in_the_report() -> None:
    make_patient()
    make_feed()
    take(GOOD)
    body = long_csv(
        csv_row(), csv_row("", status="I", order_no="C7"), [""] * 16, [], csv_row("63", order_no="C8")
    )
    message = receive(body, door="csv", feed="csv-lab")
    rows = message_report(message_id=message.pk)["rows"]
    assert [(row["row"], row["state"]) for row in rows] == [
        (2, "unchanged"),
        (3, "no-result"),
        (4, "empty"),
        (5, "empty"),
        (6, "stored"),
    ]


def test_a_decimal_comma_is_a_comma_only_where_the_feed_declares_it() -> None:
    make_patient()
    make_feed(**GERMAN)
    rows = [german_row("1,043"), german_row("1.043", order_no="C2"), german_row("1.043,5", order_no="C3")]
    assert take(german_csv(*rows)) == ("read", "not-a-number", 1, 2)
    assert Observation.objects.get().value == Decimal("1.043")


def test_a_refused_file_is_read_again_once_its_feed_is_declared_anew() -> None:
    make_patient()
    feed = make_feed(delimiter="semicolon")
    assert take(GOOD)[:2] == ("rejected", "bad-header")
    assert take(GOOD)[:2] == ("rejected", "bad-header")
    assert LabMessage.objects.count() == 1
    feed.delimiter = "comma"
    feed.save()
    assert take(GOOD)[2:] == (2, 0)
    assert take(GOOD)[2:] == (2, 0)
    assert LabMessage.objects.count() == 2
    feed.zone = "America/New_York"
    feed.save()
    assert take(GOOD)[2:] == (2, 0)
    assert (LabMessage.objects.count(), Observation.objects.count()) == (2, 2)


# --- Properties ----------------------------------------------------------------------------------


def profile(**facts: Any) -> FeedProfile:
    given_: dict[str, Any] = {
        "layout": "long",
        "encoding": "utf-8",
        "delimiter": "comma",
        "decimal": ".",
        "datetime_format": "iso",
        "date_format": "iso",
        "zone": clinic_zone(),
        "coding_system": "LN",
    }
    return FeedProfile(**(given_ | facts))


LOCALES: dict[str, tuple[Callable[[Decimal], str], str, str]] = {
    "english": (lambda d: f"{d:,}", "%m/%d/%Y %I:%M %p", "%m/%d/%Y"),
    "american": (lambda d: f"{d:,}", "%m/%d/%Y %H:%M", "%m/%d/%Y"),
    "british": (lambda d: f"{d:,}", "%d/%m/%Y %H:%M", "%d/%m/%Y"),
    "german": (lambda d: f"{d:,}".translate(str.maketrans(",.", ".,")), "%d.%m.%Y %H:%M", "%d.%m.%Y"),
    "swiss": (lambda d: f"{d:,}".replace(",", "'"), "%d.%m.%Y %H:%M", "%d.%m.%Y"),
    "french": (lambda d: f"{d:,}".translate(str.maketrans(",.", "\u202f,")), "%d/%m/%Y %H:%M", "%d/%m/%Y"),
    "scientific": (lambda d: f"{d:.2E}", "%Y%m%d%H%M", "%Y%m%d"),
    "plain": (str, "%Y-%m-%d %H:%M", "%Y-%m-%d"),
}
FEEDS: list[dict[str, str]] = [
    {},
    {"decimal": ",", "datetime_format": "%d.%m.%Y %H:%M", "date_format": "%d.%m.%Y"},
    {"decimal": ".", "datetime_format": "%d/%m/%Y %H:%M", "date_format": "%d/%m/%Y"},
    {"decimal": ".", "datetime_format": "%m/%d/%Y %I:%M %p", "date_format": "%m/%d/%Y"},
]


@given(
    value=st.decimals(min_value="0.01", max_value="29999", places=2),
    at=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2026, 10, 1)),  # noqa: DTZ001
    born=st.dates(min_value=date(1930, 1, 1), max_value=date(2000, 1, 1)).filter(lambda d: d.day != d.month),
    locale=st.sampled_from(sorted(LOCALES)),
    feed=st.sampled_from(FEEDS),
)
def test_a_file_written_in_another_locale_is_refused_held_or_equal_and_never_different(
    value: Decimal, at: datetime, born: date, locale: str, feed: dict[str, str]
) -> None:
    number, time_form, day_form = LOCALES[locale]
    row = csv_row(
        f'"{number(value)}"',
        dob=born.strftime(day_form),
        collected_at=at.strftime(time_form),
        reported_at="",
    )
    rows = read_table(long_csv(row), feed=profile(**feed))
    assert not isinstance(rows, Rejected)
    parsed = parse(rows, feed=profile(**feed))
    if isinstance(parsed, Rejected):
        assert parsed.code == "bad-date-order"
        return
    [report] = parsed.reports
    [found] = report.observations
    if isinstance(found.number, Problem) or isinstance(found.collected, Problem):
        return
    if report.patient.birth_date != born:
        return  # the file's dates are not believed: its rows match no patient
    assert found.number.value == value
    assert found.collected.instant.astimezone(clinic_zone()).replace(tzinfo=None) == at.replace(
        second=0, microsecond=0
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=200).map(lambda tail: long_csv() + tail),
        st.binary(max_size=60).map(lambda part: GOOD[:200] + part + GOOD[200:]),
    ),
    feed=st.sampled_from(["utf-8", "cp1252", "utf-16", "iso-8859-1", "utf-7"]),
)
def test_random_bytes_never_crash_and_never_store(body: bytes, feed: str) -> None:
    if not CsvFeed.objects.filter(name=feed).exists():
        make_feed(name=feed, encoding=feed)
    taken = try_file(feed=feed, file_name="random.csv", body=body)
    assert taken.reason_code != "reader-failed"
    assert {line["state"] for line in taken.lines} <= {"held", "empty", "no-result"}


@given(st.text(alphabet=st.sampled_from('ab,;"\r\n\t =é'), max_size=60))
def test_both_readers_agree_on_every_text_that_the_strict_one_takes(text: str) -> None:
    strict = strict_rows(text, delimiter="comma")
    found = read_table(text.encode(), feed=profile())
    if isinstance(strict, Rejected) or isinstance(found, Rejected):
        assert isinstance(found, Rejected)
        return
    assert found == strict


@given(st.text(alphabet="äöüßÄÖÜéèçÉÈabc (),", max_size=20))
def test_letters_of_western_europe_are_not_taken_for_garbled_ones(text: str) -> None:
    assert not garbled(text)


@given(st.text(alphabet="äöüßÄÖÜéèçµ°²³½", min_size=1, max_size=20))
def test_utf_8_read_as_another_character_set_is_always_noticed(text: str) -> None:
    assert garbled(text.encode().decode("latin-1"))
