"""No value is taken that an independent parser reads otherwise; damaged bytes neither crash nor mislead.

Where we are stricter than the oracles, nothing is taken and there is nothing to compare. Where we are more
lenient (line feeds as terminators), the oracles are shown the same message with their own terminators.
"""

import os
import random
import re
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from labs.formats.hl7_syntax import Separators, read_separators, segment_of, unescape
from labs.formats.hl7v2 import parse
from labs.formats.parsed import (
    Act,
    ParsedMessage,
    ParsedNumber,
    ParsedObservation,
    ParsedReport,
    ParsedTime,
    Rejected,
    SenderProfile,
)
from labs.models import LabMessage, MessageOutcome, Observation, QuarantinedResult
from labs.services import keep_message, read_waiting_messages
from tests.builders_labs import make_patient, make_sender
from tests.fuzz.hl7_messages import damaged, random_message
from tests.fuzz.hl7_oracles import Oracle, OracleResult, hl7_apy, python_hl7

LONG = os.environ.get("PRRT_LONG") == "1"
PROFILE = SenderProfile(zone=ZoneInfo("Europe/Berlin"), charset="utf-8")
ORACLES: list[tuple[Oracle, int]] = [
    (python_hl7, 200_000 if LONG else 2_000),
    (hl7_apy, 6_000 if LONG else 60),
]
STORED = 20_000 if LONG else 200
PLAIN = re.compile(r"([<>]=?)?\s*([+-]?\d+\.?\d*|[+-]?\.\d+)")


def for_oracles(body: bytes) -> str:
    """The text with the one terminator that both oracles know."""
    text = body.decode("utf-8")
    if "\r" not in text:
        return text.replace("\n", "\r")
    return re.sub(r"\r\n*", "\r", text)


def leaf(text: str, separators: Separators) -> str:
    return unescape(text, separators=separators, codec="utf-8").strip()


def components(text: str, marks: Separators) -> list[str]:
    """The components of a field. Of one with subcomponents the first counts, as the standard has it."""
    return [leaf(part.split(marks.subcomponent)[0], marks) for part in text.split(marks.component)]


def disputes(
    ours: ParsedObservation, report: ParsedReport, theirs: OracleResult, marks: Separators
) -> list[str]:
    """In what the two readings of one taken result differ."""
    found = []
    fields = theirs.fields
    kind = components(fields[2], marks)[0].upper() or "ST"
    parts = components(fields[5], marks)
    number = ours.number
    assert isinstance(number, ParsedNumber)
    text = "".join(parts[:2]) if kind == "SN" else leaf(fields[5], marks)
    match = PLAIN.fullmatch(text.removeprefix("="))
    if match is None or (match[1] or "", Decimal(match[2])) != (number.comparator, number.value):
        found.append(f"value {fields[5]!r} as {number}")
    if marks.repetition in fields[5]:
        found.append("several values")
    codes = components(fields[3], marks)
    if ours.codes and not {code.code for code in ours.codes if code.code.isascii()} <= {*codes, ""}:
        found.append(f"codes {codes}")
    if ours.sent_unit and ours.sent_unit not in "^".join(components(fields[6], marks)):
        found.append(f"unit {fields[6]!r} as {ours.sent_unit!r}")
    if components(fields[11], marks)[0] != ours.status_sent:
        found.append(f"status {fields[11]!r} as {ours.status_sent!r}")
    if leaf(fields[4], marks) != ours.sub_id:
        found.append(f"sub-id {fields[4]!r}")
    assert isinstance(ours.collected, ParsedTime)
    times = [components(text, marks)[0] for text in (fields[14], theirs.obr.get(7, ""))]
    if ours.collected.text not in times:
        found.append(f"time {times} as {ours.collected.text!r}")
    order = components(theirs.obr.get(3, ""), marks)[0]
    if report.filler_order.split("^")[0] != order:
        found.append(f"order {order!r} as {report.filler_order!r}")
    return found + _disputed_person(report, theirs, marks)


def _disputed_person(report: ParsedReport, theirs: OracleResult, marks: Separators) -> list[str]:
    # PID-3, and where that is empty the older fields.
    said = theirs.pid[3] or marks.repetition.join((theirs.pid[2], theirs.pid[4]))
    numbers = [components(each, marks)[0] for each in said.split(marks.repetition)]
    name = components(theirs.pid[5].split(marks.repetition)[0], marks)[0]
    found = []
    if not {number.number for number in report.patient.numbers} <= set(numbers):
        found.append(f"numbers {numbers}")
    if name != report.patient.family:
        found.append(f"name {theirs.pid[5]!r} as {report.patient.family!r}")
    born = components(theirs.pid[7], marks)[0][:8]
    if report.patient.birth_date and f"{report.patient.birth_date:%Y%m%d}" != born:
        found.append(f"birth date {born}")
    return found


