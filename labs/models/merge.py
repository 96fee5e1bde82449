"""That two patient numbers are one person: proposed by anybody, in force once two people agree."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Q

from labs.formats.hidden import written_out
from labs.models.message import LabMessage
from labs.models.patient import Patient

PEOPLE_NEEDED = 2


class PatientMergeQuerySet(models.QuerySet["PatientMerge"]):
    """The questions asked about merges."""

    def in_force(self) -> "PatientMergeQuerySet":
        """Merges and reversals that two people agreed to."""
        return self.filter(pk__in=_agreed()).exclude(pk__in=_refused())

    def waiting(self) -> "PatientMergeQuerySet":
        """Those that people have still to agree to or refuse."""
        return self.exclude(pk__in=_agreed()).exclude(pk__in=_refused())


def _agreed() -> models.QuerySet[Any, Any]:
    """What enough people agreed to."""
    said = PatientMergeReview.objects.filter(agrees=True).order_by().values("merge")
    return said.annotate(people=Count("pk")).filter(people__gte=PEOPLE_NEEDED).values("merge")


def _refused() -> models.QuerySet[Any, Any]:
    """What one person refused."""
    return PatientMergeReview.objects.filter(agrees=False).values("merge")


class PatientMerge(models.Model):
    """One number is retired into another, or, with `reverses`, no longer. Append-only; no record is moved."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    retired = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges_away")
    survivor = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges_in")
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversals"
    )
    message = models.ForeignKey(
        LabMessage, on_delete=models.PROTECT, null=True, blank=True, related_name="merges"
    )
    position = models.PositiveIntegerField("place in the message", default=0)
    reason = models.TextField()
    proposed_by = models.CharField(max_length=150)
    proposed_at = models.DateTimeField()

    objects = PatientMergeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(retired=F("survivor")), name="merge_of_two_numbers"),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(proposed_by=""), name="merge_says_why_and_who"
            ),
        ]
        permissions: ClassVar = [("merge_patient", "Can agree that two numbers are one person, or refuse")]

    def __str__(self) -> str:
        word = "separation" if self.reverses_id else "merge"
        return written_out(f"{word} {self.pk}: {self.retired.mrn} into {self.survivor.mrn}")


class PatientMergeReview(models.Model):
    """One person agrees with a merge or reversal, or refuses it; append-only."""

    merge = models.ForeignKey(PatientMerge, on_delete=models.PROTECT, related_name="reviews")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    agrees = models.BooleanField()
    note = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["merge", "person"], name="one_review_of_a_merge_per_person")
        ]

    def __str__(self) -> str:
        return f"review {self.pk} of merge {self.merge_id}"
