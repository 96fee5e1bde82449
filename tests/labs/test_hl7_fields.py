"""The readers of single fields: what they remember changes nothing, and a long line is not remembered."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.formats.hl7_fields import Readers, readers_for
from labs.formats.hl7_syntax import Separators, read_separators
from labs.formats.parsed import ParsedNumber, Problem

BERLIN = ZoneInfo("Europe/Berlin")
SHORT, LONG = readers_for("OBX|1"), readers_for("OBX|1|FT|" + "A" * 1000)
LEAVES = st.text(alphabet="10.9*/LgduK%<>=- ^&~\\FSE", max_size=12)


def marks(declared: str = "^~\\&") -> Separators:
    found = read_separators(f"MSH|{declared}|LAB")
    assert isinstance(found, Separators)
    return found


@given(kind=st.sampled_from(["NM", "SN", "ST", "nm", "", "FT", "ED", "NM~ST"]), raw=LEAVES, limits=LEAVES)
def test_what_is_remembered_is_what_is_read_anew(kind: str, raw: str, limits: str) -> None:
    for _ in range(2):
        assert SHORT.value(marks(), "utf-8", kind, raw) == LONG.value(marks(), "utf-8", kind, raw)
        for unit in (kind, limits):
            told = (marks(), "utf-8", raw, unit, limits, "female")
            assert SHORT.test_and_range(*told) == LONG.test_and_range(*told)
        assert SHORT.time(marks(), "utf-8", raw, BERLIN) == LONG.time(marks(), "utf-8", raw, BERLIN)
        assert SHORT.instant(raw, BERLIN) == LONG.instant(raw, BERLIN)


def test_a_long_line_is_not_kept_in_memory() -> None:
    assert LONG is not SHORT
    assert not any(hasattr(reader, "cache_info") for reader in LONG)


def test_the_same_text_between_other_delimiters_is_another_text() -> None:
    told = ("777-3^Platelets^LN", "10*9/L", "", "")
    assert SHORT.test_and_range(marks(), "utf-8", *told)[0][0].code == "777-3"
    assert SHORT.test_and_range(marks("@~\\&"), "utf-8", *told)[0][0].code == "777-3^Platelets^LN"


def test_the_same_range_is_read_for_the_sex_it_is_asked_for() -> None:
    found = [
        SHORT.test_and_range(marks(), "utf-8", "", "", "M:130-180 F:120-160", sex)[-1].low
        for sex in ("male", "female", "")
    ]
    assert found == [Decimal(130), Decimal(120), None]


@pytest.mark.parametrize("readers", [SHORT, LONG])
def test_a_test_and_its_range_are_read_at_once_as_they_are_read_apart(readers: Readers) -> None:
    for named, unit, limits, sex in (
        ("777-3^Platelets^LN", "10*9/L^^UCUM", "150-400", "female"),
        ("777-3^Platelets^LN", "10*9/L^^UCUM", "M:130-180 F:120-160", "female"),
        ("777-3^Platelets^LN", "10*9/L^^UCUM", "M:130-180 F:120-160", "male"),
        ("", "", "", ""),
    ):
        apart = (
            *readers.test_and_range(marks(), "utf-8", named, unit, "", "")[:3],
            *readers.test_and_range(marks(), "utf-8", "", "", limits, sex)[3:],
        )
        assert readers.test_and_range(marks(), "utf-8", named, unit, limits, sex) == apart


def test_a_test_and_its_range_between_other_delimiters_or_in_other_letters_are_others() -> None:
    told = ("777-3^Pl\\XE4\\ttchen^LN", "10*9/L", "1^2", "female")
    usual = SHORT.test_and_range(marks(), "latin-1", *told)
    assert (usual[0][0].text, usual[3]) == ("Plättchen", "1^2")
    assert SHORT.test_and_range(marks(), "utf-8", *told)[0][0].text == "Pl\\XE4\\ttchen"
    assert SHORT.test_and_range(marks("@~\\&"), "latin-1", *told)[0][0].code == "777-3^Plättchen^LN"


@pytest.mark.parametrize(
    ("kind", "raw", "found"),
    [
        ("nm", "60", ParsedNumber(value=Decimal(60))),
        (" NM ", "60", ParsedNumber(value=Decimal(60))),
        ("", "<60", ParsedNumber(value=Decimal(60), comparator="<")),
        ("SN", ">^60", ParsedNumber(value=Decimal(60), comparator=">")),
        ("NM", "60~61", "repeated-value"),
        ("NM", '""', "value-deleted"),
        ("ED", "60", "attachment"),
        ("CE", "60", "not-a-number"),
    ],
)
def test_the_type_decides_how_the_value_is_read(kind: str, raw: str, found: ParsedNumber | str) -> None:
    number, _sent = SHORT.value(marks(), "utf-8", kind, raw)
    assert (number.code if isinstance(number, Problem) else number) == found


def test_the_second_component_of_a_time_says_how_precise_it_is() -> None:
    day = SHORT.time(marks(), "utf-8", "20260504083000^D", BERLIN)
    assert day is not None
    assert not isinstance(day, Problem)
    assert day.precision == "day"
    assert SHORT.time(marks(), "utf-8", " ^D", BERLIN) is None
