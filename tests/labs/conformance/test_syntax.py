"""Terminators, delimiters, escapes, character sets, batches and whatever else surrounds the content."""

from pathlib import Path

import pytest

from labs.models import LabMessage, MessageOutcome, Observation, Patient, QuarantinedResult, Sender
from tests.builders_labs import message, msh, obr, obx, pid
from tests.labs.conformance.doors import held, ingest, only, results, send, send_segments

CHARSETS = [
    # MSH-18, how the bytes were written, a name that needs it
    ("ASCII", "ascii", "Muller"),
    ("ISO IR6", "ascii", "Muller"),
    ("8859/1", "iso8859_1", "Müller"),
    ("8859/2", "iso8859_2", "Müller"),
    ("8859/3", "iso8859_3", "Müller"),
    ("8859/4", "iso8859_4", "Müller"),
    ("8859/5", "iso8859_5", "Мюллер"),
    ("8859/7", "iso8859_7", "Μυλλερ"),
    ("8859/9", "iso8859_9", "Müller"),
    ("8859/10", "iso8859_10", "Müller"),
    ("8859/13", "iso8859_13", "Müller"),
    ("8859/14", "iso8859_14", "Müller"),
    ("8859/15", "iso8859_15", "Müller"),
    ("UNICODE UTF-8", "utf-8", "Müller"),
    ("UNICODE", "utf-8", "Müller"),
    ("UTF-8", "utf-8", "Müller"),
    ("utf8", "utf-8", "Müller"),
    ("GB 18030-2000", "gb18030", "Müller"),
    ("GB 18030", "gb18030", "米勒"),
    ("KS X 1001", "euc_kr", "뮐러"),
    ("ISO-8859-1", "iso8859_1", "Müller"),
    ("ISO8859-1", "iso8859_1", "Müller"),
    ("WINDOWS-1252", "cp1252", "Müller"),
    ("Windows-1252", "cp1252", "Müller"),
    ("8859/1~UNICODE UTF-8", "iso8859_1", "Müller"),
    ("", "utf-8", "Müller"),
]


@pytest.mark.parametrize(("named", "codec", "family"), CHARSETS)
def test_the_bytes_are_read_in_the_character_set_they_name(
    named: str, codec: str, family: str, patient: Patient
) -> None:
    Patient.objects.filter(pk=patient.pk).update(family=family)
    text = "\r".join([msh(f18=named), pid(name=f"{family}^Maria"), obr(), obx(), ""])
    taken = send(text.encode(codec))
    assert (taken.state, only()["value"]) == ("read", "60")
    assert ("several character sets" in taken.remarks) is ("~" in named)


FALLBACKS = [
    # MSH-18, the sender's own, the bytes, is the message read
    ("ASCII", "UTF-8", "utf-8", True),
    ("ASCII", "8859/1", "iso8859_1", True),
    ("NO SUCH SET", "UTF-8", "utf-8", True),
    ("UNICODE UTF-16", "UTF-8", "utf-8", True),
    ("UNICODE UTF-8", "8859/1", "iso8859_1", True),
    ("", "WINDOWS-1252", "cp1252", True),
    ("UTF-8", "UTF-8", "iso8859_1", False),
    ("ASCII", "UTF-8", "iso8859_1", False),
]


@pytest.mark.parametrize(("named", "own", "codec", "is_read"), FALLBACKS)
def test_what_the_named_set_cannot_read_is_tried_in_the_senders_own_and_flagged(
    named: str, own: str, codec: str, is_read: bool, patient: Patient
) -> None:
    Sender.objects.update(default_charset=own)
    body = "\r".join([msh(f18=named), pid(), obr(), obx(), ""]).encode(codec)
    taken = send(body)
    assert bytes(LabMessage.objects.get().body) == body
    if is_read:
        assert only()["value"] == "60"
        assert bool(taken.outcome.notes) is bool(named)
    else:
        assert (taken.state, taken.why, results()) == ("quarantined", "undecodable", [])


