"""Try the whole line every 15 minutes with a synthetic result, and say at which stage a trial broke."""

import logging
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.db.models import Q

from alerts.library import policy
from alerts.models import Acknowledgement, Alert, CanaryRun, Notification, Triage
from alerts.models.canary import CanaryOutcome
from alerts.models.notification import NotificationState
from alerts.rules import Kind
from alerts.services import canary_robot
from alerts.services.raising import close
from alerts.watch_rules import Stage, has_run_out, is_due, stages
from courses.models import Decision
from courses.services.canary import end_canary_course, start_canary_course
from labs.clock import database_now
from labs.mllp_client import ClientTls, send
from labs.models import LabMessage, MessageOutcome, Observation
from labs.services.canary_lab import (
    CANARY_SENDER,
    canary_body,
    canary_control_id,
    make_canary_patient,
)

log = logging.getLogger(__name__)

USERNAME = "canary"
ROLE = "canary"
# Where nobody named a mailbox the outbox row still needs an address; no mail ever leaves for it.
NO_MAILBOX = "canary@mailbox.invalid"
_ANSWER_SECONDS = 5
# A visit of the pages takes a few seconds at most; then somebody else may try.
_ANSWER_AGAIN = timedelta(seconds=60)
_TLS_REMEDY = "If it speaks TLS, see CANARY_TLS_CA and the settings beside it."


def run_canary(*, now: datetime) -> int:
    """Begin the trial that is due and move the one that is under way; how many ended.

    Nothing at all where CANARY is off, except that a trial somebody began by hand is moved on.
    """
    run = CanaryRun.objects.filter(outcome=CanaryOutcome.RUNNING).first()
    if run is None and settings.CANARY:
        newest = CanaryRun.objects.order_by("-pk").values_list("started_at", flat=True).first()
        if is_due(last_started=newest, now=now, limits=policy().watch):
            run = begin_canary(now=now)
    return int(run is not None and advance_canary(run_id=run.pk, now=now))


def begin_canary(*, now: datetime) -> CanaryRun:
    """Begin a trial; where one is under way, that one."""
    try:
        with transaction.atomic():
            _mailbox()
            patient = make_canary_patient(now=now)
            return CanaryRun.objects.create(
                patient=patient, mailbox=bool(settings.CANARY_MAILBOX), started_at=now
            )
    except IntegrityError:
        # Somebody else began one in the same moment: the database allows one at a time.
        return CanaryRun.objects.get(outcome=CanaryOutcome.RUNNING)


def _mailbox() -> User:
    """The account that stands for the mailbox: no password, one role, the right to answer a trial's alert."""
    address = settings.CANARY_MAILBOX or NO_MAILBOX
    account, is_new = User.objects.get_or_create(username=USERNAME, defaults={"email": address})
    if is_new:
        account.set_unusable_password()
    if is_new or account.email != address or not account.is_active:
        account.email, account.is_active = address, True
        account.save()
    account.groups.set(Group.objects.filter(name=ROLE))
    return account


def advance_canary(*, run_id: int, now: datetime) -> bool:
    """Send what has not been acknowledged, note what has been reached, and end the trial; whether it ended.

    Safe to run any number of times at once: the same bytes are stored once, and a row that another runner
    holds is left to it.
    """
    run = CanaryRun.objects.select_related("patient").get(pk=run_id)
    if run.outcome == CanaryOutcome.RUNNING and run.acknowledged_at is None:
        _send(run, now=now)
    is_over, missing = _move_on(run_id, now=now)
    if missing is Stage.ANSWERED and _takes_answer(run_id, now=now):
        _answer(run_id)
        is_over, _ = _move_on(run_id, now=now)
    return is_over


def _move_on(run_id: int, *, now: datetime) -> tuple[bool, Stage | None]:
    """Note what has been reached; whether that ended the trial, and what it waits for where it goes on."""
    with transaction.atomic():
        held = CanaryRun.objects.select_for_update(no_key=True, skip_locked=True).filter(
            pk=run_id, outcome=CanaryOutcome.RUNNING
        )
        locked = held.first()
        if locked is None:
            return False, None
        fault = _note_reached(locked, now=now)
        missing = next((stage for stage in _wanted(locked) if _reached(locked, stage) is None), None)
        if missing is None:
            _end(locked, outcome=CanaryOutcome.PASSED, now=now)
        elif fault or has_run_out(started=locked.started_at, now=now, limits=policy().watch):
            locked.broken_stage = missing.value
            locked.reason = fault or locked.reason or "It was not reached in time."
            _end(locked, outcome=CanaryOutcome.BROKEN, now=now)
        locked.save()
    return locked.outcome != CanaryOutcome.RUNNING, missing


def _takes_answer(run_id: int, *, now: datetime) -> bool:
    """Whether it is ours to answer the alert; two robots would take each other's password away."""
    free = Q(answer_tried_at__isnull=True) | Q(answer_tried_at__lte=now - _ANSWER_AGAIN)
    running = CanaryRun.objects.filter(pk=run_id, outcome=CanaryOutcome.RUNNING)
    return bool(running.filter(free).update(answer_tried_at=now))


