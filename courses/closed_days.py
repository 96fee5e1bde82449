"""Which days the clinic does not work: weekends, public holidays, and the days people put on its own list."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache

import holidays
from django.conf import settings

from courses.models import ClosedDay

_WEEKEND = {5: "Saturday", 6: "Sunday"}


def closed_days(days: Iterable[date]) -> dict[date, str]:
    """Of these days those on which the clinic is closed, each with the reason in words; one query."""
    wanted = sorted(set(days))
    own = dict(ClosedDay.objects.filter(on__in=wanted).values_list("on", "words"))
    found: dict[date, str] = {}
    for day in wanted:
        words = own.get(day) or _public(day.year).get(day) or _WEEKEND.get(day.weekday())
        if words:
            found[day] = words
    return found


@cache
def _public(year: int) -> Mapping[date, str]:
    """The public holidays of a year where the clinic is; none where no country is set."""
    country, _, region = settings.CLINIC_HOLIDAYS.partition("-")
    if not country:
        return {}
    return holidays.country_holidays(country, subdiv=region or None, years=year, language="en_US")
