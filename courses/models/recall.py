"""Calling back what was dispensed, and pharmacy's answer; append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.models.decision import Decision
from courses.models.order import Order


class RecallQuerySet(models.QuerySet["Recall"]):
    """The questions asked about recalls."""

    def unanswered(self) -> "RecallQuerySet":
        """Recalls that pharmacy has not acknowledged."""
        return self.filter(answer__isnull=True)


class Recall(models.Model):
    """One order whose dispensed unit must not be given, and why."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="recalls")
    reason_code = models.CharField(max_length=40)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    opened_at = models.DateTimeField()

    objects = RecallQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.CheckConstraint(condition=~Q(reason_code=""), name="recall_says_why")]

    def __str__(self) -> str:
        return f"recall {self.pk} of order {self.order_id}"


class RecallOutcome(models.TextChoices):
    """Where the unit was when pharmacy answered."""

    SECURED = "secured", "secured, not given"
    RETURNED = "returned", "returned to pharmacy"
    ALREADY_GIVEN = "already_given", "already given"


class RecallAnswer(models.Model):
    """Pharmacy's answer to one recall."""

    recall = models.OneToOneField(Recall, on_delete=models.PROTECT, related_name="answer")
    outcome = models.CharField(max_length=16, choices=RecallOutcome)
    note = models.TextField(blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    answered_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(outcome__in=RecallOutcome.values), name="recall_outcome_is_known"
            ),
            models.CheckConstraint(condition=~Q(printed_name=""), name="recall_answered_by_someone"),
        ]

    def __str__(self) -> str:
        return f"answer to recall {self.recall_id}"
