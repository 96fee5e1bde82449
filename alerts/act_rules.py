"""What people may do to an alert by hand, and what forbids it: pure, with the limits of the policy."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from alerts.rules import Kind

# No policy may allow more; the database refuses more too.
LONGEST_SUPPRESSION_MINUTES = 240
CRITICAL = 1


class ClosingOutcome(StrEnum):
    """How a person ended an alert."""

    DELAY = "delay"
    REDUCE = "reduce"
    STOP = "stop"
    CONTINUE = "continue"
    FALSE_ALARM = "false-alarm"
    HANDLED = "handled"


class Whom(StrEnum):
    """Who was called."""

    PATIENT = "patient"
    NEXT_OF_KIN = "next-of-kin"
    REFERRING_DOCTOR = "referring-doctor"
    PHARMACY = "pharmacy"
    WARD = "ward"
    COLLEAGUE = "colleague"
    LABORATORY = "laboratory"
    OTHER = "other"


class Reached(StrEnum):
    """How a call ended."""

    READ_BACK = "read-back"
    REACHED = "reached"
    NOT_REACHED = "not-reached"


# Alerts about what the protocol says of a course: only a signed decision ends them.
DECIDED_KINDS = (Kind.STOP, Kind.DELAY, Kind.REDUCE)
_DECIDED = (ClosingOutcome.DELAY, ClosingOutcome.REDUCE, ClosingOutcome.STOP, ClosingOutcome.CONTINUE)
_OTHER = (ClosingOutcome.HANDLED, ClosingOutcome.FALSE_ALARM)
# What somebody did because of the alert; the rest went on as if it had not been.
ACTED_ON = frozenset(
    {ClosingOutcome.DELAY, ClosingOutcome.REDUCE, ClosingOutcome.STOP, ClosingOutcome.HANDLED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLimits:
    """The policy's own choices about what people do by hand, and how the budget of a rule is counted."""

    hand_over_minutes: int
    suppress_at_most_minutes: int
    suppression_tells: tuple[str, ...]
    least_precision_percent: int
    judged_at_least: int

    def faults(self) -> tuple[str, ...]:
        """What contradicts itself or the law of this service."""
        found = []
        if self.suppress_at_most_minutes > LONGEST_SUPPRESSION_MINUTES:
            found.append(f"suppress_at_most_minutes must not be above {LONGEST_SUPPRESSION_MINUTES}.")
        if self.hand_over_minutes > 15:
            # A critical alert tells the next people within 15 minutes, also while it is handed over.
            found.append("hand_over_minutes must not be above 15.")
        if self.least_precision_percent > 100:
            found.append("least_precision_percent must not be above 100.")
        return tuple(found)


def outcomes_for(kind: Kind, *, gone: bool = False) -> tuple[ClosingOutcome, ...]:
    """The outcomes from which a person chooses for an alert of this kind; `gone`: its cause is no more."""
    if kind in DECIDED_KINDS and gone:
        return (*_DECIDED, *_OTHER)
    if kind in DECIDED_KINDS:
        return (*_DECIDED, ClosingOutcome.FALSE_ALARM)
    if kind is Kind.RESULT_CHANGED:
        return (*_DECIDED, *_OTHER)
    return _OTHER


def needs_signer(kind: Kind) -> bool:
    """Whether only those who sign decisions may end an alert of this kind."""
    return kind in DECIDED_KINDS or kind is Kind.RESULT_CHANGED


def why_not_closed(
    *, kind: Kind, outcome: ClosingOutcome, action: str, signed: bool, gone: bool = False
) -> str:
    """Why an outcome does not fit the decision that stands; empty where it does.

    `action` is that of the course's decision, empty where there is none. An alert is no place to decide: what
    was decided stands signed in the course, and the alert only says so. Where its cause is gone, nothing is
    left to decide.
    """
    if outcome not in outcomes_for(kind, gone=gone):
        return "Choose an outcome from the list."
    if outcome in _OTHER:
        if outcome is ClosingOutcome.FALSE_ALARM and kind in DECIDED_KINDS and action == kind.value:
            return (
                f"The decision that stands still says {action}, so this is no false alarm. If a value is "
                "wrong, have it corrected first; the course is then judged anew."
            )
        return ""
    fits = action in ("proceed", "reduce") if outcome is ClosingOutcome.CONTINUE else action == outcome.value
    if not fits:
        says = f"says {action}" if action else "is missing"
        return f"The decision that stands {says}. Go to the decision, decide and sign there, then close this."
    if not signed:
        return f"The decision that stands says {action} but nobody has signed it. Sign it first."
    return ""


def why_not_suppressed(
    *, kind: Kind, severities: Iterable[int], minutes: int, earlier_minutes: int, limits: ActLimits
) -> str:
    """Why an alert may not be silenced for so long; empty where it may.

    `severities`: its own, and that of its kind; `earlier_minutes`: silenced in the last 24 hours already.
    """
    if kind is Kind.STOP or CRITICAL in severities:
        return "A critical alert, or one that says stop, is never silenced. Acknowledge it or hand it over."
    if not 1 <= minutes <= limits.suppress_at_most_minutes:
        return f"Choose between 1 and {limits.suppress_at_most_minutes} minutes."
    if earlier_minutes + minutes > limits.suppress_at_most_minutes:
        left = max(0, limits.suppress_at_most_minutes - earlier_minutes)
        return (
            f"This alert was silenced for {earlier_minutes} minutes within the last 24 hours already; "
            f"{left} minutes are left. Acknowledge it or hand it over instead."
        )
    return ""


def is_beyond_budget(*, acted: int, judged: int, limits: ActLimits) -> bool:
    """Whether too few of a rule's alerts led to anything, once enough were judged to tell."""
    return judged >= limits.judged_at_least and acted * 100 < limits.least_precision_percent * judged


def nearest_rank(minutes: Iterable[int], percent: int) -> int | None:
    """A percentile of whole minutes by the nearest rank; none of nothing."""
    ordered = sorted(minutes)
    if not ordered:
        return None
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]


def whole_minutes(span: timedelta) -> int:
    """Begun minutes count as a whole one."""
    return -(-int(span.total_seconds()) // 60)
