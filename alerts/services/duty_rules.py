"""What must hold of the alert duty at every moment: each rule by its name, and what finds its breaches.

A rule that is broken becomes an alert, and keeps the sign of life to the outside from being sent.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, IntegerField, Max, OuterRef, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from alerts.library import plan_from_data, policy
from alerts.models import Acknowledgement, Alert, AlertEvent, DeliveryAttempt, Notification, Triage
from alerts.models.alert import EventKind
from alerts.models.notification import AttemptOutcome, NotificationState
from alerts.rules import CRITICAL_AGAIN, CRITICAL_NEXT, Outcome, State
from alerts.services.duty_of_looks import (
    critical_values_not_judged,
    looks_that_fail,
    messages_not_considered,
    rearmings_past_due,
)
from alerts.services.duty_of_stages import OF_STAGES
from alerts.services.duty_rule import DutyRule
from alerts.services.on_call import is_rota_kept
from alerts.services.rota_coverage import coverage
from courses.models import Course, Decision
from labs.clock import clocks_apart
from labs.invariants import GRACE, Find, Invariant, Seen, Violation

# An alert that was to be told has reached somebody's mail server within so long.
TOLD_WITHIN = timedelta(minutes=2)
# Within so long a critical alert tells the next people; the second after its last step.
_CRITICAL = 1
# Older attempts were looked at when they were young.
_NEWEST_ATTEMPTS = 2000


def gaps_of_the_rota(now: datetime) -> Iterator[str]:
    """What the on-call rota leaves open in the next 24 hours; nothing where nobody keeps one."""
    if not is_rota_kept():
        return
    found = coverage(begin=now, end=now + COVERED_AHEAD)
    for gap in found.gaps:
        yield f"names nobody from {gap.starts_at} to {gap.ends_at}"
    for duty in found.unreachable:
        yield f"names account {duty.person.pk}, who {duty.why}, from {duty.starts_at} to {duty.ends_at}"


COVERED_AHEAD = timedelta(hours=24)
# Every look at what is not covered ahead, in words.
Coverage = Callable[[datetime], Iterable[str]]
COVERAGE: list[Coverage] = [gaps_of_the_rota]

# Every look at how far apart two clocks are that should agree, and the name of the other one.
CLOCKS: list[tuple[str, Callable[[], timedelta]]] = [("the database's clock", clocks_apart)]


def steps_without_a_time(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Alerts nobody has acknowledged for which no next step is due, ever."""
    for alert in Alert.objects.needing_somebody().filter(next_step_at__isnull=True).order_by("pk"):
        yield Violation(about=f"alert {alert.ref}", words="waits for somebody, and nobody else is ever told")


