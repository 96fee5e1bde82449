"""How a critical value was passed on: who was reached, and whether they read it back."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from alerts.models.alert import Alert


class ReadBackOutcome(models.TextChoices):
    """What came of passing a critical value on."""

    READ_BACK = "read-back", "Reached, and read back"
    REACHED = "reached", "Reached"
    NOT_REACHED = "not-reached", "Not reached"


ENDS_THE_ALERT = (ReadBackOutcome.READ_BACK, ReadBackOutcome.REACHED)


class ReadBack(models.Model):
    """One attempt of a person to pass a critical value on, and how it went. Append-only."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="read_backs")
    # The round of the alert in which it was tried; a value that got worse asks again.
    loop = models.PositiveIntegerField()
    outcome = models.CharField(max_length=12, choices=ReadBackOutcome.choices)
    # Who was called, as the person on the telephone gave it.
    reached = models.CharField("who was called", max_length=200, blank=True, default="")
    note = models.TextField(blank=True, default="")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=ReadBackOutcome.values), name="read_back_outcome_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome="not-reached") | ~Q(reached=""), name="read_back_says_who_was_reached"
            ),
        ]

    def __str__(self) -> str:
        return f"read-back {self.pk} of alert {self.alert_id}: {self.outcome}"
