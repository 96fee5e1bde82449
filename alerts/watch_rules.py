"""Judge plain facts about silence: panels with gaps, drifting units, items that age, trials that stop."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import permutations
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """The numbers of [watch] in policy.toml; what each means stands there."""

    quarantine_warn_hours: int
    quarantine_critical_hours: int
    unmapped_codes_told_singly: int
    panel_wait_minutes: int
    panel_look_back_days: int
    panel_usual_after: int
    panel_memory: int
    unit_new_days: int
    shift_newest_values: int
    shift_earlier_values: int
    shift_least_earlier_values: int
    shift_tolerance_percent: int
    shift_least_ratio: int
    shift_memory: int
    results_every_minutes: int
    recall_answer_minutes: int
    incident_near_days: int
    rota_look_ahead_days: int
    rota_gap_worse_hours: int
    rota_gaps_told_singly: int
    canary_every_minutes: int
    canary_limit_minutes: int
    canary_silent_minutes: int
    mail_loop_minutes: int
    critical_days: int
    runner_stuck_seconds: int
    clocks_apart_seconds: int
    heartbeat_every_seconds: int

    def faults(self) -> list[str]:
        """What does not fit together, one sentence each."""
        found = []
        if self.quarantine_critical_hours <= self.quarantine_warn_hours:
            found.append("quarantine_critical_hours must be more than quarantine_warn_hours.")
        if self.shift_least_earlier_values > self.shift_earlier_values:
            found.append("shift_least_earlier_values must be at most shift_earlier_values.")
        if self.shift_least_ratio < 2:
            found.append("shift_least_ratio must be at least 2.")
        if self.canary_silent_minutes < self.canary_every_minutes + self.canary_limit_minutes:
            found.append("canary_silent_minutes must leave time for one trial after it was due.")
        if self.runner_stuck_seconds < 60:
            found.append("runner_stuck_seconds must be at least 60: a runner's round takes its time.")
        if self.canary_silent_minutes >= 70:
            found.append("canary_silent_minutes must stay below the 70 minutes of the safety case.")
        if self.rota_gap_worse_hours >= self.rota_look_ahead_days * 24:
            found.append("rota_gap_worse_hours must be less than the days of rota_look_ahead_days.")
        return found


class Age(StrEnum):
    """How overdue something that waits for a person is."""

    IN_TIME = "in-time"
    OVERDUE = "overdue"
    FAR_OVERDUE = "far-overdue"


def age_of(*, opened_at: datetime, now: datetime, limits: WatchLimits) -> Age:
    """How overdue an item of the quarantine is; exactly at a limit it is reached."""
    waited = now - opened_at
    if waited >= timedelta(hours=limits.quarantine_critical_hours):
        return Age.FAR_OVERDUE
    return Age.OVERDUE if waited >= timedelta(hours=limits.quarantine_warn_hours) else Age.IN_TIME


def lacking(
    *,
    arrived: frozenset[str],
    earlier: Iterable[frozenset[str]],
    required: frozenset[str],
    usual_after: int,
) -> tuple[str, ...]:
    """The required analytes that this panel usually brings and did not bring this time.

    A panel that brought nothing required says nothing: it was about something else.
    """
    if not arrived & required:
        return ()
    brought = Counter(analyte for panel in earlier for analyte in panel)
    usual = {analyte for analyte, times in brought.items() if times >= usual_after}
    return tuple(sorted((usual & required) - arrived))


def unit_ratio(
    *, newest: Sequence[Decimal], earlier: Sequence[Decimal], factors: Iterable[Decimal], limits: WatchLimits
) -> Decimal | None:
    """The ratio of two known units by which the median has moved; none where it has not.

    Too few values say nothing.
    """
    if len(newest) < limits.shift_newest_values or len(earlier) < limits.shift_least_earlier_values:
        return None
    before, after = median(earlier), median(newest)
    if before <= 0 or after <= 0:
        return None
    ratio = after / before
    near = 1 + Decimal(limits.shift_tolerance_percent) / 100
    least = Decimal(limits.shift_least_ratio)
    for one, other in permutations(sorted(set(factors)), 2):
        known = one / other
        if (known >= least or known <= 1 / least) and known / near <= ratio <= known * near:
            return known
    return None


class Stage(StrEnum):
    """The stages of a trial of the whole line, in order."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    READ = "read"
    ASSESSED = "assessed"
    TRIAGED = "triaged"
    QUEUED = "queued"
    MAILED = "mailed"
    ANSWERED = "answered"


def stages(*, mailbox: bool) -> tuple[Stage, ...]:
    """The stages a trial must pass; without a mailbox no mail leaves, and the rest is tried all the same."""
    return tuple(stage for stage in Stage if mailbox or stage is not Stage.MAILED)


def is_due(*, last_started: datetime | None, now: datetime, limits: WatchLimits) -> bool:
    """Whether the next trial is to begin."""
    return last_started is None or now - last_started >= timedelta(minutes=limits.canary_every_minutes)


def has_run_out(*, started: datetime, now: datetime, limits: WatchLimits) -> bool:
    """Whether a trial has used up its time."""
    return now - started >= timedelta(minutes=limits.canary_limit_minutes)


def is_silent(*, last_good_started: datetime, now: datetime, limits: WatchLimits) -> bool:
    """Whether the last good trial began so long ago that its successor must be missing."""
    return now - last_good_started >= timedelta(minutes=limits.canary_silent_minutes)


def waited_since(
    *,
    looked_at: datetime | None,
    waited: datetime | None,
    beat_at: datetime | None,
    now: datetime,
    limit: timedelta,
) -> datetime:
    """Since when a process has been looked for without a break, and has given no sign of life.

    After a break in looking (the watcher was away) it starts anew: what was not looked for is not missed.
    """
    start = now if looked_at is None or waited is None or now - looked_at >= limit else waited
    return start if beat_at is None else max(start, min(beat_at, now))
