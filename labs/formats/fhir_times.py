"""Read FHIR dates and times: a time needs its zone, a day its calendar, and the precision stays."""

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from labs.formats.fhir_tree import Node
from labs.formats.numbers import shown
from labs.formats.parsed import ParsedTime, Problem
from labs.formats.times import place

_TIME = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?)?)?)?"
)
_PERIOD_START = "sent, start of a period"


def read_instant(node: Node, key: str) -> datetime | None:
    """An element that must name an instant, where it is there."""
    text = node.text(key)
    if not text:
        return None
    read = _read(node, key, text, zone=None)
    if not isinstance(read, ParsedTime) or read.precision == "day":
        raise node.fault(f"{shown(text)} is not an instant such as 2026-05-04T08:00:00+02:00.", key=key)
    return read.instant


def read_time(node: Node, key: str, *, zone: ZoneInfo) -> ParsedTime | Problem | None:
    """A dateTime, where it is there; one that names no day is a Problem."""
    text = node.text(key)
    return _read(node, key, text, zone=zone) if text else None


def read_period_start(node: Node, *, zone: ZoneInfo) -> ParsedTime | Problem | None:
    """The start of a period, marked as such."""
    read = read_time(node, "start", zone=zone)
    if not isinstance(read, ParsedTime):
        return read
    return ParsedTime(
        instant=read.instant, precision=read.precision, text=read.text, zone_source=_PERIOD_START
    )


def is_period_start(read: ParsedTime | Problem) -> bool:
    """Whether a collection time was taken from a period."""
    return isinstance(read, ParsedTime) and read.zone_source == _PERIOD_START


def read_day(node: Node, key: str) -> date | None:
    """A whole date; a year or a month alone names no day."""
    text = node.text(key)
    match = _TIME.fullmatch(text)
    if text and (match is None or match[4]):
        raise node.fault(f"{shown(text)} is not a date such as 1961-03-02.", key=key)
    if match is None or match[3] is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise node.fault(f"{shown(text)} is not a real date.", key=key) from None


def _read(node: Node, key: str, text: str, *, zone: ZoneInfo | None) -> ParsedTime | Problem:
    match = _TIME.fullmatch(text)
    if match is None:
        reason = f"{shown(text)} is not a FHIR time such as 2026-05-04T08:00:00+02:00."
        raise node.fault(reason, key=key)
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if day is None:
        return Problem(code="coarse-time", reason=f"{shown(text)} does not name a day.")
    if hour is not None and offset is None:
        raise node.fault(f"{shown(text)} is a time without its zone; add the offset or Z.", key=key)
    try:
        on = date(int(year), int(month), int(day))
        at = time(
            int(hour or 0), int(minute or 0), int(second or 0), int((fraction or "0")[:6].ljust(6, "0"))
        )
        if hour is None:
            if zone is None:
                return Problem(code="coarse-time", reason=f"{shown(text)} names a day only.")
            return place(datetime.combine(on, at), zone=zone, precision="day", text=text)
        shift = "+00:00" if offset == "Z" else offset
        instant = datetime.fromisoformat(f"{datetime.combine(on, at).isoformat()}{shift}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise node.fault(f"{shown(text)} is not a real date and time.", key=key) from None
    return ParsedTime(instant=instant, precision="second", text=text, zone_source="sent")
