"""Lock a course, and find the cycle it is about."""

from courses.models import Course, Cycle


def locked_open_course(course_id: int) -> Course | None:
    """The course with its row locked.

    Without joins: after waiting for the lock PostgreSQL would pair the new course row with the decision that
    stood before, and lose it. The related rows are read afterwards, under the lock.
    """
    return Course.objects.open().select_for_update().filter(pk=course_id).first()


def next_cycle(course: Course) -> Cycle | None:
    """The first cycle that has not been given."""
    return Cycle.objects.filter(course=course, administration__isnull=True).order_by("number").first()
