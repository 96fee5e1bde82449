"""Write events as an iCalendar file: instants in UTC, or whole days; what stands in it is the caller's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from icalendar import Calendar, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent:
    """One event with an id of its own; from one instant to another, or from a day to the one after it."""

    uid: str
    begins: date
    ends: date
    summary: str
    description: str = ""


def write_calendar_file(*, title: str, about: str, events: Iterable[CalendarEvent], stamp: datetime) -> bytes:
    """The file, which a calendar program reads anew every hour; `about` is what wrote it."""
    calendar = Calendar()
    calendar.add("prodid", f"-//PRRT clinic//{about}//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", title)
    calendar.add("x-published-ttl", "PT1H")
    for each in events:
        event = Event()
        event.add("uid", each.uid)
        event.add("dtstamp", stamp.astimezone(UTC).replace(microsecond=0))
        event.add("dtstart", _as_written(each.begins))
        event.add("dtend", _as_written(each.ends))
        event.add("summary", each.summary)
        if each.description:
            event.add("description", each.description)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _as_written(value: date) -> date:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
