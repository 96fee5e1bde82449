"""Read critical_values.toml once and hand out the bounds; refuse what is unclear in it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from alerts.approval import Approval, approval_keys, read_approval
from alerts.critical_rules import Bounds
from labs.library import analytes

TABLE_FILE = Path(__file__).parent / "critical_values.toml"
_ROW = {"analyte", "unit", "source"}
_SIDES = {"below", "above"}


class BadTable(Exception):
    """The table says something that cannot be followed; one sentence per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalTable:
    """One version of the table, by analyte."""

    approval: Approval
    bounds: Mapping[str, Bounds]

    @property
    def version(self) -> str:
        """Which version it is."""
        return self.approval.version


@cache
def critical_table() -> CriticalTable:
    """The table this installation follows."""
    return read_table(TABLE_FILE.read_bytes())


def read_table(raw: bytes) -> CriticalTable:
    """Check the text of a table and return it as values; raise BadTable naming every fault."""
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadTable([f"critical_values.toml cannot be read: {error}"]) from error
    faults: list[str] = []
    faults += [f"unknown key {key!r}." for key in sorted(set(data) - approval_keys(data) - {"value"})]
    approval = read_approval(data, faults)
    rows = data.get("value")
    found: dict[str, Bounds] = {}
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        faults.append("[[value]] is missing.")
        rows = []
    for row in rows:
        bounds = _bounds(row, faults)
        if bounds.analyte in found:
            faults.append(f"value {bounds.analyte!r} appears twice.")
        found[bounds.analyte] = bounds
    if faults:
        raise BadTable([f"critical_values.toml: {fault}" for fault in faults])
    return CriticalTable(approval=approval, bounds=found)


def _bounds(row: Mapping[str, Any], faults: list[str]) -> Bounds:
    where = f"value {row.get('analyte')!r}"
    faults += [f"{where}: unknown key {key!r}." for key in sorted(set(row) - _ROW - _SIDES)]
    analyte, unit, source = (_text(row, key, where, faults) for key in ("analyte", "unit", "source"))
    known = analytes().get(analyte)
    if known is None:
        faults.append(f"{where}: no such analyte; write one of analytes.toml.")
    elif unit != known.unit:
        faults.append(f"{where}: bounds are in {known.unit!r}, not {unit!r}; convert them.")
    if not _SIDES & row.keys():
        faults.append(f"{where}: give below, above or both.")
    below, above = (_numbers(row, side, where, faults) for side in ("below", "above"))
    if list(below) != sorted(set(below), reverse=True):
        faults.append(f"{where}: below must fall, the mildest bound first.")
    if list(above) != sorted(set(above)):
        faults.append(f"{where}: above must rise, the mildest bound first.")
    if below and above and below[0] >= above[0]:
        faults.append(f"{where}: below must lie under above.")
    return Bounds(analyte=analyte, unit=unit, source=source, below=below, above=above)


def _numbers(row: Mapping[str, Any], side: str, where: str, faults: list[str]) -> tuple[Decimal, ...]:
    """Bounds are written as text, so that each is exactly the number that was signed."""
    if side not in row:
        return ()
    texts = row[side]
    try:
        found = tuple(Decimal(text) for text in texts if isinstance(text, str))
    except (InvalidOperation, TypeError):
        found = ()
    if not isinstance(texts, list) or not texts or len(found) != len(texts):
        faults.append(f"{where}: {side} must be a list of numbers in quotes.")
        return ()
    if not all(bound.is_finite() and bound > 0 for bound in found):
        faults.append(f"{where}: {side} must be numbers above zero.")
        return ()
    return found


def _text(row: Mapping[str, Any], key: str, where: str, faults: list[str]) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        faults.append(f"{where}: {key} must be a text.")
        return ""
    return value
