"""Results kept apart until a person has looked: what was sent, why it waits, and how it ended."""

import uuid
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from labs.formats.hidden import written_out
from labs.models.message import LabMessage
from labs.models.patient import Patient
from labs.models.result import Result

# Of these the value was read and stored as a version: the result itself carries the contradiction.
STORED_ALL_THE_SAME = ("conflict", "after-withdrawal", "returned-value")


class QuarantinedResultQuerySet(models.QuerySet["QuarantinedResult"]):
    """The questions asked about what waits."""

    def unread_of(
        self, patient_ids: "Collection[int] | models.QuerySet[Any, Any]"
    ) -> "QuarantinedResultQuerySet":
        """What waits of these patients, was not stored, and was not overtaken.

        Overtaken is the very result that its laboratory stated again, later and readably.
        """
        again = Result.objects.filter(
            patient__in=patient_ids,
            sender=OuterRef("message__sender"),
            filler_order=OuterRef("order_number"),
            sub_id=OuterRef("sub_id"),
            analyte=OuterRef("analyte"),
            collected_at=OuterRef("collected_at"),
            in_conflict=False,
            current__ordered_at__gt=OuterRef("ordered_at"),
        )
        waiting = self.filter(patient__in=patient_ids, state=QuarantinedResult.State.OPEN)
        return waiting.exclude(reason_code__in=STORED_ALL_THE_SAME).exclude(Exists(again))

    def changes_of_nobody(self) -> "QuarantinedResultQuerySet":
        """Corrections and withdrawals that wait because it is not certain whose result they mean."""
        waiting = self.filter(patient__isnull=True, state=QuarantinedResult.State.OPEN)
        return waiting.exclude(change="").exclude(analyte="")


class QuarantinedResult(models.Model):
    """One result that could not be taken in without guessing. It never reaches a chart from here."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    message = models.ForeignKey(LabMessage, on_delete=models.PROTECT, related_name="quarantined")
    position = models.PositiveIntegerField("place in the message")
    part = models.CharField("column in the row", max_length=64, blank=True, default="")
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, null=True, blank=True, related_name="quarantined_results"
    )
    analyte = models.CharField(max_length=8, blank=True, default="")
    code_sent = models.CharField("first test code as sent", max_length=64, blank=True, default="")
    reason_code = models.CharField(max_length=40)
    reason = models.TextField()
    sent = models.TextField("as sent")
    collected_at = models.DateTimeField(null=True, blank=True)
    ordered_at = models.DateTimeField("when the laboratory gave it this status", null=True, blank=True)
    order_number = models.CharField(max_length=200, blank=True, default="")
    sub_id = models.CharField(max_length=64, blank=True, default="")
    # Of what waits because nobody knows whose it is: a stored result that it may mean is in doubt meanwhile.
    change = models.CharField(
        "status it would give a stored result", max_length=16, blank=True, default="", editable=False
    )
    named = models.ManyToManyField(
        Patient, verbose_name="whose number it carries", related_name="named_in_doubt", editable=False
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    opened_at = models.DateTimeField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="owned_quarantine",
    )
    owned_since = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True, default="")
    resolution = models.TextField(blank=True, default="")

    objects = QuarantinedResultQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "position", "part", "reason_code"], name="quarantined_once_per_reason"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "resolved"]), name="quarantine_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(reason_code="") & ~Q(reason=""), name="quarantine_reason_given"
            ),
            models.CheckConstraint(
                condition=Q(state="open", resolved_at__isnull=True, resolved_by="", resolution="")
                | (Q(state="resolved", resolved_at__isnull=False) & ~Q(resolved_by="") & ~Q(resolution="")),
                name="quarantine_resolution_whole",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=True, owned_since__isnull=True)
                | Q(owner__isnull=False, owned_since__isnull=False),
                name="quarantine_ownership_whole",
            ),
        ]
        indexes = [models.Index(fields=["state", "opened_at"], name="quarantine_by_state")]
        permissions = [("resolve_quarantine", "Can resolve quarantined results")]

    def __str__(self) -> str:
        return written_out(f"{self.analyte or 'Result'}: {self.reason}")
