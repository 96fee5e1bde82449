"""Say who must know: which decision needs an alert, when the next step is due, how long to wait."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from alerts.waking import Office, tell_at
from labs.clinic_days import add_days


class Kind(StrEnum):
    """What an alert is about."""

    STOP = "stop"
    DELAY = "delay"
    HOLD = "hold"
    REDUCE = "reduce"
    LABS_OVERDUE = "labs-overdue"
    SYSTEM_FAULT = "system-fault"
    LAB_QUARANTINE = "lab-quarantine"
    RESULT_CHANGED = "result-changed"
    NOBODY_ON_CALL = "nobody-on-call"
    ADDRESS_REFUSED = "address-refused"
    FEED_SILENT = "feed-silent"
    UNMAPPED_CODE = "unmapped-code"
    UNIT_DRIFT = "unit-drift"
    PANEL_INCOMPLETE = "panel-incomplete"
    QUARANTINE_AGEING = "quarantine-ageing"
    UPLOAD_AGEING = "upload-ageing"
    RECALL_UNANSWERED = "recall-unanswered"
    DEVIATION = "deviation"
    INCIDENT_DUE = "incident-due"
    FOLLOW_UP_OVERDUE = "follow-up-overdue"
    CALL_BACK_OVERDUE = "call-back-overdue"
    CANARY = "canary"
    CANARY_BROKEN = "canary-broken"
    CRITICAL_VALUE = "critical-value"
    LIMIT_NEAR = "limit-near"
    ROTA_GAP = "rota-gap"
    INVARIANT_BROKEN = "invariant-broken"
    RUNNER_STUCK = "runner-stuck"
    MAIL_LOOP = "mail-loop"
    FEED_ANOMALY = "feed-anomaly"
    HAND_OVER = "hand-over"


# The kinds a later decision on the same course can put an end to.
DECISION_KINDS = (
    Kind.STOP,
    Kind.DELAY,
    Kind.HOLD,
    Kind.REDUCE,
    Kind.LABS_OVERDUE,
    Kind.SYSTEM_FAULT,
)

# The kinds that a look at the state of things begins and ends, not a decision or a message.
WATCH_KINDS = (
    Kind.FEED_SILENT,
    Kind.UNMAPPED_CODE,
    Kind.UNIT_DRIFT,
    Kind.PANEL_INCOMPLETE,
    Kind.QUARANTINE_AGEING,
    Kind.UPLOAD_AGEING,
    Kind.RECALL_UNANSWERED,
    Kind.DEVIATION,
    Kind.INCIDENT_DUE,
    Kind.FOLLOW_UP_OVERDUE,
    Kind.CALL_BACK_OVERDUE,
    Kind.CANARY_BROKEN,
    Kind.CRITICAL_VALUE,
    Kind.LIMIT_NEAR,
    Kind.ROTA_GAP,
    Kind.INVARIANT_BROKEN,
    Kind.RUNNER_STUCK,
    Kind.MAIL_LOOP,
    Kind.FEED_ANOMALY,
    Kind.HAND_OVER,
)
# Only a person who says how the value was passed on ends these; no cause that is gone, no other act.
READ_BACK_KINDS = (Kind.CRITICAL_VALUE,)
# What pharmacy answers for, and what a medical physicist does, beside those who take over any alert.
RECALL_KINDS = (Kind.RECALL_UNANSWERED,)
DOSE_KINDS = (Kind.DEVIATION, Kind.INCIDENT_DUE)


class Outcome(StrEnum):
    """What triage found."""

    ALERT = "alert"
    NONE = "none"
    WAITING = "waiting"


class State(StrEnum):
    """Where an alert stands (after ISA 18.2)."""

    OPEN = "open"
    ACKED = "acked"
    CLEARED_UNACKED = "cleared_unacked"
    CLOSED = "closed"


# Audiences beside the groups: the person whose duty begins, and those whose duty ended then.
INCOMING, OUTGOING = "incoming-on-call", "outgoing-on-call"

NEEDS_SOMEBODY = (State.OPEN, State.CLEARED_UNACKED)
# Severities count from 1, the worst.
LOUDEST, QUIETEST = 1, 3

LEGAL_TRANSITIONS: Mapping[State, tuple[State, ...]] = {
    State.OPEN: (State.ACKED, State.CLEARED_UNACKED, State.CLOSED),
    State.CLEARED_UNACKED: (State.OPEN, State.ACKED, State.CLOSED),
    State.ACKED: (State.OPEN, State.CLOSED),
    State.CLOSED: (),
}


def is_legal(*, before: State, after: State) -> bool:
    """Whether an alert may go from one state to the other."""
    return after in LEGAL_TRANSITIONS[before]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActingRule:
    """One reason of a decision: its rule and what that rule alone would do."""

    rule: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What triage needs to know of one decision."""

    action: str
    awaiting_labs: bool
    labs_due: date | None
    reasons: tuple[ActingRule, ...]
    today: date
    # It repeats the verdict of an earlier decision.
    confirms: bool = False
    # Everything missing is a draw or a weighing with its due day, and nothing that a rule asks for now.
    only_draws: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Triaged:
    """What follows from a decision: an alert of a kind, nothing and why, or a day on which to look again."""

    outcome: Outcome
    reason: str
    kind: Kind | None = None
    rule: str = ""
    review_on: date | None = None


