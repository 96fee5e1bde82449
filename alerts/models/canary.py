"""One trial of the whole line, from the laboratory's socket to a mailbox and back, stage by stage."""

from django.db import models
from django.db.models import Q

from alerts.watch_rules import Stage
from courses.models import Course
from labs.models import Patient


class CanaryOutcome(models.TextChoices):
    """How a trial stands."""

    RUNNING = "running", "Under way"
    PASSED = "passed", "Reached its end"
    BROKEN = "broken", "Did not reach its end"


class CanaryRun(models.Model):
    """A synthetic result on its way through the real doors, and the instant of each stage it reached."""

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, related_name="canary_run")
    # Opened once the result is read: nothing may be judged, and nobody mailed, before there is a value.
    course = models.OneToOneField(
        Course, on_delete=models.PROTECT, null=True, blank=True, related_name="canary_run"
    )
    # Whether a mailbox was named; without one no mail leaves.
    mailbox = models.BooleanField()
    started_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    assessed_at = models.DateTimeField(null=True, blank=True)
    triaged_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    # When the alert was acknowledged through its page.
    answered_at = models.DateTimeField(null=True, blank=True)
    # The newest try to do so; whoever wrote it has a while for it alone.
    answer_tried_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=8, choices=CanaryOutcome.choices, default=CanaryOutcome.RUNNING)
    broken_stage = models.CharField(
        max_length=12, choices=[(stage.value, stage.value) for stage in Stage], blank=True, default=""
    )
    # What is known of the fault, in our own words; of a synthetic patient, so nothing here is anybody's.
    reason = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["outcome"], condition=Q(outcome="running"), name="one_canary_under_way"
            ),
            models.CheckConstraint(
                condition=Q(outcome="running", ended_at__isnull=True, broken_stage="")
                | Q(outcome="passed", ended_at__isnull=False, broken_stage="")
                | (Q(outcome="broken", ended_at__isnull=False) & ~Q(broken_stage="")),
                name="canary_outcome_whole",
            ),
        ]
        indexes = [models.Index(fields=["outcome", "-started_at"], name="canary_by_outcome")]
        permissions = [("acknowledge_canary_alert", "Can acknowledge the alerts of trials of the line")]

    def __str__(self) -> str:
        return f"trial {self.pk}: {self.get_outcome_display()}"
