"""Read whom a PID segment is about: numbers with their authorities, name, birth date, sex."""

from labs.formats.hl7_syntax import Segment
from labs.formats.parsed import ParsedPatient, PatientNumber
from labs.formats.times import read_hl7_day

_SEXES = {"F": "female", "M": "male", "O": "other", "A": "other"}


def read_patient(pid: Segment) -> ParsedPatient:
    """PID-3, -5, -7 and -8; where PID-3 is empty, the older fields for numbers."""
    numbers = [number for repetition in pid.repetitions(3) if (number := read_number(pid, repetition)).number]
    name = (*pid.components(5), "", "")
    several_births = pid.separators.repetition in pid.raw(7)
    return ParsedPatient(
        tuple(numbers) or _older_numbers(pid),
        name[0].strip(),
        name[1].strip(),
        None if several_births else read_hl7_day(pid.component(7)),
        _SEXES.get(pid.component(8).upper(), "unknown"),
    )


def read_number(segment: Segment, repetition: str) -> PatientNumber:
    """One patient number: id, type, and its authority by name and by universal id."""
    parts = repetition.split(segment.separators.component)
    number, kind = segment.first_leaf(parts[0]), segment.first_leaf(parts[4]) if len(parts) > 4 else ""
    authority = segment.leaves(parts[3])[:2] if len(parts) > 3 else ()
    return PatientNumber(number, tuple([said for said in authority if said]), kind)


def _older_numbers(pid: Segment) -> tuple[PatientNumber, ...]:
    """PID-2 and PID-4, the habit of version 2.3: seldom with an authority, and then it counts."""
    numbers = (read_number(pid, repetition) for field in (2, 4) for repetition in pid.repetitions(field))
    return tuple(number for number in numbers if number.number)
