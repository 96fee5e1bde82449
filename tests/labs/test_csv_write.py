"""Tables written for spreadsheets: no cell begins a formula, numbers stay numbers, and nothing is lost."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.formats.csv_write import safe_cell, write_table
from labs.formats.hidden import written_out

TRIGGERS = "=+-@＝＋－＠\t\r\n\0"


def read_back(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("-", "'-"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("\t=1", "[U+0009]=1"),
        ("\r=1", "[U+000D]=1"),
        ("\0=1", "[U+0000]=1"),
        ("-2.5", "-2.5"),
        ("60", "60"),
        ("", ""),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
    ],
)
def test_what_begins_a_formula_gets_an_apostrophe(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_no_text_becomes_a_formula_and_none_is_lost(cells: list[str]) -> None:
    [_header, row] = read_back(write_table([str(n) for n in range(len(cells))], [cells]))
    for sent, shown in zip(cells, row, strict=True):
        assert shown in {written_out(sent), f"'{written_out(sent)}"}
        assert not shown.startswith(tuple(TRIGGERS)) or shown.lstrip("-").replace(".", "", 1).isdigit()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**6), max_value=10**6))
def test_numbers_are_written_as_they_are(number: object) -> None:
    assert read_back(write_table(["n"], [[number]]))[1] == [str(number)]
