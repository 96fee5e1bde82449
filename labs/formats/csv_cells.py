"""Read the cells of one feed in its declared forms: numbers, days and times; no other form is tried."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from labs.formats.numbers import read_text, shown
from labs.formats.parsed import ParsedNumber, ParsedTime, Problem
from labs.formats.times import place

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
# A file holds the same numbers, days and times over and over.
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeedProfile:
    """The declared dialect of one feed; one object for a file, so that it is quickly told from others."""

    layout: str
    encoding: str
    delimiter: str
    decimal: str
    datetime_format: str
    date_format: str
    zone: ZoneInfo
    coding_system: str


@lru_cache(maxsize=_REMEMBERED)
def read_number(text: str, *, feed: FeedProfile) -> ParsedNumber | Problem:
    """A number with the feed's decimal mark, which is the only mark a number may hold."""
    if feed.decimal == "," and "." in text:
        return Problem(
            code="not-a-number", reason=f"{shown(text)} has a point; this feed writes a decimal comma."
        )
    return read_text(text.replace(",", ".", 1) if feed.decimal == "," else text)


def plain_decimals(text: str, *, feed: FeedProfile) -> str:
    """A reference range with points; one that mixes marks says nothing."""
    if feed.decimal != ",":
        return text
    return "" if "." in text else text.replace(",", ".")


@lru_cache(maxsize=_REMEMBERED)
def read_day(text: str, *, feed: FeedProfile) -> date | None:
    """A day in the declared form, or none."""
    try:
        if feed.date_format == "iso":
            return date.fromisoformat(text) if _ISO_DAY.fullmatch(text) else None
        return datetime.strptime(text, feed.date_format).replace(tzinfo=UTC).date()
    except ValueError:
        return None


@lru_cache(maxsize=_REMEMBERED)
def read_time(text: str, *, feed: FeedProfile) -> ParsedTime | Problem:
    """A time in the declared form; where it carries no offset it is local time of the feed's zone."""
    if not text:
        return Problem(code="no-collection-time", reason="The row does not say when the specimen was taken.")
    try:
        if feed.datetime_format == "iso":
            match = _ISO.fullmatch(text)
            if match is None:
                raise ValueError
            read = datetime.fromisoformat(text)
            precision = "second" if match[1] else "minute" if ":" in text else "day"
        else:
            read = datetime.strptime(text, feed.datetime_format)  # noqa: DTZ007  (zone attached below)
            precision = _precision(feed.datetime_format)
    except ValueError:
        return Problem(code="bad-time", reason=f"{shown(text)} is not in the feed's declared form.")
    if read.tzinfo is None:
        return place(read, zone=feed.zone, precision=precision, text=text)
    try:
        return ParsedTime(instant=read.astimezone(UTC), precision=precision, text=text, zone_source="sent")
    except OverflowError:
        return Problem(code="bad-time", reason=f"{shown(text)} lies outside the calendar.")


@lru_cache(maxsize=_REMEMBERED)
def is_swapped(text: str, *, form: str) -> bool:
    """Whether a text is no date of this form, but would be one with day and month the other way round."""
    other = form.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")
    return other != form and not _fits(text, form) and _fits(text, other)


def _fits(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007  (only whether it can be read)
    except ValueError:
        return False
    return True


def _precision(form: str) -> str:
    if any(mark in form for mark in ("%S", "%T", "%X", "%c")):
        return "second"
    if "%M" in form:
        return "minute"
    return "hour" if any(mark in form for mark in ("%H", "%I")) else "day"
