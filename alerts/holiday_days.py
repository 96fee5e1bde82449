"""Say which days are holidays here: the public ones, and what the house says of single days."""

from collections.abc import Mapping
from datetime import date

from alerts.holiday_calendar import public_holidays
from alerts.models import LocalHoliday


def holidays_between(first: date, last: date) -> Mapping[date, str]:
    """Each holiday from one day to another, with its name; what the house says of a day counts more."""
    years = range(first.year, last.year + 1)
    found = {day: name for day, name in public_holidays(years).items() if first <= day <= last}
    for own in LocalHoliday.objects.filter(day__range=(first, last)):
        if own.is_kept:
            found[own.day] = own.name
        else:
            found.pop(own.day, None)
    return dict(sorted(found.items()))
