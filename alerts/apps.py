"""The alerts app's config, and the system check of its policy file."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks

from alerts.holiday_calendar import check_holiday_calendar
from alerts.library import POLICY_FILE, BadPolicy, read_policy


def check_policy(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """An alert policy that cannot be followed is an error before anything starts."""
    try:
        read_policy(POLICY_FILE.read_bytes())
    except BadPolicy as error:
        return [checks.Error(fault, id="alerts.E001") for fault in error.faults]
    return []


class AlertsConfig(AppConfig):
    """Configuration of the alerts app."""

    name = "alerts"

    def ready(self) -> None:
        """Register the checks of the policy file and of the holiday calendar's name."""
        checks.register(check_policy)
        checks.register(check_holiday_calendar)
