"""What people read is unambiguous: days, zones, numbers, and characters that would hide."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from labs.templatetags.clinic_text import (
    analyte_name,
    birth,
    clock,
    day,
    instant,
    number,
    unit,
    visible,
    visible_bytes,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller-Lüdenscheidt", "Müller-Lüdenscheidt"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u200bb", "a[U+200B]b"),
        ("a\tb\n", "a[U+0009]b[U+000A]"),
        ("\ufeffx", "[U+FEFF]x"),
        (None, "None"),
    ],
)
def test_characters_that_hide_or_reorder_are_written_out(text, shown):
    assert visible(text) == shown


def test_a_message_keeps_its_lines_and_shows_what_ends_them():
    assert visible_bytes(b"MSH|\rPID|\r\nOBX\xff") == "MSH|[U+000D]\nPID|[U+000D][U+000A]\nOBX\\xff"


def test_a_day_carries_its_weekday_and_a_birth_date_does_not():
    assert day(date(2026, 5, 11)) == day("2026-05-11") == "Mon 11 May 2026"
    assert birth(date(1961, 3, 2)) == "2 Mar 1961"
    assert day(None) == "–"


def test_an_instant_is_told_on_the_clinics_clock_with_its_zone():
    summer = datetime(2026, 5, 11, 6, 0, tzinfo=UTC)
    assert instant(summer) == instant("2026-05-11T06:00:00+00:00") == "11 May 2026 08:00 CEST"
    assert instant(datetime(2026, 12, 1, 7, 0, tzinfo=UTC)) == "1 Dec 2026 08:00 CET"
    assert clock(summer) == "08:00 CEST"


def test_a_collection_time_never_claims_more_precision_than_was_sent():
    collected = datetime(2026, 5, 10, 22, 0, tzinfo=UTC)
    assert instant(collected, "day") == "11 May 2026 (time of day not known)"
    assert instant(collected, "hour") == "11 May 2026 00 h CEST"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("60.000000000"), "60"),
        (Decimal("0.500"), "0.5"),
        (Decimal("100"), "100"),
        ("7.40", "7.4"),
        ("withdrawn", "withdrawn"),
        ("NaN", "NaN"),
        (None, "–"),
    ],
)
def test_numbers_have_a_leading_zero_and_no_trailing_ones(value, shown):
    assert number(value) == shown


def test_units_are_written_as_people_write_them():
    assert [unit("10*9/L"), unit("umol/L"), unit("[IU]/L"), unit("1"), unit(None)] == [
        "×10^9/L",
        "µmol/L",
        "IU/L",
        "",
        "",
    ]


def test_an_analyte_is_named_by_its_short_name_or_code_and_never_guessed():
    assert analyte_name("PLT") == analyte_name("777-3") == "Platelets"
    assert analyte_name("99999-9") == "99999-9"
