"""Celery's thin doors to the alert services: ids in, one service, nothing kept."""

from celery import shared_task

from alerts.services import dispatch, escalation, heartbeat, rearming, triage, watching
from labs.clock import database_now


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def triage_decisions(decision_ids: list[int] | None = None) -> None:
    """Triage these decisions, or everything that waits, and send what follows at once."""
    try:
        triage.triage(ids=decision_ids)
    finally:
        dispatch.dispatch_due()


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def run_due_steps() -> None:
    """Open again what nobody decided in time, take every step that is due, and send what follows at once.

    The next tick of the sender would be ten seconds late.
    """
    moved = 0
    try:
        rearming.rearm_due(now=database_now())
    finally:
        moved = escalation.run_due_steps()
    if moved:
        dispatch.dispatch_due()


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def dispatch_due() -> None:
    """Send every mail that is due."""
    dispatch.dispatch_due()


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def watch() -> None:
    """Look for silence, age and drift, at the second runner, and move the trial of the line on."""
    heartbeat.beat(name=heartbeat.CELERY)  # that this runs is a sign of life: nobody misses themselves
    watching.watch()


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def beat_heartbeat(name: str = heartbeat.CELERY) -> None:
    """Say, from inside a worker, that beat, broker and the worker of this queue are alive."""
    heartbeat.beat(name=name)
