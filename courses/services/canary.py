"""Open and end the course of a trial of the line, so that the real assessment judges a synthetic patient."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.library import protocol_ids, protocol_sha256
from courses.models import Course, CourseStatus, Cycle, PeritonealDisease
from courses.services.authority import Refused
from courses.services.protocols import is_usable
from labs.clinic_days import clinic_day
from labs.models import Patient
from labs.zones import clinic_zone


def start_canary_course(*, patient: Patient, by: User, now: datetime) -> Course:
    """A course of a synthetic patient with one cycle, planned today: what lacks is due, nothing is awaited.

    No right and no approval is asked, because nothing can come of it: the result it waits for forbids
    treatment, nobody signs, and every list leaves it out. Raises Refused for a patient who is somebody.
    """
    if not patient.is_canary:
        raise Refused("Only the synthetic patients of the trial of the line have such a course.")
    protocol_id = _protocol_in_use()
    with transaction.atomic():
        course = Course.objects.create(
            patient=patient,
            protocol_id=protocol_id,
            protocol_sha256=protocol_sha256(protocol_id),
            status=CourseStatus.PLANNED,
            peritoneal_disease=PeritonealDisease.UNKNOWN,
            started_at=now,
            started_by=by,
        )
        Cycle.objects.create(course=course, number=1, planned_on=clinic_day(now, clinic_zone()))
    return course


def end_canary_course(course: Course) -> None:
    """No sweep looks at it again."""
    Course.objects.filter(pk=course.pk, patient__is_canary=True).update(status=CourseStatus.COMPLETED)


def _protocol_in_use() -> str:
    """An approved protocol, for that is what patients are judged by; before one is approved, the first."""
    known = sorted(protocol_ids())
    return next((each for each in known if is_usable(each)), known[0])