_STRENGTH = ("proceed", "reduce", "hold", "delay", "stop")
_KIND_OF_ACTION = {"reduce": Kind.REDUCE, "delay": Kind.DELAY, "stop": Kind.STOP}
UNNAMED_RULE = "unnamed"
# A hold for nothing but these waits for a draw or a weighing that has not come.
_NOT_COME = frozenset({"EV-MISSING", "EV-STALE", "EV-WEIGHT"})
# What people record before a cycle (pregnancy, wash-out, allergies) comes late as a draw does.
_RECORDED = "CHK-"
# The service could not judge: a fault, or a protocol file changed in place.
SYSTEM_RULES = ("SYS-FAULT", "SYS-PROTOCOL")


def strongest_rule(reasons: tuple[ActingRule, ...]) -> str:
    """The rule that weighs most; among equals the one the decision names first."""
    known = [reason for reason in reasons if reason.action in _STRENGTH]
    if not known:
        return UNNAMED_RULE
    return max(known, key=lambda reason: _STRENGTH.index(reason.action)).rule


def alerts_for(judged: Judged) -> Triaged:
    """Whether a decision needs an alert, and if not, why not.

    An action this module does not know alerts as a hold does: unknown is never normal.
    """
    if judged.action == "proceed":
        return Triaged(outcome=Outcome.NONE, reason="The next cycle may proceed; nobody needs waking.")
    if judged.confirms:
        return Triaged(outcome=Outcome.NONE, reason="New evidence, same verdict: nothing has changed.")
    if judged.action == "hold":
        return _held(judged)
    return Triaged(
        outcome=Outcome.ALERT,
        reason=f"The decision is {judged.action}.",
        kind=_KIND_OF_ACTION.get(judged.action, Kind.HOLD),
        rule=strongest_rule(judged.reasons),
    )


def _held(judged: Judged) -> Triaged:
    """A hold is a fault of ours, evidence that has not come, or evidence that somebody must look at."""
    acting = {reason.rule for reason in judged.reasons if reason.action == "hold"}
    for rule in SYSTEM_RULES:
        if rule in acting:
            return Triaged(
                outcome=Outcome.ALERT,
                reason="The service could not judge this course.",
                kind=Kind.SYSTEM_FAULT,
                rule=rule,
            )
    if judged.awaiting_labs and judged.labs_due is not None:
        return _awaiting(judged, due=judged.labs_due)
    late = all(rule in _NOT_COME or rule.startswith(_RECORDED) for rule in acting)
    if acting and late and judged.only_draws and not judged.awaiting_labs:
        return _overdue("Labs, a weight or a record that are due have not come.")
    return Triaged(
        outcome=Outcome.ALERT,
        reason="The decision is hold.",
        kind=Kind.HOLD,
        rule=strongest_rule(judged.reasons),
    )


