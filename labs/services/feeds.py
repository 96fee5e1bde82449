"""Say of every sender and feed when it last spoke, and whether its silence is a fault."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from labs.models import CsvFeed, ExpectedTraffic, LabMessage, Sender
from labs.services.canary_lab import CANARY_SENDER
from labs.traffic import Quiet, Silence, judge
from labs.zones import clinic_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """One source of results and how quiet it is."""

    source: str
    silence: Silence

    @property
    def is_silent(self) -> bool:
        """Whether somebody has to look."""
        return self.silence.quiet is not Quiet.IN_TIME

    @property
    def is_critical(self) -> bool:
        """Whether the critical limit is reached."""
        return self.silence.quiet is Quiet.FAR_TOO_LATE


def with_last_message(rows: QuerySet[Any], *, now: datetime) -> QuerySet[Any]:
    """The same rows with `last`, when their source last sent anything; it is looked up in an index."""
    newest = (
        LabMessage.objects.filter(sender=OuterRef("name_sent"), received_at__lte=now)
        .order_by("-received_at")
        .values("received_at")[:1]
    )
    found: QuerySet[Any] = rows.annotate(
        name_sent=Coalesce("sender__name", "feed__name"), last=Subquery(newest)
    )
    return found


def feed_states(*, now: datetime) -> tuple[FeedState, ...]:
    """Every source with an expectation, in one query."""
    rows = with_last_message(ExpectedTraffic.objects.select_related("sender", "feed"), now=now)
    zone = clinic_zone()
    return tuple(
        FeedState(
            source=row.source,
            silence=judge(row.expectation, last=row.last, set_up_at=row.set_up_at, now=now, zone=zone),
        )
        for row in rows.order_by("name_sent")
    )


def silent_feeds(*, now: datetime) -> tuple[FeedState, ...]:
    """The sources whose silence is a fault, the worst first."""
    silent = (state for state in feed_states(now=now) if state.is_silent)
    return tuple(sorted(silent, key=lambda state: (not state.is_critical, state.source)))


def unwatched_sources() -> tuple[str, ...]:
    """Senders and feeds without an expectation: their silence alerts nobody, and pages say so."""
    senders = Sender.objects.filter(expected__isnull=True).exclude(name=CANARY_SENDER)
    feeds = CsvFeed.objects.filter(expected__isnull=True)
    return tuple(sorted({*senders.values_list("name", flat=True), *feeds.values_list("name", flat=True)}))
