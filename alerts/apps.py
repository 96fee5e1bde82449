"""The alerts app's config, and the system checks of its data files."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks

from alerts.critical_table import TABLE_FILE, BadTable, read_table
from alerts.holiday_calendar import check_holiday_calendar
from alerts.library import BadPolicy, policy_file, read_policy


def check_policy(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """An alert policy that cannot be followed is an error before anything starts."""
    try:
        read_policy(policy_file().read_bytes())
    except BadPolicy as error:
        return [checks.Error(fault, id="alerts.E001") for fault in error.faults]
    except OSError as error:
        fault = (
            f"ALERT_POLICY is {policy_file()}, which cannot be read ({type(error).__name__}); name a file."
        )
        return [checks.Error(fault, id="alerts.E001")]
    return []


def check_critical_values(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """A table of critical values that cannot be followed is an error before anything starts."""
    try:
        read_table(TABLE_FILE.read_bytes())
    except BadTable as error:
        return [checks.Error(fault, id="alerts.E002") for fault in error.faults]
    return []


class AlertsConfig(AppConfig):
    """Configuration of the alerts app."""

    name = "alerts"

    def ready(self) -> None:
        """Register the checks of the policy file, the table of critical values and the holiday calendar."""
        checks.register(check_policy)
        checks.register(check_critical_values)
        checks.register(check_holiday_calendar)
