"""What people did to an alert by hand beside acknowledging it: handed over, silenced, closed. Append-only."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from alerts.act_rules import LONGEST_SUPPRESSION_MINUTES, ClosingOutcome
from alerts.models.alert import Alert


class HandOver(models.Model):
    """Somebody names the person who is to take the alert now, and who was told so at once."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="hand_overs")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # Not taken by then, the alert tells others again.
    take_by = models.DateTimeField()
    loop = models.PositiveIntegerField()
    # The newest event of the page it was done from: the same button pressed twice is one hand-over.
    seen_event = models.PositiveBigIntegerField()
    note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "loop"], name="one_hand_over_per_round"),
            models.CheckConstraint(condition=~Q(by=F("to")), name="hand_over_to_somebody_else"),
            models.CheckConstraint(condition=Q(take_by__gt=F("at")), name="hand_over_leaves_time"),
        ]

    def __str__(self) -> str:
        return f"hand-over {self.pk} of alert {self.alert_id}"


class Suppression(models.Model):
    """One alert tells nobody for some minutes, with the reason; it ends by itself."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="suppressions")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField()
    until = models.DateTimeField()
    severity = models.PositiveSmallIntegerField()
    loop = models.PositiveIntegerField()
    seen_event = models.PositiveBigIntegerField()
    reason = models.TextField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "loop"], name="one_suppression_per_round"),
            models.CheckConstraint(
                condition=Q(minutes__gte=1, minutes__lte=LONGEST_SUPPRESSION_MINUTES),
                name="suppression_is_short",
            ),
            models.CheckConstraint(condition=Q(until__gt=F("at")), name="suppression_ends"),
            models.CheckConstraint(condition=Q(severity__in=[2, 3]), name="nothing_critical_is_suppressed"),
            models.CheckConstraint(condition=~Q(reason=""), name="suppression_says_why"),
        ]
        indexes = [models.Index(fields=["until"], name="suppression_by_end")]
        permissions = [
            ("suppress_alert", "Can silence an alert for a short time"),
            ("suppress_technical_alert", "Can silence a technical alert for a short time"),
        ]

    def __str__(self) -> str:
        return f"suppression {self.pk} of alert {self.alert_id}"


class Closing(models.Model):
    """A person ended an alert, with what came of it and why."""

    alert = models.OneToOneField(Alert, on_delete=models.PROTECT, related_name="closing")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    outcome = models.CharField(
        max_length=12, choices=[(outcome.value, outcome.value) for outcome in ClosingOutcome]
    )
    seen_severity = models.PositiveSmallIntegerField()
    reason = models.TextField()
    # The signed decision that says the same, where the outcome is one.
    decision = models.ForeignKey(
        "courses.Decision", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=[outcome.value for outcome in ClosingOutcome]),
                name="closing_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["false-alarm", "handled"]) | Q(decision__isnull=False),
                name="closing_names_its_decision",
            ),
            models.CheckConstraint(condition=Q(seen_severity__in=[1, 2, 3]), name="closing_severity_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="closing_says_why"),
        ]

    def __str__(self) -> str:
        return f"closing {self.pk} of alert {self.alert_id}"
