"""Ask whether another course of the same person stands in the way of giving; nothing is written here."""

from datetime import date

from django.db.models import Max

from courses.library import UnknownProtocol, protocol
from courses.models import Administration, Course, CourseStatus, Infusion
from labs.clinic_days import clinic_day, days_between
from labs.same_person import numbers_of
from labs.zones import clinic_zone

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
    """Whether anything was given in another course less than the protocol's shortest interval before."""
    last, what = _last_treatment(course)
    try:
        least = protocol(course.protocol_id).schedule.window_first_day
    except UnknownProtocol:
        return ""
    if last is None or days_between(last, on) >= least:
        return ""
    return (
        f"{what} of another course of this person was given on {last.isoformat()}; the protocol waits "
        f"{least} days. Plan this one for a later day."
    )


def _last_treatment(course: Course) -> tuple[date | None, str]:
    """The day on which the person was treated last in another course, and with what."""
    others = Course.objects.filter(patient__in=numbers_of(course.patient_id)).exclude(pk=course.pk)
    given = Administration.objects.filter(cycle__course__in=others).aggregate(last=Max("administered_on"))
    last: date | None = given["last"]
    infused = (
        Infusion.objects.reached().filter(cycle__course__in=others).select_related("cycle__administration")
    )
    newest = infused.order_by("-started_at", "-pk").first()
    if newest is not None:
        day = clinic_day(newest.started_at, clinic_zone())
        if last is None or day > last:
            return day, "A cycle" if hasattr(newest.cycle, "administration") else "A part of a cycle"
    return last, "A cycle"
