"""FHIR resources as their sender knows them: id, version, identifiers, and which results they state."""

import uuid

from django.db import models
from django.db.models import Q

from labs.models.message import LabMessage
from labs.models.patient import Patient
from labs.models.result import Result


class FhirResource(models.Model):
    """One Observation or DiagnosticReport of one sender, in the version that came last."""

    class Kind(models.TextChoices):
        OBSERVATION = "Observation", "Observation"
        REPORT = "DiagnosticReport", "DiagnosticReport"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    sender = models.CharField(max_length=64)
    order_number = models.CharField("what identifies its results", max_length=512, blank=True, default="")
    version = models.PositiveIntegerField(default=1)
    status = models.CharField("status as sent", max_length=32)
    body = models.TextField("the resource as sent")
    in_error_version = models.PositiveIntegerField(
        "last version that a report entered in error took back", null=True, blank=True
    )
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, null=True, blank=True, related_name="fhir_resources"
    )
    made_by = models.ForeignKey(LabMessage, on_delete=models.PROTECT, related_name="fhir_made")
    made_position = models.PositiveIntegerField("place in the message that made it")
    message = models.ForeignKey(LabMessage, on_delete=models.PROTECT, related_name="fhir_written")
    position = models.PositiveIntegerField("place in the message that wrote it last")
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["made_by", "made_position"], name="fhir_resource_once_per_message"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["Observation", "DiagnosticReport"]), name="fhir_kind_known"
            ),
            models.CheckConstraint(condition=~Q(sender="") & ~Q(body=""), name="fhir_resource_whole"),
            models.CheckConstraint(condition=Q(version__gte=1), name="fhir_version_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}/{self.public_id}"


class FhirKey(models.Model):
    """A business identifier of a resource. Once used it stays that resource's."""

    resource = models.ForeignKey(FhirResource, on_delete=models.PROTECT, related_name="keys")
    sender = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    system = models.CharField(max_length=255)
    value = models.CharField(max_length=255)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["sender", "kind", "system", "value"], name="fhir_key_once"),
            models.CheckConstraint(
                condition=~Q(sender="") & ~Q(kind="") & ~Q(system="") & ~Q(value=""), name="fhir_key_whole"
            ),
        ]
        indexes = [models.Index(fields=["system", "value"], name="fhir_key_by_value")]

    def __str__(self) -> str:
        return f"{self.system}|{self.value}"


class FhirWriting(models.Model):
    """Which version of which resource an entry of a request made, by the conditions of then. Append-only."""

    message = models.ForeignKey(LabMessage, on_delete=models.PROTECT, related_name="fhir_writings")
    position = models.PositiveIntegerField("place in the message")
    resource = models.ForeignKey(FhirResource, on_delete=models.PROTECT, related_name="writings")
    version = models.PositiveIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["message", "position"], name="fhir_written_once_per_entry"),
            models.CheckConstraint(condition=Q(version__gte=1), name="fhir_writing_from_version_one"),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} version {self.version}"


class FhirPart(models.Model):
    """The result that a resource, or one component of it, states."""

    resource = models.ForeignKey(FhirResource, on_delete=models.PROTECT, related_name="parts")
    part = models.CharField("component", max_length=128, blank=True, default="")
    result = models.ForeignKey(Result, on_delete=models.PROTECT, related_name="fhir_parts")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["resource", "part"], name="fhir_part_once")]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.part}".strip()


class AnsweredRequest(models.Model):
    """The answer given to a request with an Idempotency-Key: the same request again gets it again.

    No part of the record: what was asked and what came of it is kept elsewhere, so an answer nobody repeats
    any more is deleted.
    """

    client = models.CharField(max_length=150)
    key = models.CharField("Idempotency-Key", max_length=255)
    fingerprint = models.CharField("SHA-256 of the request", max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict, blank=True)
    body = models.TextField(blank=True, default="")
    answered_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["client", "key"], name="request_answered_once"),
            models.CheckConstraint(
                condition=~Q(client="") & ~Q(key="") & ~Q(fingerprint=""), name="answered_request_whole"
            ),
        ]
        indexes = [models.Index(fields=["answered_at"], name="answered_request_by_age")]

    def __str__(self) -> str:
        return f"{self.client} {self.key}"
