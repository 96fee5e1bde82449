"""Say which of our patients a message is about, or why that is not certain. Never creates one."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q

from labs.alike import fold_name
from labs.formats.parsed import ParsedPatient, PatientNumber, Problem
from labs.models import Patient, Sender
from labs.models.patient import Sex
from labs.prepared import rows_prepared
from labs.same_person import People, read_people

_RECORD_NUMBER_TYPES = frozenset({"", "MR", "PI"})
_BETWEEN_NAMES = re.compile(r"[\s,.\-]+")
_NO_NAMES = frozenset({"patient", "patientin"})


class Trust(NamedTuple):
    """How far a sender's way of naming patients is believed: what its row in senders.csv says."""

    bare_number_ok: bool = False
    # Whether a FHIR resource, too, must state birth date and family name beside the number.
    needs_demographics: bool = False


def trust_in(sender: str) -> Trust:
    """The trust in a sender known by its name alone, as at the FHIR door; none in one that is not set up."""
    row = Sender.objects.filter(name=sender).first()
    return Trust() if row is None else Trust(row.bare_mrn_ok, row.fhir_demographics)


def match_patients(
    parsed: Iterable[ParsedPatient], *, trust: Trust, merged: People | None = None
) -> Mapping[ParsedPatient, Patient | Problem]:
    """Each named person's row, or the reason there is none; two queries, one more where numbers merged."""
    wanted = set(parsed)
    merged = merged or read_people()
    ids = {id_ for person in wanted if (id_ := id_in(person.reference))}
    rows = patients_with({number.number for person in wanted for number in person.numbers}, ids=ids)
    known = {row.pk: row for row in rows}
    survivors = {merged.survivor_of(pk) for pk in known} - known.keys()
    if survivors:
        known |= {row.pk: row for row in Patient.objects.filter(pk__in=survivors)}
    return {person: _match(person, rows, known, trust, merged) for person in wanted}


_WITH = "mrn = ANY(%s::text[]) OR alt_id = ANY(%s::text[]) OR public_id = ANY(%s::uuid[])"


def patients_with(numbers: Collection[str], *, ids: Collection[UUID] = ()) -> list[Patient]:
    """Everybody who has one of these numbers, under whatever authority, or one of these ids of ours."""
    if not numbers and not ids:
        return []
    if connection.vendor == "postgresql":
        return rows_prepared(Patient, _WITH, [list(numbers), list(numbers), list(ids)])
    asked = Q(mrn__in=numbers) | Q(alt_id__in=numbers) | Q(public_id__in=ids)
    return list(Patient.objects.filter(asked))


def owners_of(person: ParsedPatient, *, bare_number_ok: bool) -> list[Patient]:
    """Our patients whose number, from its authority, a named person carries, whatever else differs."""
    rows = sorted(patients_with({number.number for number in person.numbers}), key=lambda row: row.pk)
    return [
        row
        for row in rows
        if any(is_number_of(number, row, bare_number_ok=bare_number_ok) for number in person.numbers)
    ]


def id_in(reference: str) -> UUID | None:
    """Our own id of a patient in a FHIR reference; none in every other reference."""
    kind, _slash, id_ = reference.partition("/")
    try:
        return UUID(id_) if kind == "Patient" else None
    except ValueError:
        return None


def _match(
    person: ParsedPatient,
    rows: list[Patient],
    known: Mapping[int, Patient],
    trust: Trust,
    merged: People,
) -> Patient | Problem:
    if not person.numbers and not person.reference:
        return Problem(code="no-patient-number", reason="The message carries no patient number.")
    found = {
        row.pk: row
        for row in rows
        for number in person.numbers
        if is_number_of(number, row, bare_number_ok=trust.bare_number_ok)
    }
    # Digits of which nobody says who gave them are no number of ours by themselves.
    is_bare = not person.reference and not any(number.authorities for number in person.numbers)
    if trust.needs_demographics or is_bare:
        person = person._replace(partial=False)
    if person.reference:
        referred = [row for row in rows if row.public_id == id_in(person.reference)]
        if not referred:
            return Problem(code="unknown-patient", reason="The reference names no patient of ours.")
        found |= {row.pk: row for row in referred}
    if not found:
        return _nobody(person, rows)
    survivors = {merged.survivor_of(pk) for pk in found}
    if len(survivors) > 1:
        return Problem(
            code="two-patients", reason="The numbers in the message belong to different patients of ours."
        )
    survivor = known[survivors.pop()]
    # Filed under the number that was named, so that separating two numbers again undoes their merge.
    row = next(iter(found.values())) if len(found) == 1 else survivor
    if contradiction := _contradicting_numbers(person, row, found.values()):
        return contradiction
    agreed = _agree(person, survivor)
    if isinstance(agreed, Problem) and row.pk != survivor.pk:
        agreed = _agree(person, row)
    return agreed if isinstance(agreed, Problem) else row


