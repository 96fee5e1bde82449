"""Read whom a PID segment is about: numbers with their authorities, name, birth date, sex."""

from labs.formats.hl7_syntax import Segment
from labs.formats.parsed import ParsedPatient, PatientNumber
from labs.formats.times import read_hl7_day

_SEXES = {"F": "female", "M": "male", "O": "other", "A": "other"}


def read_patient(pid: Segment) -> ParsedPatient:
    """PID-3, -5, -7 and -8; where PID-3 is empty, the older fields for numbers."""
    numbers = [read_number(pid, repetition) for repetition in pid.repetitions(3)]
    name = (*pid.components(5), "", "")
    return ParsedPatient(
        numbers=tuple(number for number in numbers if number.number) or _older_numbers(pid),
        family=name[0].strip(),
        given=name[1].strip(),
        birth_date=read_hl7_day(pid.component(7)) if len(pid.repetitions(7)) < 2 else None,
        sex=_SEXES.get(pid.component(8).upper(), "unknown"),
    )


def read_number(segment: Segment, repetition: str) -> PatientNumber:
    """One patient number: id, type, and its authority by name and by universal id."""
    number, _check, _scheme, _authority, kind = (*segment.split(repetition), "", "", "", "", "")[:5]
    authority = segment.subcomponents(repetition, 4)
    return PatientNumber(
        number=number.strip(), authorities=tuple(filter(None, authority[:2])), type=kind.strip()
    )


def _older_numbers(pid: Segment) -> tuple[PatientNumber, ...]:
    """PID-2 and PID-4, the habit of version 2.3: seldom with an authority, and then it counts."""
    numbers = (read_number(pid, repetition) for field in (2, 4) for repetition in pid.repetitions(field))
    return tuple(number for number in numbers if number.number)
