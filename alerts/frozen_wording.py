"""Freeze the words into the alert that is told in them, and hand out the words an alert is told in."""

from typing import Any

from alerts.library import KindPolicy, Policy, plan_as_data, policy, shipped_policy
from alerts.models import Alert
from alerts.rules import Kind
from alerts.wording import Wording, wording_as_data, wording_from_data

_KEY = "wording"


def plan_to_keep(entry: KindPolicy) -> dict[str, Any]:
    """What an alert keeps of today's policy: its ladder, and every word it is told in."""
    return {**plan_as_data(entry.plan), _KEY: wording_as_data(_wording(policy(), entry.kind))}


def wording_of(alert: Alert) -> Wording:
    """The words this alert began with, or took over with its last ladder.

    Alerts that began before words were kept were told in the words that were shipped.
    """
    return wording_from_data(alert.plan.get(_KEY, {}), missing=_wording(shipped_policy(), Kind(alert.kind)))


def title_of_kind(kind: str) -> str:
    """What today's policy calls a kind of alert."""
    return policy().kinds[Kind(kind)].words.title


def _wording(rules: Policy, kind: Kind) -> Wording:
    return Wording(kind=rules.kinds[kind].words, letters=rules.letters, severities=rules.words)
