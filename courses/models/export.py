"""What was taken out of the cohort as a file of rows, by whom and why; append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class ExportFormat(models.TextChoices):
    """How a file is written."""

    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel"


class CohortExport(models.Model):
    """Somebody took the rows of chosen courses, one for each cycle; append-only, an access event."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # As the page's address has them; what was not chosen is left out.
    filters = models.JSONField(default=dict)
    file_format = models.CharField(max_length=4, choices=ExportFormat)
    with_names = models.BooleanField()
    rows = models.PositiveIntegerField()
    file_sha256 = models.CharField(max_length=64)
    reason = models.TextField()
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    taken_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(file_format__in=ExportFormat.values), name="cohort_export_format_is_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="cohort_export_says_why"),
            models.CheckConstraint(
                condition=~Q(printed_name="") & ~Q(file_sha256=""), name="cohort_export_is_whole"
            ),
        ]
        permissions: ClassVar = [
            ("read_cohort", "Can read the cohort report"),
            ("export_cohort", "Can take the cohort's rows as a file"),
        ]

    def __str__(self) -> str:
        return f"cohort export {self.pk}"
