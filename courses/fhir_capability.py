"""Say what the FHIR door shows of courses: these resources' part of its CapabilityStatement."""

from typing import Any

from courses.fhir_kinds import KINDS, Kind
from courses.fhir_search import date_names

_WHO = (
    ("patient", "reference", "a patient of this clinic by its id, or system|value of the patient's number"),
    ("subject", "reference", "the same"),
    ("patient.identifier", "token", "system|value of the patient's number"),
    ("subject.identifier", "token", "the same"),
)


def shown_of_courses() -> list[dict[str, Any]]:
    """Each kind with what can be done with it: read and search, nothing else."""
    return [_resource(kind) for kind in KINDS]


def _resource(kind: Kind) -> dict[str, Any]:
    parameters = [*_WHO]
    if kind.statuses:
        parameters.append(("status", "token", f"one or several of: {', '.join(sorted(kind.statuses))}"))
    words = f"{kind.date_words}; a clinic day, alone or after eq, ge, le, gt or lt"
    parameters += [(name, "date", words) for name in date_names(kind)]
    return {
        "type": kind.name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned" if kind.is_versioned else "no-version",
        "readHistory": False,
        "updateCreate": False,
        "searchParam": [
            {"name": name, "type": type_, "documentation": words} for name, type_, words in parameters
        ],
    }
