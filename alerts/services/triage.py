"""Consider every decision, and every message kept apart, once; look again when time has made it ripe."""

import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from alerts.models import Alert, Triage
from alerts.rules import ActingRule, Judged, Kind, Outcome, Triaged, alerts_for
from alerts.services.cause_gone import clear_others
from alerts.services.corrections import changed_results
from alerts.services.critical_values import judge_critical_values
from alerts.services.deadlines import cycle_is_near
from alerts.services.escalation import take_due_step
from alerts.services.message_queue import messages_read_again, messages_waiting
from alerts.services.raising import Subject, raise_alert, withdraw_mails
from courses.models import Course, CourseStatus, Decision
from labs.clinic_days import add_days, clinic_day, start_of_day
from labs.clock import database_now
from labs.models import LabMessage, MessageOutcome, QuarantinedResult
from labs.services.canary_lab import CANARY_SENDER

log = logging.getLogger(__name__)

LIMIT = 500


class TriageFailed(Exception):
    """Some rows could not be considered; the others were. They are tried again on the next pass."""


def triage(*, ids: Iterable[int] | None = None) -> int:
    """Triage these decisions; without ids all that waits, messages too. Raises TriageFailed.

    Critical values are told as well, whatever became of the decisions.
    """
    now = database_now()
    with ExitStack() as in_any_case:
        if ids is None:
            in_any_case.callback(triage_quarantine, now=now)
        in_any_case.callback(judge_critical_values, now=now)
        return triage_decisions(now=now, ids=ids)


def triage_decisions(
    *,
    now: datetime | None = None,
    ids: Iterable[int] | None = None,
    limit: int = LIMIT,
    older_than: timedelta | None = None,
) -> int:
    """Triage decisions that have none yet, and those whose day to look again has come; return how many.

    `ids` narrows the work to the courses of these decisions: their decisions are taken in order, so that none
    is judged before the one it follows. One transaction each. Raises TriageFailed after the rest is done.
    """
    now = now or database_now()
    before = now - (older_than or timedelta(0))
    untriaged = Decision.objects.filter(triage__isnull=True, made_at__lte=before)
    ripe = Triage.objects.filter(outcome=Outcome.WAITING.value, review_at__lte=before)
    if ids is not None:
        courses = list(Decision.objects.filter(pk__in=list(ids)).values_list("course", flat=True))
        untriaged = untriaged.filter(course__in=courses)
        ripe = ripe.filter(decision__course__in=courses)
    triaged = reviewed = 0
    try:
        triaged = _each(
            untriaged.order_by("pk").values_list("pk", flat=True)[:limit], _triage_decision, now=now
        )
    finally:
        # A decision that cannot be triaged must not keep overdue labs from being noticed.
        reviewed = _each(ripe.order_by("review_at").values_list("pk", flat=True)[:limit], _review, now=now)
    return triaged + reviewed


def triage_quarantine(
    *, now: datetime | None = None, limit: int = LIMIT, older_than: timedelta | None = None
) -> int:
    """Triage messages of which something waits for a person, or that changed a result; return how many.

    What waited and changes a result once it is read again is told then. Raises TriageFailed.
    """
    now = now or database_now()
    before = now - (older_than or timedelta(0))
    waiting, again = messages_waiting(before=before), messages_read_again(before=before)
    triaged = retold = 0
    try:
        triaged = _each(waiting.order_by("pk").values_list("pk", flat=True)[:limit], _triage_message, now=now)
    finally:
        retold = _each(again.order_by("pk").values_list("pk", flat=True)[:limit], _tell_again, now=now)
    return triaged + retold


def _each(ids: Iterable[int], consider: Callable[..., bool], *, now: datetime) -> int:
    """Consider each row in its own transaction; one that fails keeps no other waiting."""
    done = 0
    failed = []
    for row_id in list(ids):
        try:
            with transaction.atomic():
                done += consider(row_id, now=now)
        except Exception:
            # Whatever is wrong with one row, the alerts of the others must go out; raised again below.
            log.exception("%s failed for row %s.", consider.__name__, row_id)
            failed.append(row_id)
    if failed:
        raise TriageFailed(f"{len(failed)} of {len(failed) + done} rows could not be triaged: {failed[:20]}")
    return done


