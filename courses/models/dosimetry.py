"""Absorbed doses a physicist enters, and the sign-off on what they come to; append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.models.course import Cycle
from labs.models import Patient


class Organ(models.TextChoices):
    """The organs whose absorbed dose is followed."""

    KIDNEYS = "kidneys", "kidneys"
    BONE_MARROW = "bone_marrow", "bone marrow"


class AbsorbedDoseQuerySet(models.QuerySet["AbsorbedDose"]):
    """The questions asked about absorbed doses."""

    def effective(self) -> "AbsorbedDoseQuerySet":
        """Figures as they stand: corrected versions left out."""
        return self.filter(corrected_by__isnull=True)


class AbsorbedDose(models.Model):
    """The absorbed dose of one organ from one treatment, how it was found, and how sure; append-only.

    `cycle` is empty for treatment elsewhere; `elsewhere` then names the hospital.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="absorbed_doses")
    cycle = models.ForeignKey(
        Cycle, on_delete=models.PROTECT, null=True, blank=True, related_name="absorbed_doses"
    )
    elsewhere = models.CharField(max_length=200, blank=True)
    organ = models.CharField(max_length=12, choices=Organ)
    absorbed_gy = models.DecimalField(max_digits=6, decimal_places=2)
    uncertainty_gy = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    method = models.CharField(max_length=200)
    software = models.CharField(max_length=200)
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    reason = models.TextField("reason of a correction", blank=True)
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    entered_at = models.DateTimeField()

    objects = AbsorbedDoseQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(organ__in=Organ.values), name="absorbed_dose_organ_is_known"),
            models.CheckConstraint(condition=Q(absorbed_gy__gt=0), name="absorbed_dose_above_zero"),
            models.CheckConstraint(
                condition=Q(uncertainty_gy__isnull=True) | Q(uncertainty_gy__gte=0),
                name="absorbed_dose_uncertainty_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(cycle__isnull=False, elsewhere="") | (Q(cycle__isnull=True) & ~Q(elsewhere="")),
                name="absorbed_dose_of_a_cycle_or_elsewhere",
            ),
            models.CheckConstraint(
                condition=~Q(method="") & ~Q(software="") & ~Q(printed_name=""),
                name="absorbed_dose_says_how_and_who",
            ),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(reason=""), name="absorbed_dose_correction_says_why"
            ),
        ]
        permissions: ClassVar = [
            ("enter_absorbed_dose", "Can enter absorbed doses and sign off on what they come to")
        ]

    def __str__(self) -> str:
        return f"{self.absorbed_gy} Gy to {self.get_organ_display()}"


class DoseSignOff(models.Model):
    """A physicist looked at what the absorbed doses of an organ come to, beside its limit; append-only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="dose_sign_offs")
    organ = models.CharField(max_length=12, choices=Organ)
    total_gy = models.DecimalField(max_digits=7, decimal_places=2)
    limit_gy = models.DecimalField(max_digits=7, decimal_places=2)
    text = models.TextField()
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(organ__in=Organ.values), name="sign_off_organ_is_known"),
            models.CheckConstraint(
                condition=~Q(text="") & ~Q(printed_name=""), name="sign_off_says_what_and_who"
            ),
        ]

    def __str__(self) -> str:
        return f"sign-off {self.pk}"
