"""Acknowledgements: the header decides, in the mode the sender asked for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.formats.hl7_ack import Acks, Verdict, build_ack, judge, read_header
from tests.builders_labs import message, msh, obr, obx, pid

AT = datetime(2026, 5, 4, 6, 30, tzinfo=UTC)


def acks(body: bytes, verdict: Verdict | None = None) -> Acks:
    header = read_header(body)
    return build_ack(header, verdict=verdict or judge(header), control_ids=("A1", "A2"), at=AT)


def with_header(**fields: str) -> bytes:
    return message(msh(**fields), pid(), obr(), obx())


def code_of(ack: bytes) -> str:
    return ack.split(b"\rMSA|")[1][:2].decode() if ack else ""


def test_an_acknowledgement_swaps_the_parties_and_echoes_the_control_id() -> None:
    expected = b"MSH|^~\\&|PRRT|CLINIC|LAB|HOSPITAL|20260504063000+0000||ACK^R01^ACK|A1|P|2.5.1\rMSA|AA|M1\r"
    assert acks(message()).first == expected


def test_an_acknowledgement_keeps_version_delimiters_and_character_set() -> None:
    body = message(msh(f12="2.3", f18="8859/1"), pid(), obr(), obx()).translate(bytes.maketrans(b"|^", b"#@"))
    found = acks(body).first
    assert found.startswith(b"MSH#@~\\&#PRRT#CLINIC#LAB#HOSPITAL#")
    assert b"#ACK@R01@ACK#A1#P#2.3######8859/1\r" in found


JUDGED = [
    (message(), "AA", ""),
    (b"", "AR", "not-hl7"),
    (b"garbage", "AR", "not-hl7"),
    (b"\x00\xff\xfe", "AR", "not-hl7"),
    (with_header(f9="ADT^A08"), "AR", "wrong-type"),
    (with_header(f9="ORU^R30"), "AR", "wrong-event"),
    (with_header(f9=""), "AR", "wrong-type"),
    (with_header(f12="2.1"), "AR", "wrong-version"),
    (with_header(f12=""), "AR", "wrong-version"),
    (with_header(f11="T"), "AR", "not-production"),
    (with_header(f11="D"), "AR", "not-production"),
    (with_header(f10=""), "AE", "no-control-id"),
    (with_header(f10="x" * 200), "AE", "long-control-id"),
    (message(msh(), obr(), obx()), "AE", "no-patient"),
    (message() + message(control_id="M2"), "AR", "several-messages"),
    (b"FHS|^~\\&|LAB\rBHS|^~\\&|LAB\r" + message(), "AR", "not-hl7"),
]


@pytest.mark.parametrize(("body", "code", "reason_code"), JUDGED)
def test_the_header_alone_decides(body: bytes, code: str, reason_code: str) -> None:
    verdict = judge(read_header(body))
    assert (verdict.code, verdict.reason_code) == (code, reason_code)
    assert code_of(acks(body).first) == code


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.8^DEU"])
def test_versions_taken(version: str) -> None:
    assert judge(read_header(with_header(f12=version))).code == "AA"


ENHANCED = [
    ("AL", "NE", "CA", "", "CR", ""),
    ("AL", "AL", "CA", "AA", "CR", ""),
    ("SU", "NE", "CA", "", "", ""),
    ("ER", "NE", "", "", "CR", ""),
    ("NE", "AL", "AA", "", "AR", ""),
    ("", "AL", "AA", "", "AR", ""),
    ("AL", "", "CA", "", "CR", ""),
    ("NE", "NE", "", "", "", ""),
    ("", "ER", "", "", "AR", ""),
]


@pytest.mark.parametrize("case", ENHANCED)
def test_enhanced_mode(case: tuple[str, ...]) -> None:
    f15, f16, good, second, refused, refused_second = case
    stored = acks(with_header(f15=f15, f16=f16))
    assert (code_of(stored.first), code_of(stored.second)) == (good, second)
    wrong = acks(with_header(f15=f15, f16=f16, f11="T"))
    assert (code_of(wrong.first), code_of(wrong.second)) == (refused, refused_second)


def test_a_refusal_names_the_error_and_no_patient() -> None:
    body = with_header(f11="T")
    found = acks(body).first
    assert b"\rERR|||202^Unsupported processing id^HL70357|E\r" in found
    assert b"Maria" not in found
    assert b"1001" not in found
    older = acks(with_header(f11="T", f12="2.3")).first
    assert b"\rERR|^^^202&Unsupported processing id&HL70357\r" in older


def test_a_control_id_with_escapes_comes_back_untouched() -> None:
    assert b"MSA|AA|A\\T\\B~1\r" in acks(with_header(f10="A\\T\\B~1")).first


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_whatever_arrives_has_an_acknowledgement_and_only_a_header_gets_aa(body: bytes) -> None:
    header = read_header(body)
    verdict = judge(header)
    assert verdict.code == "AR" or body.removeprefix(b"\xef\xbb\xbf").startswith(b"MSH")
    assert build_ack(header, verdict=verdict, control_ids=("A", "B"), at=AT).first.startswith(b"MSH")
