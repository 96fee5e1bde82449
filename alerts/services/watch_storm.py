"""Look whether one source makes more alerts than patients do: a wrong unit, a replay, a fault of ours."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from alerts.library import policy
from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from alerts.storm_rules import too_many
from labs.models import Observation

# Where no laboratory stands behind the alerts.
OURSELVES = "this service"
# The newest are enough to know; a storm of thousands must not make every look slow.
_READ = 1000
# What follows from other alerts says nothing of a source.
_NOT_COUNTED = (Kind.FEED_ANOMALY, Kind.NOBODY_ON_CALL, Kind.ADDRESS_REFUSED)


def watch_storm(*, now: datetime) -> int:
    """One alert for each source of too many, beside the alerts themselves; a person ends it."""
    storm = policy().storm
    since = now - timedelta(minutes=storm.anomaly_minutes)
    newest = (
        Alert.objects.for_people()
        .filter(raised_at__gt=since, raised_at__lte=now)
        .exclude(kind__in=[kind.value for kind in _NOT_COUNTED])
        .order_by("-raised_at", "-pk")
    )
    rows = list(newest.values("about", "message__sender", "decision__answer")[:_READ])
    raised = Counter(_sources(rows)) if len(rows) > storm.anomaly_alerts else {}
    conditions = [
        Condition(
            kind=Kind.FEED_ANOMALY,
            key=key_of(Kind.FEED_ANOMALY, source),
            subject=Subject(
                about={
                    "source": source,
                    "alerts": count,
                    "minutes": storm.anomaly_minutes,
                    "since": since.isoformat(),
                }
            ),
        )
        for source, count in too_many(raised=raised, limits=storm).items()
    ]
    return settle(kinds=[Kind.FEED_ANOMALY], conditions=conditions, now=now)


def _sources(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where each comes from: its message's sender, its own word, or the result its decision rests on."""
    rows = list(rows)
    results = [_result(row["decision__answer"]) for row in rows]
    sent = Observation.objects.filter(public_id__in={result for result in results if result})
    senders = {str(key): sender for key, sender in sent.values_list("public_id", "message__sender")}
    return [
        row["message__sender"] or row["about"].get("source") or senders.get(result) or OURSELVES
        for row, result in zip(rows, results, strict=True)
    ]


def _result(answer: Mapping[str, Any] | None) -> str:
    """The first result that a reason against treatment rests on."""
    found = (
        str(evidence["ref"])
        for reason in (answer or {}).get("reasons", [])
        if reason.get("action") != "proceed"
        for evidence in reason.get("evidence", [])
        if evidence.get("ref")
    )
    return next(found, "")