def _triage_decision(decision_id: int, *, now: datetime) -> bool:
    """One decision: what it asks for, and what it ends."""
    # The course row is the lock: two runners cannot consider one course's decisions at once.
    course = (
        Course.objects.select_for_update(no_key=True, of=("self",))
        .select_related("patient")
        .get(decisions=decision_id)
    )
    if Triage.objects.filter(decision=decision_id).exists():
        return False
    decision = Decision.objects.select_related("cycle").get(pk=decision_id)
    if course.patient.is_canary and course.status == CourseStatus.COMPLETED:
        found = Triaged(outcome=Outcome.NONE, reason="The trial that this belonged to is over.")
    elif _is_overtaken(decision):
        found = Triaged(outcome=Outcome.NONE, reason="A newer decision was considered before this one.")
    else:
        found = alerts_for(_judged(decision, confirms=decision.confirms_id is not None, today=_today(now)))
        if decision.confirms_id is None:
            _let_go_of_earlier(course, decision, now=now)
            # Before the new alert: raising it may reach for the alarm, and alarms are locked last.
            clear_others(course=course, keep=_condition_key(found, decision), now=now)
        else:
            _follow(decision)
    alert = _raise(found, course=course, decision=decision, now=now)
    Triage.objects.create(decision=decision, **_columns(found, alert=alert, now=now))
    return True


def _is_overtaken(decision: Decision) -> bool:
    """Whether a later verdict on the course was considered already: what that one said stands."""
    return Triage.objects.filter(
        decision__course=decision.course_id, decision__gt=decision.pk, decision__confirms__isnull=True
    ).exists()


def _review(triage_id: int, *, now: datetime) -> bool:
    """One decision that waited for labs: its day has come."""
    course = (
        Course.objects.select_for_update(no_key=True, of=("self",))
        .select_related("patient")
        .get(decisions__triage=triage_id)
    )
    waiting = Triage.objects.select_related("decision").get(pk=triage_id)
    if waiting.outcome != Outcome.WAITING or waiting.decision is None:
        return False
    newest = (
        Decision.objects.select_related("cycle")
        .filter(Q(pk=waiting.decision.pk) | Q(confirms=waiting.decision))
        .latest("pk")
    )
    if not Course.objects.open().filter(pk=course.pk).exists():
        found = Triaged(outcome=Outcome.NONE, reason="The course is over; no labs are waited for.")
    elif course.decisions.filter(pk__gt=waiting.decision.pk, confirms__isnull=True).exists():
        found = Triaged(outcome=Outcome.NONE, reason="A newer decision has taken its place.")
    else:
        found = alerts_for(_judged(newest, confirms=False, today=_today(now)))
    alert = _raise(found, course=course, decision=newest, now=now)
    Triage.objects.filter(pk=waiting.pk).update(**_columns(found, alert=alert, now=now))
    return True


def _triage_message(outcome_id: int, *, now: datetime) -> bool:
    """One message of which something waits for a person, or that changed what somebody signed on."""
    outcome = (
        MessageOutcome.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("message")
        .filter(pk=outcome_id, triage__isnull=True)
        .first()
    )
    if outcome is None:
        return False
    kept = outcome.state in (MessageOutcome.State.QUARANTINED, MessageOutcome.State.REJECTED)
    message = outcome.message
    told = None if message.sender == CANARY_SENDER else _tell_of_changes(message, now=now)
    resolved = not kept and not message.quarantined.filter(state=QuarantinedResult.State.OPEN).exists()
    if message.sender == CANARY_SENDER:
        found = Triaged(
            outcome=Outcome.NONE, reason="Of the trial of the line, which tells its faults itself."
        )
    elif resolved and told is not None:
        changed = Triaged(outcome=Outcome.ALERT, reason="A value that somebody signed on has changed.")
        Triage.objects.create(message_outcome=outcome, **_columns(changed, alert=told, now=now))
        return True
    elif resolved:
        found = Triaged(outcome=Outcome.NONE, reason="Everything kept apart was resolved before.")
    else:
        found = Triaged(
            outcome=Outcome.ALERT,
            reason="Something of this message waits for a person.",
            kind=Kind.LAB_QUARANTINE,
        )
    alert = None
    if found.kind is not None:
        alert = raise_alert(
            kind=found.kind,
            condition_key=f"{found.kind.value}:{_source(message)}"[:200],
            subject=Subject(message=message),
            now=now,
        )
        take_due_step(alert, now=now)
    Triage.objects.create(message_outcome=outcome, **_columns(found, alert=alert, now=now))
    return True


