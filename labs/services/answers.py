"""Check what a person says of a held result against its message and our records, as they are now."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from labs import library
from labs.models import LocalCode, Patient, QuarantinedResult
from labs.models.resolution import ResolutionKind
from labs.services.identity import owners_of
from labs.services.item import ItemReading, read_item
from labs.services.meaning import plain
from labs.units import fold_unit

_LOINC = "LOINC"
# What a person may say of a result by the reason it waits for; whatever waits may be rejected.
ANSWERS: Mapping[str, ResolutionKind] = {
    **dict.fromkeys(
        (
            "no-patient-number",
            "unknown-patient",
            "authority-differs",
            "two-patients",
            "no-birth-date",
            "birth-date-differs",
            "name-differs",
            "given-name-differs",
            "two-numbers",
            "sex-contradicts",
        ),
        ResolutionKind.MATCH,
    ),
    "unmapped-code": ResolutionKind.MAP_CODE,
    "unknown-unit": ResolutionKind.MAP_UNIT,
    "implausible": ResolutionKind.CONFIRM_VALUE,
    "ambiguous-unit": ResolutionKind.CONFIRM_VALUE,
}


class BadResolution(ValueError):
    """What was said cannot be so; one clear line per fault, each beginning with the field it is about."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


def checked_answer(
    row: QuarantinedResult, kind: str, data: Mapping[str, Any]
) -> tuple[Patient | None, dict[str, Any]]:
    """What is said, checked against the message and our records as they are now. Raises BadResolution."""
    if kind == ResolutionKind.REJECT:
        return None, {}
    if ANSWERS.get(row.reason_code) != kind:
        raise BadResolution("kind: that does not answer why this result waits")
    reading = read_item(row)
    if kind == ResolutionKind.MATCH:
        patient, said = _checked_patient(data)
        _check_not_anothers(reading, patient)
        return patient, said
    if kind == ResolutionKind.MAP_CODE:
        return None, _checked_code(reading, data)
    if kind == ResolutionKind.MAP_UNIT:
        return None, _checked_unit(reading, data)
    if reading.analyte is None or reading.value is None:
        raise BadResolution("item: its value cannot be read any more; have the message read again")
    return None, {
        "value": plain(reading.value),
        "unit": reading.analyte.unit,
        "analyte": reading.analyte.short,
    }


def _checked_patient(data: Mapping[str, Any]) -> tuple[Patient, dict[str, Any]]:
    """The one patient whose record number and birth date are both as typed."""
    number, born = str(data.get("mrn", "")).strip(), data.get("birth_date")
    if isinstance(born, str):
        try:
            born = date.fromisoformat(born)
        except ValueError:
            born = None
    if not number or "\0" in number:
        raise BadResolution("mrn: type the record number from the source")
    if not isinstance(born, date):
        raise BadResolution("birth_date: type the birth date from the source, as 1961-03-02")
    found = Patient.objects.filter(mrn=number, birth_date=born)
    if authority := str(data.get("authority", "")).strip():
        found = found.filter(assigning_authority=authority)
    patients = list(found[:2])
    if not patients:
        raise BadResolution(
            "mrn: no patient of ours has this record number together with this birth date; check both"
        )
    if len(patients) > 1:
        raise BadResolution(
            "authority: two patients have this number and birth date; say who gave the number"
        )
    return patients[0], {
        "mrn": number,
        "birth_date": born.isoformat(),
        "authority": patients[0].assigning_authority,
    }


def _check_not_anothers(reading: ItemReading, patient: Patient) -> None:
    """A message that carries another patient's number is never matched against it. Raises BadResolution."""
    if reading.person is None or reading.opened is None:
        raise BadResolution("item: whom it names cannot be read any more; have the message read again")
    owners = owners_of(reading.person, bare_number_ok=reading.opened.bare_number_ok)
    if owners and patient not in owners:
        raise BadResolution(
            "mrn: the number in the message is another patient's here; ask the laboratory, and reject it"
        )


def _checked_code(reading: ItemReading, data: Mapping[str, Any]) -> dict[str, Any]:
    """One code of the message and the analyte it stands for. Raises BadResolution."""
    short, wanted = str(data.get("analyte", "")), str(data.get("code", ""))
    if short not in library.analytes():
        raise BadResolution(f"analyte: choose one of: {', '.join(library.analytes())}")
    if reading.opened is None or not reading.codes:
        raise BadResolution("item: its code cannot be read any more; have the message read again")
    sender = reading.opened.codes
    if sender.upper() == _LOINC:
        raise BadResolution(
            "code: this feed declares LOINC codes, and this is none; ask whoever makes the file"
        )
    chosen = [code for code in reading.codes if code.code and code.code == wanted]
    if not chosen:
        raise BadResolution("code: choose one of the codes in the message")
    code = chosen[0]
    if any(code.code in analyte.loinc_never for analyte in library.analytes().values()):
        raise BadResolution(
            "code: this code is known to mean something else than any analyte here; reject it"
        )
    if len(code.code) > 64 or len(code.system) > 64:
        raise BadResolution("code: it is longer than a code can be; ask the laboratory")
    rows = LocalCode.objects.filter(sender=sender, code=code.code).exclude(analyte=short)
    if rows.exists():
        raise BadResolution("code: this sender's code stands for another analyte already; ask the laboratory")
    return {"sender": sender, "code": code.code, "coding_system": code.system, "analyte": short}


def _checked_unit(reading: ItemReading, data: Mapping[str, Any]) -> dict[str, Any]:
    """The unit as sent, and the known unit of this analyte that is meant. Raises BadResolution."""
    unit = str(data.get("unit", "")).strip()
    analyte, sent = reading.analyte, reading.sent
    if reading.opened is None or analyte is None or sent is None or not sent.sent_unit.strip():
        raise BadResolution("item: its unit cannot be read any more; have the message read again")
    if not unit or fold_unit(unit) not in analyte.units:
        raise BadResolution(f"unit: it must be a known unit of {analyte.name}, such as {analyte.unit}")
    spelling = fold_unit(sent.sent_unit)
    if len(spelling) > 64:
        raise BadResolution("unit: the spelling is longer than a unit can be; ask the laboratory")
    elsewhere = [each.name for each in library.analytes().values() if spelling in each.units]
    if elsewhere:
        raise BadResolution(
            f"unit: as sent it is a unit of {elsewhere[0]}, not a spelling; no unit is reinterpreted"
        )
    return {"sender": reading.opened.sender, "analyte": analyte.short, "spelling": spelling, "unit": unit}
