"""The listener row by row: every acknowledgement HL7 knows, and every way a frame may go wrong.

Bytes go to a real listener process; what comes back and what is stored afterwards are both compared.
"""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from labs.formats.mllp_frames import framed
from labs.models import LabMessage, MessageOutcome
from tests.builders_labs import make_patient, make_sender, message, msh, obr, obx, pid
from tests.running_listener import Ack, connect, frames, listening

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is sent in these pieces, what must come back, and what must be stored (bodies, incident codes)."""

    name: str
    pieces: Sequence[bytes]
    acks: Sequence[str]
    stored: Sequence[bytes]
    incidents: Sequence[str] = ()
    error: str = ""  # the HL7 error code of the (last) acknowledgement
    answers: int = -1  # frames that come back, where they are fewer than acknowledgements: one for a batch
    half_close: bool = False
    closes: bool = False


def head(control_id: str, *segments: str, **fields: str) -> bytes:
    return message(msh(control_id, **fields), *(segments or (pid(), obr(), obx())))


def asked(name: str, accept: str, application: str, acks: Sequence[str], *, good: bool = True) -> Row:
    """One message in enhanced mode; a bad one is a test message, which is refused for good."""
    control = "E" + "".join(char for char in name if char.isalnum())
    body = head(control, f15=accept, f16=application, f11="P" if good else "T")
    return Row(
        name=name,
        pieces=[framed(body)],
        acks=[f"{code} {control}" for code in acks],
        stored=[body],
        incidents=[] if good else ["not-production"],
        error="" if good or not acks else "202",
    )


def refused(
    control: str, code: str, error: str, incident: str, body: bytes, *, echoed: str | None = None
) -> Row:
    said = f"{code} {control if echoed is None else echoed}".strip()
    return Row(
        name=incident, pieces=[framed(body)], acks=[said], stored=[body], incidents=[incident], error=error
    )


SITUATIONS = [
    Row(name="stored, original mode", pieces=[framed(head("S1"))], acks=["AA S1"], stored=[head("S1")]),
    Row(
        name="content that will be held is stored all the same",
        pieces=[framed(head("S2", pid("9999^^^ELSEWHERE^MR"), obr(), obx("--", unit="furlong")))],
        acks=["AA S2"],
        stored=[head("S2", pid("9999^^^ELSEWHERE^MR"), obr(), obx("--", unit="furlong"))],
    ),
    Row(
        name="a sender nobody set up is stored, and judged by a person",
        pieces=[framed(head("S3", f3="NEW", f4="LAB"))],
        acks=["AA S3"],
        stored=[head("S3", f3="NEW", f4="LAB")],
    ),
    asked("good AL AL", "AL", "AL", ["CA", "AA"]),
    asked("good AL and nothing", "AL", "", ["CA"]),
    asked("good AL NE", "AL", "NE", ["CA"]),
    asked("good SU SU", "SU", "SU", ["CA", "AA"]),
    asked("good NE AL", "NE", "AL", ["AA"]),
    asked("good nothing and AL", "", "AL", ["AA"]),
    asked("good ER ER", "ER", "ER", []),
    asked("good NE NE", "NE", "NE", []),
    asked("bad AL AL", "AL", "AL", ["CR"], good=False),
    asked("bad ER NE", "ER", "NE", ["CR"], good=False),
    asked("bad ER ER", "ER", "ER", ["CR"], good=False),
    asked("bad NE ER", "NE", "ER", ["AR"], good=False),
    asked("bad SU SU", "SU", "SU", [], good=False),
    asked("bad NE NE", "NE", "NE", [], good=False),
    refused("R1", "AR", "100", "not-hl7", b"garbage, no header at all", echoed=""),
    refused(
        "R2", "AR", "100", "bad-delimiters", b"MSH|^^^^|LAB|HOSPITAL|||2026||ORU^R01|R2|P|2.5.1\r", echoed=""
    ),
    refused("R3", "AR", "200", "wrong-type", head("R3", f9="MDM^T02")),
    refused("R4", "AR", "201", "wrong-event", head("R4", f9="ORU^R30")),
    refused("R5", "AR", "202", "not-production", head("R5", f11="D")),
    refused("R6", "AR", "203", "wrong-version", head("R6", f12="2.2")),
    refused("R7", "AE", "101", "no-control-id", head("", f7="20260504083001+0200"), echoed=""),
    refused("R8", "AE", "102", "long-control-id", head("R8" + "x" * 200), echoed="R8" + "x" * 200),
    refused("R9", "AE", "101", "no-patient", head("R9", obr(), obx())),
    Row(
        name="no patient, enhanced",
        pieces=[framed(head("R10", obr(), obx(), f15="AL", f16="AL"))],
        acks=["CE R10"],
        stored=[head("R10", obr(), obx(), f15="AL", f16="AL")],
        incidents=["no-patient"],
        error="101",
    ),
    Row(
        name="the same bytes again", pieces=[framed(head("D1")) * 3], acks=["AA D1"] * 3, stored=[head("D1")]
    ),
    Row(
        name="the same control id with other bytes",
        pieces=[framed(head("D2")), framed(head("D2", pid(), obr("F2"), obx("61")))],
        acks=["AA D2", "AA D2"],
        stored=[head("D2"), head("D2", pid(), obr("F2"), obx("61"))],
    ),
    Row(
        name="another control id with the same result",
        pieces=[framed(head("D3")), framed(head("D4"))],
        acks=["AA D3", "AA D4"],
        stored=[head("D3"), head("D4")],
    ),
    Row(
        name="a control id is echoed exactly, escapes and all",
        pieces=[framed(head("A\\T\\B-ä"))],
        acks=["AA A\\T\\B-Ã¤"],  # the two bytes of ä, each shown as Latin-1
        stored=[head("A\\T\\B-ä")],
    ),
    *(
        Row(name=f"version {version}", pieces=[framed(body)], acks=[f"AA V{version}"], stored=[body])
        for version in ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.7")
        for body in [head(f"V{version}", f12=version, f18="8859/1")]
    ),
    Row(
        name="version 2.3 states errors in its own form",
        pieces=[framed(head("V1", f12="2.3", f11="T"))],
        acks=["AR V1"],
        stored=[head("V1", f12="2.3", f11="T")],
        incidents=["not-production"],
        error="202",
    ),
]


def cut(stream: bytes, size: int) -> list[bytes]:
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def batch(*bodies: bytes, count: int | None, files: int | None = None) -> bytes:
    """A batch as laboratories send it: BHS and BTS around, with `files` FHS and FTS as well."""
    route = "|^~\\&|LAB|HOSPITAL|PRRT|CLINIC|20260504083000+0200||||B77"
    lines = [f"BHS{route}\r".encode(), *bodies, *([] if count is None else [f"BTS|{count}\r".encode()])]
    if files is not None:
        lines = [f"FHS{route}\r".encode(), *lines, f"FTS|{files}\r".encode()]
    return b"".join(lines)


LARGE = head("L1", pid(), obr(), obx(), "OBX|2|ED|PDF^Report^L||^AP^^Base64^" + "QUJD" * 600_000)
LATIN = head("L2").replace("ü".encode(), b"\xfc")
FEEDS, BOTH = head("N1").replace(b"\r", b"\n"), head("N2").replace(b"\r", b"\r\n")
BLANK = head("N3").replace(b"\rOBX", b"\r\r\rOBX")
LONGEST = head("X1", pid(), obr(), obx(), "NTE|1||")
LONGEST += b"x" * (16 * MIB - len(LONGEST))
TWO = framed(head("P4")) + framed(head("P5"))
START_INSIDE = head("I1", pid(), obr(), obx(), "NTE|1||a start byte \x0b in a comment")
DOUBLE_INSIDE = head("I2", pid(), obr(), obx(), "NTE|1||\x0b") + head("I3")

FAULTS = [
    Row(
        name="three pipelined in one segment",
        pieces=[b"".join(framed(head(f"P{n}")) for n in (1, 2, 3))],
        acks=["AA P1", "AA P2", "AA P3"],
        stored=[head(f"P{n}") for n in (1, 2, 3)],
    ),
    Row(
        name="in pieces of 97 bytes", pieces=cut(framed(head("C1")), 97), acks=["AA C1"], stored=[head("C1")]
    ),
    Row(
        name="split between FS and CR",
        pieces=[framed(head("C2"))[:-1], CR],
        acks=["AA C2"],
        stored=[head("C2")],
    ),
    Row(
        name="1.6 messages, then the rest",
        pieces=[TWO[: len(TWO) * 4 // 5], TWO[len(TWO) * 4 // 5 :]],
        acks=["AA P4", "AA P5"],
        stored=[head("P4"), head("P5")],
    ),
    Row(
        name="a frame without end, then a good one",
        pieces=[VT + head("U1"), framed(head("U2"))],
        acks=["AE U1", "AA U2"],
        stored=[head("U1"), head("U2")],
        incidents=["frame-in-frame"],
    ),
    Row(
        name="two messages in one frame, a start byte between",
        pieces=[VT + head("U3") + VT + head("U4") + FS + CR],
        acks=["AE U3", "AA U4"],
        stored=[head("U3"), head("U4")],
        incidents=["frame-in-frame"],
    ),
    Row(name="CRLF before VT", pieces=[b"\r\n" + framed(head("W1"))], acks=["AA W1"], stored=[head("W1")]),
    Row(
        name="noise and NUL bytes between frames",
        pieces=[b"GET / HTTP/1.1\r\n\r\n\0\0" + framed(head("W2")) + b"\0\0\0" + framed(head("W3"))],
        acks=["AA W2", "AA W3"],
        stored=[head("W2"), head("W3")],
    ),
    Row(name="LF ends segments", pieces=[framed(FEEDS)], acks=["AA N1"], stored=[FEEDS]),
    Row(name="CRLF ends segments", pieces=[framed(BOTH)], acks=["AA N2"], stored=[BOTH]),
    Row(name="blank lines inside", pieces=[framed(BLANK)], acks=["AA N3"], stored=[BLANK]),
    Row(name="2.4 MB attachment", pieces=[framed(LARGE)], acks=["AA L1"], stored=[LARGE]),
    Row(name="Latin-1 where UTF-8 is set up", pieces=[framed(LATIN)], acks=["AA L2"], stored=[LATIN]),
    Row(
        name="garbage block",
        pieces=[framed(b"\xff\xfe\x00 no HL7")],
        acks=["AR"],
        stored=[b"\xff\xfe\x00 no HL7"],
        incidents=["not-hl7"],
        error="100",
    ),
    Row(
        name="FS without CR, then the next VT",
        pieces=[VT + head("F1") + FS + VT + head("F2") + FS + b"\n" + framed(head("F3"))],
        acks=["AA F1", "AA F2", "AA F3"],
        stored=[head("F1"), head("F2"), head("F3")],
    ),
    Row(
        name="byte order mark after VT",
        pieces=[framed(b"\xef\xbb\xbf" + head("F4"))],
        acks=["AA F4"],
        stored=[b"\xef\xbb\xbf" + head("F4")],
    ),
    Row(
        name="a start byte that is data",
        pieces=[framed(START_INSIDE)],
        acks=["AA I1"],
        stored=[START_INSIDE],
    ),
    Row(
        name="two messages in one frame that also holds a start byte",
        pieces=[framed(DOUBLE_INSIDE)],
        acks=["AR I2"],
        stored=[DOUBLE_INSIDE],
        incidents=["several-messages"],
        error="100",
    ),
    Row(
        name="two messages in one frame without anything between",
        pieces=[framed(head("B1") + head("B2"))],
        acks=["AA B1", "AA B2"],
        answers=1,
        stored=[head("B1"), head("B2")],
    ),
    Row(
        name="a batch",
        pieces=[framed(batch(head("B3"), head("B4"), count=2))],
        acks=["AA B3", "AA B4"],
        answers=1,
        stored=[head("B3"), head("B4")],
    ),
    Row(
        name="a batch of which one message is refused",
        pieces=[framed(batch(head("B5"), head("B6", f11="T"), head("B7"), count=3, files=1))],
        acks=["AA B5", "AR B6", "AA B7"],
        answers=1,
        stored=[head("B5"), head("B6", f11="T"), head("B7")],
        incidents=["not-production"],
    ),
    *(
        Row(
            name=name,
            pieces=[framed(body)],
            acks=[f"AA {control}"],
            answers=1,
            stored=[head(control), body],
            incidents=["batch-count"],
        )
        for name, control, body in [
            ("BTS-1 states another count", "B8", batch(head("B8"), count=2)),
            ("FTS-1 states another count", "B9", batch(head("B9"), count=1, files=3)),
            ("a batch without end", "B10", batch(head("B10"), count=None)),
        ]
    ),
    Row(
        name="a batch without a message",
        pieces=[framed(batch(count=0))],
        acks=["AR"],
        stored=[batch(count=0)],
        incidents=["not-hl7"],
        error="100",
    ),
    Row(
        name="the longest frame",
        pieces=[framed(LONGEST)],
        acks=["AA X1"],
        stored=[LONGEST],
    ),
    Row(
        name="one byte too long",
        pieces=[framed(LONGEST.replace(b"|X1|", b"|X2|") + b"x")],
        acks=["AR X2"],
        stored=[(LONGEST.replace(b"|X1|", b"|X2|"))[:65536]],
        incidents=["frame-too-long"],
        error="207",
        closes=True,
    ),
    Row(
        name="the sender closes its half and waits for the answers",
        pieces=[framed(head("H1")) + framed(head("H2"))],
        acks=["AA H1", "AA H2"],
        stored=[head("H1"), head("H2")],
        half_close=True,
        closes=True,
    ),
    Row(
        name="the very last byte is missing",
        pieces=[VT + head("H3") + FS],
        acks=["AA H3"],
        stored=[head("H3")],
        half_close=True,
        closes=True,
    ),
    Row(
        name="the connection ends inside a message",
        pieces=[VT + head("H4")[:70]],
        acks=[],
        stored=[head("H4")[:70]],
        incidents=["unfinished-frame"],
        half_close=True,
        closes=True,
    ),
    Row(
        name="only noise",
        pieces=[b"\x16\x03\x01\x02\x00\x01 a TLS hello where none is spoken"],
        acks=[],
        stored=[],
        half_close=True,
        closes=True,
    ),
]


@dataclass(kw_only=True)
class Wrong:
    """What differed, by row, so that one run shows all of it."""

    rows: dict[str, str] = field(default_factory=dict)

    def compare(self, row: Row, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.rows[f"{row.name}: {what}"] = f"found {str(found)[:300]}, wanted {str(wanted)[:300]}"


def send(line: socket.socket, row: Row) -> list[Ack]:
    """Send a row's pieces and collect what comes back; a message of ours after it tells that that was all."""
    for number, piece in enumerate(row.pieces):
        if number:
            time.sleep(0.02)
        line.sendall(piece)
    if row.half_close:
        line.shutdown(socket.SHUT_WR)
    wanted = len(row.acks) if row.answers < 0 else row.answers
    if row.closes:
        return frames(line, wanted + 1)
    line.sendall(framed(head(f"END{row.name}"[:60])))
    found = frames(line, wanted + 1)
    assert found, f"{row.name}: no answer, not even to the message after it"
    assert found[-1].said == [f"AA END{row.name}"[:63]], (row.name, [ack.said for ack in found])
    return found[:-1]


