"""What the stages before alerts have to do: a message nobody read, a course whose evidence nobody judged."""

from datetime import datetime
from decimal import Decimal

from courses.library import protocol_sha256
from courses.models import Course
from courses.services.assess import assess_course
from labs.clinic_days import clinic_day
from labs.models import BodyWeight, LabMessage, Patient
from labs.zones import clinic_zone
from tests.builders_alerts import PROTOCOL, make_course


def make_unread_message(*, at: datetime) -> LabMessage:
    """A message that was acknowledged and not read yet; no two have the same bytes."""
    body = f"MSH|{LabMessage.objects.count()}".encode()
    return LabMessage.objects.create(
        door="mllp", sha256="0" * 64, control_id=str(body), body=body, received_at=at
    )


def make_course_that_follows(*, at: datetime) -> Course:
    """An open course that follows the shipped protocol file, begun and judged at an instant."""
    course = make_course()
    Course.objects.filter(pk=course.pk).update(protocol_sha256=protocol_sha256(PROTOCOL), started_at=at)
    assess_course(course_id=course.pk, now=at)
    course.refresh_from_db()
    return course


def weigh(course: Course, *, at: datetime, patient: Patient | None = None) -> None:
    """A body weight as a person records it, which no decision rests on yet; under another number if named."""
    BodyWeight.objects.create(
        patient=patient or course.patient,
        measured_on=clinic_day(at, clinic_zone()),
        kg=Decimal("71.5"),
        recorded_at=at,
        recorded_by="nurse",
    )
