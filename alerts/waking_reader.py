"""Read the [hours] and [budget] of policy.toml from plain data, naming every fault."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from alerts.waking import HoursPolicy
from labs.traffic import WorkingTime, read_days, read_hours

_HOURS = frozenset(
    {
        "days",
        "hours",
        "closed_on",
        "therapy_margin_hours",
        "vial_margin_hours",
        "longest_wait_hours",
        "source",
    }
)
_BUDGET = frozenset({"out_of_hours_mails_per_week", "source"})


def read_hours_policy(row: Any, faults: list[str]) -> HoursPolicy | None:
    """The clinic's hours; faults are added to the list, and nothing is returned where there is one."""
    if not isinstance(row, Mapping):
        faults.append("[hours] is missing.")
        return None
    before = len(faults)
    _keys(row, _HOURS, "hours", faults)
    days = _text_as(row, "days", read_days, faults)
    opened = _text_as(row, "hours", read_hours, faults)
    closed_on = _days(row.get("closed_on"), faults)
    therapy, vial, longest = (
        _whole(row, f"{name}_hours", "hours", faults)
        for name in ("therapy_margin", "vial_margin", "longest_wait")
    )
    if len(faults) > before or days is None or opened is None:
        return None
    return HoursPolicy(
        working=WorkingTime(days=days, opens=opened[0], closes=opened[1], closed_on=closed_on),
        therapy_margin=timedelta(hours=therapy),
        vial_margin=timedelta(hours=vial),
        longest_wait=timedelta(hours=longest),
    )


def read_budget(row: Any, faults: list[str]) -> int:
    """How many mails a week may leave outside the hours."""
    if not isinstance(row, Mapping):
        faults.append("[budget] is missing.")
        return 0
    _keys(row, _BUDGET, "budget", faults)
    return _whole(row, "out_of_hours_mails_per_week", "budget", faults)


def _keys(row: Mapping[str, Any], wanted: frozenset[str], where: str, faults: list[str]) -> None:
    faults += [f"{where}: unknown key {key!r}." for key in sorted(set(row) - wanted)]
    faults += [f"{where}: {key} is missing." for key in sorted(wanted - set(row))]
    source = row.get("source", "given")
    if not isinstance(source, str) or not source.strip():
        faults.append(f"{where}: source must be a text.")


def _text_as(row: Mapping[str, Any], key: str, read: Any, faults: list[str]) -> Any:
    """A text read by its own reader, whose words say what is wrong with it."""
    value = row.get(key, "")
    try:
        return read(value) if isinstance(value, str) else faults.append(f"hours: {key} must be a text.")
    except ValueError as error:
        faults.append(f"hours: {key}: {error}.")
    return None


def _days(rows: Any, faults: list[str]) -> frozenset[date]:
    if not isinstance(rows, list) or not all(type(day) is date for day in rows):
        faults.append("hours: closed_on must be a list of days such as 2026-12-25.")
        return frozenset()
    return frozenset(rows)


def _whole(row: Mapping[str, Any], key: str, where: str, faults: list[str]) -> int:
    value = row.get(key, 1)
    if type(value) is not int or value < 1:
        faults.append(f"{where}: {key} must be a whole number above zero.")
        return 1
    return value
