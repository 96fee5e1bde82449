"""What people did about a result kept apart: who took it, what they said, who confirmed it, what was read."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from labs.models.message import LabMessage
from labs.models.patient import Patient
from labs.models.quarantine import QuarantinedResult


class ResolutionKind(models.TextChoices):
    """The ways in which a person may say how a result kept apart is to be understood."""

    MATCH = "match", "It belongs to a patient of ours"
    MAP_CODE = "map-code", "The test code stands for an analyte"
    MAP_UNIT = "map-unit", "The unit is another spelling of a known one"
    CONFIRM_VALUE = "confirm-value", "The value is true although it is unlikely"
    REJECT = "reject", "It is not to be used"


# What lasts beyond the one result, and so is the word of those who may set up a laboratory's codes.
MAPPINGS = frozenset({ResolutionKind.MAP_CODE, ResolutionKind.MAP_UNIT})


class OwnershipEvent(models.Model):
    """Somebody took a result kept apart, or gave it back. Append-only."""

    class Kind(models.TextChoices):
        TAKEN = "taken", "Taken over"
        GIVEN_BACK = "given-back", "Given back"

    item = models.ForeignKey(QuarantinedResult, on_delete=models.PROTECT, related_name="ownership")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["taken", "given-back"]), name="ownership_event_kind_known"
            ),
            models.CheckConstraint(condition=~Q(printed_name=""), name="ownership_event_by_someone"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.printed_name}"


class QuarantineResolution(models.Model):
    """What one person says of a result kept apart. Nothing follows until another confirms. Append-only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    item = models.ForeignKey(QuarantinedResult, on_delete=models.PROTECT, related_name="resolutions")
    kind = models.CharField(max_length=13, choices=ResolutionKind.choices)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    data = models.JSONField(default=dict)
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField("when the password was given")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=ResolutionKind.values), name="resolution_kind_known"),
            models.CheckConstraint(
                condition=Q(kind="match", patient__isnull=False)
                | (~Q(kind="match") & Q(patient__isnull=True)),
                name="resolution_match_names_its_patient",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(printed_name=""), name="resolution_says_who_and_why"
            ),
        ]
        permissions: ClassVar = [("map_code", "Can map a laboratory's codes and units")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, by {self.printed_name}"


class ResolutionVerdict(models.Model):
    """How a resolution ended: confirmed by a second person, or taken off the table. Append-only."""

    resolution = models.OneToOneField(QuarantineResolution, on_delete=models.PROTECT, related_name="verdict")
    confirmed = models.BooleanField()
    reason = models.TextField(blank=True, default="")
    # Once more beside the second person, so that the database itself can refuse one person as both.
    stated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField("when the password was given", null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(Q(confirmed=True, authenticated_at__isnull=False) & ~Q(by=F("stated_by")))
                | (Q(confirmed=False) & ~Q(reason="")),
                name="verdict_by_another_or_declined_with_reason",
            ),
            models.CheckConstraint(condition=~Q(printed_name=""), name="verdict_by_someone"),
        ]

    def __str__(self) -> str:
        return f"{'Confirmed' if self.confirmed else 'Declined'} by {self.printed_name}"


class MessageReplay(models.Model):
    """A kept message was read again, and what came of it this time. Append-only."""

    message = models.ForeignKey(LabMessage, on_delete=models.PROTECT, related_name="replays")
    because = models.ForeignKey(
        QuarantineResolution, on_delete=models.PROTECT, null=True, blank=True, related_name="replays"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    stored = models.PositiveIntegerField("results stored")
    unchanged = models.PositiveIntegerField("results already known")
    held = models.PositiveIntegerField("results still in quarantine")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(printed_name=""), name="replay_asked_by_someone"),
        ]

    def __str__(self) -> str:
        return f"read again: {self.stored} stored, {self.held} still held"
