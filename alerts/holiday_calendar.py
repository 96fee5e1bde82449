"""The public holidays of the country or region that this installation names."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import holidays
from django.apps import AppConfig
from django.conf import settings
from django.core import checks


def public_holidays(years: Sequence[int]) -> dict[date, str]:
    """Each public holiday of these years with its name; none where the installation names no country."""
    if not settings.HOLIDAY_CALENDAR:
        return {}
    country, _, region = settings.HOLIDAY_CALENDAR.partition("-")
    return dict(holidays.country_holidays(country, subdiv=region or None, years=years))


def check_holiday_calendar(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """A country or region that the library does not know is an error before anything starts."""
    try:
        public_holidays([2026])
    except NotImplementedError as error:
        return [
            checks.Error(
                f"HOLIDAY_CALENDAR is {settings.HOLIDAY_CALENDAR!r}: {error}.",
                hint="Use a country such as DE, or a country and region such as DE-BY; empty for none.",
                id="alerts.E002",
            )
        ]
    return []
