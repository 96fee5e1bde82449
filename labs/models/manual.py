"""Results that people typed from a report or took by phone: who entered, verified or withdrew each one."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from labs.models.message import LabMessage
from labs.models.patient import Patient


class ManualAct(models.Model):
    """One act on a manual result; its content is the message it made. Append-only."""

    class Kind(models.TextChoices):
        ENTER = "enter", "Entered"
        VERIFY = "verify", "Verified against the source"
        WITHDRAW = "withdraw", "Withdrawn"

    class Source(models.TextChoices):
        REPORT = "report", "Typed from a report"
        PHONED = "phoned", "Phoned"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    entry = models.UUIDField("the entry all acts on it share")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="manual_results")
    message = models.OneToOneField(LabMessage, on_delete=models.PROTECT, related_name="manual_act")
    source = models.CharField(max_length=6, choices=Source.choices)
    caller = models.CharField("who phoned", max_length=200, blank=True, default="")
    called_at = models.DateTimeField("when the call was", null=True, blank=True)
    read_back = models.BooleanField("read back to the caller", default=False)
    reason = models.TextField(blank=True, default="")
    # Once more beside the second person, so that the database itself can refuse one person as both.
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField("when the password was given", null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["entry", "kind"], name="manual_act_once_per_entry"),
            models.CheckConstraint(
                condition=Q(kind="enter", by=F("entered_by"))
                | (
                    Q(kind__in=["verify", "withdraw"], authenticated_at__isnull=False)
                    & ~Q(by=F("entered_by"))
                ),
                name="manual_act_needs_another_person",
            ),
            models.CheckConstraint(
                condition=Q(source="report", caller="", called_at__isnull=True, read_back=False)
                | (Q(source="phoned", called_at__isnull=False, read_back=True) & ~Q(caller="")),
                name="manual_act_call_whole",
            ),
            models.CheckConstraint(
                condition=~Q(kind="withdraw") | ~Q(reason=""), name="manual_withdrawal_says_why"
            ),
            models.CheckConstraint(condition=~Q(printed_name=""), name="manual_act_by_someone"),
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "-id"], name="manual_act_by_patient")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.printed_name}"
