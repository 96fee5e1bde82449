"""What pharmacy orders, receives, measures and hands out: bookings, vials, dispensed units, bags."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from courses.models.course import Cycle
from courses.models.decision import Directive
from courses.models.order import Order


class BookingState(models.TextChoices):
    """Where a supplier order stands; none of its states lets anything be given."""

    PLACED = "placed", "placed"
    CONFIRMED = "confirmed", "confirmed by the supplier"
    RECEIVED = "received", "received"
    CANCELLED = "cancelled", "cancelled"


class VialBooking(models.Model):
    """A provisional order with the supplier for one cycle: it may be placed, moved or cancelled before labs.

    The row is where it stands now; each change is kept in `VialBookingEvent`.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="bookings")
    state = models.CharField(max_length=12, choices=BookingState, default=BookingState.PLACED)
    supplier = models.CharField(max_length=120)
    reference = models.CharField("supplier's reference", max_length=120, blank=True)
    needed_on = models.DateField()
    # Until then the supplier takes a change or a cancellation.
    cut_off_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    placed_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["cycle"],
                condition=Q(state__in=["placed", "confirmed"]),
                name="one_open_booking_per_cycle",
            ),
            models.CheckConstraint(condition=Q(state__in=BookingState.values), name="booking_state_is_known"),
            models.CheckConstraint(condition=~Q(supplier=""), name="booking_names_its_supplier"),
        ]
        permissions: ClassVar = [("book_vial", "Can place, move and cancel orders with the supplier")]

    def __str__(self) -> str:
        return f"booking {self.pk}: {self.state} for {self.needed_on}"


class VialBookingEvent(models.Model):
    """One change of a supplier order: what it was, what it became, who and why; append-only."""

    booking = models.ForeignKey(VialBooking, on_delete=models.PROTECT, related_name="events")
    to_state = models.CharField(max_length=12, choices=BookingState)
    needed_on = models.DateField()
    reason = models.TextField(blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"event {self.pk} of booking {self.booking_id}"


class VialQuerySet(models.QuerySet["Vial"]):
    """The questions asked about vials."""

    def effective(self) -> "VialQuerySet":
        """Vials as they stand: corrected versions left out."""
        return self.filter(corrected_by__isnull=True)


class Vial(models.Model):
    """A vial as received, by its label; append-only, a correction is a new row."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="vials")
    booking = models.ForeignKey(
        VialBooking, on_delete=models.PROTECT, null=True, blank=True, related_name="vials"
    )
    product = models.CharField(max_length=120)
    product_code = models.CharField(max_length=40)
    lot = models.CharField(max_length=60)
    calibrated_gbq = models.DecimalField(max_digits=9, decimal_places=4)
    calibrated_at = models.DateTimeField()
    volume_ml = models.DecimalField(max_digits=6, decimal_places=2)
    expires_at = models.DateTimeField()
    received_at = models.DateTimeField()
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    reason = models.TextField("reason of a correction", blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    objects = VialQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(calibrated_gbq__gt=0) & Q(volume_ml__gt=0), name="vial_holds_something"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("calibrated_at")), name="vial_expires_after_calibration"
            ),
            models.CheckConstraint(condition=~Q(lot="") & ~Q(product_code=""), name="vial_has_lot_and_code"),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(reason=""), name="vial_correction_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"vial {self.lot}"


class VialFate(models.TextChoices):
    """What became of a vial that was not given as planned."""

    WASTED = "wasted", "wasted"
    DAMAGED = "damaged", "damaged"
    SPILLED = "spilled", "spilled"
    LATE = "late", "arrived late"
    KEPT = "kept", "kept for another day"


class VialEvent(models.Model):
    """What became of a vial; append-only."""

    vial = models.ForeignKey(Vial, on_delete=models.PROTECT, related_name="fates")
    fate = models.CharField(max_length=12, choices=VialFate)
    reason = models.TextField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(fate__in=VialFate.values), name="vial_fate_is_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="vial_fate_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.fate}: vial {self.vial_id}"


class UnitForm(models.TextChoices):
    """What is handed out: the whole vial, a drawn syringe, or a stated part of a vial."""

    VIAL = "vial", "whole vial"
    SYRINGE = "syringe", "drawn syringe"
    PART = "part", "stated part of a vial"


class AssayDirection(models.Model):
    """An authorised user directs in writing that an assay beyond the limit is given; append-only.

    It speaks of one directive and one measured activity: another measurement asks for another one.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="assay_directions")
    directive = models.ForeignKey(Directive, on_delete=models.PROTECT, related_name="assay_directions")
    # To six places: readings in millicuries come to them, and a bound must not be judged on a rounded value.
    measured_gbq = models.DecimalField(max_digits=11, decimal_places=6)
    measured_at = models.DateTimeField()
    reason = models.TextField()
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(measured_gbq__gt=0), name="assay_direction_of_an_activity"),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(printed_name=""), name="assay_direction_says_why_and_who"
            ),
        ]

    def __str__(self) -> str:
        return f"assay direction {self.pk}"


