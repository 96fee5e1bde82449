"""Look at the doors: which source is silent, which codes nobody knows, what waits for a person too long."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Count, Min

from alerts.library import policy
from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from alerts.watch_rules import Age, age_of
from labs.models import CsvFeed, LocalCode, QuarantinedResult
from labs.services.canary_lab import CANARY_SENDER
from labs.services.feeds import silent_feeds
from labs.services.files import waiting_uploads

UNMAPPED = "unmapped-code"


def watch_silence(*, now: datetime) -> int:
    """One alert for each source whose silence is a fault; it ends when a message comes."""
    conditions = [
        Condition(
            kind=Kind.FEED_SILENT,
            key=key_of(Kind.FEED_SILENT, state.source),
            subject=Subject(
                about={
                    "source": state.source,
                    "since": state.silence.since.isoformat(),
                    "started": state.silence.started,
                }
            ),
            worse=state.is_critical,
        )
        for state in silent_feeds(now=now)
    ]
    return settle(kinds=[Kind.FEED_SILENT], conditions=conditions, now=now)


def watch_codes(*, now: datetime) -> int:
    """One alert for each code of a known source that stands for no analyte, until it is mapped or settled.

    Many at once are one alert for the source: its whole catalogue has changed, and nobody reads forty mails.
    """
    rows = (
        QuarantinedResult.objects.filter(state=QuarantinedResult.State.OPEN, reason_code=UNMAPPED)
        .exclude(message__sender__in=["", CANARY_SENDER])
        .values("message__sender", "code_sent")
        .annotate(count=Count("pk"), since=Min("opened_at"))
        .order_by("message__sender", "code_sent")
    )
    found: dict[str, list[tuple[str, int, datetime]]] = defaultdict(list)
    for row in rows:
        found[row["message__sender"]].append((row["code_sent"], row["count"], row["since"]))
    mapped = _mapped(found) if found else {}
    conditions = []
    for source, codes in found.items():
        unknown = [each for each in codes if each[0] not in mapped.get(source, ())]
        conditions += _code_conditions(source, unknown)
    return settle(kinds=[Kind.UNMAPPED_CODE], conditions=conditions, now=now)


def _mapped(found: dict[str, list[tuple[str, int, datetime]]]) -> dict[str, set[str]]:
    """The codes of each source that have been mapped since; a feed may use another sender's table."""
    tables = {source: source for source in found}
    tables |= dict(CsvFeed.objects.filter(name__in=list(found)).values_list("name", "codes"))
    known: dict[str, set[str]] = defaultdict(set)
    for sender, code in LocalCode.objects.filter(sender__in=set(tables.values())).values_list(
        "sender", "code"
    ):
        known[sender].add(code)
    return {source: known[table] for source, table in tables.items()}


def _code_conditions(source: str, unknown: Sequence[tuple[str, int, datetime]]) -> list[Condition]:
    if len(unknown) > policy().watch.unmapped_codes_told_singly:
        groups = [("*", list(unknown))]
    else:
        groups = [(code, [(code, count, since)]) for code, count, since in unknown]
    return [
        Condition(
            kind=Kind.UNMAPPED_CODE,
            key=key_of(Kind.UNMAPPED_CODE, source, name),
            subject=Subject(
                about={
                    "source": source,
                    "codes": [code or "(none)" for code, _, _ in codes],
                    "items": sum(count for _, count, _ in codes),
                    "since": min(since for _, _, since in codes).isoformat(),
                }
            ),
        )
        for name, codes in groups
    ]


def watch_quarantine(*, now: datetime) -> int:
    """One alert while any result has waited for a person longer than the policy allows."""
    waiting = QuarantinedResult.objects.filter(state=QuarantinedResult.State.OPEN)
    overdue = waiting.exclude(message__sender=CANARY_SENDER).filter(opened_at__lte=_overdue_since(now))
    found = overdue.aggregate(oldest=Min("opened_at"), count=Count("pk"))
    conditions = _ageing(Kind.QUARANTINE_AGEING, now=now, **found)
    return settle(kinds=[Kind.QUARANTINE_AGEING], conditions=conditions, now=now)


def watch_uploads(*, now: datetime) -> int:
    """One alert while any file that was handed in has waited for its second person as long."""
    overdue = waiting_uploads().filter(uploaded_at__lte=_overdue_since(now))
    found = overdue.aggregate(oldest=Min("uploaded_at"), count=Count("pk"))
    conditions = _ageing(Kind.UPLOAD_AGEING, now=now, **found)
    return settle(kinds=[Kind.UPLOAD_AGEING], conditions=conditions, now=now)


def _overdue_since(now: datetime) -> datetime:
    return now - timedelta(hours=policy().watch.quarantine_warn_hours)


def _ageing(kind: Kind, *, oldest: datetime | None, count: int, now: datetime) -> list[Condition]:
    """The one condition of a queue in which something is overdue."""
    if oldest is None:
        return []
    return [
        Condition(
            kind=kind,
            key=key_of(kind, "queue"),
            subject=Subject(about={"items": count, "since": oldest.isoformat()}),
            worse=age_of(opened_at=oldest, now=now, limits=policy().watch) is Age.FAR_OVERDUE,
        )
    ]
