"""The one file that connects "something was recorded" in one app to the next stage's task."""

import logging
from typing import Any

from django.dispatch import receiver
from kombu.exceptions import OperationalError

from alerts.signals import mails_owed
from courses.services.assess import course_ids_of_patients
from courses.signals import decision_recorded
from labs.signals import evidence_changed, message_kept
from prrt_clinic.celery import app

log = logging.getLogger(__name__)
CHUNK = 500  # ids per task; a task costs far more than an id
STALE_AFTER_SECONDS = 60  # by then the sweep has done it


@receiver(message_kept, dispatch_uid="nudge.read_messages")
def read_messages(*, message_ids: list[int], **_: Any) -> None:
    """Raw messages were kept: read them."""
    _nudge("labs.tasks.read_messages", message_ids)


@receiver(evidence_changed, dispatch_uid="nudge.assess_courses")
def assess_courses(*, patient_ids: list[int], **_: Any) -> None:
    """Patients have new or other results: assess their open courses."""
    _nudge("courses.tasks.assess_courses", course_ids_of_patients(patient_ids))


@receiver(decision_recorded, dispatch_uid="nudge.triage_decisions")
def triage_decisions(*, decision_ids: list[int], **_: Any) -> None:
    """Decisions were recorded: see who must know."""
    _nudge("alerts.tasks.triage_decisions", decision_ids)


@receiver(mails_owed, dispatch_uid="nudge.dispatch_due")
def dispatch_due(**_: Any) -> None:
    """A person's act owes mails: send what is due."""
    _ask("alerts.tasks.dispatch_due", [[]])


def _nudge(task: str, ids: list[int]) -> None:
    """Ask for speed, so many ids at a time."""
    _ask(task, [[ids[start : start + CHUNK]] for start in range(0, len(ids), CHUNK)])


def _ask(task: str, calls: list[list[Any]]) -> None:
    """Not getting it costs seconds, because the sweep and the runner find the same work."""
    for arguments in calls:
        try:
            app.send_task(task, args=arguments, expires=STALE_AFTER_SECONDS)
        except (OperationalError, OSError) as error:
            log.warning("No nudge for %s: the broker did not take it (%s).", task, type(error).__name__)
            return
