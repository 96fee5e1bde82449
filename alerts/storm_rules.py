"""Say in which order letters leave, and which of many leave alone, together or later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class StormLimits:
    """The numbers of [storm] in policy.toml; what each means stands there."""

    letters_alone: int
    window_seconds: int
    gather_seconds: int
    critical_wait_seconds: int
    anomaly_alerts: int
    anomaly_minutes: int

    def faults(self) -> list[str]:
        """What does not fit together, one sentence each."""
        found = []
        if self.gather_seconds >= self.critical_wait_seconds:
            found.append("gather_seconds must be less than critical_wait_seconds.")
        if self.critical_wait_seconds > 60:
            found.append("critical_wait_seconds must be at most the 60 seconds of the safety case.")
        if self.critical_wait_seconds > self.window_seconds:
            found.append("critical_wait_seconds must be at most window_seconds.")
        return found


class Departure(StrEnum):
    """How a letter that is due leaves."""

    ALONE = "alone"
    TOGETHER = "together"
    LATER = "later"


FIRST_CRITICAL = 0
_RANKS = {
    (1, False): FIRST_CRITICAL,
    (1, True): 1,
    (2, False): 2,
    (3, False): 3,
    (2, True): 4,
    (3, True): 5,
}


def rank(*, severity: int, repeat: bool) -> int:
    """The place in the queue, 0 first: what is critical, then what nobody told this person yet."""
    return _RANKS[severity, repeat]


def departure(
    *, recent: int, waited: timedelta, first_critical: bool, waits_longest: timedelta, limits: StormLimits
) -> Departure:
    """How the next letter to one person leaves.

    `recent` letters went to this person within the window; this one has waited for so long, and of all that
    wait for the same person the longest `waits_longest`. The first few leave alone and one more takes the
    rest along, once that has gathered. A first word about something critical is not held beyond its limit,
    whatever went before.
    """
    if recent < limits.letters_alone:
        return Departure.ALONE
    if first_critical and waited >= timedelta(seconds=limits.critical_wait_seconds):
        return Departure.TOGETHER
    if recent == limits.letters_alone and waits_longest >= timedelta(seconds=limits.gather_seconds):
        return Departure.TOGETHER
    return Departure.LATER


def too_many(*, raised: Mapping[str, int], limits: StormLimits) -> dict[str, int]:
    """The sources from which more alerts came within the minutes looked at than a clinic day explains."""
    return {source: count for source, count in raised.items() if count > limits.anomaly_alerts}
