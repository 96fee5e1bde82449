"""Note whose numbers a correction or withdrawal carries that waits for its patient, and whom it concerns."""

from collections.abc import Iterable, Sequence

from labs.changes_of_nobody import results_meant
from labs.formats.parsed import ParsedPatient
from labs.models import Patient, QuarantinedResult
from labs.services.bulk import insert_values
from labs.services.identity import id_in, patients_with
from labs.services.record import Recorder


def note_changes_of_nobody(recorders: Sequence[Recorder]) -> None:
    """Link each new one to everybody whose number it carries, and have the charts it may mean read anew."""
    named = [each for recorder in recorders for each in recorder.named]
    if not named:
        return
    numbers = {number.number for _row, person in named for number in person.numbers}
    ids = {id_ for _row, person in named if (id_ := id_in(person.reference))}
    found = patients_with(numbers, ids=ids)
    links = [
        {"quarantinedresult_id": row.pk, "patient_id": patient.pk}
        for row, person in named
        for patient in found
        if _carries_number_of(person, patient)
    ]
    insert_values(QuarantinedResult.named.through, links)
    meant = results_meant([row for row, _person in named])
    for recorder in recorders:
        theirs = {row.pk for row, _person in recorder.named}
        recorder.tally.patient_ids |= {result.patient_id for result, row in meant if row.pk in theirs}


def patients_concerned(rows: Iterable[QuarantinedResult]) -> set[int]:
    """Whose charts read otherwise while these wait, or because they wait no longer."""
    return {result.patient_id for result, _row in results_meant(rows)}


def _carries_number_of(person: ParsedPatient, patient: Patient) -> bool:
    """Whether one of a person's numbers is this patient's, whoever gave it: this is doubt, no match."""
    ours = {patient.mrn, patient.alt_id} - {""}
    by_number = any(number.number in ours for number in person.numbers)
    return by_number or id_in(person.reference) == patient.public_id
