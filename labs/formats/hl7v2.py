"""Read a well-formed ORU^R01 of HL7 v2.3 to 2.5.1 into plain values, or say exactly why not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from labs.formats.hl7_ack import Header, read_header
from labs.formats.hl7_syntax import Segment, read_syntax
from labs.formats.numbers import read_plain, read_structured, read_text
from labs.formats.parsed import (
    Code,
    ParsedMessage,
    ParsedNumber,
    ParsedObservation,
    ParsedPatient,
    ParsedReport,
    ParsedTime,
    PatientNumber,
    Problem,
    Rejected,
    SenderProfile,
    too_many,
)
from labs.formats.ranges import read_range
from labs.formats.specimen import faults_in_codes, faults_in_text
from labs.formats.statuses import read_status
from labs.formats.times import read_hl7_day, read_hl7_time

_SEXES = {"F": "female", "M": "male", "O": "other", "A": "other"}
_SPLIT_EXPONENT = re.compile(r"x?10", re.IGNORECASE)
_HYPHENS = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2212": "-"})
_NO_TIME = Problem(code="no-collection-time", reason="The message does not say when the specimen was taken.")


@dataclass(slots=True)
class _Group:
    """The segments of one order, gathered before any is read."""

    orc: Segment | None
    obr: Segment
    notes: list[str] = field(default_factory=list)
    results: list[tuple[Segment, list[str]]] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)


def parse(body: bytes, *, profile: SenderProfile, most: int | None = None) -> ParsedMessage | Rejected:
    """Read one message whole, if it has at most so many results; what cannot be read becomes a Problem."""
    header = read_header(body)
    if isinstance(header, Rejected):
        return header
    syntax = read_syntax(body, charset=header.charset, fallback=profile.charset)
    if isinstance(syntax, Rejected):
        return syntax
    patients = [segment for segment in syntax.segments if segment.name == "PID"]
    if len([segment for segment in syntax.segments if segment.name == "MSH"]) != 1:
        return Rejected(code="several-messages", reason="More than one MSH segment in one message.")
    if len(patients) != 1:
        return Rejected(
            code="several-patients",
            reason=f"The message has {len(patients)} PID segments; exactly one patient is read.",
        )
    groups = _groups(syntax.segments, most=most)
    if isinstance(groups, Rejected):
        return groups
    patient, sent = _patient(patients[0]), _sent(header, profile)
    reports = tuple(_report(group, patient, profile, sent) for group in groups)
    # A date alone may order versions, but no collection time of that day can be judged against it.
    exact = sent.instant if sent and sent.precision in {"minute", "second"} else None
    return ParsedMessage(reports=reports, sent_at=exact, notes=syntax.notes)


def _groups(segments: tuple[Segment, ...], *, most: int | None) -> tuple[_Group, ...] | Rejected:
    """Order the segments into orders; a result before any order belongs to nothing."""
    groups: list[_Group] = []
    orc: Segment | None = None
    notes: list[str] = []
    for segment in segments:
        if segment.name == "ORC":
            orc, notes = segment, []
        elif segment.name == "OBR":
            groups.append(_Group(orc=orc, obr=segment))
            orc, notes = None, groups[-1].notes
        elif segment.name == "OBX":
            if not groups:
                return Rejected(code="result-without-order", reason="An OBX stands before any OBR.")
            notes = []
            groups[-1].results.append((segment, notes))
        elif segment.name == "NTE":
            notes.append("\n".join(segment.text(part) for part in segment.repetitions(3)))
        elif segment.name == "SPM" and groups:
            groups[-1].specimens.append(segment)
            notes = groups[-1].notes
    count = sum(len(group.results) for group in groups)
    if not count:
        return Rejected(code="no-results", reason="The message has no OBX segment.")
    return too_many(count, most=most) or tuple(groups)


def _patient(pid: Segment) -> ParsedPatient:
    numbers = [_number(pid, repetition) for repetition in pid.repetitions(3)]
    name = (*pid.components(5), "", "")
    return ParsedPatient(
        numbers=tuple(number for number in numbers if number.number) or _older_numbers(pid),
        family=name[0].strip(),
        given=name[1].strip(),
        birth_date=read_hl7_day(pid.component(7)),
        sex=_SEXES.get(pid.component(8).upper(), "unknown"),
    )


def _number(pid: Segment, repetition: str) -> PatientNumber:
    """One patient number: id, type, and its authority by name and by universal id."""
    number, _check, _scheme, _authority, kind = (*pid.split(repetition), "", "", "", "", "")[:5]
    authority = pid.subcomponents(repetition, 4)
    return PatientNumber(
        number=number.strip(), authorities=tuple(filter(None, authority[:2])), type=kind.strip()
    )


def _older_numbers(pid: Segment) -> tuple[PatientNumber, ...]:
    """PID-2 and PID-4, the habit of version 2.3, as numbers that name no authority."""
    return tuple(PatientNumber(number=pid.component(number)) for number in (2, 4) if pid.component(number))


def _sent(header: Header, profile: SenderProfile) -> ParsedTime | None:
    read = read_hl7_time(header.msh.component(7), zone=profile.zone)
    return read if isinstance(read, ParsedTime) else None


def _report(
    group: _Group, patient: ParsedPatient, profile: SenderProfile, sent: ParsedTime | None
) -> ParsedReport:
    ordered_at, ordered_by = _ordered(group, profile, sent)
    obr, orc = group.obr, group.orc
    return ParsedReport(
        position=obr.position,
        patient=patient,
        filler_order=_order_number(obr, 3) or (_order_number(orc, 3) if orc else ""),
        placer_order=_order_number(obr, 2) or (_order_number(orc, 2) if orc else ""),
        panel=obr.component(4) or obr.component(4, 2),
        status=obr.component(25),
        ordered_at=ordered_at,
        ordered_by=ordered_by,
        observations=tuple(_observations(group, patient, profile)),
    )


def _order_number(segment: Segment, number: int) -> str:
    """The number with its namespace, because laboratories share numbers."""
    order, namespace, *_ = [*(part.strip() for part in segment.components(number)), "", ""]
    return f"{order}^{namespace}" if namespace else order


def _ordered(group: _Group, profile: SenderProfile, sent: ParsedTime | None) -> tuple[datetime | None, str]:
    """When the laboratory gave this report its status, and which field says so."""
    for segment, number, name in ((group.obr, 22, "OBR-22"), (group.orc, 9, "ORC-9")):
        if segment is not None and segment.raw(number):
            read = read_hl7_time(segment.component(number), zone=profile.zone)
            if isinstance(read, ParsedTime):
                return read.instant, name
    return (sent.instant, "MSH-7") if sent else (None, "")


def _observations(
    group: _Group, patient: ParsedPatient, profile: SenderProfile
) -> Iterator[ParsedObservation]:
    shared = faults_in_text("\n".join(group.notes)) + _specimen_faults(group.specimens)
    for obx, notes in group.results:
        comment = "\n".join(notes)
        number, sent_value = _value(obx)
        units, sent_unit = _units(obx)
        ref_text = obx.text("-".join(obx.repetitions(7)[:1]))
        words = comment if isinstance(number, ParsedNumber) else f"{comment}\n{sent_value}"
        quality = sorted({*shared, *faults_in_text(words)})
        yield ParsedObservation(
            position=obx.position,
            codes=_codes(obx),
            sub_id=obx.text(obx.raw(4)).strip(),
            number=number,
            sent_value=sent_value,
            units=units,
            sent_unit=sent_unit,
            range=read_range(ref_text, sex=patient.sex),
            ref_text=ref_text,
            flags=obx.raw(8),
            status=read_status(obx.component(11)),
            status_sent=obx.component(11),
            collected=_collected(obx, group, profile),
            quality=tuple(quality),
            comment="\n".join([*group.notes, *notes]).strip(),
            raw=obx.separators.field.join(obx.fields),
        )


def _codes(obx: Segment) -> tuple[Code, ...]:
    parts = tuple(part.strip() for part in obx.components(3))
    triplets = (parts[start : start + 3] for start in range(0, len(parts), 3))
    found = []
    for triplet in triplets:
        code, text, system = (*triplet, "", "")[:3]
        if code or text:
            found.append(Code(code=code.translate(_HYPHENS), text=text, system=system.upper()))
    return tuple(found[:3])


def _value(obx: Segment) -> tuple[ParsedNumber | Problem, str]:
    """The number in OBX-5 by the type in OBX-2, and the value as sent."""
    kind, repetitions = obx.component(2).upper() or "ST", obx.repetitions(5)
    sent = obx.text(obx.raw(5))
    if len(repetitions) > 1:
        return Problem(code="repeated-value", reason="The result carries several values."), sent
    raw = repetitions[0] if repetitions else ""
    if raw == '""':
        return Problem(code="value-deleted", reason="The laboratory deleted the value."), sent
    if kind == "NM":
        return read_plain(obx.text(raw)), sent
    if kind == "SN":
        return read_structured(obx.split(raw)), sent
    if kind == "ST":
        return read_text(obx.text(raw)), sent
    return Problem(code="not-a-number", reason=f"A value of type {kind} is not a number."), sent


def _units(obx: Segment) -> tuple[tuple[str, ...], str]:
    """The unit's spellings in the order to believe them (UCUM first), and the unit as sent."""
    parts = [part.strip() for part in obx.components(6)]
    if len(parts) > 1 and _SPLIT_EXPONENT.fullmatch(parts[0]) and parts[1][:1].isdigit():
        parts = [f"{parts[0]}^{parts[1]}", *parts[2:]]
        return (parts[0],), parts[0]
    triplets = [(*parts[start : start + 3], "", "", "")[:3] for start in range(0, len(parts), 3)]
    triplets.sort(key=lambda triplet: triplet[2].upper() != "UCUM")
    spellings = [spelling for code, text, _system in triplets for spelling in (code, text) if spelling]
    return tuple(spellings), next((spelling for spelling in parts[:2] if spelling), "")


def _collected(obx: Segment, group: _Group, profile: SenderProfile) -> ParsedTime | Problem:
    """OBX-14, else OBR-7, else SPM-17; never a time that means something else."""
    specimen = group.specimens[0] if len(group.specimens) == 1 else None
    for segment, number in ((obx, 14), (group.obr, 7), (specimen, 17)):
        if segment is not None and segment.component(number):
            parts = (*segment.components(number), "")
            stated = "" if number == 17 else parts[1]
            return read_hl7_time(parts[0], zone=profile.zone, stated_precision=stated)
    return _NO_TIME


def _specimen_faults(specimens: list[Segment]) -> tuple[str, ...]:
    """The faults in SPM-21 (rejection), SPM-24 (condition) and the specimen's description."""
    codes: list[str] = []
    words: list[str] = []
    for segment in specimens:
        words.append(segment.component(14))
        for number in (21, 24):
            for repetition in segment.repetitions(number):
                code, text = (*segment.split(repetition), "", "")[:2]
                codes.append(code.strip().upper())
                words += [code, text]
    return faults_in_codes(tuple(codes)) + faults_in_text("\n".join(words))