def _awaiting(judged: Judged, *, due: date) -> Triaged:
    """Labs not yet due alert nobody; the due day itself is still in time."""
    if judged.today > due:
        return _overdue(f"Labs were due by {due.isoformat()} and have not come.")
    return Triaged(
        outcome=Outcome.WAITING,
        reason=f"Waiting for labs due by {due.isoformat()}.",
        review_on=add_days(due, 1),
    )


def _overdue(reason: str) -> Triaged:
    """One condition, whichever of the rules and whoever noticed: one alert, not two."""
    return Triaged(outcome=Outcome.ALERT, reason=reason, kind=Kind.LABS_OVERDUE, rule=Kind.LABS_OVERDUE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rung: who is told, and how long after the rung before."""

    audience: tuple[str, ...]
    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole ladder of an alert, frozen when the alert begins; the last rung repeats without end."""

    steps: tuple[Step, ...]
    repeat: timedelta
    decide_within: timedelta
    # Whether it is told outside the clinic's hours; what does not wake waits for the next working morning.
    wakes: bool = True

    def is_last(self, step: int) -> bool:
        """Whether this rung is the last one, which repeats."""
        return step >= len(self.steps)

    def is_all_told(self, *, step: int, loop: int) -> bool:
        """Whether everybody on the ladder has been told without an answer: the telephone desk is next."""
        return self.is_last(step) and (step > 1 or loop > 1)


# I-17 of safety.md: a critical alert that nobody took over tells the next people within so long, and its last
# rung again within so long.
CRITICAL_NEXT, CRITICAL_AGAIN = timedelta(minutes=15), timedelta(minutes=30)


def is_soon_enough(plan: Plan) -> bool:
    """Whether a ladder may carry a critical alert: no rung and no repeat comes later than I-17 says."""
    return all(step.after <= CRITICAL_NEXT for step in plan.steps) and plan.repeat <= CRITICAL_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A rung to take now: its number from one, its round, who is told, and when the next is due."""

    step: int
    loop: int
    audience: tuple[str, ...]
    next_step_at: datetime
    # Told nobody on this rung? Then the next is taken at once, unless this was the last one.
    last: bool


def escalation_due(
    *,
    plan: Plan,
    step: int,
    loop: int,
    next_step_at: datetime | None,
    now: datetime,
    office: Office,
    cleared: bool = False,
) -> Due | None:
    """The rung that is due, or none yet. `step` is the last one taken, 0 before the first.

    `cleared`: the cause is gone, so that the following rungs wake nobody, however loud it was.
    """
    if next_step_at is None or next_step_at > now:
        return None
    repeating = plan.is_last(step)
    number = len(plan.steps) if repeating else step + 1
    last = plan.is_last(number)
    wait = plan.repeat if last else plan.steps[number].after
    return Due(
        step=number,
        loop=loop + 1 if repeating else loop,
        audience=plan.steps[number - 1].audience,
        next_step_at=tell_at(now + wait, wakes=plan.wakes and not cleared, office=office),
        last=last,
    )


def quieter(severity: int) -> int:
    """The lower tone in which an alert goes on once its cause is gone and nobody has acknowledged it."""
    return min(severity + 1, QUIETEST)


_WAITS = (5, 10, 20, 40, 60)


def backoff(attempt: int, *, seed: int = 0) -> timedelta:
    """How long to wait after the n-th failed attempt: doubling to one minute, never giving up.

    Up to a fifth is taken off by a jitter that follows from the seed, so that a recovering mail server does
    not meet everybody in the same second.
    """
    if attempt < 1:
        raise ValueError("attempts are counted from one")
    whole = _WAITS[min(attempt, len(_WAITS)) - 1] * 1000
    jitter = zlib.crc32(f"{seed}:{attempt}".encode()) % (whole // 5 + 1)
    return timedelta(milliseconds=whole - jitter)
