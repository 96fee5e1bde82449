"""Reference ranges in the forms laboratories use, and flags, which advise and decide nothing."""

import pytest

from labs.models import Patient
from tests.builders_labs import obr, obx
from tests.labs.conformance.doors import only, send_result, send_segments

RANGES = [
    ("150-400", "150", "400"),
    ("150 - 400", "150", "400"),
    ("[ 150 - 400 ]", "150", "400"),
    ("[150-400]", "150", "400"),
    ("150 to 400", "150", "400"),
    ("150 TO 400", "150", "400"),
    ("<21", None, "21"),
    ("< 21", None, "21"),
    ("<=21", None, "21"),
    ("\u226421", None, "21"),
    (">60", "60", None),
    ("> 60", "60", None),
    (">=35", "35", None),
    ("\u226535", "35", None),
    ("M:130-180 F:120-160", "120", "160"),
    ("F: 120 - 160; M: 130 - 180", "120", "160"),
    ("M:130-180, F:120-160", "120", "160"),
    ("M:<50 F:<35", None, "35"),
    ("70_105", "70", "105"),
    ("150\u2013400", "150", "400"),
    ("150\u2014400", "150", "400"),
    ("0.8^1.2", "0.8", "1.2"),
    (".8-1.2", "0.8", "1.2"),
    ("150", None, None),
    ("400-150", None, None),
    ("3,5-5,1", None, None),
    ("see report", None, None),
    ("negative", None, None),
    ("", None, None),
    ("M:130-180", None, None),
]


@pytest.mark.parametrize(("sent", "low", "high"), RANGES)
def test_a_range_is_read_or_stays_text_and_never_blocks_the_value(
    sent: str, low: str | None, high: str | None, patient: Patient
) -> None:
    send_result("60", limits=sent)
    row = only()
    assert (row["value"], row["usable"]) == ("60", True)
    assert (row["ref_low"], row["ref_high"]) == (low, high)


def test_limits_are_converted_with_the_value(patient: Patient) -> None:
    send_result("0.9", code="2160-0^Creatinine^LN", unit="mg/dL", limits="0.5-1.1")
    row = only()
    assert (row["value"], row["ref_low"], row["ref_high"]) == ("79.578", "44.21", "97.262")


QUIET = ["", "N", "L", "L~A", "A", "AA", "*", "LL", "<", "W", "S~R"]
ODD = ["H", "HH", ">", "H~A", "H~L", "N^Normal"]


@pytest.mark.parametrize("flags", [*QUIET[2:], "", *ODD, "N"])
def test_no_flag_changes_a_value_or_keeps_it_from_counting(flags: str, patient: Patient) -> None:
    taken = send_segments(obr(), obx("60").replace("|150-400||||F", f"|150-400|{flags}|||F"))
    row = only()
    assert (row["value"], row["comparator"], row["usable"]) == ("60", None, True)
    assert (taken.state, taken.outcome.held) == ("read", 0)


CONTRADICTIONS = [
    ("60", "150-400", "H", True),
    ("60", "150-400", "N", True),
    ("200", "150-400", "L", True),
    ("200", "150-400", "H", True),
    ("200", "150-400", "H~L", True),
    ("500", "150-400", "LL", True),
    ("60", "150-400", "L", False),
    ("60", "150-400", "L~A", False),
    ("500", "150-400", "HH", False),
    ("200", "150-400", "N", False),
    ("200", "150-400", "A", False),
    ("200", "", "H", False),
    ("200", "<400", "L", False),
    ("500", "<400", "L", True),
]


@pytest.mark.parametrize(("value", "limits", "flags", "warns"), CONTRADICTIONS)
def test_a_flag_that_contradicts_value_and_range_is_remarked_on(
    value: str, limits: str, flags: str, warns: bool, patient: Patient
) -> None:
    segment = obx(value, limits=limits).replace(f"|{limits}||||F", f"|{limits}|{flags}|||F")
    taken = send_segments(obr(), segment)
    assert ("contradicts" in taken.remarks) is warns
    assert only()["value"] == value
