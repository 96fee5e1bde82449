"""The alerts app's config, and the system checks of its data files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.core import checks

from alerts.approval import Approval
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
        return [checks.Error(fault, id="alerts.E003") for fault in error.faults]
    return []


def check_approvals(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Before patients are looked after: numbers of which no clinic said that they are its own."""
    followed: list[tuple[str, Path, Approval]] = []
    try:
        followed.append(("alert policy", policy_file(), read_policy(policy_file().read_bytes()).approval))
        followed.append(
            ("table of critical values", TABLE_FILE, read_table(TABLE_FILE.read_bytes()).approval)
        )
    except (BadPolicy, BadTable, OSError):
        return []  # said by the checks above
    return [
        checks.Warning(
            f"The {what} is {approval.words}.",
            hint=f"Once the clinic approved it, write approved_by and approved_on in {path.name}.",
            id="alerts.W001",
        )
        for what, path, approval in followed
        if not approval.is_given
    ]


class AlertsConfig(AppConfig):
    """Configuration of the alerts app."""

    name = "alerts"

    def ready(self) -> None:
        """Register the checks of the policy, the critical values, the approval of both, and the holidays."""
        checks.register(check_policy)
        checks.register(check_critical_values)
        checks.register(check_holiday_calendar)
        checks.register(check_approvals, deploy=True)
