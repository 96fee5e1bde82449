"""The HL7 reader: what is read as what, and what is refused with which reason."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.formats.hl7v2 import parse
from labs.formats.parsed import (
    Act,
    ParsedMessage,
    ParsedNumber,
    ParsedObservation,
    ParsedTime,
    Problem,
    Rejected,
    SenderProfile,
)
from labs.formats.ranges import read_range
from labs.formats.specimen import faults_in_codes, faults_in_text
from labs.formats.statuses import STATUSES, read_status
from labs.formats.times import read_hl7_time
from tests.builders_labs import COLLECTED_HL7, message, msh, obr, obx, pid

BERLIN = ZoneInfo("Europe/Berlin")
PROFILE = SenderProfile(zone=BERLIN, charset="utf-8")


def read(body: bytes) -> ParsedMessage:
    parsed = parse(body, profile=PROFILE)
    assert isinstance(parsed, ParsedMessage), parsed
    return parsed


def first(body: bytes) -> ParsedObservation:
    return read(body).reports[0].observations[0]


def refusal(body: bytes) -> str:
    parsed = parse(body, profile=PROFILE)
    assert isinstance(parsed, Rejected)
    return parsed.code


def test_a_well_formed_message_is_read_whole() -> None:
    parsed = read(
        message(obr("F1^LAB", changed="20260504082500+0200"), obx(), obx("8.1", code="718-7^Hb^LN"))
    )
    [report] = parsed.reports
    assert (report.filler_order, report.placer_order, report.panel) == ("F1^LAB", "P1", "58410-2")
    assert (report.ordered_at, report.ordered_by) == (datetime(2026, 5, 4, 6, 25, tzinfo=UTC), "OBR-22")
    assert (report.patient.family, report.patient.birth_date) == ("Müller", date(1961, 3, 2))
    assert report.patient.numbers[0].authorities == ("CLINIC",)
    assert [o.number for o in report.observations] == [
        ParsedNumber(value=Decimal(60)),
        ParsedNumber(value=Decimal("8.1")),
    ]
    assert report.observations[0].codes[0].code == "777-3"
    assert (report.observations[0].range.low, report.observations[0].range.high) == (150, 400)


@pytest.mark.parametrize("terminator", [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\r\r"])
def test_segments_end_in_cr_lf_or_both(terminator: bytes) -> None:
    assert first(message().replace(b"\r", terminator)).number == ParsedNumber(value=Decimal(60))


def test_a_line_feed_is_data_where_segments_end_in_cr() -> None:
    body = message(obr(), obx(), "NTE|1||first line\nsecond line, specimen haemolysed")
    assert first(body).quality == ("haemolysed",)


def test_a_message_declares_its_own_delimiters() -> None:
    usual = message(obr("F1^LAB"), obx(unit="10^9/L"))
    odd = usual.translate(bytes.maketrans(b"|^~\\&", b"#@!?+"))
    [ours], [theirs] = read(usual).reports, read(odd).reports
    assert (theirs.filler_order, theirs.patient) == (ours.filler_order, ours.patient)
    assert theirs.observations[0].units == ("10^9/L",)


def test_a_fifth_delimiter_of_newer_versions_is_accepted() -> None:
    assert first(message().replace(b"^~\\&", b"^~\\&#", 1)).number == ParsedNumber(value=Decimal(60))


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"5 \ 6", r"5 \ 6"),
        (r"\X41\\X42\C", "ABC"),
        (r"\Xzz\ \C3\ \Zx\ \P\ ".rstrip(), r"\Xzz\ \C3\ \Zx\ \P\ ".rstrip()),
        (r"one\.br\two", "one\ntwo"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"\E\F\E\ ".rstrip(), r"\F\ ".rstrip()),
        (r"\X00\ ".rstrip(), r"\X00\ ".rstrip()),
    ],
)
def test_escapes_are_resolved_in_each_leaf_and_unknown_ones_stay(sent: str, meant: str) -> None:
    assert first(message(obr(), obx(), f"NTE|1||{sent}")).comment == meant


@pytest.mark.parametrize(
    ("named", "codec"),
    [
        ("8859/1", "latin-1"),
        ("UNICODE UTF-8", "utf-8"),
        ("", "utf-8"),
        ("WINDOWS-1252", "cp1252"),
        ("8859/15", "iso8859_15"),
    ],
)
def test_the_character_set_is_the_one_named_else_the_senders(named: str, codec: str) -> None:
    text = "\r".join([msh(f18=named), pid(), obr(), obx(), ""])
    assert read(text.encode(codec)).reports[0].patient.family == "Müller"


def test_bytes_that_fit_no_named_character_set_are_not_repaired() -> None:
    body = message().replace("ü".encode(), b"\xfc")
    assert refusal(body) == "undecodable"


def test_bytes_that_fit_only_the_senders_character_set_are_read_with_a_remark() -> None:
    text = "\r".join([msh(f18="ASCII"), pid(), obr(), obx(), ""])
    parsed = read(text.encode())
    assert parsed.reports[0].patient.family == "Müller"
    assert parsed.notes


def test_a_byte_order_mark_is_skipped() -> None:
    assert first(b"\xef\xbb\xbf" + message()).number == ParsedNumber(value=Decimal(60))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not-hl7"),
        (b"hello", "not-hl7"),
        (b"MSH|^~\\|\r", "bad-delimiters"),
        (b"MSH|^^\\&|LAB\r", "bad-delimiters"),
        (b"MSHA^~\\&ALAB\r", "bad-delimiters"),
        (message() + message(control_id="M2"), "several-messages"),
        (message(pid(), obr(), obx(), pid("1002^^^CLINIC^MR"), obr("F2"), obx("19")), "several-patients"),
        (message(pid(), obx()), "result-without-order"),
        (message(pid(), obr()), "no-results"),
        (message(obr(), obx(), "this is no segment"), "not-a-segment"),
        (message(obr(), obx("6\0")), "nul-character"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_with_its_reason(body: bytes, code: str) -> None:
    assert refusal(body) == code


def test_two_patients_in_one_message_are_never_merged() -> None:
    body = message(
        pid(), obr(), obx("210"), pid("1002^^^CLINIC^MR", name="Other^Person"), obr("F2"), obx("19")
    )
    assert isinstance(parse(body, profile=PROFILE), Rejected)


NUMBERS = [
    ("NM", "60", ("", "60")),
    ("NM", " 060.50 ", ("", "60.50")),
    ("NM", "+.5", ("", "0.5")),
    ("NM", "5.", ("", "5")),
    ("NM", "", "no-value"),
    ("NM", "None", "not-a-number"),
    ("NM", "----", "not-a-number"),
    ("NM", "NaN", "not-a-number"),
    ("NM", "1,043", "not-a-number"),
    ("NM", "1E2", "not-a-number"),
    ("NM", "<10", "not-a-number"),
    ("NM", "٣", "not-a-number"),
    ("NM", "1" * 40, "not-a-number"),
    ("NM", "60~61", "repeated-value"),
    ("NM", '""', "value-deleted"),
    ("SN", "^60", ("", "60")),
    ("SN", "=^60", ("", "60")),
    ("SN", "<^10", ("<", "10")),
    ("SN", ">=^400", (">=", "400")),
    ("SN", "^10^-^20", "not-one-number"),
    ("SN", "^1^:^40", "not-one-number"),
    ("SN", "<>^5", "not-one-number"),
    ("SN", "^2^+", "not-one-number"),
    ("ST", "60", ("", "60")),
    ("ST", "<10", ("<", "10")),
    ("ST", "> 400", (">", "400")),
    ("ST", "CANCELLED", "not-a-number"),
    ("ST", "SEE COMMENT", "not-a-number"),
    ("", "<=10", ("<=", "10")),
    ("CE", "60^sixty", "not-a-number"),
    ("TX", "60", "not-a-number"),
    ("ED", "60", "attachment"),
    ("RP", "60", "attachment"),
]


@pytest.mark.parametrize(("kind", "sent", "meant"), NUMBERS)
def test_a_value_is_read_by_its_type_or_refused(kind: str, sent: str, meant: str | tuple[str, str]) -> None:
    number = first(message(obr(), obx(sent, kind=kind))).number
    if isinstance(meant, str):
        assert isinstance(number, Problem)
        assert number.code == meant
    else:
        assert number == ParsedNumber(comparator=meant[0], value=Decimal(meant[1]))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("150-400", "150", "400"),
        ("150 - 400", "150", "400"),
        ("[ 150 - 400 ]", "150", "400"),
        ("150 to 400", "150", "400"),
        ("150–400", "150", "400"),
        ("70_105", "70", "105"),
        ("0.8^1.2", "0.8", "1.2"),
        ("<21", None, "21"),
        ("< 21", None, "21"),
        ("<=21", None, "21"),
        (">60", "60", None),
        (">=35", "35", None),
        ("M:130-180 F:120-160", "120", "160"),
        ("400-150", None, None),
        ("negative", None, None),
        ("", None, None),
        ("3,5-5,1", None, None),
    ],
)
def test_reference_ranges(text: str, low: str | None, high: str | None) -> None:
    found = read_range(text, sex="female")
    assert found.low == (None if low is None else Decimal(low))
    assert found.high == (None if high is None else Decimal(high))


def test_a_range_split_into_components_is_read() -> None:
    assert first(message(obr(), obx(limits="0.8^1.2"))).range.high == Decimal("1.2")


EXPECTED_STATUSES = {
    "F": ("final", Act.STORE),
    "C": ("corrected", Act.STORE),
    "A": ("amended", Act.STORE),
    "P": ("preliminary", Act.STORE),
    "R": ("preliminary", Act.STORE),
    "S": ("preliminary", Act.STORE),
    "V": ("final", Act.CONFIRM),
    "B": ("final", Act.CONFIRM),
    "U": ("final", Act.PROMOTE),
    "X": ("cancelled", Act.WITHDRAW),
    "D": ("entered-in-error", Act.WITHDRAW),
    "W": ("entered-in-error", Act.WITHDRAW),
    "I": ("pending", Act.NO_RESULT),
    "O": ("ordered", Act.NO_RESULT),
    "N": ("not asked", Act.NO_RESULT),
}


def test_every_status_letter_has_its_row() -> None:
    assert {letter: (status.word, status.act) for letter, status in STATUSES.items()} == EXPECTED_STATUSES


@pytest.mark.parametrize("letter", ["", " ", "f", "Z", "FF", "final", "1"])
def test_no_other_status_is_assumed_to_be_final(letter: str) -> None:
    assert read_status(letter) is None


@pytest.mark.parametrize(
    ("text", "stated", "instant", "precision"),
    [
        ("20260504080000+0200", "", "2026-05-04T06:00:00", "second"),
        ("202605040800-0330", "", "2026-05-04T11:30:00", "minute"),
        ("202605040800", "", "2026-05-04T06:00:00", "minute"),
        ("202601120800", "", "2026-01-12T07:00:00", "minute"),
        ("2026050408", "", "2026-05-04T06:00:00", "hour"),
        ("20260504", "", "2026-05-03T22:00:00", "day"),
        ("20260504080000", "D", "2026-05-03T22:00:00", "day"),
        ("20260504080000.1234", "", "2026-05-04T06:00:00.123400", "second"),
        ("202610250230", "", "2026-10-25T00:30:00", "minute"),
    ],
)
def test_times_keep_their_precision_and_take_the_senders_zone(
    text: str, stated: str, instant: str, precision: str
) -> None:
    found = read_hl7_time(text, zone=BERLIN, stated_precision=stated)
    assert isinstance(found, ParsedTime)
    assert found.instant == datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert found.precision == precision


def test_an_hour_that_came_twice_is_marked() -> None:
    found = read_hl7_time("202610250230", zone=BERLIN)
    assert isinstance(found, ParsedTime)
    assert "twice" in found.zone_source


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026", "coarse-time"),
        ("202605", "coarse-time"),
        ("20260230", "bad-time"),
        ("202605042560", "bad-time"),
        ("2026-05-04", "bad-time"),
        ("20260504080000+9900", "bad-time"),
        ("202603290230", "skipped-hour"),
        ("yesterday", "bad-time"),
        ("00000101", "bad-time"),
    ],
)
def test_a_time_that_cannot_be_is_refused(text: str, code: str) -> None:
    found = read_hl7_time(text, zone=BERLIN)
    assert isinstance(found, Problem)
    assert found.code == code


def test_collection_time_is_obx_14_else_obr_7_else_spm_17_else_none() -> None:
    spm = "SPM|1|||BLD|||||||||||||20260503070000+0200"
    cases = [
        (message(obr(), obx(collected="20260504070000+0200"), spm), "20260504070000+0200"),
        (message(obr(), obx(), spm), "20260504080000+0200"),
        (message(obr(collected=""), obx(), spm), "20260503070000+0200"),
    ]
    for body, text in cases:
        collected = first(body).collected
        assert isinstance(collected, ParsedTime)
        assert collected.text == text
    missing = first(message(obr(collected="", changed="20260504082500+0200"), obx())).collected
    assert isinstance(missing, Problem)


def test_two_specimens_name_no_collection_time() -> None:
    spm = "SPM|1|||BLD|||||||||||||20260503070000+0200"
    assert isinstance(first(message(obr(collected=""), obx(), spm, spm)).collected, Problem)


@pytest.mark.parametrize(
    ("unit", "spellings"),
    [
        ("10*9/L", ("10*9/L",)),
        ("10^9/L", ("10^9/L",)),
        ("x10^9/L", ("x10^9/L",)),
        (r"10\S\9/L", ("10^9/L",)),
        ("G/l^giga per litre^L^10*9/L^^UCUM", ("10*9/L", "G/l", "giga per litre")),
        ("", ()),
    ],
)
def test_units_are_offered_with_ucum_first_and_lost_exponents_rejoined(
    unit: str, spellings: tuple[str, ...]
) -> None:
    assert first(message(obr(), obx(unit=unit))).units == spellings


def test_both_coding_triplets_are_read_and_strange_hyphens_made_plain() -> None:
    found = first(message(obr(), obx(code="THRO^Thrombozyten^L^777\u20113^Platelets^LN"))).codes
    assert [(code.code, code.system) for code in found] == [("THRO", "L"), ("777-3", "LN")]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Specimen slightly haemolysed", ("haemolysed",)),
        ("HEMOLYZED SAMPLE", ("haemolysed",)),
        ("Hemolysis: none", ()),
        ("No haemolysis", ()),
        ("non-haemolysed", ()),
        ("No clots seen", ()),
        ("Clots not seen.", ()),
        ("Clot check: negative", ()),
        ("clotted specimen", ("clotted",)),
        ("not haemolysed but clotted", ("clotted",)),
        ("No clots. Platelet clumps present", ("platelet clumps",)),
        ("EDTA aggregates, repeat in citrate", ("platelet clumps",)),
        ("without evidence of haemolysis or clots", ()),
        ("QNS", ("insufficient",)),
        ("lipaemic, icteric", ("lipaemic", "icteric")),
        ("drawn from drip arm", ("drip arm",)),
        ("tube unlabelled", ("unlabelled",)),
        ("mislabeled tube", ("mislabelled",)),
        ("sample too old", ("aged",)),
        ("no longer clotted", ("clotted",)),
        ("Patient aged 65, normal clotting time", ()),
    ],
)
def test_specimen_faults_and_their_denials(text: str, faults: tuple[str, ...]) -> None:
    assert faults_in_text(text) == faults


def test_specimen_codes() -> None:
    assert faults_in_codes(("HEM", "CLOT", "ROOM")) == ("haemolysed", "clotted")


def test_a_specimens_condition_marks_every_result_of_its_order_and_no_other() -> None:
    spm = "SPM|1|||BLD||||||||||||||||||||HEM^Hemolyzed^HL70493"
    parsed = read(
        message(obr(), obx(), obx("4", code="2823-3^K^LN", unit="mmol/L"), spm, "ORC|RE", obr("F2"), obx())
    )
    assert [[o.quality for o in report.observations] for report in parsed.reports] == [
        [("haemolysed",), ("haemolysed",)],
        [()],
    ]


def test_a_note_belongs_to_the_segment_before_it() -> None:
    parsed = read(
        message(
            obr(),
            obx(),
            "NTE|1||clotted",
            obx("4", code="2823-3^K^LN", unit="mmol/L"),
            obr("F2"),
            "NTE|1||icteric",
            obx(),
            obx(),
        )
    )
    assert [[o.quality for o in report.observations] for report in parsed.reports] == [
        [("clotted",), ()],
        [("icteric",), ("icteric",)],
    ]


def test_an_unreadable_status_time_falls_back_to_the_messages_own() -> None:
    [report] = read(message(obr(changed="soon"), obx())).reports
    assert (report.ordered_by, report.ordered_at) == ("MSH-7", datetime(2026, 5, 4, 6, 30, tzinfo=UTC))
    [report] = read(message("ORC|RE||||||||20260504082000+0200", obr(), obx())).reports
    assert (report.ordered_by, report.ordered_at) == ("ORC-9", datetime(2026, 5, 4, 6, 20, tzinfo=UTC))


def test_an_empty_first_coding_is_skipped() -> None:
    [code] = first(message(obr(), obx(code="^^^777-3^Platelets^LN"))).codes
    assert (code.code, code.system) == ("777-3", "LN")


def test_unknown_segments_and_extra_fields_change_nothing() -> None:
    plain = read(message(obr(), obx()))
    other = read(message(pid(), "ZPI|1|x", obr(), "TQ1|1", obx() + "|||||||||extra", "ZZZ"))
    assert other.reports[0].observations[0].number == plain.reports[0].observations[0].number
    assert other.reports[0].patient == plain.reports[0].patient


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_never_crash_the_reader(body: bytes) -> None:
    for whole in (body, b"MSH|^~\\&|" + body):
        assert isinstance(parse(whole, profile=PROFILE), ParsedMessage | Rejected)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_message_with_damaged_bytes_never_crashes_the_reader(data: st.DataObject) -> None:
    body = bytearray(message(obr(changed="20260504082500"), obx(), "NTE|1||a\\F\\b", "SPM|1||||||"))
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(parse(bytes(body), profile=PROFILE), ParsedMessage | Rejected)


@settings(deadline=None)
@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40)
)
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    escaped = "".join(
        {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}.get(c, c) for c in text
    )
    assert first(message(obr(), obx(), f"NTE|1||{escaped}")).comment == text.strip()


def test_a_result_that_was_read_has_a_value_for_each_of_its_names() -> None:
    found = first(message(obr(), obx(sub_id="1"), "NTE|1||repeated"))
    assert len(found) == len(ParsedObservation._fields)
    assert found == ParsedObservation(**found._asdict())
    assert (found.position, found.sub_id, found.ref_text, found.comment) == (4, "1", "150-400", "repeated")
    assert (found.part, found.quality, found.doubt) == ("", (), None)


def test_what_is_noted_behind_a_result_concerns_that_result_alone() -> None:
    parsed = read(
        message(
            obr(), "NTE|1||of the order", obx(), "NTE|1||one", "NTE|2||two", obx("8.1"), obr("F2"), obx("9.1")
        )
    )
    comments = [[each.comment for each in report.observations] for report in parsed.reports]
    assert comments == [["of the order\none\ntwo", "of the order"], [""]]


def test_a_result_has_its_own_time_where_it_states_one() -> None:
    own, blank, none = "20260504091500+0200", " ", ""
    lines = [f"OBX|{n}|NM|777-3^P^LN||60|10*9/L|||||F|||{at}" for n, at in enumerate((own, blank, none))]
    parsed = read(message(obr(), *lines))
    times = [each.collected for each in parsed.reports[0].observations]
    assert [each.text for each in times if isinstance(each, ParsedTime)] == [
        own,
        COLLECTED_HL7,
        COLLECTED_HL7,
    ]


def test_a_status_letter_counts_without_the_blanks_around_it() -> None:
    body = message(obr(), obx(status=" F "), obx(status=" "), obx(status="Q"))
    found = [(each.status_sent, each.status) for each in read(body).reports[0].observations]
    assert found == [("F", STATUSES["F"]), ("", None), ("Q", None)]


def test_a_long_result_is_read_as_a_short_one() -> None:
    short, long = obx(), obx() + "|" * 10 + "x" * 1000
    one, other = (first(message(obr(), each)) for each in (short, long))
    assert one._replace(raw="") == other._replace(raw="")
