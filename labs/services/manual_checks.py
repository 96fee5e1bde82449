"""Check what a person typed of one result, field by field, before anything of it is kept."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from labs import library
from labs.formats import manual_form
from labs.formats.parsed import Problem, Rejected
from labs.models import ManualAct, Patient
from labs.services.authority import stated
from labs.services.meaning import Understood, plain, understand
from labs.services.measure import Context
from labs.units import convert, fold_unit
from labs.zones import clinic_zone

LONGEST = {"caller": 200, "reason": 1000, "value": 40, "unit": 40, "ref_range": 60}
_COMPARATORS = ("", "<", "<=", ">", ">=")
# The field of the form that a fault of the reader is about.
_FIELDS = {
    "no-value": "value",
    "not-a-number": "value",
    "too-many-digits": "value",
    "implausible": "value",
    "ambiguous-unit": "unit",
    "no-unit": "unit",
    "unknown-unit": "unit",
    "future-time": "collected",
    "old-time": "collected",
    "before-birth": "collected",
    "skipped-hour": "collected",
    "bad-time": "collected",
}


class BadEntry(ValueError):
    """The result cannot be entered; one line per fault, each beginning with the field it is about.

    `asks_confirmation`: the value is unlikely, and would be taken if whoever types it looked twice.
    """

    def __init__(self, *faults: str, asks_confirmation: bool = False) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)
        self.asks_confirmation = asks_confirmation


def content_of(
    *,
    patient: Patient,
    entry: UUID,
    analyte: str,
    typed: Mapping[str, str],
    comparator: str,
    collected: datetime,
) -> dict[str, Any]:
    """The form as the message holds it, with nothing judged yet."""
    known = library.analytes().get(analyte)
    return {
        "act": ManualAct.Kind.ENTER.value,
        "entry": str(entry),
        "patient": {
            "id": str(patient.public_id),
            "mrn": patient.mrn,
            "authority": patient.assigning_authority,
            "family": patient.family,
            "given": patient.given,
            "born": patient.birth_date.isoformat(),
            "sex": patient.sex,
        },
        "analyte": analyte,
        "loinc": known.loinc if known else "",
        "value": typed["value"].strip(),
        "comparator": comparator,
        "unit": typed["unit"].strip(),
        "ref_range": typed["ref_range"].strip(),
        "collected": collected.replace(tzinfo=None).isoformat(timespec="minutes"),
        "zone": clinic_zone().key,
        "confirmed_value": "",
        "comment": "",
    }


def faults_of_words(typed: Mapping[str, str]) -> list[str]:
    """Texts that cannot be stored."""
    return [
        f"{name}: is too long or holds a character that cannot be stored"
        for name, text in typed.items()
        if len(text) > LONGEST[name] or "\0" in text
    ]


def faults_of_choices(*, analyte: str, comparator: str, source: str) -> list[str]:
    """Choices that are not on the lists."""
    faults = []
    if analyte not in library.analytes():
        faults.append(f"analyte: choose one of: {', '.join(library.analytes())}")
    if comparator not in _COMPARATORS:
        faults.append("comparator: choose one of: none, <, <=, >, >=")
    if source not in ManualAct.Source.values:
        faults.append("source: choose typed from a report, or phoned")
    return faults


def checked_call(
    *, source: str, caller: str, called_at: datetime | None, read_back: bool, now: datetime
) -> list[str]:
    """A phoned result names its caller, the time of the call, and that it was read back."""
    if source != ManualAct.Source.PHONED:
        told = bool(caller.strip() or called_at or read_back)
        return (
            ["source: a caller, a time of call and a read-back belong to a phoned result only"]
            if told
            else []
        )
    faults = []
    if not stated(caller):
        faults.append("caller: say who phoned")
    if called_at is None:
        faults.append("called_at: say when the call was")
    elif called_at > now:
        faults.append("called_at: lies in the future")
    if not read_back:
        faults.append("read_back: read the number back to the caller first, then tick this")
    return faults


def said_by(*, source: str, caller: str, called_at: datetime | None) -> str:
    """Where the result came from, in words that stay with it."""
    if source != ManualAct.Source.PHONED or called_at is None:
        return "Typed from a report."
    local = called_at.astimezone(clinic_zone())
    return f"Phoned by {stated(caller)}, {local:%Y-%m-%d %H:%M}, read back."


def checked_value(content: dict[str, Any], *, patient: Patient, confirmed: bool, now: datetime) -> str:
    """Judge the form as the reader will; the canonical value where an unlikely one was looked at twice."""
    typed = manual_form.parse(json.dumps(content).encode())
    if isinstance(typed, Rejected):
        raise BadEntry(f"entry: {typed.reason}")
    sent = typed.parsed.reports[0].observations[0]
    if content["ref_range"] and sent.range.low is None and sent.range.high is None:
        raise BadEntry("ref_range: write it as 150-400, <21 or >60, with a decimal point")
    judged = understand(sent, context=_context(patient, now=now, confirmed_value=""))
    if isinstance(judged, Understood):
        return ""
    if not isinstance(judged, Problem):
        raise BadEntry("entry: nothing is said that could be stored")
    if judged.code not in {"implausible", "ambiguous-unit"}:
        raise BadEntry(f"{_FIELDS.get(judged.code, 'entry')}: {_words(judged, content)}")
    if not confirmed:
        words = f"{judged.reason} Check it against the source, then confirm below"
        raise BadEntry(f"{_FIELDS[judged.code]}: {words}", asks_confirmation=True)
    analyte = library.analytes()[content["analyte"]]
    return plain(convert(analyte=analyte, value=Decimal(content["value"]), unit=content["unit"]))


def _words(problem: Problem, content: Mapping[str, Any]) -> str:
    """What is wrong, and for a unit which ones are known."""
    analyte = library.analytes()[content["analyte"]]
    if problem.code not in {"no-unit", "unknown-unit"}:
        return problem.reason
    return f"{problem.reason} Write it as the report does, such as {', '.join(common_units(analyte.short))}."


def common_units(short: str) -> list[str]:
    """A few spellings of an analyte's units, the canonical one first, one for each factor."""
    analyte = library.analytes()[short]
    shown: dict[Decimal, str] = {analyte.units[fold_unit(analyte.unit)]: analyte.unit}
    for spelling, factor in analyte.units.items():
        if spelling:
            shown.setdefault(factor, spelling)
    return list(shown.values())


def _context(patient: Patient, *, now: datetime, confirmed_value: str) -> Context:
    return Context(
        local_codes={},
        birth_date=patient.birth_date,
        sent_at=None,
        received_at=now,
        confirmed_value=confirmed_value,
    )
