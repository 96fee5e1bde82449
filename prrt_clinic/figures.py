"""The figures of /metrics: how old and how deep each queue of the duty is; no patient, no id.

A fixed number of queries, whatever there is. What is not known is not shown as normal: an age that nobody can
tell is infinite.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import inf

import redis
from django.conf import settings
from django.db.models import Count, Min, Q
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.library import policy
from alerts.models import Alert, CanaryRun, DeliveryAttempt, Notification
from alerts.models.canary import CanaryOutcome
from alerts.models.notification import AttemptOutcome, NotificationState
from alerts.rules import NEEDS_SOMEBODY, Kind, State
from alerts.services.duty_rules import DUTY
from alerts.services.heartbeat import CELERY, DUTY_LOOK, OUTSIDE, RUNNER, WORKER, last_beats
from courses.models import Decision
from labs.models import LabMessage, QuarantinedResult
from labs.services.canary_lab import CANARY_SENDER
from prrt_clinic.celery import app

log = logging.getLogger(__name__)

# Of the newest attempts only: counting all that were ever made would grow without end.
NEWEST_ATTEMPTS = 5000
ATTEMPTS_OF = timedelta(hours=1)
BROKER_SECONDS = 1


class Figures(Collector):
    """Every figure as it stands at one instant."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All of them, in the order in which a result becomes a mail."""
        yield from self._queue(
            "messages_unread",
            "laboratory messages that nothing has come of yet",
            LabMessage.objects.filter(outcome__isnull=True).aggregate(
                number=Count("pk"), oldest=Min("received_at")
            ),
        )
        waiting = QuarantinedResult.objects.filter(state=QuarantinedResult.State.OPEN)
        yield from self._queue(
            "quarantine",
            "laboratory results that wait for a person",
            waiting.exclude(message__sender=CANARY_SENDER).aggregate(
                number=Count("pk"), oldest=Min("opened_at")
            ),
        )
        yield from self._queue(
            "decisions_untriaged",
            "decisions that were not considered for alerting yet",
            Decision.objects.filter(triage__isnull=True).aggregate(number=Count("pk"), oldest=Min("made_at")),
        )
        yield from self._queue(
            "notifications_due",
            "mails that are due and that nobody is sending",
            Notification.objects.filter(
                state=NotificationState.PENDING, next_attempt_at__lte=self.now
            ).aggregate(number=Count("pk"), oldest=Min("next_attempt_at")),
        )
        yield from self._alerts()
        yield self._deliveries()
        yield from self._signs_of_life()
        yield from self._trials()
        yield from self._broker()

    def _queue(self, name: str, words: str, found: dict[str, object]) -> Iterator[GaugeMetricFamily]:
        """How many wait, and how long the oldest has; 0 where none does."""
        number, oldest = found["number"], found["oldest"]
        assert isinstance(number, int)
        yield _gauge(name, f"Number of {words}.", number)
        age = self._age(oldest) if isinstance(oldest, datetime) else 0.0
        yield _gauge(
            f"{name}_oldest_seconds", f"Age of the oldest of the {words}; 0 where there is none.", age
        )

    def _age(self, at: datetime | None) -> float:
        """Seconds since an instant; infinite where it never was."""
        return inf if at is None else max(0.0, (self.now - at).total_seconds())

    def _alerts(self) -> Iterator[GaugeMetricFamily]:
        """Standing alerts by severity and whether somebody has them, and the oldest that nobody has."""
        standing = Alert.objects.standing().for_people()
        rows = (
            standing.order_by()
            .values("severity", "state")
            .annotate(number=Count("pk"), oldest=Min("raised_at"))
        )
        counts: dict[tuple[str, str], int] = {}
        oldest: dict[str, datetime] = {}
        for row in rows:
            severity = str(row["severity"])
            waits = row["state"] in {state.value for state in NEEDS_SOMEBODY}
            key = (severity, "waiting" if waits else "acknowledged")
            counts[key] = counts.get(key, 0) + row["number"]
            if waits:
                oldest[severity] = min(oldest.get(severity, row["oldest"]), row["oldest"])
        number = GaugeMetricFamily(
            "prrt_alerts_standing", "Alerts that are not over.", labels=["severity", "state"]
        )
        age = GaugeMetricFamily(
            "prrt_alerts_unacknowledged_oldest_seconds",
            "Age of the oldest alert nobody has acknowledged; severity 1 is critical. 0 where there is none.",
            labels=["severity"],
        )
        for severity in map(str, sorted(policy().words)):
            for state in ("waiting", "acknowledged"):
                number.add_metric([severity, state], counts.get((severity, state), 0))
            age.add_metric([severity], self._age(oldest[severity]) if severity in oldest else 0)
        yield number
        yield age
        yield self._broken_rules()

    def _broken_rules(self) -> GaugeMetricFamily:
        """Each rule of the duty, and whether an alert says that it is broken."""
        broken = Alert.objects.filter(kind=Kind.INVARIANT_BROKEN.value).exclude(state=State.CLOSED.value)
        names = {key.rpartition(":")[2] for key in broken.values_list("condition_key", flat=True)}
        found = GaugeMetricFamily(
            "prrt_duty_rule_broken", "1 while a rule of the alert duty is broken.", labels=["rule"]
        )
        for each in DUTY:
            found.add_metric([each.name], int(each.name in names))
        return found

    def _deliveries(self) -> GaugeMetricFamily:
        """How the attempts of the last hour went."""
        newest = DeliveryAttempt.objects.order_by("-pk").values("pk")[:NEWEST_ATTEMPTS]
        lately = DeliveryAttempt.objects.filter(pk__in=newest, finished_at__gt=self.now - ATTEMPTS_OF)
        counts = lately.aggregate(
            **{each: Count("pk", filter=Q(outcome=each)) for each in AttemptOutcome.values}
        )
        found = GaugeMetricFamily(
            "prrt_delivery_attempts_last_hour",
            f"Attempts to deliver that ended in the last hour, of the newest {NEWEST_ATTEMPTS}.",
            labels=["outcome"],
        )
        for outcome in AttemptOutcome.values:
            found.add_metric([outcome], counts[outcome])
        return found

    def _signs_of_life(self) -> Iterator[GaugeMetricFamily]:
        """How long ago each process that carries the duty was heard of."""
        beats = last_beats()
        found = GaugeMetricFamily(
            "prrt_sign_of_life_seconds",
            "Age of the last sign of life; infinite where none ever came. outside: to the outside monitor.",
            labels=["of"],
        )
        for name in (RUNNER, CELERY, WORKER, DUTY_LOOK, OUTSIDE):
            found.add_metric([name], self._age(beats.get(name)))
        yield found

    def _trials(self) -> Iterator[GaugeMetricFamily]:
        """How long ago the whole line was last seen to work, and how long that trial took."""
        good = CanaryRun.objects.filter(outcome=CanaryOutcome.PASSED).order_by("-pk").first()
        yield _gauge(
            "trial_last_good_seconds",
            "Age of the last trial of the whole line that passed; infinite where none ever did.",
            self._age(good.ended_at if good else None),
        )
        took = (good.ended_at - good.started_at).total_seconds() if good and good.ended_at else inf
        yield _gauge("trial_last_good_took_seconds", "How long that trial took, from socket to answer.", took)

    def _broker(self) -> Iterator[GaugeMetricFamily]:
        """Whether the broker answers within a second, and how many messages wait in its queues."""
        if not settings.REDIS_URL:
            return
        depths = _depths()
        yield _gauge("broker_answers", "1 if the broker answered within a second.", int(depths is not None))
        found = GaugeMetricFamily(
            "prrt_broker_messages", "Messages that wait in a queue of the broker.", labels=["queue"]
        )
        for name, depth in (depths or {}).items():
            found.add_metric([name], depth)
        yield found


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"prrt_{name}", words, value=value)


def _depths() -> dict[str, int] | None:
    """The depth of each queue, or nothing where the broker does not answer; it holds no request up."""
    names = [queue.name for queue in app.conf.task_queues]
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=BROKER_SECONDS,
            socket_connect_timeout=BROKER_SECONDS,
            retry=None,
        ) as broker:
            asked = broker.pipeline(transaction=False)
            for name in names:
                asked.llen(name)
            return dict(zip(names, map(int, asked.execute()), strict=True))
    except (redis.RedisError, OSError) as error:
        log.warning("The broker's queues could not be counted (%s).", type(error).__name__)
        return None
