"""Say which of our patients a message is about, or why that is not certain. Never creates one."""

import unicodedata
from collections.abc import Iterable, Mapping

from django.db.models import Q

from labs.formats.parsed import ParsedPatient, PatientNumber, Problem
from labs.models import Patient
from labs.models.patient import Sex

_RECORD_NUMBER_TYPES = frozenset({"", "MR", "PI"})
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_TWO_LETTER_VOWELS = (("ae", "a"), ("oe", "o"), ("ue", "u"))


def match_patients(
    parsed: Iterable[ParsedPatient], *, bare_number_ok: bool
) -> Mapping[ParsedPatient, Patient | Problem]:
    """Each named person's row, or the reason there is none; one query for all of them."""
    wanted = set(parsed)
    numbers = {number.number for person in wanted for number in person.numbers}
    rows = list(Patient.objects.filter(Q(mrn__in=numbers) | Q(alt_id__in=numbers))) if numbers else []
    return {person: _match(person, rows, bare_number_ok) for person in wanted}


def owners_of(person: ParsedPatient, *, bare_number_ok: bool) -> list[Patient]:
    """Our patients whose number, from its authority, a named person carries, whatever else differs."""
    numbers = {number.number for number in person.numbers}
    rows = Patient.objects.filter(Q(mrn__in=numbers) | Q(alt_id__in=numbers)).order_by("pk")
    return [row for row in rows if any(_is_ours(number, row, bare_number_ok) for number in person.numbers)]


def fold_name(name: str) -> str:
    """One form for the spellings of a name that differ by accents, case, hyphens or ue for ü."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    letters = "".join(char for char in plain if char.isalpha())
    for two, one in _TWO_LETTER_VOWELS:
        letters = letters.replace(two, one)
    return letters


def _match(person: ParsedPatient, rows: list[Patient], bare_number_ok: bool) -> Patient | Problem:
    if not person.numbers:
        return Problem(code="no-patient-number", reason="The message carries no patient number.")
    found = {
        row.pk: row for row in rows for number in person.numbers if _is_ours(number, row, bare_number_ok)
    }
    if not found:
        return _nobody(person, rows)
    if len(found) > 1:
        return Problem(
            code="two-patients", reason="The numbers in the message belong to different patients of ours."
        )
    return _agree(person, next(iter(found.values())))


def _is_ours(number: PatientNumber, row: Patient, bare_number_ok: bool) -> bool:
    """Whether a number is this patient's: the same digits from the same authority."""
    if not number.authorities:
        return bare_number_ok and number.number == row.mrn
    if number.number == row.mrn and _same_authority(number, row.assigning_authority):
        return number.type in _RECORD_NUMBER_TYPES | {row.id_type}
    return bool(row.alt_id) and number.number == row.alt_id and _same_authority(number, row.alt_authority)


def _same_authority(number: PatientNumber, ours: str) -> bool:
    """Compared by name or by universal id, whichever of the two each side states."""
    return not {part.strip() for part in ours.split("&")[:2] if part.strip()}.isdisjoint(number.authorities)


def _nobody(person: ParsedPatient, rows: list[Patient]) -> Problem:
    same_digits = {row.mrn for row in rows} & {number.number for number in person.numbers}
    if same_digits:
        return Problem(
            code="authority-differs",
            reason="A patient of ours has this number, but the message does not name our authority for it.",
        )
    return Problem(code="unknown-patient", reason="No patient of ours has the number in the message.")


def _agree(person: ParsedPatient, row: Patient) -> Patient | Problem:
    """Birth date and family name must agree and sex must not contradict; else a person decides."""
    if person.birth_date is None:
        return Problem(code="no-birth-date", reason="The message carries no readable birth date.")
    if person.birth_date != row.birth_date:
        return Problem(
            code="birth-date-differs", reason="The number is ours, but the birth date is another one."
        )
    family = fold_name(person.family)
    if not family or family != fold_name(row.family):
        return Problem(code="name-differs", reason="The number is ours, but the family name is another one.")
    if {person.sex, row.sex} == {Sex.FEMALE.value, Sex.MALE.value}:
        return Problem(
            code="sex-contradicts", reason="The number is ours, but the sex contradicts our record."
        )
    return row
