"""The demonstration clinic's on-call rota: two people by week, and a duty that one offers to the other."""

from collections.abc import Mapping
from datetime import datetime, time

from django.contrib.auth.models import User

from alerts.rota_rules import HolidayUse, Turn
from alerts.services.rota_edit import RuleEntry, add_rules
from alerts.services.rota_swaps import duties_of, propose_swap
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone

_WORKING, _WEEKEND = (0, 1, 2, 3, 4), (5, 6)
_DAY, _EVENING = time(8), time(17)
# Name, days on which a duty begins, what holidays are, from when, until when, how many days later.
RULES = (
    ("Working days", _WORKING, HolidayUse.NEVER, _DAY, _EVENING, 0),
    ("Nights after working days", _WORKING, HolidayUse.NEVER, _EVENING, _DAY, 1),
    ("Weekends and holidays", _WEEKEND, HolidayUse.ALSO, _DAY, _DAY, 1),
)


def keep_demo_rota(*, people: Mapping[str, User], now: datetime) -> None:
    """Rules that leave no minute uncovered, from this week on, and an offer that waits for its answer."""
    today = clinic_day(now, clinic_zone())
    # Whoever's night began before midnight has the morning too.
    monday = add_days(today, -today.weekday() - 7)
    entries = [
        RuleEntry(
            name=name,
            weekdays=weekdays,
            holidays=holidays,
            starts=starts,
            ends=ends,
            ends_after_days=later,
            zone=clinic_zone().key,
            turn=Turn.WEEK,
            people=[people["oncall2"], people["oncall"]],
            first_day=monday,
        )
        for name, weekdays, holidays, starts, ends, later in RULES
    ]
    add_rules(entries, by=people["physician"], now=now)
    offered = duties_of(people["oncall2"], now=now)[0]
    propose_swap(
        starts_at=offered.starts_at,
        ends_at=offered.ends_at,
        other=people["oncall"],
        by=people["oncall2"],
        now=now,
    )
