"""The alert, everything that ever happened to it, and who took it over."""

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q

from alerts.rules import NEEDS_SOMEBODY, Kind, State
from courses.models import Course, Cycle, Decision
from labs.models import LabMessage, Patient

# Read aloud on a telephone: no 0 and O, no 1, I and L, no U.
_REF_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_public_id() -> str:
    """An address nobody can guess."""
    return secrets.token_urlsafe(16)


def new_ref() -> str:
    """A short reference people can say: 7F3K-2Q."""
    drawn = "".join(secrets.choice(_REF_LETTERS) for _ in range(6))
    return f"{drawn[:4]}-{drawn[4:]}"


class AlertQuerySet(models.QuerySet["Alert"]):
    """The questions asked about alerts."""

    def standing(self) -> "AlertQuerySet":
        """Alerts that are not over."""
        return self.exclude(state=State.CLOSED.value)

    def needing_somebody(self) -> "AlertQuerySet":
        """Alerts nobody has acknowledged yet."""
        return self.filter(state__in=[state.value for state in NEEDS_SOMEBODY])

    def undecided(self) -> "AlertQuerySet":
        """Alerts somebody has acknowledged and whose cause still waits for that person's decision."""
        return self.filter(state=State.ACKED.value, cause_gone_at__isnull=True)

    def for_people(self) -> "AlertQuerySet":
        """Alerts that people are told of; the trial of the line tells a mailbox only."""
        return self.exclude(kind=Kind.CANARY.value)


class Alert(models.Model):
    """A named role must know by a time; until somebody says they do, the next is told."""

    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    ref = models.CharField("reference", max_length=7, unique=True, default=new_ref, editable=False)
    kind = models.CharField(max_length=24, choices=[(kind.value, kind.value) for kind in Kind])
    # Kind, subject, cycle, rule: what makes two alerts the same one. Ids and rule names, never a patient.
    condition_key = models.CharField(max_length=200)
    severity = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in State])
    technical = models.BooleanField()
    # The version as the policy states it, and the beginning of its file's digest.
    policy_version = models.CharField(max_length=40)
    # The ladder and the words as they were when the alert began: editing the policy disturbs no alert.
    plan = models.JSONField()
    step = models.PositiveSmallIntegerField(default=0)
    loop = models.PositiveIntegerField(default=1)
    next_step_at = models.DateTimeField(null=True, blank=True)
    raised_at = models.DateTimeField()
    acked_at = models.DateTimeField(null=True, blank=True)
    acked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # By when whoever acknowledged is expected to have decided.
    ack_due_at = models.DateTimeField(null=True, blank=True)
    # Since when what somebody had acknowledged is no longer so; it tells nobody, and a person ends it.
    cause_gone_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts")
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts")
    decision = models.ForeignKey(
        Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts"
    )
    message = models.ForeignKey(
        LabMessage, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts"
    )
    # Whom a technical alert is about, such as the owner of a refused address.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    # For its page: senders, codes, units, days, numbers of items. Never a patient's name, number or value.
    about = models.JSONField(default=dict, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["severity", "-raised_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["condition_key"],
                condition=~Q(state="closed"),
                name="one_standing_alert_per_condition",
            ),
            models.CheckConstraint(condition=~Q(condition_key=""), name="alert_condition_given"),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in Kind]), name="alert_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in State]), name="alert_state_known"
            ),
            models.CheckConstraint(condition=Q(severity__in=[1, 2, 3]), name="alert_severity_known"),
            models.CheckConstraint(condition=Q(loop__gte=1), name="alert_loop_from_one"),
            models.CheckConstraint(
                # Nobody has it yet: then there is always a moment at which the next are told.
                condition=Q(
                    state__in=["open", "cleared_unacked"],
                    next_step_at__isnull=False,
                    acked_at__isnull=True,
                    acked_by__isnull=True,
                    ack_due_at__isnull=True,
                    closed_at__isnull=True,
                )
                | Q(
                    state="acked",
                    next_step_at__isnull=True,
                    acked_at__isnull=False,
                    acked_by__isnull=False,
                    ack_due_at__isnull=False,
                    closed_at__isnull=True,
                )
                | Q(state="closed", next_step_at__isnull=True, closed_at__isnull=False),
                name="alert_state_matches_its_times",
            ),
            models.CheckConstraint(
                condition=Q(cause_gone_at__isnull=True) | Q(state__in=["acked", "closed"]),
                name="alert_of_nobody_has_its_cause",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_step_at"], condition=Q(next_step_at__isnull=False), name="alert_step_due"
            ),
            models.Index(fields=["state", "severity", "-raised_at"], name="alert_by_state"),
        ]
        permissions = [
            ("acknowledge_alert", "Can acknowledge alerts"),
            ("acknowledge_technical_alert", "Can acknowledge technical alerts"),
            ("acknowledge_recall_alert", "Can acknowledge alerts of recalls"),
            ("acknowledge_dose_alert", "Can acknowledge alerts of deviations and incidents"),
        ]

    def __str__(self) -> str:
        return f"alert {self.ref}: {self.kind}, {self.state}"

    @property
    def needs_somebody(self) -> bool:
        """Whether nobody has acknowledged it yet."""
        return self.state in NEEDS_SOMEBODY

    @property
    def patient(self) -> Patient | None:
        """Whose it is: its course's, or the newest critical value's; lists ask `with_patients`."""
        if self.course is not None:
            return self.course.patient
        if self.kind != Kind.CRITICAL_VALUE:
            return None
        newest = max(self.critical_findings.all(), key=lambda finding: finding.pk, default=None)
        return newest.value.patient if newest else None


