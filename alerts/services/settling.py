"""Keep one standing alert for each condition that holds, and end those whose condition is gone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import transaction

from alerts.library import policy
from alerts.models import Alert
from alerts.rules import Kind, State
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, close, mark_cleared, raise_alert

_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that holds now and that somebody must know of."""

    kind: Kind
    key: str
    subject: Subject
    worse: bool = False


def key_of(kind: Kind, *parts: str) -> str:
    """What names a condition. A part too long for its column is told by its digest, never cut."""
    key = ":".join((kind.value, *parts))
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[: _LONGEST_KEY - 65]}:{sha256(key.encode()).hexdigest()}"


def settle(*, kinds: Iterable[Kind], conditions: Sequence[Condition], now: datetime) -> int:
    """Raise what is new or worse, end what is gone; return how many alerts changed.

    `conditions` are all that hold for these kinds. One query where nothing changed. An alert begun after
    `now` is left alone: whoever began it knows more than we do.
    """
    standing = {
        alert.condition_key: alert
        for alert in Alert.objects.standing().filter(kind__in=[kind.value for kind in kinds])
    }
    changed = 0
    for condition in sorted(conditions, key=lambda each: each.key):
        alert = standing.pop(condition.key, None)
        if alert is None or _is_news(alert, condition):
            _raise(condition, now=now)
            changed += 1
    for key in sorted(standing):
        if standing[key].raised_at < now:
            changed += _end(standing[key].pk, now=now)
    return changed


def _is_news(alert: Alert, condition: Condition) -> bool:
    """Whether the condition came back, or has become worse than its alert says."""
    entry = policy().kinds[condition.kind]
    wanted = entry.at_its_worst() if condition.worse else entry
    return alert.state == State.CLEARED_UNACKED or wanted.severity < alert.severity


def _raise(condition: Condition, *, now: datetime) -> None:
    """The alert with its first step taken, in one commit."""
    with transaction.atomic():
        alert = raise_alert(
            kind=condition.kind,
            condition_key=condition.key,
            subject=condition.subject,
            now=now,
            worse=condition.worse,
        )
        take_due_step(alert, now=now)


def _end(alert_id: int, *, now: datetime) -> bool:
    """Close the alert, or mark it as cleared where the policy wants a person to have looked."""
    with transaction.atomic():
        alert = (
            Alert.objects.standing()
            .select_for_update(no_key=True, skip_locked=True)
            .filter(pk=alert_id)
            .first()
        )
        if alert is None:
            return False
        if policy().kinds[Kind(alert.kind)].ends_with_cause or alert.state == State.ACKED:
            close(alert, why="cause gone", now=now)
        elif alert.state == State.OPEN:
            mark_cleared(alert, now=now)
        else:
            return False
    return True
