"""Holidays of the installation's country or region; a name that nobody knows stops the start."""

from datetime import date
from typing import Any

import pytest

from alerts.holiday_calendar import check_holiday_calendar, public_holidays
from alerts.holiday_days import holidays_between
from alerts.models import LocalHoliday


def test_a_region_has_holidays_of_its_own(settings: Any) -> None:
    settings.CLINIC_HOLIDAYS = "DE-BY"
    assert date(2026, 1, 6) in public_holidays([2026])
    settings.CLINIC_HOLIDAYS = "DE"
    assert date(2026, 1, 6) not in public_holidays([2026])
    settings.CLINIC_HOLIDAYS = ""
    assert public_holidays([2026]) == {}


@pytest.mark.parametrize("name", ["XX", "DE-ZZ", "de", "Germany by name"])
def test_a_name_that_nobody_knows_is_an_error_before_anything_starts(name: str, settings: Any) -> None:
    settings.CLINIC_HOLIDAYS = name
    (error,) = check_holiday_calendar(None)
    assert (error.id, repr(name) in error.msg) == ("alerts.E002", True)
    assert "DE-BY" in str(error.hint)
    settings.CLINIC_HOLIDAYS = "DE-BY"
    assert check_holiday_calendar(None) == []


@pytest.mark.django_db
def test_what_the_house_says_of_a_day_counts_more(settings: Any) -> None:
    settings.CLINIC_HOLIDAYS = "DE-BY"
    LocalHoliday.objects.create(day=date(2026, 1, 6), name="We work", is_kept=False)
    LocalHoliday.objects.create(day=date(2026, 1, 5), name="Bridge", is_kept=True)
    found = holidays_between(date(2026, 1, 2), date(2026, 1, 7))
    assert list(found) == [date(2026, 1, 5)]
