"""The rota: its rules, the people who take turns, the shifts that follow from them, and what was changed."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from alerts.rota_rules import LONGEST_DAYS, HolidayUse, Layer, Turn

ON_CALL = "on-call"


class Rota(models.Model):
    """The rota of one role; its row is the lock under which rules, overrides and shifts change."""

    role = models.CharField(max_length=24, unique=True)
    # Whether people keep a rota at all. Where nobody does, everybody with the role is told.
    is_kept = models.BooleanField(default=False)
    # Grows with every change, so that a page can tell whether it still shows what stands.
    version = models.PositiveIntegerField(default=0)
    filled_until = models.DateTimeField(null=True, blank=True)
    filled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [
            ("manage_rota", "Can change the rota"),
            ("swap_duty", "Can offer and take over duties, and keep an own calendar address"),
        ]

    def __str__(self) -> str:
        return f"rota of {self.role}, version {self.version}"


class RotaRule(models.Model):
    """On these days, from this time to that on the clocks of a zone. A change is a new row; this one ends."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=24, default=ON_CALL)
    name = models.CharField(max_length=60)
    # The days on which a shift begins: 0 is Monday.
    weekdays = models.JSONField(default=list)
    holidays = models.CharField(max_length=5, choices=[(use.value, use.value) for use in HolidayUse])
    starts = models.TimeField()
    ends = models.TimeField()
    ends_after_days = models.PositiveSmallIntegerField()
    zone = models.CharField(max_length=64)
    turn = models.CharField(max_length=4, choices=[(turn.value, turn.value) for turn in Turn])
    first_day = models.DateField()
    last_day = models.DateField(null=True, blank=True)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="rota_rule_named"),
            models.CheckConstraint(
                condition=Q(holidays__in=[use.value for use in HolidayUse]), name="rota_rule_holidays_known"
            ),
            models.CheckConstraint(
                condition=Q(turn__in=[turn.value for turn in Turn]), name="rota_rule_turn_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_after_days__range=(1, LONGEST_DAYS))
                | Q(ends_after_days=0, ends__gt=F("starts")),
                name="rota_rule_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(last_day__isnull=True) | Q(last_day__gte=F("first_day")),
                name="rota_rule_days_in_order",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="rota_rule_ended_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"rule {self.name}"


class RotaTurn(models.Model):
    """One person's place in the order of a rule."""

    rule = models.ForeignKey(RotaRule, on_delete=models.PROTECT, related_name="turns")
    position = models.PositiveSmallIntegerField()
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["rule", "position"]
        constraints = [models.UniqueConstraint(fields=["rule", "position"], name="one_person_per_turn")]

    def __str__(self) -> str:
        return f"turn {self.position} of rule {self.rule_id}"


class RotaShift(models.Model):
    """One person on call from one instant to another. Follows from a rule or an override, never typed.

    On PostgreSQL its migration adds an exclusion constraint: no two shifts of a role, layer and seat overlap.
    """

    role = models.CharField(max_length=24, default=ON_CALL)
    layer = models.CharField(max_length=8, choices=[(layer.value, layer.value) for layer in Layer])
    # The second seat is taken only in the hour that clocks show twice.
    seat = models.PositiveSmallIntegerField(default=0)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rota_shifts")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    rule = models.ForeignKey(RotaRule, on_delete=models.PROTECT, null=True, blank=True, related_name="shifts")
    override = models.ForeignKey(
        "alerts.RotaOverride", on_delete=models.PROTECT, null=True, blank=True, related_name="shifts"
    )

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="rota_shift_has_a_length"),
            models.CheckConstraint(
                condition=Q(layer="base", rule__isnull=False, override__isnull=True)
                | Q(layer="override", rule__isnull=True, override__isnull=False),
                name="rota_shift_follows_from_one_thing",
            ),
            models.UniqueConstraint(
                fields=["role", "layer", "seat", "starts_at"], name="one_rota_shift_begins_per_seat"
            ),
        ]
        indexes = [models.Index(fields=["role", "ends_at", "starts_at"], name="rota_shift_by_time")]

    def __str__(self) -> str:
        return f"{self.layer} shift {self.pk} of person {self.person_id}"


class RotaAbsence(models.Model):
    """Days on which somebody is away and must not be on call."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="absences")
    first_day = models.DateField()
    last_day = models.DateField()
    said_at = models.DateTimeField()
    said_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["first_day", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="absence_days_in_order")
        ]

    def __str__(self) -> str:
        return f"absence of person {self.person_id} from {self.first_day}"


class LocalHoliday(models.Model):
    """A day that this house keeps as a holiday, or a public holiday that it does not keep."""

    day = models.DateField(unique=True)
    name = models.CharField(max_length=60)
    is_kept = models.BooleanField(default=True)

    class Meta:
        ordering = ["day"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="local_holiday_named")]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class RotaEventKind(models.TextChoices):
    """What can happen to a rota."""

    RULE_ADDED = "rule-added", "Rule added"
    RULE_CHANGED = "rule-changed", "Rule changed"
    RULE_ENDED = "rule-ended", "Rule ended"
    OVERRIDE_PLACED = "override-placed", "Somebody else put on call"
    OVERRIDE_WITHDRAWN = "override-withdrawn", "Change withdrawn"
    SWAP_PROPOSED = "swap-proposed", "Duty offered"
    SWAP_ACCEPTED = "swap-accepted", "Duty taken over"
    SWAP_DECLINED = "swap-declined", "Offer declined"
    SWAP_WITHDRAWN = "swap-withdrawn", "Offer withdrawn"
    AWAY = "away", "Away"
    BACK = "back", "Not away after all"
    HOLIDAY_SET = "holiday-set", "Holiday set"
    HOLIDAY_REMOVED = "holiday-removed", "Own holiday removed"
    IMPORT_READ = "import-read", "Calendar handed in"
    IMPORT_TAKEN = "import-taken", "Calendar taken over"
    ADDRESS_MADE = "address-made", "Calendar address made"
    ADDRESS_WITHDRAWN = "address-withdrawn", "Calendar address withdrawn"


class RotaEvent(models.Model):
    """One change of the rota: who, when and what; append-only."""

    role = models.CharField(max_length=24, default=ON_CALL)
    kind = models.CharField(max_length=20, choices=RotaEventKind.choices)
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rota_events")
    # Whose duty or absence it is, where it is one person's.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    words = models.TextField()
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=RotaEventKind.values), name="rota_event_kind_known"),
            models.CheckConstraint(condition=~Q(words=""), name="rota_event_says_what"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%Y-%m-%d %H:%M})"