def taken(parsed: ParsedMessage) -> list[tuple[int, ParsedObservation, ParsedReport]]:
    """Every result that could be stored, with its place among all OBX segments."""
    rows = [(each, report) for report in parsed.reports for each in report.observations]
    return [
        (place, each, report)
        for place, (each, report) in enumerate(rows)
        if isinstance(each.number, ParsedNumber)
        and isinstance(each.collected, ParsedTime)
        and each.status is not None
        and each.doubt is None
        and each.status.act in {Act.STORE, Act.CONFIRM, Act.PROMOTE}
    ]


@pytest.mark.parametrize(("oracle", "count"), ORACLES, ids=["python-hl7", "hl7apy"])
@pytest.mark.parametrize("spoilt", [False, True], ids=["whole", "damaged"])
def test_no_value_is_taken_that_another_parser_reads_otherwise(
    spoilt: bool, oracle: Oracle, count: int
) -> None:
    compared = 0
    for seed in range(count):
        chance = random.Random(seed)
        body = random_message(chance)
        if spoilt:
            body = damaged(body, chance)
        parsed = parse(body, profile=PROFILE)
        assert isinstance(parsed, ParsedMessage | Rejected)
        rows = taken(parsed) if isinstance(parsed, ParsedMessage) else []
        theirs = oracle(for_oracles(body)) if rows else None
        if theirs is None:
            continue
        marks = read_separators(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8")[:64])
        assert isinstance(marks, Separators)
        for place, ours, report in rows:
            compared += 1
            assert place < len(theirs), (seed, body)
            assert not disputes(ours, report, theirs[place], marks), (seed, body)
    assert compared > count / 4, "the oracle hardly ever had an opinion: this proves nothing"


@pytest.mark.django_db
def test_of_damaged_messages_only_what_the_oracle_reads_alike_is_stored() -> None:
    make_sender()
    patient = make_patient()
    for seed in range(STORED):
        chance = random.Random(-seed - 1)
        body = random_message(chance)
        for _ in range(chance.randint(0, 2)):
            body = damaged(body, chance)
        kept = keep_message(body=body, door="mllp")
        assert bytes(LabMessage.objects.get(pk=kept.message_id).body) == body
    read_waiting_messages(limit=STORED)
    assert not LabMessage.objects.filter(outcome__isnull=True).exists()
    assert not MessageOutcome.objects.filter(reason_code="reader-failed").exists()
    stored = list(Observation.objects.filter(value__isnull=False).select_related("message"))
    for row in stored:
        assert row.patient == patient
        body = bytes(row.message.body)
        theirs = python_hl7(for_oracles(body))
        assert theirs is not None, body
        values = {each.fields[5] for each in theirs}
        assert row.sent_value in values or not row.sent_value, (row.sent_value, values, body)
        assert all("1001" in each.pid[3] and each.pid[7].startswith("19610302") for each in theirs)
    assert len(stored) > STORED / 8
    assert QuarantinedResult.objects.exists()


@pytest.mark.parametrize("part", range(4))
def test_random_bytes_behind_a_good_header_never_crash_and_never_become_a_value(part: int) -> None:
    for seed in range(part, 40_000 if LONG else 1_000, 4):
        chance = random.Random(seed)
        body = random_message(chance).split(b"\r", 1)[0] + b"\r" + chance.randbytes(chance.randint(0, 300))
        parsed = parse(body, profile=PROFILE)
        assert isinstance(parsed, Rejected), body


def test_a_segment_written_again_from_what_was_read_is_the_same() -> None:
    for seed in range(400):
        body = random_message(random.Random(seed))
        marks = read_separators(body.decode()[:64])
        assert isinstance(marks, Separators)
        for position, line in enumerate(body.decode().rstrip("\r").split("\r"), start=1):
            fields = tuple(line.split(marks.field))
            segment = segment_of(line, position=position, separators=marks, codec="utf-8")
            first = 2 if fields[0] == "MSH" else 1
            again = [segment.raw(number) for number in range(first, first + len(fields) - 1)]
            assert marks.field.join([fields[0], *again]) == line
            for number in range(first, first + len(fields) - 1):
                parts = [
                    marks.component.join(part.split(marks.component)) for part in segment.repetitions(number)
                ]
                assert marks.repetition.join(parts) == segment.raw(number)
