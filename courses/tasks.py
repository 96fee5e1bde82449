"""Celery's thin doors to the services: assess courses, tell webhooks."""

from celery import shared_task

from courses.services import assess, webhooks


@shared_task(acks_late=True, ignore_result=True)
def assess_courses(course_ids: list[int]) -> None:
    """Assess these courses, one transaction each."""
    assess.assess_courses(course_ids)


@shared_task(acks_late=True, ignore_result=True)
def sweep_courses() -> None:
    """Assess every open course: the cure for anything a nudge has missed."""
    assess.sweep_courses()


@shared_task(acks_late=True, ignore_result=True)
def send_webhooks() -> None:
    """Make every call that is due."""
    webhooks.send_webhooks()
