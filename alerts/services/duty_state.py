"""How the alert duty itself stands: the last good trial, both runners, the outside monitor, broken rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from alerts.library import policy
from alerts.models import Alert, CanaryRun
from alerts.models.canary import CanaryOutcome
from alerts.rules import Kind
from alerts.services.heartbeat import OUTSIDE, last_beats

# The outside monitor was not told for so many turns: it has called somebody by now, or is away itself.
_MISSED_TURNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyState:
    """What people are shown of the duty; times are instants, none where it never was."""

    trials_are_on: bool
    last_good_trial: datetime | None
    trial_took_seconds: int | None
    trial_is_overdue: bool
    outside_is_on: bool
    outside_told_at: datetime | None
    outside_is_overdue: bool
    broken_rules: int
    stuck_runners: int


def duty_state(*, now: datetime) -> DutyState:
    """As it stands at an instant, in three queries."""
    limits = policy().watch
    good = CanaryRun.objects.filter(outcome=CanaryOutcome.PASSED).order_by("-pk").first()
    passed_at = good.ended_at if good else None
    told_at = last_beats().get(OUTSIDE)
    kinds = list(
        Alert.objects.standing()
        .filter(kind__in=[Kind.INVARIANT_BROKEN.value, Kind.RUNNER_STUCK.value])
        .values_list("kind", flat=True)
    )
    patience = timedelta(seconds=limits.heartbeat_every_seconds * _MISSED_TURNS)
    return DutyState(
        trials_are_on=settings.CANARY,
        last_good_trial=passed_at,
        trial_took_seconds=int((passed_at - good.started_at).total_seconds()) if good and passed_at else None,
        trial_is_overdue=settings.CANARY
        and _older(passed_at, timedelta(minutes=limits.canary_silent_minutes), now=now),
        outside_is_on=bool(settings.HEARTBEAT_URL),
        outside_told_at=told_at,
        outside_is_overdue=bool(settings.HEARTBEAT_URL) and _older(told_at, patience, now=now),
        broken_rules=kinds.count(Kind.INVARIANT_BROKEN.value),
        stuck_runners=kinds.count(Kind.RUNNER_STUCK.value),
    )


def _older(at: datetime | None, limit: timedelta, *, now: datetime) -> bool:
    return at is None or now - at >= limit
