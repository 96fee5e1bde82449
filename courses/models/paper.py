"""Papers handed to patients, and the people who confirmed the numbers on them; append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.models.course import Course, Cycle


class PaperKind(models.TextChoices):
    """What a paper tells the patient."""

    SCHEDULE = "schedule", "plan of the visits"
    DAY = "day", "day of treatment"
    HOME = "home", "rules for home"
    CARD = "card", "card to carry"


class PaperNumbersApproval(models.Model):
    """One person confirms exactly these bytes of the numbers on papers; append-only. It takes two people."""

    numbers_id = models.CharField(max_length=80)
    numbers_sha256 = models.CharField(max_length=64)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    approved_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["numbers_sha256", "approved_by"], name="paper_numbers_approved_once_by_each"
            ),
            models.CheckConstraint(
                condition=~Q(numbers_id="") & ~Q(numbers_sha256="") & ~Q(printed_name=""),
                name="paper_numbers_approval_is_whole",
            ),
        ]
        permissions: ClassVar = [("approve_papers", "Can confirm the numbers on patients' papers")]

    def __str__(self) -> str:
        return f"approval of {self.numbers_id}"


class PrintedPaper(models.Model):
    """A paper as it was handed to a patient, with every fact on it; append-only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="papers")
    # None on the plan, which is about all cycles.
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, null=True, blank=True, related_name="papers")
    kind = models.CharField(max_length=12, choices=PaperKind)
    language = models.CharField(max_length=8)
    facts = models.JSONField()
    facts_sha256 = models.CharField(max_length=64)
    numbers_sha256 = models.CharField(max_length=64)
    words_sha256 = models.CharField(max_length=64)
    printed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    printed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=PaperKind.values), name="printed_paper_kind_known"),
            models.CheckConstraint(
                condition=~Q(language="")
                & ~Q(facts_sha256="")
                & ~Q(numbers_sha256="")
                & ~Q(words_sha256="")
                & ~Q(printed_name=""),
                name="printed_paper_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(kind="schedule", cycle__isnull=True)
                | (~Q(kind="schedule") & Q(cycle__isnull=False)),
                name="printed_paper_names_its_cycle",
            ),
        ]
        permissions: ClassVar = [("hand_out_papers", "Can print papers and hand them to patients")]

    def __str__(self) -> str:
        return f"{self.kind} paper {self.pk}"