class EventKind(models.TextChoices):
    """What can happen to an alert."""

    RAISED = "raised", "Raised"
    SEEN_AGAIN = "seen-again", "Seen again"
    WORSENED = "worsened", "Became more severe"
    REOPENED = "reopened", "Opened again"
    CLEARED = "cleared", "The cause is gone, still to be acknowledged"
    CAUSE_GONE = "cause-gone", "Overtaken by a newer decision; a person ends it"
    RETURNED = "returned", "The cause is back"
    CLOSED = "closed", "Closed"
    STEP = "step", "People told"
    EMPTY_STEP = "empty-step", "Nobody there to tell"
    ACCEPTED = "accepted", "Mail handed to the mail server"
    REFUSED = "refused", "Mail refused for good"
    BOUNCED = "bounced", "Mail came back"
    VIEWED = "viewed", "Viewed"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    REARMED = "rearmed", "Not decided in time, opened again"
    READ_BACK = "read-back", "Passed on"
    NOT_REACHED = "not-reached", "Nobody reached"
    HANDED_OVER = "handed-over", "Handed over"
    ESCALATED = "escalated", "Escalated by hand"
    SUPPRESSED = "suppressed", "Silenced for a time"
    CALLED = "called", "Somebody was called"


# What a page that is about to be acknowledged must have shown.
MUST_BE_SEEN = (
    EventKind.SEEN_AGAIN,
    EventKind.WORSENED,
    EventKind.REOPENED,
    EventKind.RETURNED,
    EventKind.REARMED,
)


class AlertEvent(models.Model):
    """One thing that happened to an alert; append-only."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=EventKind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()
    # Ids, roles and reasons; never a patient's name, number or value.
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="alert_event_kind_known")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%Y-%m-%d %H:%M})"


class Acknowledgement(models.Model):
    """Somebody says: I know, and I take this over. Append-only."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="acknowledgements")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="acknowledgements"
    )
    at = models.DateTimeField()
    # The round of the ladder that this ended; a re-opened alert begins another.
    loop = models.PositiveIntegerField()
    seen_severity = models.PositiveSmallIntegerField()
    note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "loop"], name="one_acknowledgement_per_round"),
            models.CheckConstraint(
                condition=Q(seen_severity__in=[1, 2, 3]), name="acknowledged_severity_known"
            ),
        ]

    def __str__(self) -> str:
        return f"acknowledgement {self.pk} of alert {self.alert_id}"
