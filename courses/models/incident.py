"""Reviews of what may be a medical event, with the regulator's clock, and what was done; append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.models.course import Administration, Cycle
from courses.models.therapy import Infusion


class IncidentKind(models.TextChoices):
    """What went otherwise than directed."""

    ACTIVITY = "activity", "delivered activity differs from the directive"
    PRODUCT = "product", "another product"
    PATIENT = "patient", "another patient"
    ROUTE = "route", "another route, or extravasation"
    UNAUTHORISED = "unauthorised", "given without a valid authorisation"


class Incident(models.Model):
    """One deviation that people must look at, and until when the regulator wants to hear of it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="incidents")
    infusion = models.ForeignKey(
        Infusion, on_delete=models.PROTECT, null=True, blank=True, related_name="incidents"
    )
    administration = models.ForeignKey(
        Administration, on_delete=models.PROTECT, null=True, blank=True, related_name="incidents"
    )
    kind = models.CharField(max_length=16, choices=IncidentKind)
    sentence = models.TextField()
    # Empty where the regulator asks for nothing.
    notify_by = models.DateField(null=True, blank=True)
    report_by = models.DateField(null=True, blank=True)
    opened_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=IncidentKind.values), name="incident_kind_is_known"),
            models.CheckConstraint(condition=~Q(sentence=""), name="incident_says_what"),
        ]
        permissions: ClassVar = [("review_incident", "Can review what may be a medical event")]

    def __str__(self) -> str:
        return f"incident {self.pk}: {self.kind}"


class IncidentActKind(models.TextChoices):
    """What people did about an incident."""

    NOTE = "note", "note"
    NOTIFIED = "notified", "regulator notified"
    REPORTED = "reported", "written report sent"
    NO_EVENT = "no_event", "reviewed: no medical event"
    CLOSED = "closed", "review closed"


class IncidentAct(models.Model):
    """One act of the review of an incident."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="acts")
    kind = models.CharField(max_length=12, choices=IncidentActKind)
    text = models.TextField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=IncidentActKind.values), name="incident_act_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(text="") & ~Q(printed_name=""), name="incident_act_says_what_and_who"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of incident {self.incident_id}"