def _answer(run_id: int) -> None:
    """Acknowledge the alert through its page, outside any transaction; keep why that failed."""
    alert = Alert.objects.needing_somebody().filter(course__canary_run=run_id, kind=Kind.CANARY.value).first()
    if alert is None:
        return
    try:
        canary_robot.answer(alert=alert, username=USERNAME)
    except canary_robot.NotAnswered as fault:
        reason = str(fault)
    except OSError as error:
        reason = f"The web pages could not be reached ({type(error).__name__}). See SITE_URL and CANARY_WEB."
    else:
        return
    CanaryRun.objects.filter(pk=run_id, outcome=CanaryOutcome.RUNNING).update(reason=reason)


def _wanted(run: CanaryRun) -> tuple[Stage, ...]:
    return stages(mailbox=run.mailbox)


def _reached(run: CanaryRun, stage: Stage) -> datetime | None:
    found: datetime | None = getattr(run, f"{stage.value}_at")
    return found


def reached(run: CanaryRun) -> Iterator[tuple[Stage, datetime | None]]:
    """Each stage the trial must pass, and when it did."""
    for stage in _wanted(run):
        yield stage, _reached(run, stage)


def _send(run: CanaryRun, *, now: datetime) -> None:
    """Hand the message to the listener's socket, outside any transaction, and keep how it answered."""
    body = canary_body(patient=run.patient, now=run.started_at)
    host, port = settings.CANARY_MLLP
    tls = ClientTls(**settings.CANARY_TLS) if settings.CANARY_TLS else None
    changes: dict[str, datetime | str]
    try:
        answer = send(host=host, port=port, body=body, seconds=_ANSWER_SECONDS, tls=tls)
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or type(error).__name__
        changes = {"reason": f"TLS with the listener failed ({why}). {_TLS_REMEDY}"}
    except ConnectionResetError:
        changes = {"reason": f"The listener ended the connection. {_TLS_REMEDY}"}
    except OSError as error:
        changes = {"reason": f"The listener could not be reached ({type(error).__name__})."}
    else:
        changes = {"sent_at": run.sent_at or now, "reason": _refusal(answer)}
        if not changes["reason"]:
            changes["acknowledged_at"] = database_now()  # sending took its time
    CanaryRun.objects.filter(pk=run.pk, outcome=CanaryOutcome.RUNNING, acknowledged_at__isnull=True).update(
        **changes
    )


def _refusal(answer: bytes) -> str:
    """Why an answer is no acknowledgement; empty where it is one."""
    if b"\rMSA|AA|" in answer or b"\rMSA|CA|" in answer:
        return ""
    if answer:
        return "The listener refused the message."
    return f"The listener closed without an answer. {_TLS_REMEDY}"


def _note_reached(run: CanaryRun, *, now: datetime) -> str:
    """Write down the instants that the rows of each stage show; a fault that no waiting mends, in words."""
    message = LabMessage.objects.filter(
        sender=CANARY_SENDER, control_id=canary_control_id(run.patient)
    ).first()
    outcome = MessageOutcome.objects.filter(message=message).first() if message else None
    if outcome is None:
        return ""
    observation = Observation.objects.filter(message=message, patient=run.patient_id).first()
    if observation is None:
        why = outcome.reason_code or outcome.state
        return f"The message was taken in, but its result was not stored ({why})."
    run.read_at = outcome.at
    if run.course is None:
        by = User.objects.get(username=USERNAME)
        run.course = start_canary_course(patient=run.patient, by=by, now=now)
    _note_judged(run, observation)
    return ""


def _note_judged(run: CanaryRun, observation: Observation) -> None:
    """From the decision that names the value, through its alert, to the mail and its answer."""
    decisions = Decision.objects.filter(course=run.course_id).order_by("pk")
    judged = next((each for each in decisions if _names(each, observation)), None)
    if judged is None:
        return
    run.assessed_at = judged.made_at
    triage = Triage.objects.filter(decision=judged).first()
    if triage is None or triage.alert_id is None:
        return
    run.triaged_at = triage.triaged_at
    mails = Notification.objects.filter(alert=triage.alert_id).order_by("pk")
    first = mails.first()
    if first is None:
        return
    run.queued_at = first.message_date
    sent = mails.filter(state=NotificationState.ACCEPTED).first()
    run.mailed_at = sent.ended_at if sent else None
    answer = Acknowledgement.objects.filter(alert=triage.alert_id).order_by("pk").first()
    run.answered_at = answer.at if answer else None


def _names(decision: Decision, observation: Observation) -> bool:
    """Whether a reason against treatment rests on this very result: a decision that overlooks it is none."""
    return any(
        evidence.get("ref") == str(observation.public_id)
        for reason in decision.answer.get("reasons", [])
        if reason.get("action") != "proceed"
        for evidence in reason.get("evidence", [])
    )


def _end(run: CanaryRun, *, outcome: CanaryOutcome, now: datetime) -> None:
    """The trial is over: its course is assessed no more, its alert tells nobody any more."""
    run.outcome, run.ended_at = outcome, now
    if run.course is not None:
        end_canary_course(run.course)
        standing = Alert.objects.standing().select_for_update(no_key=True).filter(course=run.course)
        for alert in standing.filter(kind=Kind.CANARY.value):
            close(alert, why="the trial is over", now=now)
    if outcome is CanaryOutcome.BROKEN:
        log.error("Trial %s of the line broke before %r: %s", run.pk, run.broken_stage, run.reason)
