"""Who was measured: the patient, and the patient's body weights."""

import uuid

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from labs.formats.hidden import written_out


class Sex(models.TextChoices):
    """Administrative sex, in the words of the public doors."""

    FEMALE = "female", "Female"
    MALE = "male", "Male"
    OTHER = "other", "Other"
    UNKNOWN = "unknown", "Unknown"


class PatientQuerySet(models.QuerySet["Patient"]):
    """The questions asked about patients."""

    def real(self) -> "PatientQuerySet":
        """People; the synthetic patients of the hourly trial are none."""
        return self.filter(is_canary=False)


class Patient(models.Model):
    """A person known to the clinic. Only people and set-up files create one, never a laboratory's message."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    mrn = models.CharField("medical record number", max_length=64)
    assigning_authority = models.CharField(max_length=128)
    id_type = models.CharField("identifier type", max_length=16, default="MR")
    fhir_system = models.CharField("FHIR identifier system", max_length=255, blank=True, default="")
    alt_id = models.CharField("other number", max_length=64, blank=True, default="")
    alt_authority = models.CharField("authority of the other number", max_length=128, blank=True, default="")
    family = models.CharField("family name", max_length=128)
    given = models.CharField("given name", max_length=128, blank=True, default="")
    birth_date = models.DateField()
    sex = models.CharField(max_length=8, choices=Sex.choices, default=Sex.UNKNOWN)
    registered_at = models.DateTimeField(editable=False)
    # Nobody: made to try the whole line, and kept out of every list, count and export.
    is_canary = models.BooleanField(default=False, editable=False)

    objects = PatientQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["family", "given", "id"]
        constraints = [
            models.UniqueConstraint(fields=["assigning_authority", "mrn"], name="patient_number_once"),
            models.UniqueConstraint(
                fields=["alt_authority", "alt_id"],
                condition=~Q(alt_id=""),
                name="patient_other_number_once",
            ),
            models.CheckConstraint(
                condition=~Q(mrn="") & ~Q(assigning_authority="") & ~Q(family=""),
                name="patient_identity_given",
            ),
            models.CheckConstraint(condition=Q(sex__in=Sex.values), name="patient_sex_known_word"),
            models.CheckConstraint(
                condition=Q(alt_id="", alt_authority="") | (~Q(alt_id="") & ~Q(alt_authority="")),
                name="patient_other_number_whole",
            ),
        ]
        # Every message asks for a number under whatever authority, and whichever of the two it is.
        indexes = [
            models.Index(fields=["mrn"], name="patient_by_mrn"),
            models.Index(fields=["alt_id"], name="patient_by_other_number"),
            models.Index(fields=["family", "given", "id"], name="patient_by_name"),
            # Every list leaves these out, and there are a handful of them.
            models.Index(fields=["id"], condition=Q(is_canary=True), name="patient_of_canary"),
        ]

    def __str__(self) -> str:
        name = f"{self.family}, {self.given}" if self.given else self.family
        return written_out(f"{name} ({self.mrn})")


class BodyWeight(models.Model):
    """One weighing. A mistake is answered by a newer row for the same day."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="weights")
    measured_on = models.DateField()
    kg = models.DecimalField(max_digits=5, decimal_places=2)
    recorded_at = models.DateTimeField(editable=False)
    recorded_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-measured_on", "-recorded_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kg__gt=0), name="weight_above_zero"),
            models.CheckConstraint(condition=~Q(recorded_by=""), name="weight_recorded_by_someone"),
        ]
        indexes = [models.Index(fields=["patient", "-measured_on"], name="weight_by_patient_day")]

    def __str__(self) -> str:
        return f"{self.kg} kg on {self.measured_on:%Y-%m-%d}"
