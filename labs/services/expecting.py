"""Declare how often a sender or feed is expected to send, from the optional columns of a set-up file."""

from collections.abc import Mapping
from datetime import date

from labs.clock import database_now
from labs.models import CsvFeed, ExpectedTraffic, Sender
from labs.traffic import read_days, read_hours, write_days, write_hours

EXPECTATION_COLUMNS = (
    "expect_days",
    "expect_hours",
    "expect_not_on",
    "silent_warn_hours",
    "silent_critical_hours",
)
_NEEDED = tuple(column for column in EXPECTATION_COLUMNS if column != "expect_not_on")


def expect_traffic(source: Sender | CsvFeed, cells: Mapping[str, str]) -> bool:
    """Keep, change or end what is expected of a source; whether anything changed.

    A file without the columns leaves an expectation as it is; empty cells end it. Raises ValueError or
    ValidationError with the column and the remedy.
    """
    if not set(EXPECTATION_COLUMNS) <= cells.keys():
        return False
    link = {"sender" if isinstance(source, Sender) else "feed": source}
    standing = ExpectedTraffic.objects.select_for_update(of=("self",)).filter(**link).first()
    wanted = _read(cells)
    if wanted is None:
        if standing is not None:
            standing.delete()
        return standing is not None
    if standing is not None and all(getattr(standing, name) == value for name, value in wanted.items()):
        return False
    row = standing or ExpectedTraffic(**link, set_up_at=database_now())
    for name, value in wanted.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()
    return True


def _read(cells: Mapping[str, str]) -> dict[str, str | int] | None:
    """The columns of an expectation; none where all cells are empty."""
    if not any(cells[column] for column in EXPECTATION_COLUMNS):
        return None
    missing = [column for column in _NEEDED if not cells[column]]
    if missing:
        raise ValueError(f"{', '.join(missing)}: fill in, or leave all columns of the expectation empty.")
    try:
        days = write_days(read_days(cells["expect_days"]))
    except ValueError as error:
        raise ValueError(f"expect_days: {error}.") from error
    try:
        hours = write_hours(*read_hours(cells["expect_hours"]))
    except ValueError as error:
        raise ValueError(f"expect_hours: {error}.") from error
    return {
        "days": days,
        "hours": hours,
        "closed_on": _closed(cells["expect_not_on"]),
        "warn_hours": _hours("silent_warn_hours", cells),
        "critical_hours": _hours("silent_critical_hours", cells),
    }


def _closed(text: str) -> str:
    """Days without traffic, such as public holidays, in order."""
    try:
        days = {date.fromisoformat(day) for day in text.replace(",", " ").split()}
    except ValueError as error:
        raise ValueError(f"expect_not_on is {text!r}; write days as 2026-12-25, blanks between.") from error
    return " ".join(day.isoformat() for day in sorted(days))


def _hours(column: str, cells: Mapping[str, str]) -> int:
    text = cells[column]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise ValueError(f"{column} is {text!r}; write whole working hours from 1 to 1000.")
    return int(text)
