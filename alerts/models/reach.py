"""Whom somebody called about an alert, and whether they were reached. Append-only."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from alerts.act_rules import Reached, Whom
from alerts.models.alert import Alert

WHOM_WORDS = {
    Whom.PATIENT: "the patient",
    Whom.NEXT_OF_KIN: "the next of kin",
    Whom.REFERRING_DOCTOR: "the referring doctor",
    Whom.PHARMACY: "the pharmacy",
    Whom.WARD: "the ward",
    Whom.COLLEAGUE: "a colleague",
    Whom.LABORATORY: "the laboratory",
    Whom.OTHER: "somebody else",
}
REACHED_WORDS = {
    Reached.READ_BACK: "reached, and read it back",
    Reached.REACHED: "reached",
    Reached.NOT_REACHED: "not reached",
}


class ReachRecord(models.Model):
    """One call about an alert of any kind: to whom, and how it ended."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="reach_records")
    # Drawn with the page, so that one button pressed twice is one call.
    key = models.UUIDField(unique=True, editable=False)
    whom = models.CharField(max_length=16, choices=[(whom.value, WHOM_WORDS[whom]) for whom in Whom])
    outcome = models.CharField(
        max_length=12, choices=[(outcome.value, REACHED_WORDS[outcome]) for outcome in Reached]
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(whom__in=[whom.value for whom in Whom]), name="reach_whom_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=[outcome.value for outcome in Reached]), name="reach_outcome_known"
            ),
            # "Somebody else" says who.
            models.CheckConstraint(condition=~Q(whom="other") | ~Q(note=""), name="reach_of_other_says_who"),
        ]

    def __str__(self) -> str:
        return f"call {self.pk} about alert {self.alert_id}: {self.outcome}"