def check(row: Row, found: list[Ack], wrong: Wrong) -> None:
    wrong.compare(row, "acknowledgements", [said for ack in found for said in ack.said], list(row.acks))
    if row.answers >= 0:
        wrong.compare(row, "answers", len(found), row.answers)
    for ack in found:
        wrong.compare(row, "ends in CR", ack.body[-1:], CR)
        wrong.compare(row, "who answers", (ack.field("MSH", 9) or "ACK^R01^ACK"), "ACK^R01^ACK")
        # The answer's own moment and number may spell a patient's number by chance.
        told = ack.body.replace(ack.field("MSH", 7).encode(), b"").replace(ack.field("MSH", 10).encode(), b"")
        for private in ("Müller".encode(), b"M\xfcller", b"Maria", b"1001", b"19610302", b"furlong"):
            wrong.compare(row, "holds nothing of a patient", private in told, False)
    if row.error:
        stated = found[-1].field("ERR", 3).split("^")[0] or found[-1].field("ERR", 1).split("^")[-1][:3]
        wrong.compare(row, "error code", stated, row.error)
        wrong.compare(row, "says why", bool(found[-1].field("MSA", 3)), True)


def test_every_row_is_answered_and_stored_as_it_must_be(real_commits: str) -> None:
    make_sender()
    make_patient()
    wrong = Wrong()
    with listening(real_commits) as (port, _process):
        for row in [*SITUATIONS, *FAULTS]:
            before = LabMessage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            with connect(port) as line:
                check(row, send(line, row), wrong)
            rows = LabMessage.objects.filter(pk__gt=before).exclude(control_id__startswith="END")
            stored = [bytes(kept.body) for kept in rows.order_by("pk")]
            wrong.compare(row, "stored", stored == list(row.stored), True)
            outcomes = MessageOutcome.objects.filter(message__in=rows).order_by("pk")
            wrong.compare(row, "incidents", [each.reason_code for each in outcomes], list(row.incidents))
    assert wrong.rows == {}
    assert len(SITUATIONS) + len(FAULTS) > 60


def test_an_acknowledgement_speaks_as_the_message_did(real_commits: str) -> None:
    make_sender()
    odd = head("K1", f12="2.3.1", f18="8859/1").translate(bytes.maketrans(b"|^", b"#@"))
    with listening(real_commits) as (port, _process), connect(port) as line:
        line.sendall(framed(odd))
        [ack] = frames(line, 1)
        assert ack.body.startswith(b"MSH#@~\\&#PRRT#CLINIC#LAB#HOSPITAL#")
        assert ack.field("MSH", 9) == "ACK@R01@ACK"
        assert (ack.field("MSH", 12), ack.field("MSH", 18)) == ("2.3.1", "8859/1")
        assert ack.field("MSH", 10) not in {"", "K1"}
        line.sendall(framed(batch(head("K2"), count=1)))
        [answer] = frames(line, 1)
    lines = answer.body.decode().split("\r")
    assert [each[:3] for each in lines] == ["BHS", "MSH", "MSA", "BTS", ""]
    assert lines[0].split("|")[2:6] == ["PRRT", "CLINIC", "LAB", "HOSPITAL"]
    assert lines[0].split("|")[11] == "B77"
    assert lines[3] == "BTS|1"
