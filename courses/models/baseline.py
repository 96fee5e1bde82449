"""Which result each analyte of a course is compared with, once that is fixed; append-only."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from courses.models.course import Course
from courses.models.fact import ChartFact
from labs.models import Result


class BaselineLockQuerySet(models.QuerySet["BaselineLock"]):
    """The questions asked about locked baselines."""

    def current(self) -> "BaselineLockQuerySet":
        """The locks that no amendment has replaced."""
        return self.filter(superseded_by__isnull=True)


class BaselineLock(models.Model):
    """The baseline of one analyte: a result, or what two physicians declared; append-only.

    It pins which result counts. Its value follows the laboratory: a correction counts, a withdrawal leaves
    no baseline. Made with the first administration; changed only by an amendment of two physicians.
    """

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="baseline_locks")
    analyte = models.CharField(max_length=8)
    result = models.ForeignKey(
        Result, on_delete=models.PROTECT, null=True, blank=True, related_name="baseline_locks"
    )
    declared = models.ForeignKey(
        ChartFact, on_delete=models.PROTECT, null=True, blank=True, related_name="baseline_locks"
    )
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    # The fact that two physicians stated and that changed this baseline after it was locked.
    amendment = models.OneToOneField(
        ChartFact, on_delete=models.PROTECT, null=True, blank=True, related_name="amended_baseline"
    )
    locked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    second_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    locked_at = models.DateTimeField()

    objects = BaselineLockQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["course", "analyte"],
                condition=Q(supersedes__isnull=True),
                name="baseline_first_locked_once",
            ),
            models.CheckConstraint(
                condition=(
                    Q(result__isnull=False, declared__isnull=True)
                    | Q(result__isnull=True, declared__isnull=False)
                ),
                name="baseline_is_a_result_or_declared",
            ),
            models.CheckConstraint(condition=~Q(analyte=""), name="baseline_names_its_analyte"),
            models.CheckConstraint(
                condition=(
                    Q(amendment__isnull=True, second_by__isnull=True, supersedes__isnull=True)
                    | (Q(amendment__isnull=False, second_by__isnull=False) & ~Q(second_by=F("locked_by")))
                ),
                name="baseline_amended_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"baseline {self.analyte} of course {self.course_id}"
