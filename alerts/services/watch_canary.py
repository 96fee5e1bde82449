"""Look whether the trial of the line reaches its end, and tell people when it does not."""

from datetime import datetime

from django.conf import settings

from alerts.library import policy
from alerts.models import CanaryRun
from alerts.models.canary import CanaryOutcome
from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from alerts.watch_rules import is_silent


def watch_canary(*, now: datetime) -> int:
    """One alert while the newest finished trial is broken, or no good one was begun lately.

    It asks the table of trials alone, so that whatever stops a trial does not stop this. It ends with the
    next trial that passes, or when the trials are turned off.
    """
    about = _what_is_wrong(now=now) if settings.CANARY else None
    conditions = []
    if about is not None:
        conditions.append(
            Condition(
                kind=Kind.CANARY_BROKEN,
                key=key_of(Kind.CANARY_BROKEN, "line"),
                subject=Subject(about=about),
            )
        )
    return settle(kinds=[Kind.CANARY_BROKEN], conditions=conditions, now=now)


def _what_is_wrong(*, now: datetime) -> dict[str, str] | None:
    """The stage at which the line broke and since when; none while all is well."""
    newest = CanaryRun.objects.exclude(outcome=CanaryOutcome.RUNNING).order_by("-pk").first()
    if newest is not None and newest.outcome == CanaryOutcome.BROKEN:
        assert newest.ended_at is not None
        return {
            "stage": newest.broken_stage,
            "reason": newest.reason,
            "since": newest.ended_at.isoformat(),
        }
    # Without a good one, from the first that was begun.
    reference = newest or CanaryRun.objects.order_by("pk").first()
    if reference is None:
        return {"stage": "", "reason": "No trial could be begun.", "since": now.isoformat()}
    if is_silent(last_good_started=reference.started_at, now=now, limits=policy().watch):
        return {
            "stage": "",
            "reason": "No trial was begun when it was due.",
            "since": reference.started_at.isoformat(),
        }
    return None
