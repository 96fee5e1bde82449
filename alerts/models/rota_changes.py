"""What departs from the rota's rules: overrides, duties offered, calendars; and calendar addresses."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from alerts.models.rota import ON_CALL


class RotaImport(models.Model):
    """A calendar that was handed in: what it proposes, and whether it was taken over."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=24, default=ON_CALL)
    file_name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    # One entry for each duty of the file: instants, who, and why it is blocked where it is.
    duties = models.JSONField()
    begin = models.DateTimeField()
    end = models.DateTimeField()
    read_at = models.DateTimeField()
    read_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField(null=True, blank=True)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(taken_at__isnull=True, taken_by__isnull=True)
                | Q(taken_at__isnull=False, taken_by__isnull=False),
                name="rota_import_taken_by_somebody",
            ),
            models.CheckConstraint(condition=Q(end__gt=F("begin")), name="rota_import_has_a_span"),
        ]

    def __str__(self) -> str:
        return f"calendar {self.file_name}"


class RotaOverride(models.Model):
    """Somebody on call from one instant to another, whatever the rules say."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=24, default=ON_CALL)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rota_overrides"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    placed_at = models.DateTimeField()
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Of a calendar that was taken over, or of a duty that was; neither: placed by whoever keeps the rota.
    imported = models.ForeignKey(
        RotaImport, on_delete=models.PROTECT, null=True, blank=True, related_name="overrides"
    )
    swap = models.ForeignKey(
        "alerts.RotaSwap", on_delete=models.PROTECT, null=True, blank=True, related_name="overrides"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="rota_override_has_a_length"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="rota_override_reason_given"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
                name="rota_override_withdrawn_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"override {self.pk} for person {self.person_id}"


class SwapState(models.TextChoices):
    """Where an offered duty stands."""

    PROPOSED = "proposed", "Waits for an answer"
    ACCEPTED = "accepted", "Taken over"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"


class RotaSwap(models.Model):
    """A duty offered to another person, perhaps for one of theirs; nothing changes until it is accepted."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=24, default=ON_CALL)
    proposer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="duties_offered"
    )
    other = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="duties_offered_to"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    # The duty that the proposer takes over instead; none where the other simply helps out.
    back_starts_at = models.DateTimeField(null=True, blank=True)
    back_ends_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=9, choices=SwapState.choices, default=SwapState.PROPOSED)
    proposed_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(proposer=F("other")), name="rota_swap_of_two_people"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="rota_swap_has_a_length"),
            models.CheckConstraint(
                condition=Q(back_starts_at__isnull=True, back_ends_at__isnull=True)
                | Q(
                    back_starts_at__isnull=False,
                    back_ends_at__isnull=False,
                    back_ends_at__gt=F("back_starts_at"),
                ),
                name="rota_swap_back_has_a_length",
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", answered_at__isnull=True)
                | Q(state__in=["accepted", "declined", "withdrawn"], answered_at__isnull=False),
                name="rota_swap_answered_once",
            ),
        ]

    def __str__(self) -> str:
        return f"swap {self.pk}, {self.state}"


class CalendarAddress(models.Model):
    """The secret address of one person's duty calendar; only the digest of its secret is kept."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="calendar_addresses"
    )
    secret_sha256 = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "calendar addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(withdrawn_at__isnull=True),
                name="one_calendar_address_per_person",
            )
        ]

    def __str__(self) -> str:
        return f"calendar address {self.pk} of person {self.person_id}"
