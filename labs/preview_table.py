"""Word a preview's lines for people: on the page, between two previews, in the report file."""

from collections.abc import Mapping, Sequence
from typing import Any

from labs.formats.csv_write import write_table
from labs.models import CsvPreview, Patient
from labs.remedies import remedy

# Each state of a line: what would become of the row.
STATES: Mapping[str, str] = {
    "held": "Held for a person",
    "changed": "Changes what stands",
    "withdrawn": "Withdraws a result",
    "new": "New",
    "older": "Older than what stands",
    "no-result": "No result yet",
    "unchanged": "Known already",
    "empty": "Empty row",
}
DIFFERENT = ("changed", "withdrawn", "new", "older")
_COLUMNS = ("row", "column", "state", "analyte", "reason_code", "reason", "remedy")

Line = dict[str, Any]


def shown_lines(lines: Sequence[Line], patients: Mapping[int, Patient]) -> list[Line]:
    """Each line with its state in words and the patient's row, where there is one."""
    return [
        {**line, "word": STATES[line["state"]], "person": patients.get(line.get("patient") or 0)}
        for line in lines
    ]


def changes_between(before: Sequence[Line], after: Sequence[Line]) -> list[Line]:
    """The lines that read otherwise now, each with what it said before."""
    was, now = _by_place(before), _by_place(after)
    found = []
    for place in sorted({*was, *now}):
        old, new = was.get(place, []), now.get(place, [])
        if old != new:
            found += [{**line, "before": _words(old)} for line in new or old]
    return found


def preview_csv(preview: CsvPreview) -> str:
    """The row report of a preview as a CSV file; a refused file is one line for row 0."""
    lines: Sequence[Line] = preview.lines or [
        {"row": 0, "state": preview.state, "reason_code": preview.reason_code, "reason": preview.reason}
    ]
    rows = ({**line, "remedy": remedy(line.get("reason_code", ""))} for line in lines)
    return write_table(_COLUMNS, ([row.get(name, "") for name in _COLUMNS] for row in rows))


def _by_place(lines: Sequence[Line]) -> dict[tuple[int, str], list[Line]]:
    found: dict[tuple[int, str], list[Line]] = {}
    for line in lines:
        found.setdefault((line["row"], line["column"]), []).append(line)
    return found


def _words(lines: Sequence[Line]) -> str:
    """What stood at a place of the earlier preview, in a few words."""
    said = []
    for line in lines:
        word = STATES[line["state"]]
        if line["state"] == "held":
            said.append(f"{word}: {line['reason']}")
        elif line["state"] == "changed":
            said.append(f"{word}: {line['old']} to {line['new']}")
        else:
            said.append(f"{word} {line.get('new', '')}".strip())
    return "; ".join(said) or "not in the file"
