"""What people did to plans: how a course was started, each move of a cycle, the clinic's own closed days."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from courses.models.course import Course, Cycle
from courses.models.fact import ChartFact


class MoveCause(models.TextChoices):
    """Why a cycle is moved; the words of a delay."""

    TOXICITY = "toxicity", "toxicity"
    SUPPLY = "supply", "supply"
    PATIENT = "patient", "the patient's wish or state"
    CAPACITY = "capacity", "capacity of the clinic"
    OTHER = "other", "other"


class CycleMove(models.Model):
    """A cycle was planned for another day, by whom and why; append-only.

    What hangs on the day is not stored: it follows from the protocol and the planned day.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="moves")
    from_on = models.DateField()
    to_on = models.DateField()
    cause = models.CharField(max_length=12, choices=MoveCause)
    reason = models.TextField()
    # The windows that it breaks, as they stood before whoever moved it.
    warnings = models.JSONField(default=list)
    # Of a move to a later day: the delay that the chart reads.
    delay = models.OneToOneField(
        ChartFact, on_delete=models.PROTECT, null=True, blank=True, related_name="cycle_move"
    )
    moved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    moved_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(cause__in=MoveCause.values), name="cycle_move_cause_is_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="cycle_move_says_why"),
            models.CheckConstraint(condition=~Q(printed_name=""), name="cycle_moved_by_someone"),
            models.CheckConstraint(condition=~Q(from_on=F("to_on")), name="cycle_move_goes_somewhere"),
        ]

    def __str__(self) -> str:
        return f"move of cycle {self.cycle_id} to {self.to_on}"


class CourseStart(models.Model):
    """The answers that a course was started on, and what was pointed out then; append-only."""

    course = models.OneToOneField(Course, on_delete=models.PROTECT, related_name="start")
    # By the question's id: what was answered, in the words of the form of that day.
    answers = models.JSONField()
    warnings = models.JSONField(default=list)
    questions_sha256 = models.CharField(max_length=64)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    answered_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(printed_name="") & ~Q(questions_sha256=""), name="course_start_is_whole"
            )
        ]

    def __str__(self) -> str:
        return f"start of course {self.course_id}"


class ClosedDay(models.Model):
    """A day on which this clinic gives no therapy, beside weekends and public holidays."""

    on = models.DateField(unique=True)
    words = models.CharField("reason", max_length=120)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    history = HistoricalRecords()

    class Meta:
        ordering: ClassVar = ["on"]
        constraints: ClassVar = [models.CheckConstraint(condition=~Q(words=""), name="closed_day_says_why")]

    def __str__(self) -> str:
        return f"closed on {self.on}"
