"""Courses, their numbered cycles, and the administrations that took place."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from labs.models import Patient


class CourseStatus(models.TextChoices):
    """Where a course stands; only an open course is assessed."""

    PLANNED = "planned", "planned"
    ACTIVE = "active", "active"
    COMPLETED = "completed", "completed"
    STOPPED = "stopped", "stopped"


class PeritonealDisease(models.TextChoices):
    """Peritoneal or mesenteric disease: it decides steroid cover, and not knowing is an answer of its own."""

    YES = "yes", "yes"
    NO = "no", "no"
    UNKNOWN = "unknown", "unknown"


class CourseQuerySet(models.QuerySet["Course"]):
    """The questions asked about courses."""

    def open(self) -> "CourseQuerySet":
        """Courses the protocol still has something to say about."""
        return self.filter(status__in=[CourseStatus.PLANNED, CourseStatus.ACTIVE])

    def real(self) -> "CourseQuerySet":
        """Courses of people; those of the hourly trial are nobody's."""
        return self.filter(patient__is_canary=False)


class Course(models.Model):
    """The planned set of cycles for one patient under one protocol version."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="courses")
    protocol_id = models.CharField(max_length=80)
    protocol_sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=12, choices=CourseStatus, default=CourseStatus.PLANNED)
    peritoneal_disease = models.CharField(max_length=8, choices=PeritonealDisease)
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # From the first administration recorded here on: each baseline is the locked one, or none.
    baseline_locked_at = models.DateTimeField(null=True, blank=True)
    # The newest decision, kept beside the append-only rows so that lists need no sub-query.
    current_decision = models.ForeignKey(
        "Decision", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = CourseQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(status__in=["planned", "active"]),
                name="one_open_course_per_patient",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["planned", "active", "completed", "stopped"]),
                name="course_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(peritoneal_disease__in=["yes", "no", "unknown"]),
                name="peritoneal_disease_is_answered",
            ),
        ]
        permissions: ClassVar = [
            ("hold_course", "Can hold a course (toward safety)"),
            ("release_hold", "Can take back a hold of one's own"),
            ("plan_cycle", "Can plan and move cycles"),
        ]

    def __str__(self) -> str:
        return f"course {self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether the protocol still has something to say about it."""
        return self.status in (CourseStatus.PLANNED, CourseStatus.ACTIVE)


class Cycle(models.Model):
    """One numbered planned administration and what follows it until the next."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="cycles")
    number = models.PositiveSmallIntegerField()
    planned_on = models.DateField()

    class Meta:
        ordering: ClassVar = ["course", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "number"], name="cycle_numbered_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="cycle_number_from_one"),
        ]

    def __str__(self) -> str:
        return f"cycle {self.number}"


class Administration(models.Model):
    """The infusion that took place; append-only."""

    cycle = models.OneToOneField(Cycle, on_delete=models.PROTECT, related_name="administration")
    administered_on = models.DateField()
    administered_gbq = models.DecimalField(max_digits=7, decimal_places=4)
    product = models.CharField(max_length=120)
    # Empty when the administration followed its directive; else what departed from it.
    deviation = models.TextField(blank=True)
    # The hospital's name when another one gave it; empty when it was given here.
    elsewhere = models.CharField(max_length=200, blank=True, default="")
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering: ClassVar = ["administered_on"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(administered_gbq__gt=0), name="administered_activity_positive")
        ]
        permissions: ClassVar = [("record_administration", "Can record an administration")]

    def __str__(self) -> str:
        return f"administration of {self.administered_on}"
