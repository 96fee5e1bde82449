"""A rota for tests: people who can be on call, and a rule every day from eight to eight."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zlib import crc32

from django.contrib.auth.models import User

from alerts.models import RotaRule
from alerts.rota_rules import HolidayUse, Turn
from alerts.services.rota_edit import RuleEntry, add_rule
from tests.builders_alerts import NOW, make_person

# A Monday; eight o'clock in Berlin was two hours ago.
HOUR = timedelta(hours=1)


def on_call_person(username: str) -> User:
    """Somebody who can be on call and swaps duties."""
    return make_person(username, "on-call")


def rota_lead() -> User:
    """Whoever keeps the rota."""
    found = User.objects.filter(username="lead").first()
    return found or make_person("lead", "physician", "rota-lead")


def rule_entry(*people: User, **changes: Any) -> RuleEntry:
    """Every day from eight to eight in Berlin, the people by week, from 4 May 2026."""
    usual: dict[str, Any] = {
        "name": "Round the clock",
        "weekdays": list(range(7)),
        "holidays": HolidayUse.SAME,
        "starts": time(8),
        "ends": time(8),
        "ends_after_days": 1,
        "zone": "Europe/Berlin",
        "turn": Turn.WEEK if len(people) > 1 else Turn.ONE,
        "people": list(people),
        "first_day": date(2026, 5, 4),
    }
    return RuleEntry(**(usual | changes))


def keep_rota(*people: User, now: datetime = NOW, **changes: Any) -> RotaRule:
    """A rota of one rule, kept by its lead."""
    return add_rule(rule_entry(*people, **changes), by=rota_lead(), now=now)


def vevent(title: str, *lines: str) -> str:
    """One event of a calendar, with its lines as they stand in the file."""
    uid = crc32("".join((title, *lines)).encode())
    return "\r\n".join(
        ("BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", f"SUMMARY:{title}", *lines, "END:VEVENT")
    )


def vcalendar(*events: str) -> bytes:
    """A calendar file of these events."""
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN")
    return "\r\n".join((*head, *events, "END:VCALENDAR", "")).encode()


def vduty(names: str, begin: datetime, end: datetime) -> str:
    """One duty in UTC."""
    return vevent(names, f"DTSTART:{begin:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}")
