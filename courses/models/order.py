"""Orders that follow from decisions, and every change of their state."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.models.course import Cycle
from courses.models.decision import Decision, Directive
from courses.rules.order_states import LIVE_STATES, OrderKind, OrderState

ORDER_KINDS = [(kind.value, kind.value.replace("_", " ")) for kind in OrderKind]
ORDER_STATES = [(state.value, state.value) for state in OrderState]
LIVE = [state.value for state in LIVE_STATES]


class OrderQuerySet(models.QuerySet["Order"]):
    """The questions asked about orders."""

    def live(self) -> "OrderQuerySet":
        """Orders that may still lead to something being prepared or given."""
        return self.filter(state__in=LIVE)


class Order(models.Model):
    """An instruction to act for one cycle; its activity lives in the directive alone."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="orders")
    kind = models.CharField(max_length=24, choices=ORDER_KINDS)
    state = models.CharField(max_length=12, choices=ORDER_STATES)
    reason_code = models.CharField(max_length=40, blank=True)
    directive = models.ForeignKey(
        Directive, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="orders")
    items = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=1)
    placed_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["updated_at", "id"], name="order_feed")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["cycle", "kind"],
                condition=Q(state__in=LIVE),
                name="one_live_order_per_cycle_and_kind",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in OrderState]), name="order_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in OrderKind]), name="order_kind_is_known"
            ),
            models.CheckConstraint(
                # Nothing radioactive is ever active without its written directive.
                condition=(
                    ~Q(kind="radiopharmaceutical")
                    | Q(directive__isnull=False)
                    | Q(state__in=["proposed", "suspended", "cancelled", "void"])
                ),
                name="active_radiopharmaceutical_has_directive",
            ),
            models.CheckConstraint(
                condition=~Q(state="suspended") | ~Q(reason_code=""), name="suspended_order_says_why"
            ),
        ]
        permissions: ClassVar = [
            ("handle_order", "Can accept, prepare and dispense orders"),
            ("cancel_order", "Can cancel orders"),
            ("ask_cancel", "Can ask for orders to be cancelled"),
        ]

    def __str__(self) -> str:
        return f"order {self.pk}: {self.kind} {self.state}"


class OrderEvent(models.Model):
    """One change of one order's state, with its reason; append-only."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    from_state = models.CharField(max_length=12, blank=True)
    to_state = models.CharField(max_length=12)
    reason_code = models.CharField(max_length=40)
    # What a person gave as the reason, in words.
    note = models.TextField(blank=True, default="")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"event {self.pk} of order {self.order_id}"
