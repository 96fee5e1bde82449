"""Calendars in and out: foreign zones, whole days, repetitions over a change of clocks, and floods."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from alerts.ics import BadCalendar, read_calendar, write_calendar
from tests.builders_rota import vcalendar, vevent

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=90)


def read(*events: str) -> list[tuple[str, str, str, str]]:
    found = read_calendar(vcalendar(*events), zone=BERLIN, begin=BEGIN, end=END)
    return [
        (f"{each.starts_at:%m-%d %H:%M}", f"{each.ends_at:%m-%d %H:%M}", each.names, each.fault)
        for each in found
    ]


def test_a_duty_in_a_foreign_zone_is_at_its_own_hour() -> None:
    event = vevent(
        "one", "DTSTART;TZID=America/New_York:20260310T080000", "DTEND;TZID=America/New_York:20260310T200000"
    )
    assert read(event) == [("03-10 12:00", "03-11 00:00", "one", "")]


def test_a_whole_day_is_from_the_clinics_midnight_to_its_midnight() -> None:
    event = vevent("one", "DTSTART;VALUE=DATE:20260329", "DTEND;VALUE=DATE:20260330")
    assert read(event) == [("03-28 23:00", "03-29 22:00", "one", "")]


def test_a_time_without_a_zone_is_the_clinics() -> None:
    assert read(vevent("one", "DTSTART:20260310T080000", "DTEND:20260310T200000"))[0][0] == "03-10 07:00"


def test_a_duty_that_repeats_keeps_its_hour_on_the_wall_over_a_change_of_clocks() -> None:
    event = vevent(
        "one",
        "DTSTART;TZID=Europe/Berlin:20260327T200000",
        "DTEND;TZID=Europe/Berlin:20260328T080000",
        "RRULE:FREQ=DAILY;COUNT=3",
    )
    assert [(starts, ends) for starts, ends, _, _ in read(event)] == [
        ("03-27 19:00", "03-28 07:00"),
        ("03-28 19:00", "03-29 06:00"),
        ("03-29 18:00", "03-30 06:00"),
    ]


def test_an_attendees_address_counts_more_than_the_title_and_several_are_a_fault() -> None:
    one = vevent(
        "On call: Olaf",
        "DTSTART:20260310T080000Z",
        "DTEND:20260310T200000Z",
        "ATTENDEE:mailto:one@clinic.example",
    )
    two = vevent(
        "Both",
        "DTSTART:20260311T080000Z",
        "DTEND:20260311T200000Z",
        "ATTENDEE:mailto:one@clinic.example",
        "ATTENDEE:mailto:two@clinic.example",
    )
    assert [(names, fault) for _, _, names, fault in read(one, two)] == [
        ("one@clinic.example", ""),
        ("one@clinic.example, two@clinic.example", "it names several people"),
    ]


def test_what_has_no_length_or_names_nobody_is_a_fault() -> None:
    assert read(vevent("one", "DTSTART:20260310T080000Z"))[0][3] == "the event has no length"
    assert read(vevent("", "DTSTART:20260310T080000Z", "DTEND:20260310T090000Z"))[0][3] == "it names nobody"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not an iCalendar file"),
        (b"PK\x03\x04 something else", "not an iCalendar file"),
        (b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", "holds no calendar"),
        (b"x" * (513 * 1024), "larger than 512 kB"),
    ],
)
def test_what_is_no_calendar_is_refused_in_words(raw: bytes, says: str) -> None:
    with pytest.raises(BadCalendar, match=says):
        read_calendar(raw, zone=BERLIN, begin=BEGIN, end=END)


def test_a_flood_of_repetitions_is_refused_before_it_is_counted() -> None:
    event = vevent("one", "DTSTART:20260310T080000Z", "DTEND:20260310T080100Z", "RRULE:FREQ=SECONDLY")
    with pytest.raises(BadCalendar, match="by the hour or more often"):
        read(event)
    many = vevent(
        "one",
        "DTSTART:20260310T000000Z",
        "DTEND:20260310T000100Z",
        "RRULE:FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))),
    )
    with pytest.raises(BadCalendar, match="more than 1000 duties"):
        read(many)


def test_a_written_calendar_is_read_back_with_the_same_instants() -> None:
    begin = datetime(2026, 3, 28, 19, tzinfo=UTC)
    raw = write_calendar(
        title="Clinic: on call",
        summary="On call",
        duties=[("a@clinic", begin, begin + timedelta(hours=11))],
        stamp=BEGIN,
    )
    (event,) = Calendar.from_ical(raw).walk("VEVENT")
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (begin, begin + timedelta(hours=11))
    assert {name for name, _ in event.property_items(recursive=False)} >= {"UID", "DTSTAMP", "SUMMARY"}
