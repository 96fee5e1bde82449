"""Celery's thin doors to the alert services: ids in, one service, nothing kept."""

from celery import shared_task

from alerts.services import dispatch, escalation, heartbeat, triage, watching


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def triage_decisions(decision_ids: list[int] | None = None) -> None:
    """Triage these decisions, or everything that waits, and send what follows at once."""
    try:
        triage.triage(ids=decision_ids)
    finally:
        dispatch.dispatch_due()


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def run_due_steps() -> None:
    """Take every step that is due, and send what follows at once: the next tick would be ten seconds late."""
    moved = escalation.run_due_steps()
    if moved:
        dispatch.dispatch_due()


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def dispatch_due() -> None:
    """Send every mail that is due."""
    dispatch.dispatch_due()


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def watch() -> None:
    """Look for silence, age and drift, and move the hourly trial on."""
    watching.watch()


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def beat_heartbeat() -> None:
    """Say, from inside a worker, that beat, broker and worker are alive."""
    heartbeat.beat(name=heartbeat.CELERY)
