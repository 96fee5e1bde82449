"""What was measured: reports, results, and every version of a result."""

import uuid

from django.db import models
from django.db.models import F, Q

from labs.formats.hidden import written_out
from labs.models.message import LabMessage
from labs.models.patient import Patient


class LabReport(models.Model):
    """The observations one order brought in one message."""

    message = models.ForeignKey(LabMessage, on_delete=models.PROTECT, related_name="reports")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="lab_reports")
    position = models.PositiveIntegerField("place in the message")
    filler_order = models.CharField("laboratory's order number", max_length=200, blank=True, default="")
    placer_order = models.CharField("clinic's order number", max_length=200, blank=True, default="")
    panel = models.CharField(max_length=200, blank=True, default="")
    status = models.CharField("status as sent (OBR-25)", max_length=8, blank=True, default="")
    status_changed_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["message", "position"], name="report_once_per_message"),
        ]

    def __str__(self) -> str:
        return written_out(self.panel or self.filler_order or f"report {self.pk}")


class Result(models.Model):
    """The identity of one measurement, and which of its versions counts now. Changes lock this row."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="results")
    sender = models.CharField("sender or feed", max_length=64)
    filler_order = models.CharField("laboratory's order number", max_length=200, blank=True, default="")
    analyte = models.CharField(max_length=8)
    sub_id = models.CharField(max_length=64, blank=True, default="")
    collected_at = models.DateTimeField()
    current = models.OneToOneField(
        "Observation", on_delete=models.PROTECT, null=True, blank=True, related_name="current_of"
    )
    in_conflict = models.BooleanField(
        "two versions contradict each other and neither is newer", default=False
    )
    # What was stated again last, though it says nothing new: a resend, or a return to an earlier value.
    restated_rank = models.PositiveSmallIntegerField(default=0, editable=False)
    restated_at = models.DateTimeField(null=True, blank=True, editable=False)
    restated_digest = models.CharField(max_length=64, blank=True, default="", editable=False)

    class Meta:
        ordering = ["-collected_at", "analyte", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "sender", "filler_order", "analyte", "sub_id", "collected_at"],
                name="result_identity_once",
            ),
            models.CheckConstraint(condition=~Q(sender="") & ~Q(analyte=""), name="result_identity_given"),
        ]
        indexes = [
            models.Index(fields=["patient", "analyte", "-collected_at"], name="result_by_patient"),
            models.Index(fields=["collected_at", "id"], name="result_newest"),
        ]
        permissions = [("enter_result", "Can enter manual and phoned results")]

    def __str__(self) -> str:
        return f"{self.analyte} collected {self.collected_at:%Y-%m-%d %H:%M}"

    @property
    def is_usable(self) -> bool:
        """Whether this result may support letting a patient be treated."""
        return self.current is not None and not self.in_conflict and self.current.is_usable


class ObservationStatus(models.TextChoices):
    """The life-cycle words of the public doors."""

    PRELIMINARY = "preliminary", "Preliminary"
    FINAL = "final", "Final"
    CORRECTED = "corrected", "Corrected"
    AMENDED = "amended", "Amended"
    CANCELLED = "cancelled", "Cancelled"
    ENTERED_IN_ERROR = "entered-in-error", "Entered in error"


VERIFIED = frozenset({ObservationStatus.FINAL, ObservationStatus.CORRECTED, ObservationStatus.AMENDED})
WITHDRAWN = frozenset({ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR})


class Observation(models.Model):
    """One version of a result, as sent and in canonical units. Append-only."""

    class Precision(models.TextChoices):
        DAY = "day", "Day"
        HOUR = "hour", "Hour"
        MINUTE = "minute", "Minute"
        SECOND = "second", "Second"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    position = models.PositiveIntegerField("place in the message")
    part = models.CharField("column in the row", max_length=64, blank=True, default="")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="observations")
    message = models.ForeignKey(LabMessage, on_delete=models.PROTECT, related_name="observations")
    report = models.ForeignKey(LabReport, on_delete=models.PROTECT, null=True, related_name="observations")
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    analyte = models.CharField(max_length=8)
    loinc = models.CharField(max_length=10)
    code_sent = models.CharField(max_length=200, blank=True, default="")
    value = models.DecimalField(max_digits=20, decimal_places=9, null=True, blank=True)
    comparator = models.CharField(max_length=2, blank=True, default="")
    unit = models.CharField(max_length=16)
    sent_value = models.CharField(max_length=255, blank=True, default="")
    sent_unit = models.CharField(max_length=64, blank=True, default="")
    ref_low = models.DecimalField(max_digits=20, decimal_places=9, null=True, blank=True)
    ref_high = models.DecimalField(max_digits=20, decimal_places=9, null=True, blank=True)
    ref_text = models.CharField("reference range as sent", max_length=255, blank=True, default="")
    flags = models.CharField("abnormal flags as sent", max_length=64, blank=True, default="")
    collected_at = models.DateTimeField()
    collected_text = models.CharField("collection time as sent", max_length=64, blank=True, default="")
    time_precision = models.CharField(max_length=6, choices=Precision.choices)
    zone_source = models.CharField("where the time zone came from", max_length=64, blank=True, default="")
    status = models.CharField(max_length=16, choices=ObservationStatus.choices)
    status_sent = models.CharField("status as sent", max_length=16, blank=True, default="")
    quality = models.JSONField("specimen faults", default=list, blank=True)
    comment = models.TextField(blank=True, default="")
    ordered_at = models.DateTimeField("when the laboratory gave it this status")
    ordered_by = models.CharField("which field said so", max_length=8)
    digest = models.CharField(max_length=64)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-collected_at", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["result", "version"], name="observation_version_once"),
            models.UniqueConstraint(
                fields=["result", "digest", "ordered_at"], name="observation_content_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ObservationStatus.values), name="observation_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(WITHDRAWN)) | Q(value__isnull=False),
                name="observation_value_unless_withdrawn",
            ),
            models.CheckConstraint(
                condition=Q(comparator__in=["", "<", "<=", ">", ">="]), name="observation_comparator_known"
            ),
            models.CheckConstraint(
                condition=Q(time_precision__in=["day", "hour", "minute", "second"]),
                name="observation_precision_known",
            ),
            models.CheckConstraint(
                condition=Q(ordered_by__in=["OBR-22", "ORC-9", "MSH-7", "reported", "sent", "received"]),
                name="observation_order_source_known",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="observation_version_from_one"),
            models.CheckConstraint(
                condition=Q(ref_low__isnull=True) | Q(ref_high__isnull=True) | Q(ref_low__lte=F("ref_high")),
                name="observation_range_in_order",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "analyte", "-collected_at"], name="observation_by_patient"),
            models.Index(fields=["patient", "-id"], name="observation_newest"),
        ]

    def __str__(self) -> str:
        shown = "no value" if self.value is None else f"{self.comparator}{self.value:f} {self.unit}"
        return f"{self.analyte} {shown} ({self.status})"

    @property
    def is_usable(self) -> bool:
        """Whether this version, if it is the current one, may support letting a patient be treated."""
        return self.status in VERIFIED and self.value is not None and not self.quality
