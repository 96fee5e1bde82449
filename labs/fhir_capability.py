"""Say what the FHIR door can do: its CapabilityStatement."""

from collections.abc import Sequence
from typing import Any

_PARAMETERS = (
    ("patient", "reference", "a patient of this clinic, by its id"),
    ("subject", "reference", "the same, as Patient/id"),
    ("identifier", "token", "system|value of a resource that was sent here"),
    ("code", "token", "a LOINC code, with or without http://loinc.org|"),
)


def capability(*, base: str, released_on: str, more: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The whole statement; `more` are the resources that other apps show at this door."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": released_on,
        "kind": "instance",
        "implementation": {
            "description": "Laboratory results and courses of the PRRT clinic",
            "url": base.rstrip("/"),
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Laboratories hand results in; no patient is ever made from them.",
                "security": {
                    "description": "Authorization: Bearer, a token of manage.py token --role lab-feed;"
                    " people of the clinic read with their log-in, pharmacy's token what it needs of orders."
                },
                "resource": [
                    _resource("Observation", ("create", "update", "read", "search-type"), searched=True),
                    _resource("DiagnosticReport", ("create", "update", "read"), searched=False),
                    *more,
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _resource(kind: str, interactions: tuple[str, ...], *, searched: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": kind,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned-update",
        "readHistory": False,
        "updateCreate": False,
        "conditionalCreate": True,
        "conditionalUpdate": True,
    }
    if searched:
        found["searchParam"] = [
            {"name": name, "type": kind, "documentation": words} for name, kind, words in _PARAMETERS
        ]
    return found
