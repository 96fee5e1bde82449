"""Celery's thin doors to the assessment services."""

from celery import shared_task

from courses.services import assess


@shared_task(acks_late=True, ignore_result=True)
def assess_courses(course_ids: list[int]) -> None:
    """Assess these courses, one transaction each."""
    assess.assess_courses(course_ids)


@shared_task(acks_late=True, ignore_result=True)
def sweep_courses() -> None:
    """Assess every open course: the cure for anything a nudge has missed."""
    assess.sweep_courses()
