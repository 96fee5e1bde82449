"""Say which days are holidays: public ones, days the clinic is closed, and what the rota says of a day."""

from collections.abc import Mapping
from datetime import date

from alerts.holiday_calendar import public_holidays
from alerts.models import LocalHoliday
from courses.models import ClosedDay


def holidays_between(first: date, last: date) -> Mapping[date, str]:
    """Each holiday from one day to another, with its name; what the house says of a day counts more."""
    years = range(first.year, last.year + 1)
    found = {day: name for day, name in public_holidays(years).items() if first <= day <= last}
    # What is closed for therapies is a holiday of the people on call too.
    found |= dict(ClosedDay.objects.filter(on__range=(first, last)).values_list("on", "words"))
    for own in LocalHoliday.objects.filter(day__range=(first, last)):
        if own.is_kept:
            found[own.day] = own.name
        else:
            found.pop(own.day, None)
    return dict(sorted(found.items()))
