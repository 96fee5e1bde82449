"""Addresses that are told of orders, and the outbox of what they are told."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from courses.models.order import Order


class WebhookEvent(models.TextChoices):
    """What an address is told."""

    RELEASED = "order.released", "order released"
    CHANGED = "order.changed", "order changed"
    VOIDED = "order.voided", "order voided"
    RECALL = "order.recall", "recall"


class Webhook(models.Model):
    """One address of another system; its host must stand in the allow-list of the settings."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80, unique=True)
    url = models.URLField(max_length=400)
    secret = models.CharField(max_length=128)
    active = models.BooleanField(default=True)
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(url="") & ~Q(secret="") & ~Q(name=""), name="webhook_is_whole"
            )
        ]

    def __str__(self) -> str:
        return self.name


class WebhookCall(models.Model):
    """One thing one address is to be told, until it has answered; the row is the duty."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.PROTECT, related_name="calls")
    event = models.CharField(max_length=16, choices=WebhookEvent)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="webhook_calls")
    order_version = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    answered_at = models.DateTimeField(null=True, blank=True)
    # The last answer, or why there was none; never what was sent.
    last_answer = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["next_attempt_at"], name="webhook_call_due")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["webhook", "event", "order", "order_version"], name="webhook_told_once_per_version"
            ),
            models.CheckConstraint(condition=Q(event__in=WebhookEvent.values), name="webhook_event_is_known"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(next_attempt_at__isnull=True),
                name="answered_call_is_not_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}"
