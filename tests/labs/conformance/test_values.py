"""What a value is, by its type: a number, a number with a comparator, or words that wait for a person."""

import pytest

from labs.models import Patient
from tests.builders_labs import obr, obx
from tests.labs.conformance.doors import held, only, results, send_result, send_segments

TAKEN = [
    ("NM", "60", "", "60"),
    ("NM", " 60 ", "", "60"),
    ("NM", "060.50", "", "60.5"),
    ("NM", "+60", "", "60"),
    ("NM", "60.", "", "60"),
    ("SN", "^60", "", "60"),
    ("SN", "=^60", "", "60"),
    ("SN", "<^10", "<", "10"),
    ("SN", "<=^10", "<=", "10"),
    ("SN", ">^400", ">", "400"),
    ("SN", ">=^400", ">=", "400"),
    ("ST", "60", "", "60"),
    ("ST", "<10", "<", "10"),
    ("ST", "< 10", "<", "10"),
    ("ST", ">= 400", ">=", "400"),
    ("", "<10", "<", "10"),
    ("st", "60", "", "60"),
]


@pytest.mark.parametrize(("kind", "sent", "comparator", "value"), TAKEN)
def test_a_number_is_taken_with_its_comparator(
    kind: str, sent: str, comparator: str, value: str, patient: Patient
) -> None:
    send_result(sent, kind=kind)
    assert (only()["comparator"] or "", only()["value"], only()["usable"]) == (comparator, value, True)


NO_NUMBER = [
    "DNR",
    "TNP",
    "CANCELLED",
    "HAEMOLYSED",
    "CLOTTED",
    "QNS",
    "INSUFFICIENT",
    "SEE COMMENT",
    "PENDING",
]
HELD = [
    ("NM", "None", "not-a-number"),
    ("NM", "----", "not-a-number"),
    ("NM", "NaN", "not-a-number"),
    ("NM", "Infinity", "not-a-number"),
    ("NM", "", "no-value"),
    ("NM", "60,5", "not-a-number"),
    ("NM", "1.000,5", "not-a-number"),
    ("NM", "6E1", "not-a-number"),
    ("NM", "0x3C", "not-a-number"),
    ("NM", "6 0", "not-a-number"),
    ("NM", "<10", "not-a-number"),
    ("NM", "6^0", "not-a-number"),
    ("NM", "6&0", "not-a-number"),
    ("NM", "\u0666\u0660", "not-a-number"),
    ("NM", "60~61", "repeated-value"),
    ("SN", "^60~^61", "repeated-value"),
    ("ST", "60~61", "repeated-value"),
    ("SN", "^10^-^20", "not-one-number"),
    ("SN", "^1^:^2", "not-one-number"),
    ("SN", "^1^/^2", "not-one-number"),
    ("SN", "^2^+", "not-one-number"),
    ("SN", "<>^5", "not-one-number"),
    ("SN", "~", "repeated-value"),
    ("SN", "<", "no-value"),
    ("SN", "60", "not-one-number"),
    ("ST", "<>10", "not-a-number"),
    ("ST", "=10", "not-a-number"),
    ("ST", "10-20", "not-a-number"),
    ("ST", "~60", "repeated-value"),
    ("ST", "60 (low)", "not-a-number"),
    *(("ST", words, "not-a-number") for words in NO_NUMBER),
    *((kind, "60", "not-a-number") for kind in ("CE", "CWE", "FT", "TX", "DT", "ZZ")),
    ("CE", "260373001^Detected^SCT", "not-a-number"),
    ("FT", "first line~second line", "repeated-value"),
    ("NM~ST", "60", "repeated-field"),
    ("ED", "^application^pdf^Base64^JVBERi0=", "attachment"),
    ("RP", "http://lab/1.pdf", "attachment"),
]


@pytest.mark.parametrize(("kind", "sent", "reason"), HELD)
def test_whatever_is_no_number_waits_and_is_never_repaired(
    kind: str, sent: str, reason: str, patient: Patient
) -> None:
    taken = send_result(sent, kind=kind)
    assert (taken.state, taken.why) == ("quarantined", reason)
    assert (results(), held()) == ([], [reason])


