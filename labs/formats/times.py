"""Read times with their precision and zone; nothing coarser than a day and nothing that did not exist."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from labs.clinic_days import start_of_day
from labs.formats.numbers import shown
from labs.formats.parsed import ParsedTime, Problem

_HL7 = re.compile(
    r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(\.[0-9]{1,4})?)?)?)?)?)?"
    r"([+-][0-9]{4})?"
)
_COARSE = frozenset({"Y", "L"})  # stated precisions that name no day: a year, a month
_STATED = {"D": "day", "H": "hour", "M": "minute", "S": "second"}
_ORDER = ("day", "hour", "minute", "second")
_WIDEST_OFFSET = timedelta(hours=14)


def read_hl7_time(text: str, zone: ZoneInfo, *, stated_precision: str = "") -> ParsedTime | Problem:
    """An HL7 time stamp; where it carries no offset it is the sender's local time."""
    text = text.strip()
    match = _HL7.fullmatch(text)
    if match is None:
        return Problem(code="bad-time", reason=f"{shown(text)} is not an HL7 time.")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    stated_precision = stated_precision.strip()
    if day is None or stated_precision in _COARSE:
        return Problem(code="coarse-time", reason=f"{shown(text)} does not name a day.")
    precision = "second" if second else "minute" if minute else "hour" if hour else "day"
    limit = _STATED.get(stated_precision)
    if limit and _ORDER.index(limit) < _ORDER.index(precision):
        precision = limit
    micro = int(fraction[1:].ljust(6, "0")) if fraction else 0
    fixed = _fixed(offset) if offset else None
    try:
        stated = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro, fixed
        )
    except ValueError:
        return Problem(code="bad-time", reason=f"{shown(text)} is not a real date and time.")
    if offset is None:
        return place(stated, zone=zone, precision=precision, text=text)
    if fixed is None:
        return Problem(code="bad-time", reason=f"{shown(text)} has an impossible offset.")
    return _with_offset(stated, precision=precision, text=text)


def read_hl7_day(text: str) -> date | None:
    """The day of a date or time stamp, exactly as written; none where it does not name one."""
    text = text.strip()
    if not (len(text) == 8 and text.isascii() and text.isdigit()):  # more than a day alone
        match = _HL7.fullmatch(text)
        if match is None or match[3] is None:
            return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def place(local: datetime, *, zone: ZoneInfo, precision: str, text: str) -> ParsedTime | Problem:
    """A local time put into its zone. The earlier of two readings is taken; a skipped hour is refused."""
    if precision == "day":
        try:
            instant = start_of_day(local.date(), zone)
        except (ValueError, OverflowError):
            return Problem(code="bad-time", reason=f"{shown(text)} is no day in {zone.key}.")
        return ParsedTime(instant=instant, precision=precision, text=text, zone_source=zone.key)
    try:
        placed = local.replace(tzinfo=zone, fold=0)
        first, second = placed.astimezone(UTC), placed.replace(fold=1).astimezone(UTC)
        back = first.astimezone(zone)
    except OverflowError:
        return Problem(code="bad-time", reason=f"{shown(text)} lies outside the calendar.")
    if back != placed:  # in one zone two times are compared as the clock on the wall shows them
        return Problem(
            code="skipped-hour", reason=f"{shown(text)} did not exist in {zone.key}: clocks jumped."
        )
    twice = first != second
    source = f"{zone.key}, hour occurred twice" if twice else zone.key
    return ParsedTime(instant=first, precision=precision, text=text, zone_source=source, is_ambiguous=twice)


def _with_offset(stated: datetime, *, precision: str, text: str) -> ParsedTime | Problem:
    if precision == "day":
        stated = datetime.combine(stated.date(), time.min, stated.tzinfo)
    try:
        instant = stated.astimezone(UTC)
    except OverflowError:
        return Problem(code="bad-time", reason=f"{shown(text)} lies outside the calendar.")
    return ParsedTime(instant, precision, text, "sent")


@lru_cache(maxsize=256)
def _fixed(offset: str) -> timezone | None:
    """The zone of an offset such as +0100, if any place on earth has one so wide."""
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
    if int(offset[3:5]) > 59 or shift > _WIDEST_OFFSET:
        return None
    return timezone(-shift if offset[0] == "-" else shift)