def steps_past_due(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Alerts nobody has acknowledged whose next step was due more than a minute ago."""
    late = Alert.objects.needing_somebody().filter(next_step_at__lt=now - GRACE)
    for alert in late.order_by("pk"):
        yield Violation(
            about=f"alert {alert.ref}",
            words=f"should have told the next people on {alert.next_step_at:%Y-%m-%d %H:%M:%S} UTC",
        )


def critical_alerts_that_wait(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Critical alerts nobody has acknowledged whose next step lies further ahead than is allowed."""
    for alert in Alert.objects.needing_somebody().filter(severity=_CRITICAL).order_by("pk"):
        is_last = alert.step >= len(plan_from_data(alert.plan).steps)
        most = CRITICAL_AGAIN if is_last else CRITICAL_NEXT
        if alert.next_step_at is not None and alert.next_step_at - now > most:
            minutes = int(most.total_seconds() // 60)
            words = f"is critical, and nobody else is told within {minutes} minutes"
            yield Violation(about=f"alert {alert.ref}", words=words)


def mails_past_due(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Mails that should have been tried more than a minute ago and that nobody is sending."""
    late = Notification.objects.filter(state=NotificationState.PENDING, next_attempt_at__lt=now - GRACE)
    for mail in late.select_related("alert").order_by("pk"):
        yield Violation(
            about=f"notification {mail.pk} of alert {mail.alert.ref}", words="is due, and nobody sends it"
        )


def leases_run_out(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Mails whose sender never came back, and that nobody has taken over for a minute."""
    lost = Notification.objects.filter(state=NotificationState.LEASED, lease_until__lt=now - GRACE)
    for mail in lost.select_related("alert").order_by("pk"):
        yield Violation(
            about=f"notification {mail.pk} of alert {mail.alert.ref}",
            words="was being sent by somebody who never came back",
        )


def alerts_that_reached_nobody(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Alerts whose people were to be told two minutes ago, and none of whose mails any mail server has taken.

    Counted from when the alert was opened last: a mail of its earlier life tells nobody of what it is now.
    """
    opened = (
        AlertEvent.objects.filter(
            alert=OuterRef("pk"), kind__in=[EventKind.RAISED, EventKind.WORSENED, EventKind.REOPENED]
        )
        .order_by()
        .values("alert")
        .annotate(last=Max("at"))
        .values("last")
    )
    due = AlertEvent.objects.filter(
        alert=OuterRef("pk"),
        kind__in=[EventKind.STEP, EventKind.EMPTY_STEP],
        at__gte=OuterRef("opened_last"),
        at__lte=now - TOLD_WITHIN,
    )
    told = AlertEvent.objects.filter(
        alert=OuterRef("pk"), kind=EventKind.ACCEPTED, at__gte=OuterRef("opened_last")
    )
    alerts = Alert.objects.needing_somebody().for_people().filter(step__gt=0)
    untold = alerts.annotate(opened_last=Coalesce(Subquery(opened), F("raised_at"))).filter(
        Exists(due), ~Exists(told)
    )
    for alert in untold.order_by("pk"):
        yield Violation(
            about=f"alert {alert.ref}", words="has reached nobody's mail server for two minutes or more"
        )


def decisions_not_considered(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Decisions that nobody has considered for alerting within a minute."""
    left = Decision.objects.filter(triage__isnull=True, made_at__lt=now - GRACE).order_by("pk")
    for public_id in left.values_list("public_id", flat=True):
        yield Violation(
            about=f"decision {public_id}", words="was not considered for alerting within a minute"
        )


def reviews_past_due(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Decisions that were to be looked at again more than a minute ago."""
    late = Triage.objects.filter(outcome=Outcome.WAITING.value, review_at__lt=now - GRACE).order_by("pk")
    for public_id in late.values_list("decision__public_id", flat=True):
        yield Violation(about=f"decision {public_id}", words="was to be looked at again, and was not")


def verdicts_told_to_nobody(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Open courses whose standing decision withholds or changes treatment, and of which no alert ever told.

    Or whose alert was ended by the service although nobody had acknowledged it and the decision still stands.
    """
    origin = Triage.objects.filter(decision=OuterRef("origin"))
    closed_unseen = origin.filter(alert__state=State.CLOSED.value, alert__closed_at__lt=now - GRACE).filter(
        ~Exists(Acknowledgement.objects.filter(alert=OuterRef("alert"))),
        ~Exists(
            AlertEvent.objects.filter(alert=OuterRef("alert"), kind=EventKind.CLOSED, actor__isnull=False)
        ),
    )
    standing = (
        Decision.objects.filter(
            pk__in=Course.objects.open().real().values("current_decision"), made_at__lt=now - GRACE
        )
        .exclude(action="proceed")
        .annotate(origin=Coalesce("confirms", "pk"))
    )
    untold = standing.filter(Exists(origin.filter(outcome=Outcome.NONE.value)) | Exists(closed_unseen))
    for public_id, action in untold.order_by("pk").values_list("public_id", "action"):
        yield Violation(about=f"decision {public_id}", words=f"says {action}, and no alert stands for it")


def conditions_with_two_alerts(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Conditions for which more than one alert stands."""
    keys = Alert.objects.standing().order_by().values("condition_key").annotate(number=Count("pk"))
    for row in keys.filter(number__gt=1).order_by("condition_key"):
        yield Violation(
            about=f"condition {row['condition_key']}", words=f"has {row['number']} standing alerts"
        )


def sent_without_a_trace(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Attempts the mail server accepted of which the alert's own record does not tell; of the newest ones."""
    newest = DeliveryAttempt.objects.order_by("-pk").values_list("pk", flat=True)
    first = newest[_NEWEST_ATTEMPTS : _NEWEST_ATTEMPTS + 1]
    noted = AlertEvent.objects.annotate(
        mail=Cast(KeyTextTransform("notification", "detail"), IntegerField())
    ).filter(alert=OuterRef("notification__alert"), kind=EventKind.ACCEPTED, mail=OuterRef("notification"))
    attempts = DeliveryAttempt.objects.filter(outcome=AttemptOutcome.ACCEPTED).annotate(
        first=Coalesce(Subquery(first), 0)
    )
    for attempt in attempts.filter(~Exists(noted), pk__gt=F("first")).order_by("pk"):
        yield Violation(
            about=f"attempt {attempt.n} of notification {attempt.notification_id}",
            words="was accepted, and its alert's record does not say so",
        )


def hours_nobody_covers(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Stretches of the next 24 hours in which nobody who can be reached is on call."""
    for look in COVERAGE:
        for words in look(now):
            yield Violation(about="the rota", words=words)


def clocks_that_differ(now: datetime, seen: Seen) -> Iterator[Violation]:
    """A clock that one of our hosts does not agree with: one of the two was set wrong, or stepped."""
    limit = timedelta(seconds=policy().watch.clocks_apart_seconds)
    for name, look in CLOCKS:
        apart = look()
        if abs(apart) > limit:
            how = "ahead of" if apart > timedelta(0) else "behind"
            seconds = int(abs(apart).total_seconds())
            yield Violation(about=name, words=f"is {seconds} seconds {how} that of the host that asked")


def _of_alerts(name: str, sentence: str, find: Find, *, id: str = "I-17") -> DutyRule:
    rule = Invariant(id=id, sentence=sentence, of="alerts", count=Alert.objects.count, find=find)
    return DutyRule(name=name, rule=rule)


def _of_decisions(name: str, sentence: str, find: Find) -> DutyRule:
    rule = Invariant(id="I-17", sentence=sentence, of="triages", count=Triage.objects.count, find=find)
    return DutyRule(name=name, rule=rule)


DUTY: tuple[DutyRule, ...] = (
    _of_alerts(
        "step-without-time", "every alert that waits for somebody has a next step", steps_without_a_time
    ),
    _of_alerts("step-late", "no alert that nobody acknowledged is late with its next step", steps_past_due),
    _of_alerts("mail-late", "no mail that is due waits for longer than a minute", mails_past_due),
    _of_alerts("lease-lost", "no mail is left with a sender who never came back", leases_run_out),
    _of_alerts(
        "told-nobody",
        "every alert has reached somebody's mail server within two minutes",
        alerts_that_reached_nobody,
    ),
    _of_decisions(
        "decision-not-considered",
        "every decision is considered for alerting within a minute",
        decisions_not_considered,
    ),
    _of_decisions(
        "review-late", "what was to be looked at again was looked at within a minute", reviews_past_due
    ),
    _of_decisions(
        "verdict-untold",
        "of every standing verdict that withholds or changes treatment somebody was told",
        verdicts_told_to_nobody,
    ),
    _of_alerts("two-alerts", "no condition has two standing alerts", conditions_with_two_alerts, id="I-18"),
    _of_alerts(
        "sent-without-trace", "every mail that was sent stands in its alert's record", sent_without_a_trace
    ),
    _of_alerts(
        "coverage-gap",
        "somebody who can be reached is on call in every minute of the next 24 hours",
        hours_nobody_covers,
        id="I-19",
    ),
    _of_alerts("clocks-apart", "the database and the hosts agree what time it is", clocks_that_differ),
    _of_alerts(
        "critical-not-judged", "every critical value is found within a minute", critical_values_not_judged
    ),
    _of_decisions(
        "message-not-considered",
        "every message that waits or corrects a result is considered for alerting within a minute",
        messages_not_considered,
    ),
    _of_alerts(
        "rearm-late", "what nobody decided in time is opened again within a minute", rearmings_past_due
    ),
    _of_alerts("look-failed", "no look at the state of things fails again and again", looks_that_fail),
    _of_alerts(
        "critical-waits",
        "a critical alert that nobody acknowledged tells the next people soon",
        critical_alerts_that_wait,
    ),
    *OF_STAGES,
)
