"""Whether a course is the one that the same person started a moment ago, by a second press of the button."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User

from courses.fact_kinds import LastingFlag
from courses.models import Administration, ChartFact, Course
from courses.services.authority import stated
from courses.services.same_act import is_just_now
from courses.services.same_form import plain_data
from courses.services.starting import StartRequest, answers_in_words


def just_begun(wanted: StartRequest, *, by: User) -> Course | None:
    """The open course that this person has just started on exactly these answers."""
    mine = Course.objects.open().filter(
        patient=wanted.patient,
        started_by=by,
        protocol_id=wanted.protocol_id,
        peritoneal_disease=wanted.peritoneal_disease,
    )
    course = mine.select_related("start").first()
    if course is None or not is_just_now(course.started_at) or not hasattr(course, "start"):
        return None
    next_on = course.cycles.filter(administration__isnull=True).order_by("number").first()
    if wanted.first_planned_on is not None and (
        next_on is None or next_on.planned_on != wanted.first_planned_on
    ):
        return None
    given = [
        (each.administered_on, each.administered_gbq, each.elsewhere)
        for each in Administration.objects.filter(cycle__course=course).order_by("cycle__number")
    ]
    told = [(each.on, each.administered_gbq, stated(each.hospital)) for each in wanted.earlier]
    is_same = given == told and course.start.answers == dict(answers_in_words(wanted)[0])
    return course if is_same and _said_with(course) == _said_in(wanted) else None


def _said_with(course: Course) -> list[dict[str, Any]]:
    """What was recorded of the patient as the course was started, without its day."""
    rows = ChartFact.objects.filter(patient=course.patient_id, recorded_at=course.started_at)
    return [{**row.data, "on": ""} for row in rows.order_by("pk") if row.data]


def _said_in(wanted: StartRequest) -> list[dict[str, Any]]:
    """What the form says of the patient, in the order in which it is recorded, without its day."""
    flags = (
        (LastingFlag.DIALYSIS, wanted.dialysis),
        (LastingFlag.ANTICOAGULATED, wanted.anticoagulated),
        (LastingFlag.NYHA_CLASS, wanted.nyha_class),
    )
    said: list[Mapping[str, Any]] = [
        {"flag": flag.value, "value": value} for flag, value in flags if value is not None
    ]
    said += wanted.prior
    said += [wanted.imaging] if wanted.imaging is not None else []
    return [{**plain_data(each), "on": ""} for each in said]
