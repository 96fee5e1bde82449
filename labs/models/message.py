"""What arrived, byte for byte, and what became of it."""

import uuid

from django.db import models
from django.db.models import Q

from labs.formats.hidden import written_out


class LabMessage(models.Model):
    """One message as received, kept before it is acknowledged. Append-only."""

    class Door(models.TextChoices):
        MLLP = "mllp", "HL7 over MLLP"
        HL7_FILE = "hl7-file", "HL7 file"
        CSV = "csv", "CSV file"
        FHIR = "fhir", "FHIR request"
        MANUAL = "manual", "Typed by a person"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    door = models.CharField(max_length=8, choices=Door.choices)
    peer = models.CharField("where it came from", max_length=255, blank=True, default="")
    sender = models.CharField("sender or feed, where known", max_length=64, blank=True, default="")
    msh3 = models.CharField("sending application (MSH-3)", max_length=180, blank=True, default="")
    msh4 = models.CharField("sending facility (MSH-4)", max_length=180, blank=True, default="")
    control_id = models.CharField("control id (MSH-10)", max_length=200, blank=True, default="")
    sha256 = models.CharField(max_length=64)
    body = models.BinaryField()
    request = models.JSONField("what the request asked, FHIR", default=dict, blank=True)
    ack_code = models.CharField(max_length=2, blank=True, default="")
    ack = models.BinaryField("acknowledgement sent", blank=True, default=b"")
    application_ack = models.BinaryField("second acknowledgement, enhanced mode", blank=True, default=b"")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["msh3", "msh4", "control_id", "sha256"], name="message_bytes_once_per_sender"
            ),
            models.CheckConstraint(
                condition=Q(door__in=["mllp", "hl7-file", "csv", "fhir", "manual"]), name="message_door_known"
            ),
            models.CheckConstraint(condition=~Q(sha256=""), name="message_digest_given"),
        ]
        indexes = [models.Index(fields=["sender", "-received_at"], name="message_by_sender")]
        permissions = [("submit_message", "Can submit laboratory messages")]

    def __str__(self) -> str:
        return written_out(f"{self.sender or self.msh3 or self.get_door_display()} {self.control_id}".strip())


class MessageOutcome(models.Model):
    """What became of one message: read, a duplicate in content, kept for a person, or refused."""

    class State(models.TextChoices):
        READ = "read", "Read"
        DUPLICATE = "duplicate", "Nothing new"
        QUARANTINED = "quarantined", "Waiting for a person"
        REJECTED = "rejected", "Refused"

    message = models.OneToOneField(LabMessage, on_delete=models.PROTECT, related_name="outcome")
    state = models.CharField(max_length=11, choices=State.choices)
    reason_code = models.CharField(max_length=40, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    stored = models.PositiveIntegerField("results stored", default=0)
    unchanged = models.PositiveIntegerField("results already known", default=0)
    held = models.PositiveIntegerField("results in quarantine", default=0)
    notes = models.JSONField("remarks that stopped nothing", default=list, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["read", "duplicate", "quarantined", "rejected"]),
                name="outcome_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["read", "duplicate"]) | (~Q(reason_code="") & ~Q(reason="")),
                name="outcome_reason_given",
            ),
        ]
        indexes = [models.Index(fields=["state", "-at"], name="outcome_by_state")]

    def __str__(self) -> str:
        return written_out(
            f"{self.get_state_display()}: {self.reason}" if self.reason else self.get_state_display()
        )