@pytest.mark.parametrize(
    "terminator", [b"\r", b"\n", b"\r\n", b"\r\r", b"\r\n\r\n", b"\n\n", b"\r\n\r", b"\r   \r"]
)
def test_segments_end_in_cr_and_lf_and_crlf_and_blank_lines_are_tolerated(
    terminator: bytes, patient: Patient
) -> None:
    send(message().replace(b"\r", terminator))
    assert only()["value"] == "60"


def test_a_last_segment_without_its_end_is_read(patient: Patient) -> None:
    send(message().rstrip(b"\r"))
    assert only()["value"] == "60"


def test_a_line_feed_inside_a_field_is_data_where_segments_end_in_cr(patient: Patient) -> None:
    send_segments(obr(), obx(), "NTE|1||first line\nOBX|1|NM|718-7^Hb^LN||5|g/dL|12-16||||F")
    assert [row["analyte"] for row in results()] == ["PLT"]


def test_a_byte_order_mark_is_passed_over(patient: Patient) -> None:
    send(b"\xef\xbb\xbf" + message())
    assert only()["value"] == "60"


ESCAPES = [
    (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
    (r"5 \ 6", r"5 \ 6"),
    ("\\", "\\"),
    (r"a\\b", r"a\\b"),
    (r"\E\\E\ ".rstrip(), r"\\ ".rstrip()),
    (r"\F\\F\\S\ ".rstrip(), "||^"),
    (r"\X41\\X42\C", "ABC"),
    (r"\X4142\ ".rstrip(), "AB"),
    (r"\XC3BC\ ".rstrip(), "ü"),
    (r"\XC3\ ".rstrip(), r"\XC3\ ".rstrip()),
    (r"\Xzz\ ".rstrip(), r"\Xzz\ ".rstrip()),
    (r"\X4\ ".rstrip(), r"\X4\ ".rstrip()),
    (r"\C2842\\M2442\ ".rstrip(), r"\C2842\\M2442\ ".rstrip()),
    (r"\Z77\ ".rstrip(), r"\Z77\ ".rstrip()),
    (r"one\.br\two", "one\ntwo"),
    (r"one\.sp2\two", "one\n\ntwo"),
    (r"\H\bold\N\ plain", "bold plain"),
    (r"\f\ ".rstrip(), r"\f\ ".rstrip()),
    (r"\X00\ ".rstrip(), r"\X00\ ".rstrip()),
]


@pytest.mark.parametrize(("sent", "meant"), ESCAPES)
def test_escapes_are_resolved_leaf_by_leaf_and_nothing_is_lost(
    sent: str, meant: str, patient: Patient
) -> None:
    send_segments(obr(), obx(), f"NTE|1||{sent}")
    assert Observation.objects.get().comment == meant


def test_an_escaped_delimiter_is_no_delimiter(patient: Patient) -> None:
    send_segments(obr("F\\S\\1"), obx(unit="10\\S\\9/L", sub_id="a\\T\\b"))
    assert only()["unit"] == "10*9/L"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"hello", "not-hl7"),
        (b"", "not-hl7"),
        (b"MSH|^^\\&|LAB|HOSPITAL\r", "bad-delimiters"),
        (b"MSH|^~|LAB\r", "bad-delimiters"),
        (b"\x00MSH|^~\\&|LAB|HOSPITAL\r", "not-hl7"),
    ],
)
def test_what_is_no_message_is_kept_and_refused(body: bytes, why: str, patient: Patient) -> None:
    taken = send(body)
    assert (taken.ack, taken.state, taken.why) == ("AR", "rejected", why)
    assert bytes(LabMessage.objects.get().body) == body


