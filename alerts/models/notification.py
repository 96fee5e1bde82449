"""The outbox: one letter owed to one person by one channel, and every attempt to deliver it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from alerts.models.alert import Alert
from alerts.models.push_address import PushAddress

MAIL_LINE = "mail"


class Channel(models.TextChoices):
    """By which way a letter goes."""

    MAIL = "mail", "E-mail"
    PUSH = "push", "Push"


class NotificationState(models.TextChoices):
    """Where one owed mail stands."""

    PENDING = "pending", "Waiting to be sent"
    LEASED = "leased", "Being sent"
    ACCEPTED = "accepted", "Accepted by the mail server"
    FAILED_PERMANENT = "failed_permanent", "Refused for good"
    SUPERSEDED = "superseded", "No longer needed"
    BUNDLED = "bundled", "Told together with others in one letter"


class NotificationQuerySet(models.QuerySet["Notification"]):
    """The questions asked about what is owed."""

    def told(self) -> "NotificationQuerySet":
        """Letters that a server took, alone or as part of a bundle."""
        return self.filter(
            Q(state=NotificationState.ACCEPTED)
            | Q(state=NotificationState.BUNDLED, bundled_into__state=NotificationState.ACCEPTED)
        )

    def reaching(self) -> "NotificationQuerySet":
        """Letters that reached somebody, or still may: neither refused nor come back, no push that failed."""
        failed, bounced = NotificationState.FAILED_PERMANENT, "bounced"
        return self.exclude(
            Q(state=failed)
            | Q(channel=Channel.PUSH) & ~Q(state=NotificationState.ACCEPTED)
            | Q(pk__in=_with_report(bounced).values("notification"))
            | Q(bundled_into__in=_with_report(bounced).values("notification"))
        )


def _with_report(kind: str) -> models.QuerySet["DeliveryAttempt"]:
    return DeliveryAttempt.objects.filter(reports__kind=kind)


class Notification(models.Model):
    """One letter owed to one person for one step of one alert."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="notifications")
    loop = models.PositiveIntegerField()
    step = models.PositiveSmallIntegerField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notifications"
    )
    channel = models.CharField(max_length=4, choices=Channel.choices, default=Channel.MAIL)
    # The address at that time; a later change of address must not rewrite who was told where. For a push,
    # what stands for its address, which is a secret.
    endpoint = models.CharField(max_length=254)
    push_address = models.ForeignKey(
        PushAddress, on_delete=models.PROTECT, null=True, blank=True, related_name="notifications"
    )
    # The place in the queue, smallest first.
    priority = models.PositiveSmallIntegerField(default=0)
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
    # The letter that tells of this one too.
    bundled_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="members"
    )
    # What a letter that tells of others says of them, written once, so that a copy reads like the first.
    bundle = models.JSONField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

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
                )
                # It ends with the letter that takes it along.
                | Q(
                    state="bundled",
                    next_attempt_at__isnull=True,
                    lease_token__isnull=True,
                    lease_until__isnull=True,
                ),
                name="notification_state_matches_its_times",
            ),
            models.CheckConstraint(
                condition=Q(state="bundled", bundled_into__isnull=False)
                | (~Q(state="bundled") & Q(bundled_into__isnull=True)),
                name="notification_bundled_into_a_letter",
            ),
            models.CheckConstraint(
                condition=Q(channel="mail", push_address__isnull=True)
                | Q(channel="push", push_address__isnull=False),
                name="notification_channel_has_its_address",
            ),
            models.CheckConstraint(
                condition=~Q(endpoint="") & ~Q(message_id=""), name="notification_addressed"
            ),
        ]
        indexes = [
            models.Index(
                fields=["priority", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="notification_due",
            ),
            models.Index(
                fields=["bundled_into"],
                condition=Q(state="bundled", ended_at__isnull=True),
                name="notification_bundle_open",
            ),
        ]

    def __str__(self) -> str:
        return f"notification {self.pk}: {self.state}"

    @property
    def line(self) -> str:
        """The way it goes: the mail server for every mail, each push address by itself."""
        return MAIL_LINE if self.channel == Channel.MAIL else self.endpoint


class AttemptOutcome(models.TextChoices):
    """How one attempt went."""

    ACCEPTED = "accepted", "Accepted"
    TEMPORARY = "temporary", "Refused for now"
    PERMANENT = "permanent", "Refused for good"
    UNKNOWN = "unknown", "Unknown"
    WITHDRAWN = "withdrawn", "Not sent, somebody had acknowledged"


class DeliveryAttempt(models.Model):
    """One try to hand a letter over, written before connecting and finished once."""

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
        indexes = [models.Index(fields=["started_at"], name="attempt_by_start")]

    def __str__(self) -> str:
        return f"attempt {self.n} of notification {self.notification_id}: {self.outcome or 'unfinished'}"
