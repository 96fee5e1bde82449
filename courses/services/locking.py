"""Lock a course, and find the cycle it is about."""

from django.db.models import BigIntegerField, Case, OuterRef, Subquery, When
from django.db.models.functions import Coalesce

from courses.models import Course, Cycle, Directive


def locked_open_course(course_id: int) -> Course | None:
    """The course with its row locked.

    Without joins: after waiting for the lock PostgreSQL would pair the new course row with the decision that
    stood before, and lose it. The related rows are read afterwards, under the lock.
    """
    return Course.objects.open().select_for_update().filter(pk=course_id).first()


def next_cycle(course: Course) -> Cycle | None:
    """The first cycle that has not been given."""
    ended = Case(
        When(voided__isnull=False, then=Coalesce("decision__confirms_id", "decision_id")),
        output_field=BigIntegerField(null=True),
    )
    newest = Directive.objects.filter(cycle=OuterRef("pk")).order_by("-revision").annotate(ended=ended)
    return (
        Cycle.objects.filter(course=course, administration__isnull=True)
        .annotate(void_origin=Subquery(newest.values("ended")[:1]))
        .order_by("number")
        .first()
    )


def void_origin(cycle: Cycle) -> int | None:
    """The verdict whose directive was the cycle's newest and no longer holds; for cycles of `next_cycle`."""
    found: int | None = getattr(cycle, "void_origin", None)
    return found
