"""Look whether both runners of the alert duty give a sign of life, and tell people when one does not.

Celery looks at the second runner, and the second runner at Celery; who looks has just given a sign itself.
"""

from datetime import datetime, timedelta

from alerts.library import policy
from alerts.rules import Kind
from alerts.services.heartbeat import RUNNERS, beat, last_beats
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from alerts.watch_rules import waited_since

_LOOK = "look.runners"


def watch_runners(*, now: datetime) -> int:
    """One standing alert for each runner that has been missed for too long; it ends with its sign of life.

    A runner that never started is missed as well, from when the other one began to look for it.
    """
    limit = timedelta(seconds=policy().watch.runner_stuck_seconds)
    beats = last_beats()
    conditions = []
    for name in RUNNERS:
        waited = waited_since(
            looked_at=beats.get(_LOOK),
            waited=beats.get(_waited(name)),
            beat_at=beats.get(name),
            now=now,
            limit=limit,
        )
        beat(name=_waited(name), now=waited)
        if now - waited >= limit:
            conditions.append(_stuck(name, since=waited))
    beat(name=_LOOK, now=now)
    return settle(kinds=[Kind.RUNNER_STUCK], conditions=conditions, now=now)


def _waited(name: str) -> str:
    """The row that keeps since when a runner is waited for."""
    return f"waited.{name}"


def _stuck(name: str, *, since: datetime) -> Condition:
    return Condition(
        kind=Kind.RUNNER_STUCK,
        key=key_of(Kind.RUNNER_STUCK, name),
        subject=Subject(about={"runner": name, "since": since.isoformat()}),
    )
