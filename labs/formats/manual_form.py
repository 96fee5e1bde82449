"""Read what a person typed of one result, kept as JSON, into plain values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from labs.formats.numbers import read_plain
from labs.formats.parsed import (
    Code,
    ParsedMessage,
    ParsedNumber,
    ParsedObservation,
    ParsedPatient,
    ParsedRange,
    ParsedReport,
    ParsedTime,
    PatientNumber,
    Problem,
    Rejected,
)
from labs.formats.ranges import read_range
from labs.formats.statuses import read_status
from labs.formats.times import place

UNVERIFIED = "unverified"
# The one result of such a message stands here.
PLACE = (1, "")
# Entered and not verified; verified against the source; withdrawn.
_LETTERS = {"enter": "R", "verify": "F", "withdraw": "D"}
_KEYS = frozenset(
    {
        "act",
        "entry",
        "patient",
        "loinc",
        "analyte",
        "value",
        "comparator",
        "unit",
        "ref_range",
        "collected",
        "zone",
        "confirmed_value",
        "comment",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualMessage:
    """One act on a manual result: the message as every door is read, and the value that was asked twice."""

    parsed: ParsedMessage
    patient_id: str
    confirmed_value: str


def parse(body: bytes) -> ManualMessage | Rejected:
    """Read one act; a damaged one is refused whole, because it was written by this software."""
    try:
        data = json.loads(body)
        if not _KEYS.issubset(data):
            raise ValueError
        patient_id = str(data["patient"]["id"])
        patient = _patient(data["patient"])
        observation = _observation(data)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError):
        return Rejected(code="damaged-entry", reason="The typed result is not as it was written.")
    report = ParsedReport(position=1, patient=patient, observations=(observation,))
    return ManualMessage(
        parsed=ParsedMessage(reports=(report,)),
        patient_id=patient_id,
        confirmed_value=str(data["confirmed_value"]),
    )


def _patient(data: Mapping[str, Any]) -> ParsedPatient:
    number = PatientNumber(number=data["mrn"], authorities=(data["authority"],))
    return ParsedPatient(
        numbers=(number,),
        family=data["family"],
        given=data["given"],
        birth_date=date.fromisoformat(data["born"]),
        sex=data["sex"],
    )


def _observation(data: Mapping[str, Any]) -> ParsedObservation:
    letter = _LETTERS[data["act"]]
    number = _number(data)
    return ParsedObservation(
        position=PLACE[0],
        codes=(Code(code=data["loinc"], text=data["analyte"], system="LN"),),
        sub_id=data["entry"],
        number=number,
        sent_value=f"{data['comparator']}{data['value']}",
        units=(data["unit"],) if data["unit"] else (),
        sent_unit=data["unit"],
        range=read_range(data["ref_range"]) if data["ref_range"] else ParsedRange(),
        ref_text=data["ref_range"],
        status=read_status(letter),
        status_sent=letter,
        collected=_collected(data),
        quality=(UNVERIFIED,) if data["act"] == "enter" else (),
        comment=data["comment"],
        raw=json.dumps(dict(data), ensure_ascii=False, sort_keys=True),
    )


def _number(data: Mapping[str, Any]) -> ParsedNumber | Problem:
    plain = read_plain(data["value"])
    if isinstance(plain, Problem):
        return plain
    return ParsedNumber(value=plain.value, comparator=data["comparator"])


def _collected(data: Mapping[str, Any]) -> ParsedTime | Problem:
    text = data["collected"]
    return place(datetime.fromisoformat(text), zone=ZoneInfo(data["zone"]), precision="minute", text=text)