def _contradicting_numbers(person: ParsedPatient, row: Patient, found: Collection[Patient]) -> Problem | None:
    """Why the numbers that stand beside the one that was found leave doubt of it."""
    if _names_another(person, row, found):
        return Problem(
            code="two-numbers", reason="The message carries a second number of our authority, not known here."
        )
    if any(_contradicts_system(person, each) for each in found):
        return Problem(
            code="two-patients", reason="The numbers of our own system in the message contradict each other."
        )
    return None


def _names_another(person: ParsedPatient, row: Patient, found: Collection[Patient]) -> bool:
    """Whether a number stands beside it that is of the very kind this patient has, and that nobody has."""
    return any(
        number.type == row.id_type
        and _same_authority(number, row.assigning_authority)
        and not any(is_number_of(number, each, bare_number_ok=False) for each in found)
        for number in person.numbers
    )


def _contradicts_system(person: ParsedPatient, row: Patient) -> bool:
    """Whether a number under this patient's FHIR system is another one; even merged ones leave doubt."""
    system = row.fhir_system
    return bool(system) and any(
        system in each.authorities and each.number != row.mrn for each in person.numbers
    )


def is_number_of(number: PatientNumber, row: Patient, *, bare_number_ok: bool) -> bool:
    """Whether a number is this patient's: the same digits from the same authority."""
    if row.fhir_system and row.fhir_system in number.authorities:
        return number.number == row.mrn
    if not number.authorities:
        return bare_number_ok and number.number == row.mrn
    if number.number == row.mrn and _same_authority(number, row.assigning_authority):
        return number.type in _RECORD_NUMBER_TYPES | {row.id_type}
    return bool(row.alt_id) and number.number == row.alt_id and _same_authority(number, row.alt_authority)


def _given_names_agree(theirs: str, ours: str) -> bool:
    """Whether a name on one side is one of the other, or its beginning; where none is stated, they agree."""
    their_names, our_names = (
        [fold_name(name) for name in _BETWEEN_NAMES.split(names)] for names in (theirs, ours)
    )
    pairs = [(one, other) for one in filter(None, their_names) for other in filter(None, our_names)]
    joined = (fold_name(theirs), fold_name(ours))
    return not pairs or any(one.startswith(other) or other.startswith(one) for one, other in [*pairs, joined])


def _is_called(shown: str, row: Patient) -> bool:
    """Whether the words beside a reference name this family; words that name nobody contradict nobody."""
    words = [word for word in _BETWEEN_NAMES.split(shown) if any(char.isalpha() for char in word)]
    is_name = any(fold_name(word) not in _NO_NAMES for word in words)
    return not is_name or fold_name(row.family) in fold_name(shown)


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
    """Birth date and family name must agree, given name and sex not contradict; else a person decides.

    A FHIR resource may name a patient by our own number or id alone; what it states beside must agree, the
    words beside its reference too.
    """
    if person.birth_date is None and not person.partial:
        return Problem(code="no-birth-date", reason="The message carries no readable birth date.")
    if person.birth_date is not None and person.birth_date != row.birth_date:
        return Problem(
            code="birth-date-differs", reason="The number is ours, but the birth date is another one."
        )
    family = fold_name(person.family)
    is_named = family == fold_name(row.family) if family else person.partial
    if not is_named or not _is_called(person.shown, row):
        return Problem(code="name-differs", reason="The number is ours, but the family name is another one.")
    if not _given_names_agree(person.given, row.given):
        return Problem(
            code="given-name-differs",
            reason="Number, birth date and family name are ours, but the given name is another one: a twin?",
        )
    if {person.sex, row.sex} == {Sex.FEMALE.value, Sex.MALE.value}:
        return Problem(
            code="sex-contradicts", reason="The number is ours, but the sex contradicts our record."
        )
    return row
