"""The record that something was considered for alerting, and what came of it."""

from django.db import models
from django.db.models import Q

from alerts.models.alert import Alert
from alerts.rules import Outcome
from courses.models import Decision
from labs.models import MessageOutcome


class Triage(models.Model):
    """One decision, or one message kept apart, considered for alerting; also when nobody needed to know."""

    decision = models.OneToOneField(
        Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="triage"
    )
    message_outcome = models.OneToOneField(
        MessageOutcome, on_delete=models.PROTECT, null=True, blank=True, related_name="triage"
    )
    outcome = models.CharField(max_length=8, choices=[(outcome.value, outcome.value) for outcome in Outcome])
    reason = models.TextField()
    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, null=True, blank=True, related_name="triages")
    # When to look again because time alone may have made it an alert.
    review_at = models.DateTimeField(null=True, blank=True)
    triaged_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "triages"
        constraints = [
            models.CheckConstraint(
                condition=Q(decision__isnull=False, message_outcome__isnull=True)
                | Q(decision__isnull=True, message_outcome__isnull=False),
                name="triage_of_exactly_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(outcome="alert", alert__isnull=False, review_at__isnull=True)
                | Q(outcome="none", alert__isnull=True, review_at__isnull=True)
                | Q(outcome="waiting", alert__isnull=True, review_at__isnull=False),
                name="triage_outcome_is_whole",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="triage_reason_given"),
        ]
        indexes = [
            models.Index(fields=["review_at"], condition=Q(review_at__isnull=False), name="triage_review_due")
        ]

    def __str__(self) -> str:
        return f"triage {self.pk}: {self.outcome}"