def _tell_again(outcome_id: int, *, now: datetime) -> bool:
    """A message that was considered, and of which people have had more read since."""
    outcome = (
        MessageOutcome.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("message")
        .filter(pk=outcome_id, triage__triaged_at__lt=now)
        .first()
    )
    if outcome is None:
        return False
    _tell_of_changes(outcome.message, now=now)
    Triage.objects.filter(message_outcome=outcome).update(triaged_at=now)
    return True


def _tell_of_changes(message: LabMessage, *, now: datetime) -> Alert | None:
    """An alert for each course and result that a message changed after somebody had signed on it."""
    alert = None
    for change in changed_results(message):
        course = Course.objects.select_for_update(no_key=True, of=("self",)).get(pk=change.decision.course_id)
        alert = raise_alert(
            kind=Kind.RESULT_CHANGED,
            condition_key=f"{Kind.RESULT_CHANGED.value}:course-{course.pk}:result-{change.result.pk}",
            subject=Subject(
                course=course, cycle=change.decision.cycle, decision=change.decision, message=message
            ),
            now=now,
        )
        take_due_step(alert, now=now)
    return alert


def _raise(found: Triaged, *, course: Course, decision: Decision, now: datetime) -> Alert | None:
    """The alert that a decision asks for, with its first step taken in the same commit."""
    if found.kind is None:
        return None
    canary = course.patient.is_canary
    alert = raise_alert(
        kind=Kind.CANARY if canary else found.kind,
        condition_key=_condition_key(found, decision),
        subject=Subject(course=course, cycle=decision.cycle, decision=decision),
        now=now,
        worse=cycle_is_near(decision.cycle, now=now),
    )
    take_due_step(alert, now=now)
    if canary and not settings.CANARY_MAILBOX:
        # In the same commit: no runner ever finds a mail that has nowhere to go.
        withdraw_mails(alert, now=now)
    return alert


def _condition_key(found: Triaged, decision: Decision) -> str:
    """What makes two decisions ask for the same alert; empty when none is asked for."""
    if found.kind is None:
        return ""
    return f"{found.kind.value}:course-{decision.course_id}:cycle-{decision.cycle_id}:{found.rule}"[:200]


def _judged(decision: Decision, *, confirms: bool, today: date) -> Judged:
    """The plain facts of a decision that triage goes by."""
    return Judged(
        action=decision.action,
        awaiting_labs=decision.awaiting_labs,
        labs_due=decision.labs_due,
        reasons=tuple(
            ActingRule(rule=str(reason["rule"]), action=str(reason["action"]))
            for reason in decision.answer.get("reasons", [])
        ),
        today=today,
        confirms=confirms,
        only_draws=all(gap.get("due_on") for gap in decision.answer.get("missing", [])),
    )


def _follow(decision: Decision) -> None:
    """A decision that confirms one still waited on may move the day its labs are due."""
    if decision.labs_due is not None:
        Triage.objects.filter(decision=decision.confirms_id, outcome=Outcome.WAITING.value).update(
            review_at=start_of_day(add_days(decision.labs_due, 1), _zone()),
            reason=f"Waiting for labs due by {decision.labs_due.isoformat()}.",
        )


def _let_go_of_earlier(course: Course, decision: Decision, *, now: datetime) -> None:
    """Earlier decisions of the course wait for nothing any more: a new verdict stands."""
    Triage.objects.filter(
        decision__course=course, decision__lt=decision.pk, outcome=Outcome.WAITING.value
    ).update(
        outcome=Outcome.NONE.value,
        reason="A newer decision has taken its place.",
        review_at=None,
        triaged_at=now,
    )


def _columns(found: Triaged, *, alert: Alert | None, now: datetime) -> dict[str, object]:
    """A triage's columns for what was found."""
    return {
        "outcome": found.outcome.value,
        "reason": found.reason,
        "alert": alert,
        "review_at": start_of_day(found.review_on, _zone()) if found.review_on else None,
        "triaged_at": now,
    }


def _source(message: LabMessage) -> str:
    """What names the place a message came from; one alert stands for each."""
    return message.sender or f"{message.msh3}/{message.msh4}".strip("/") or message.door


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.CLINIC_TIME_ZONE)


def _today(now: datetime) -> date:
    return clinic_day(now, _zone())
