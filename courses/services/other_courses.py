"""Ask whether another course of the same person stands in the way of giving; nothing is written here."""

from datetime import date

from django.db.models import Max

from courses.library import UnknownProtocol, protocol
from courses.models import Administration, Course, CourseStatus
from labs.clinic_days import days_between
from labs.same_person import numbers_of

_OPEN = (CourseStatus.PLANNED.value, CourseStatus.ACTIVE.value)


def in_the_way(course: Course, *, on: date) -> str:
    """Why nothing is given in this course on a day because of another course of the person; empty if nothing.

    One number has one open course; two numbers that turn out to be one person may have two, or a stop.
    """
    others = Course.objects.filter(patient__in=numbers_of(course.patient_id)).exclude(pk=course.pk)
    states = set(others.values_list("status", flat=True))
    if CourseStatus.STOPPED.value in states:
        return (
            "A physician signed a stop in another course of this person: two physicians rescind it first, "
            "or nothing more is given."
        )
    if states.intersection(_OPEN):
        return "Another course of this person is open under another number: stop or complete one of the two."
    return too_close(course, on=on) if states else ""


def too_close(course: Course, *, on: date) -> str:
    """Whether a cycle of another course was given less than the protocol's shortest interval before."""
    given = Administration.objects.filter(cycle__course__patient__in=numbers_of(course.patient_id))
    last = given.exclude(cycle__course=course).aggregate(last=Max("administered_on"))["last"]
    try:
        least = protocol(course.protocol_id).schedule.window_first_day
    except UnknownProtocol:
        return ""
    if last is None or days_between(last, on) >= least:
        return ""
    return (
        f"A cycle of another course of this person was given on {last.isoformat()}; the protocol waits "
        f"{least} days. Plan this one for a later day."
    )
