"""What to do next about each reason for which a row or a file was not taken in."""

from collections.abc import Mapping
from types import MappingProxyType

_ASK = "Compare the row with the laboratory's own report and ask the laboratory to send it again."
_IDENTITY = "Compare the row with the patient's record; if it is another person, tell the laboratory."
_FORM = "Export the file again in the form its feed declares; do not open and save it in a spreadsheet."
_UNIT = "Ask the laboratory to state the unit of this test in full."
_STATUS = "Ask the laboratory for the status of this result (a letter as in HL7 table 0085)."

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "bad-dialect": _FORM,
        "bad-header": "Export the file again with exactly the columns of its feed.",
        "bad-encoding": "Export the file again in the character set its feed declares.",
        "bad-date-order": "Export the file again with its dates in the order its feed declares.",
        "empty-file": "The export failed; export the file again.",
        "too-large": "Split the file and hand in each part.",
        "too-many-results": "Split the file and hand in each part.",
        "unknown-feed": "Declare the feed with load_setup, or put the file into the folder of its feed.",
        "not-a-file": "Put a plain file there, not a link, a folder or a device.",
        "reader-failed": "Keep the file and tell support.",
        "damaged-row": _FORM,
        "garbled-text": "Export the file again in the character set its feed declares.",
        "not-a-number": _FORM,
        "no-value": _ASK,
        "bad-time": _FORM,
        "no-collection-time": "Ask the laboratory when the specimen was taken.",
        "skipped-hour": "Ask the laboratory for the time with its offset from UTC.",
        "future-time": "Ask the laboratory when the specimen was taken; check its clock.",
        "old-time": "Ask the laboratory when the specimen was taken.",
        "before-birth": "Ask the laboratory when the specimen was taken, and check the birth date.",
        "unknown-patient": "Register the patient if it is one of ours (leading zeros of the number count).",
        "no-patient-number": "Ask the laboratory for the patient's number.",
        "authority-differs": _IDENTITY,
        "two-patients": _IDENTITY,
        "no-birth-date": "Export the file again with the birth date in the form its feed declares.",
        "birth-date-differs": _IDENTITY,
        "name-differs": _IDENTITY,
        "sex-contradicts": _IDENTITY,
        "unmapped-code": "Check the test code against the laboratory's list; map it with local_codes.csv.",
        "code-conflict": "Check the test code against the laboratory's list.",
        "no-unit": _UNIT,
        "unknown-unit": _UNIT,
        "unit-conflict": _UNIT,
        "implausible": "Check value and unit against the laboratory's own report.",
        "ambiguous-unit": _UNIT,
        "too-many-digits": _ASK,
        "unknown-status": _STATUS,
        "nothing-to-promote": _STATUS,
        "promotion-differs": _STATUS,
        "conflict": "Ask the laboratory which of the two results counts, and to mark it as a correction.",
        "returned-value": "Ask the laboratory which of its values counts, and to mark it as a correction.",
        "after-withdrawal": "Ask the laboratory which counts, and to mark it as a correction.",
        "too-many-versions": "Ask the laboratory which version counts.",
        "long-identity": _ASK,
    }
)


def remedy(reason_code: str) -> str:
    """The next step for one reason; nothing where there is no reason."""
    return REMEDIES.get(reason_code, _ASK) if reason_code else ""