class DispensedUnit(models.Model):
    """What pharmacy handed out for one order, with its own assay, under one directive; append-only.

    `label` is what the bedside scans: it names the unit and, through it, the revision of the directive.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="units")
    vial = models.ForeignKey(Vial, on_delete=models.PROTECT, related_name="units")
    directive = models.ForeignKey(Directive, on_delete=models.PROTECT, related_name="units")
    direction = models.ForeignKey(
        AssayDirection, on_delete=models.PROTECT, null=True, blank=True, related_name="units"
    )
    form = models.CharField(max_length=8, choices=UnitForm)
    label = models.CharField(max_length=40, unique=True)
    product = models.CharField(max_length=120)
    product_code = models.CharField(max_length=40)
    lot = models.CharField(max_length=60)
    measured_gbq = models.DecimalField(max_digits=11, decimal_places=6)
    measured_at = models.DateTimeField()
    volume_ml = models.DecimalField(max_digits=6, decimal_places=2)
    expires_at = models.DateTimeField()
    prepared_name = models.CharField(max_length=200)
    verified_name = models.CharField(max_length=200)
    # What was warned of as it was handed out: its deviation from the directive; empty when nothing was.
    warning = models.TextField(blank=True, default="")
    dispensed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    dispensed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(measured_gbq__gt=0) & Q(volume_ml__gt=0), name="unit_holds_something"
            ),
            models.CheckConstraint(condition=Q(form__in=UnitForm.values), name="unit_form_is_known"),
            models.CheckConstraint(
                condition=~Q(prepared_name="") & ~Q(verified_name="") & ~Q(prepared_name=F("verified_name")),
                name="unit_verified_by_another_person",
            ),
            models.CheckConstraint(
                condition=~Q(label="") & ~Q(lot="") & ~Q(product_code=""), name="unit_is_labelled"
            ),
        ]
        permissions: ClassVar = [("measure_activity", "Can record measured activities and residuals")]

    def __str__(self) -> str:
        return f"unit {self.label}"


class AminoAcidBag(models.Model):
    """The bag handed out for an order of amino acids; append-only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="bags")
    label = models.CharField(max_length=40, unique=True)
    lot = models.CharField(max_length=60)
    lysine_g = models.DecimalField(max_digits=5, decimal_places=2)
    arginine_g = models.DecimalField(max_digits=5, decimal_places=2)
    volume_ml = models.DecimalField(max_digits=6, decimal_places=1)
    expires_at = models.DateTimeField()
    prepared_name = models.CharField(max_length=200)
    verified_name = models.CharField(max_length=200)
    dispensed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    dispensed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(lysine_g__gt=0) & Q(arginine_g__gt=0) & Q(volume_ml__gt=0),
                name="bag_holds_something",
            ),
            models.CheckConstraint(
                condition=~Q(prepared_name="") & ~Q(verified_name="") & ~Q(prepared_name=F("verified_name")),
                name="bag_verified_by_another_person",
            ),
            models.CheckConstraint(condition=~Q(label="") & ~Q(lot=""), name="bag_is_labelled"),
        ]

    def __str__(self) -> str:
        return f"bag {self.label}"
