"""The clinic's plan for a calendar program: therapies, draws and vials of each day as counts, no patient."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from courses.clinic_calendar import VIAL, VISIT, CalendarDay, Entry, calendar
from courses.rules.derived_days import DayKind
from courses.services.plan_addresses import person_of
from labs.calendar_file import CalendarEvent, write_calendar_file
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

DAYS_BACK, DAYS_AHEAD = 7, 90
_DRAWS = (DayKind.EARLIER_DRAW, DayKind.LAST_DRAW, DayKind.NADIR_DRAW)


def plan_feed(secret: str, *, now: datetime | None = None) -> bytes | None:
    """The plan of the clinic for whoever has this secret; else None. Counts and cycle numbers alone."""
    person = person_of(secret)
    if person is None:
        return None
    now = now or database_now()
    today = clinic_day(now, clinic_zone())
    days = calendar(add_days(today, -DAYS_BACK), add_days(today, DAYS_AHEAD), today=today)
    host = settings.SITE_URL.partition("://")[2] or "localhost"
    events = [
        CalendarEvent(
            uid=f"{day.on.isoformat()}-{kind}-{person.pk}@{host}",
            begins=day.on,
            ends=add_days(day.on, 1),
            summary=summary,
            description=f"{settings.SITE_URL}{reverse('courses:calendar')}?by=week&day={day.on.isoformat()}",
        )
        for day in days
        for kind, summary in _told(day)
    ]
    title = f"{settings.CLINIC_NAME}: therapies"
    return write_calendar_file(title=title, about="clinic plan", events=events, stamp=now)


def _told(day: CalendarDay) -> Iterator[tuple[str, str]]:
    """What lies on a day, each kind in one line of counts."""
    if day.closed:
        yield "closed", "Clinic closed"
    found = Counter(_kind(entry) for entry in day.entries)
    numbers = sorted(
        entry.item.cycle
        for entry in day.entries
        if entry.item is not None and entry.item.kind is DayKind.THERAPY
    )
    if numbers:
        which = ", ".join(f"cycle {number}" for number in numbers)
        yield "therapies", f"Therapies: {len(numbers)} ({which})"
    for kind, words in (
        ("draws", "Draws due: {}"),
        ("tests", "Pregnancy tests due: {}"),
        ("vials", "Vials to come: {}"),
        ("orders", "Vials to be ordered: {}"),
        ("visits", "Visits after treatment due: {}"),
    ):
        if found[kind]:
            yield kind, words.format(found[kind])


def _kind(entry: Entry) -> str:
    if entry.item is None:
        return {VIAL: "vials", VISIT: "visits"}.get(entry.what, "")
    if entry.item.kind in _DRAWS:
        return "draws"
    return {DayKind.VIAL_ORDER: "orders", DayKind.PREGNANCY_TEST: "tests"}.get(entry.item.kind, "")