DAMAGED = [
    (message(obr(), obx("6\0")), "nul-character"),
    (message(obr(), obx(), "this is no segment"), "not-a-segment"),
    (message(obr(), obx(), "obx|1|NM|777-3^P^LN||19|10*9/L"), "not-a-segment"),
    (message(pid(), obx()), "result-without-order"),
    (message(pid(), obr()), "no-results"),
    (message(pid(), obr(), obx(), pid("1002^^^CLINIC^MR"), obr("F2"), obx("19")), "several-patients"),
]


@pytest.mark.parametrize(("body", "why"), DAMAGED)
def test_a_damaged_message_waits_whole_and_nothing_of_it_is_stored(
    body: bytes, why: str, patient: Patient
) -> None:
    taken = send(body)
    assert (taken.ack, taken.state, taken.why) == ("AA", "quarantined", why)
    assert results(history=True) == []
    assert QuarantinedResult.objects.get().reason_code == why


def test_two_messages_in_one_frame_are_never_one(patient: Patient) -> None:
    send(message() + b"\x0b" + message(obr("F2"), obx("19"), control_id="M2"))
    assert results() == []


def batch(*bodies: bytes, stated: int, files: int = 1, marks: str = "|^~\\&") -> bytes:
    """A file of one batch with trailers that state these counts."""
    f = marks[0]
    head = f"FHS{marks}{f}LAB\rBHS{marks}{f}LAB\r".encode()
    return head + b"".join(bodies) + f"BTS{f}{stated}\rFTS{f}{files}\r".encode()


ONE = message()
TWO = message(obr("F2"), obx("70"), control_id="M2")
BAD = message(obr("F3"), obx("80", unit=""), control_id="M3")


@pytest.mark.parametrize(
    ("body", "code", "values"),
    [
        (batch(ONE, TWO, stated=2), 0, ["60", "70"]),
        (batch(ONE, BAD, TWO, stated=3), 1, ["60", "70"]),
        (batch(ONE, TWO, stated=2).replace(b"\r", b"\n"), 0, ["60", "70"]),
        (batch(ONE, TWO, stated=2).replace(b"\r", b"\r\n"), 0, ["60", "70"]),
        (b"\xef\xbb\xbf" + batch(ONE, TWO, stated=2), 0, ["60", "70"]),
        (ONE + TWO, 0, ["60", "70"]),
        (b"\r\n" + ONE, 0, ["60"]),
        (b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r", 0, ["60", "70"]),
        (b"\x0b" + batch(ONE, TWO, stated=2) + b"\x1c\r", 0, ["60", "70"]),
    ],
)
def test_each_message_of_a_file_is_taken_on_its_own(
    body: bytes, code: int, values: list[str], patient: Patient, tmp_path: Path
) -> None:
    file = tmp_path / "lab.hl7"
    file.write_bytes(body)
    assert ingest(file)[0] == code
    assert sorted(row["value"] for row in results()) == values


@pytest.mark.parametrize(
    "body",
    [
        batch(ONE, TWO, stated=3),
        batch(ONE, TWO, stated=2, files=2),
        batch(ONE, TWO, stated=2).split(b"BTS")[0],
    ],
    ids=["BTS-1", "FTS-1", "no end"],
)
def test_a_batch_that_does_not_add_up_is_an_incident_beside_its_messages(
    body: bytes, patient: Patient, tmp_path: Path
) -> None:
    file = tmp_path / "lab.hl7"
    file.write_bytes(body)
    code, reports = ingest(file)
    assert (code, [report["state"] for report in reports]) == (1, ["read", "read", "rejected"])
    assert reports[-1]["reason_code"] == "batch-incomplete"
    assert len(results()) == 2
    assert MessageOutcome.objects.filter(reason_code="batch-incomplete").count() == 1


def test_a_segment_name_that_hides_in_a_field_is_data(patient: Patient) -> None:
    send_segments(obr(), obx(), "NTE|1||see MSH|^~\\&|and PID|3")
    assert (only()["value"], held()) == ("60", [])
