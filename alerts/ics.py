"""Write a person's duties as an iCalendar file, and read one as a list of duties, each with what is wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

from labs.calendar_file import CalendarEvent, write_calendar_file
from labs.clinic_days import start_of_day

LARGEST_BYTES = 512 * 1024
MOST_DUTIES = 1000
_TOO_OFTEN = {"SECONDLY", "MINUTELY", "HOURLY"}


class BadCalendar(ValueError):
    """The file cannot be read as a calendar of duties; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IcsDuty:
    """One event of a file: when, and what names the person; `fault` where it cannot be used."""

    starts_at: datetime
    ends_at: datetime
    names: str
    fault: str = ""


def write_calendar(
    *, title: str, summary: str, duties: Sequence[tuple[str, datetime, datetime]], stamp: datetime
) -> bytes:
    """Duties as an iCalendar file in UTC; each has an id of its own. No patient can stand in it."""
    events = [
        CalendarEvent(uid=uid, begins=starts_at, ends=ends_at, summary=summary)
        for uid, starts_at, ends_at in duties
    ]
    return write_calendar_file(title=title, about="on-call rota", events=events, stamp=stamp)


def read_calendar(raw: bytes, *, zone: ZoneInfo, begin: datetime, end: datetime) -> list[IcsDuty]:
    """Every event of a file that touches a span, repeated ones each, in order. Raises BadCalendar.

    An all-day event is from the clinic's midnight to its midnight; a time without a zone is the clinic's.
    """
    if len(raw) > LARGEST_BYTES:
        raise BadCalendar(f"The file is larger than {LARGEST_BYTES // 1024} kB. Export a shorter span.")
    calendar = _parsed(raw)
    _refuse_floods(calendar)
    try:
        events = recurring_ical_events.of(calendar).between(begin, end)
    except Exception as error:  # whatever a foreign file leads two libraries into
        raise BadCalendar(f"The file's repetitions cannot be followed ({type(error).__name__}).") from error
    if len(events) > MOST_DUTIES:
        raise BadCalendar(f"The file holds more than {MOST_DUTIES} duties. Export a shorter span.")
    found = [_duty(event, zone=zone) for event in events]
    return sorted(found, key=lambda each: (each.starts_at, each.ends_at, each.names))


def _parsed(raw: bytes) -> Calendar:
    try:
        found = Calendar.from_ical(raw)
    except Exception as error:  # the library raises many kinds, none of them ours to know
        raise BadCalendar("The file is not an iCalendar file (.ics).") from error
    if not isinstance(found, Calendar) or found.name != "VCALENDAR":
        raise BadCalendar("The file holds no calendar.")
    return found


def _refuse_floods(calendar: Calendar) -> None:
    """A duty that repeats by the hour is none, and would never end to be counted."""
    for event in calendar.walk("VEVENT"):
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            if {str(each).upper() for each in rule.get("FREQ", [])} & _TOO_OFTEN:
                raise BadCalendar("An event repeats by the hour or more often. Duties repeat by the day.")


def _duty(event: Any, *, zone: ZoneInfo) -> IcsDuty:
    begin, end = event["DTSTART"].dt, event["DTEND"].dt if "DTEND" in event else event["DTSTART"].dt
    starts_at, ends_at = _instant(begin, zone), _instant(end, zone)
    names, fault = _names(event)
    if ends_at <= starts_at:
        fault = fault or "the event has no length"
    return IcsDuty(starts_at=starts_at, ends_at=ends_at, names=names, fault=fault)


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return start_of_day(value, zone)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _names(event: Any) -> tuple[str, str]:
    """What names the person: the one attendee's address, else the title as it stands."""
    attendees = event.get("ATTENDEE", [])
    addresses = sorted(_addresses(attendees if isinstance(attendees, list) else [attendees]))
    if len(addresses) > 1:
        return ", ".join(addresses), "it names several people"
    if addresses:
        return addresses[0], ""
    title = str(event.get("SUMMARY", "")).strip()[:200]
    return title, "" if title else "it names nobody"


def _addresses(attendees: Iterable[Any]) -> set[str]:
    return {text[7:].strip() for text in map(str, attendees) if text.lower().startswith("mailto:")}
