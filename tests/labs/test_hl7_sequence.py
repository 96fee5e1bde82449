"""The order of segments: against an expression of the standard's groups, and what each refusal says."""

import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.formats.hl7v2 import parse
from labs.formats.parsed import ParsedMessage, Rejected, SenderProfile
from tests.builders_labs import msh, obr, obx, pid

PROFILE = SenderProfile(zone=ZoneInfo("Europe/Berlin"), charset="utf-8")
# One letter for each kind of segment; a dot is passed over wherever it stands.
LINES = {
    "P": pid(),
    "C": "ORC|RE",
    "R": obr(),
    "X": obx(),
    "S": "SPM|1|||BLD||||||||||||||||||||HEM",
    "N": "NTE|1||clotted",
    ".": "TQ1|1",
}
# PID, then orders: perhaps ORC, then OBR, then results and specimens. Notes and the rest stand anywhere.
WHOLE = re.compile(r"P(C?R[XS]*)+")


def read(letters: str) -> ParsedMessage | Rejected:
    body = "\r".join([msh(), *(LINES[letter] for letter in letters), ""])
    return parse(body.encode(), profile=PROFILE)


@settings(max_examples=1000, deadline=None)
@given(
    st.one_of(
        st.text(alphabet="PCRXSN.", max_size=10),
        st.text(alphabet="CRXSN.", max_size=10).map("P".__add__),
        st.from_regex(r"P[N.]?(C?[N.]?R[XSN.]{0,3}){1,3}", fullmatch=True),
    )
)
def test_a_message_is_read_exactly_where_its_segments_are_in_the_standards_order(letters: str) -> None:
    parsed = read(letters)
    placed = re.sub(r"[N.]", "", letters)
    is_whole = WHOLE.fullmatch(placed) is not None and "X" in placed
    assert isinstance(parsed, ParsedMessage) == is_whole, parsed


def marks(letters: str) -> list[list[tuple[bool, bool]]]:
    """Whether each result of each order is of a haemolysed specimen, and whether a note says clotted."""
    plain = letters.replace(".", "")
    of_all = "N" in re.split("[CR]", plain)[0]
    found = []
    for before, after in re.findall(r"(?:C(N*))?R([^CR]*)", plain):
        of_order = of_all or before or "N" in re.sub("XN*", "", after)
        found.append([("S" in after, bool(of_order or own)) for own in re.findall("X(N*)", after)])
    return found


@settings(max_examples=1000, deadline=None)
@given(st.from_regex(r"P[N.]?(C?[N.]?R[XSN.]{0,4}){1,3}", fullmatch=True).filter(lambda text: "X" in text))
def test_what_is_noted_and_what_specimens_say_is_of_their_own_order_or_result(letters: str) -> None:
    parsed = read(letters)
    assert isinstance(parsed, ParsedMessage)
    found = [
        [("haemolysed" in each.quality, "clotted" in each.quality) for each in report.observations]
        for report in parsed.reports
    ]
    assert found == marks(letters)


@pytest.mark.parametrize(
    ("letters", "code", "words"),
    [
        ("", "several-patients", "0 PID segments"),
        ("PP", "several-patients", "2 PID segments"),
        ("XP", "out-of-sequence", "Line 2 (OBX) stands before the patient it is about (PID)"),
        ("RXP", "out-of-sequence", "Line 2 (OBR) stands before the patient it is about (PID)"),
        ("PX", "result-without-order", "Line 3 is a result (OBX) before any order (OBR)"),
        ("PNSRX", "out-of-sequence", "Line 4 describes a specimen (SPM) before any order (OBR)"),
        ("PRXCX", "out-of-sequence", "Line 5 opens an order (ORC), but line 6 is an OBX and not its OBR"),
        ("PRXC.N", "out-of-sequence", "Line 5 opens an order (ORC), but the message ends without its OBR"),
        ("PCCRX", "out-of-sequence", "Line 3 opens an order (ORC), but line 4 is an ORC and not its OBR"),
        ("PC", "out-of-sequence", "the message ends without its OBR"),
        ("PR", "no-results", "no OBX"),
        ("P", "no-results", "no OBX"),
    ],
)
def test_a_refusal_says_what_stands_where(letters: str, code: str, words: str) -> None:
    parsed = read(letters)
    assert isinstance(parsed, Rejected)
    assert parsed.code == code
    assert words in parsed.reason
