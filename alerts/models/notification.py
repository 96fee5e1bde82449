"""The outbox: one mail owed to one person, and every attempt to deliver it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from alerts.models.alert import Alert


class NotificationState(models.TextChoices):
    """Where one owed mail stands."""

    PENDING = "pending", "Waiting to be sent"
    LEASED = "leased", "Being sent"
    ACCEPTED = "accepted", "Accepted by the mail server"
    FAILED_PERMANENT = "failed_permanent", "Refused for good"
    SUPERSEDED = "superseded", "No longer needed"


class Notification(models.Model):
    """One mail owed to one person for one step of one alert."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="notifications")
    loop = models.PositiveIntegerField()
    step = models.PositiveSmallIntegerField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notifications"
    )
    # The address at that time; a later change of address must not rewrite who was told where.
    endpoint = models.EmailField(max_length=254)
    state = models.CharField(
        max_length=16, choices=NotificationState.choices, default=NotificationState.PENDING
    )
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # Both stay the same over every attempt, so that a copy can be recognised as one.
    message_id = models.CharField(max_length=200, unique=True)
    message_date = models.DateTimeField()
    # When the mail says that the next people will be told.
    escalates_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "loop", "step", "person", "endpoint"], name="one_mail_per_step_and_person"
            ),
            models.CheckConstraint(
                condition=Q(
                    state="pending",
                    next_attempt_at__isnull=False,
                    lease_token__isnull=True,
                    lease_until__isnull=True,
                    ended_at__isnull=True,
                )
                | Q(
                    state="leased",
                    next_attempt_at__isnull=False,
                    lease_token__isnull=False,
                    lease_until__isnull=False,
                    ended_at__isnull=True,
                )
                | Q(
                    state__in=["accepted", "failed_permanent", "superseded"],
                    next_attempt_at__isnull=True,
                    lease_token__isnull=True,
                    lease_until__isnull=True,
                    ended_at__isnull=False,
                ),
                name="notification_state_matches_its_times",
            ),
            models.CheckConstraint(
                condition=~Q(endpoint="") & ~Q(message_id=""), name="notification_addressed"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="notification_due",
            )
        ]

    def __str__(self) -> str:
        return f"notification {self.pk}: {self.state}"


class AttemptOutcome(models.TextChoices):
    """How one attempt went."""

    ACCEPTED = "accepted", "Accepted"
    TEMPORARY = "temporary", "Refused for now"
    PERMANENT = "permanent", "Refused for good"
    UNKNOWN = "unknown", "Unknown"
    WITHDRAWN = "withdrawn", "Not sent, somebody had acknowledged"


class DeliveryAttempt(models.Model):
    """One try to hand a mail to the mail server, written before connecting and finished once."""

    notification = models.ForeignKey(Notification, on_delete=models.PROTECT, related_name="attempts")
    n = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=AttemptOutcome.choices, blank=True, default="")
    smtp_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error_class = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["notification", "n"], name="attempt_numbered_once"),
            models.CheckConstraint(condition=Q(n__gte=1), name="attempt_number_from_one"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, outcome="")
                | Q(finished_at__isnull=False, outcome__in=AttemptOutcome.values),
                name="attempt_finished_with_an_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.n} of notification {self.notification_id}: {self.outcome or 'unfinished'}"
