"""Unit jumps: the ratios of each analyte, the value one is compared with, and the same in any order."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.library import analytes, jump_limits
from labs.unit_jumps import Reported, known_ratios, unit_jumps

START = datetime(2026, 5, 4, 6, tzinfo=UTC)
_keys = count(1)

# Analyte, and every ratio above 1 that counts, by hand from the unit tables.
RATIOS = [
    ("PLT", ["10", "100", "1000", "10000", "100000"]),
    ("ANC", ["10", "100", "1000", "10000", "100000"]),
    ("WBC", ["10", "100", "1000", "10000", "100000"]),
    ("LYMPH", ["10", "100", "1000", "10000", "100000"]),
    ("HGB", ["1.6114", "10", "16.114"]),
    ("ALB", ["6.65", "10", "15.038", "100", "150.38", "1000"]),
    ("CREAT", ["8.842", "10", "11.31", "88.42", "113.1", "1000"]),
    ("BILI", ["10", "17.104"]),
    ("ALT", ["16.667", "60", "1000"]),
    ("AST", ["16.667", "60", "1000"]),
    ("ALP", ["16.667", "60", "1000"]),
    ("GGT", ["16.667", "60", "1000"]),
    ("K", ["3.9093"]),
    ("CA", ["2", "2.004", "4.008"]),
    ("GLU", ["18.015"]),
    ("INR", []),
    ("PTR", []),
    ("NA", []),
    ("HCG", []),
]
# Analyte, last value, new value, and the ratio it is taken for, above 1 upwards; none where it is none.
JUMPS = [
    ("PLT", "250", "25", "0.1"),
    ("PLT", "25", "250", "10"),
    ("PLT", "250", "28.7", "0.1"),
    ("PLT", "250", "28.8", None),
    ("PLT", "250", "21.8", "0.1"),
    ("PLT", "250", "21.7", None),
    ("PLT", "228", "60", None),
    ("PLT", "2", "2000", "1000"),
    ("ANC", "4.1", "0.4", "0.1"),
    ("ANC", "4.1", "0", None),
    ("WBC", "6.3", "63", "10"),
    ("LYMPH", "1.6", "0.16", "0.1"),
    ("HGB", "134", "83.2", "0.62058"),
    ("HGB", "134", "80", "0.62058"),
    ("HGB", "134", "79", None),
    ("HGB", "134", "88", None),
    ("HGB", "83", "134", "1.6114"),
    ("HGB", "240", "24", "0.1"),
    ("ALB", "41", "6.2", "0.15038"),
    ("CREAT", "20", "1768.4", "88.42"),
    ("CREAT", "78", "110", None),
    ("CREAT", "78", "690", "8.842"),
    ("BILI", "11", "188", "17.104"),
    ("BILI", "11", "18.8", None),
    ("ALT", "24", "1440", "60"),
    ("ALT", "24", "400", "16.667"),
    ("ALT", "24", "120", None),
    ("AST", "1620", "27", "0.016667"),
    ("ALP", "70", "4200", "60"),
    ("GGT", "30", "30000", "1000"),
    ("K", "4.0", "1.02", "0.2558"),
    ("K", "4.0", "6.5", None),
    ("CA", "2.4", "1.2", "0.5"),
    ("CA", "2.4", "1.5", None),
    ("GLU", "5.5", "99", "18.015"),
    ("INR", "1.0", "10", None),
    ("PTR", "100", "10", None),
    ("NA", "140", "14", None),
    ("HCG", "1", "1000", None),
]


def value(number: str, day: int, *, analyte: str = "PLT", usable: bool = True, **more: Any) -> Reported:
    """One result of a day."""
    facts: dict[str, Any] = {"key": next(_keys), "at": START + timedelta(days=day), **more}
    return Reported(analyte=analyte, value=Decimal(number), usable=usable, **facts)


def marked(*values: Reported) -> list[str]:
    """The values that are marked, in the order given."""
    found = unit_jumps(values, analytes=analytes(), limits=jump_limits())
    return [str(each.value) for each in values if each.key in found]


def test_every_analyte_is_in_the_table() -> None:
    assert {short for short, _ratios in RATIOS} == set(analytes())


@pytest.mark.parametrize(("short", "ratios"), RATIOS)
def test_the_ratios_follow_from_the_unit_table(short: str, ratios: list[str]) -> None:
    found = [band.ratio for band in known_ratios(analytes()[short], jump_limits())]
    assert [f"{float(ratio):.5g}" for ratio in found if ratio > 1] == [f"{float(r):.5g}" for r in ratios]
    assert sorted(1 / ratio for ratio in found) == found  # both directions


@pytest.mark.parametrize(("short", "before", "after", "ratio"), JUMPS)
def test_a_change_near_the_ratio_of_two_units_is_a_jump(
    short: str, before: str, after: str, ratio: str | None
) -> None:
    first, second = value(before, 0, analyte=short), value(after, 7, analyte=short)
    found = unit_jumps([first, second], analytes=analytes(), limits=jump_limits())
    if ratio is None:
        assert not found
        return
    jump = found[second.key]
    assert (jump.before, jump.before_at) == (first.value, first.at)
    assert f"{float(jump.ratio):.5g}" == ratio


def test_the_next_values_are_compared_with_the_last_one_that_is_no_jump() -> None:
    assert marked(value("250", 0), value("25", 7), value("26", 14), value("240", 21)) == ["25", "26"]


def test_a_value_between_ends_it() -> None:
    assert marked(value("250", 0), value("25", 7), value("80", 14), value("25.5", 21)) == ["25"]


def test_what_may_not_be_relied_on_is_compared_with_nothing_later() -> None:
    assert marked(value("250", 0, usable=False), value("25", 7)) == []
    assert marked(value("250", 0), value("25", 7, usable=False)) == ["25"]
    assert marked(value("0", 0), value("250", 7), value("25", 14)) == ["25"]


def test_only_values_of_the_same_analyte_are_compared() -> None:
    assert marked(value("250", 0), value("25", 7, analyte="HGB")) == []
    assert marked(value("250", 0, analyte="XYZ"), value("25", 7, analyte="XYZ")) == []


def test_of_one_instant_none_is_compared_with_the_other_and_later_ones_with_each() -> None:
    assert marked(value("250", 0), value("25", 0)) == []
    assert marked(value("250", 0), value("150", 0), value("15", 7), value("25", 7)) == ["15", "25"]


def test_what_two_people_read_in_the_report_is_no_jump_and_later_ones_are_compared_with_it() -> None:
    assert marked(value("25", 0), value("250", 7, agreed=True), value("255", 14)) == []


def test_the_same_value_typed_for_the_specimen_settles_the_laboratorys_too() -> None:
    assert marked(value("25", 0), value("250", 7), value("250", 7, agreed=True), value("255", 14)) == []
    assert marked(value("25", 0), value("250", 7), value("251", 7, agreed=True)) == ["250"]


REPORTED = st.builds(
    value,
    st.sampled_from(["0", "2.5", "25", "26", "80", "240", "250", "2500"]),
    st.integers(0, 6),
    analyte=st.sampled_from(["PLT", "PLT", "ALT"]),
    usable=st.booleans(),
    agreed=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(REPORTED, max_size=9), st.data())
def test_the_marks_do_not_depend_on_the_order_of_the_results(values: list[Reported], data: Any) -> None:
    shuffled = data.draw(st.permutations(values))
    limits = jump_limits()
    in_order = unit_jumps(values, analytes=analytes(), limits=limits)
    assert unit_jumps(shuffled, analytes=analytes(), limits=limits) == in_order