REPEATED = [
    {"code": "777-3^Platelets^LN~718-7^Haemoglobin^LN"},
    {"unit": "10*9/L~/uL"},
    {"status": "F~W"},
    {"collected": "20260504080000~20260501080000"},
]


@pytest.mark.parametrize("field", REPEATED)
def test_the_first_of_several_is_a_guess_and_waits(field: dict[str, str], patient: Patient) -> None:
    assert send_result("60", **field).why == "repeated-field"
    assert results() == []


@pytest.mark.parametrize("words", NO_NUMBER)
def test_a_correction_that_withdraws_the_number_in_words_leaves_nothing_usable(
    words: str, patient: Patient
) -> None:
    send_result("160")
    send_segments(obr(), obx(words, kind="ST", status="C"), control_id="M2", at="20260504100000+0200")
    row = only()
    assert (row["value"], row["usable"]) == ("160", False)
    assert "waits for a person" in row["reason"]


LATER = "20260504100000+0200"


@pytest.mark.parametrize("status", ["F", "C", "P", "U", "A"])
def test_two_quotation_marks_delete_the_value(status: str, patient: Patient) -> None:
    send_result("60")
    send_segments(obr(), obx('""', status=status), control_id="M2", at=LATER)
    assert results() == []
    [old, gone] = sorted(results(history=True), key=lambda row: row["version"])
    assert (old["value"], gone["value"], gone["state"]) == ("60", None, "voided")
    send_result("60", control_id="M3")
    assert results() == []


def test_an_empty_value_says_nothing_of_the_one_before_but_is_not_passed_over(patient: Patient) -> None:
    send_result("60")
    send_segments(obr(), obx(""), control_id="M2", at=LATER)
    assert (only()["value"], only()["usable"], held()) == ("60", False, ["no-value"])


def test_what_cannot_be_read_blocks_an_older_value_and_not_a_newer_one(patient: Patient) -> None:
    send_result("160", control_id="M0")
    send_segments(obr(), obx("60", unit="", status="C"), control_id="M1", at=LATER)
    assert not only()["usable"]
    send_segments(obr(), obx("61", status="C"), control_id="M2", at="20260504110000+0200")
    assert (only()["value"], only()["usable"], held()) == ("61", True, ["no-unit"])


def test_the_order_in_which_the_readable_and_the_unreadable_come_does_not_matter(patient: Patient) -> None:
    send_segments(obr(), obx("60", unit="", status="C"), control_id="M1", at=LATER)
    send_result("160", control_id="M2")
    assert (only()["value"], only()["usable"]) == ("160", False)


def test_an_attachment_beside_the_results_is_kept_and_nobody_is_asked(patient: Patient) -> None:
    pdf = obx("^application^pdf^Base64^JVBERi0=", kind="ED", code="PDF^Report^L", unit="", limits="")
    taken = send_segments(obr(), obx(), pdf)
    assert (taken.state, taken.outcome.held, only()["value"]) == ("read", 0, "60")
    assert "attachment" in taken.remarks


def test_a_large_attachment_does_not_keep_the_results_from_being_read(patient: Patient) -> None:
    pdf = obx(
        "^application^pdf^Base64^" + "A" * 3_000_000, kind="ED", code="PDF^Report^L", unit="", limits=""
    )
    send_segments(obr(), pdf, obx())
    assert only()["value"] == "60"


@pytest.mark.parametrize(
    ("code", "unit", "value"),
    [("777-3^Platelets^LN", "10*9/L", "0.5"), ("718-7^Hb^LN", "g/L", "13"), ("2823-3^K^LN", "mmol/L", "14"),
     ("6301-6^INR^LN", "", "30"), ("1751-7^Alb^LN", "g/L", "4"), ("777-3^Platelets^LN", "10*9/L", "-60")],
)  # fmt: skip
def test_a_value_nobody_alive_can_have_waits(code: str, unit: str, value: str, patient: Patient) -> None:
    assert send_result(value, code=code, unit=unit, limits="").why == "implausible"
    assert results() == []
