"""Take a vial in by its label, correct what was written of it, and say what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import transaction

from courses.day_library import NoDayRules, day_rules
from courses.library import UnknownProtocol, protocol
from courses.models import (
    Course,
    Cycle,
    Directive,
    DispensedUnit,
    Order,
    UnitForm,
    Vial,
    VialBooking,
    VialEvent,
    VialFate,
)
from courses.rules.activity import BadActivity, Measured, read_activity
from courses.rules.day_rules import Dispensing
from courses.rules.decimals import plain
from courses.rules.order_states import OrderState
from courses.rules.prediction import Prediction, predict
from courses.services.authority import NotAllowed, check_right, stated
from courses.services.bookings import close_booking
from courses.services.dispensing import size_faults
from courses.services.handling import HANDLE, Fault, OrderRefused, fault
from courses.services.orders import recall_order
from courses.services.planned_start import planned_start
from courses.services.same_form import check_vial_is_new, vial_of_form
from courses.services.vial_state import GONE, versions_of
from labs.clock import database_now

_HOUR_SECONDS = 3600
# Any of them: a vial is dropped in pharmacy or at the bedside.
SAYS_FATE = (HANDLE, "courses.run_therapy_day")
_MAY_NOT = "Only pharmacy takes vials in. Ask the pharmacist on duty."


class StaleVial(Exception):
    """Something was recorded of the vial since the caller read it; `vial` is what it is now."""

    def __init__(self, vial: Vial) -> None:
        super().__init__("The vial has changed since you read it: read it again, then decide.")
        self.vial = vial


@dataclass(frozen=True, slots=True, kw_only=True)
class VialLabel:
    """What stands on a vial; the activity as printed, with its unit."""

    product: str
    product_code: str
    lot: str
    calibrated: str
    calibrated_at: datetime
    volume_ml: Decimal
    expires_at: datetime
    received_at: datetime


def receive_vial(
    *, cycle: Cycle, label: VialLabel, by: User, key: UUID | None = None, now: datetime | None = None
) -> Vial:
    """Take a vial in for a cycle; the cycle's open booking is closed by it.

    1. check the right; 2. lock the course; 3. refuse a label that cannot be, or is another product's; 4. the
    same form sent again (`key`) is the same vial; 5. refuse a vial that is taken in already; 6. append it.
    Raises NotAllowed, OrderRefused with every fault found.
    """
    check_right(by, HANDLE, else_say=_MAY_NOT)
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=cycle.course_id)
        now = now or database_now()
        gbq = _checked(label, course=course, now=now)
        lot = stated(label.lot)
        if made := vial_of_form(key, cycle=cycle, lot=lot, gbq=gbq, about=_as_read(label), by=by):
            return made
        check_vial_is_new(key, cycle=cycle, lot=lot, calibrated_at=label.calibrated_at)
        booking = close_booking(cycle, by=by, now=now)
        return _write(cycle=cycle, label=label, gbq=gbq, by=by, now=now, booking=booking, key=key)


def _as_read(label: VialLabel) -> dict[str, Any]:
    """What of a label is written as it was read."""
    names = ("product_code", "calibrated_at", "volume_ml", "expires_at", "received_at")
    return {name: getattr(label, name) for name in names} | {"product": stated(label.product)}


def version_of(vial: Vial) -> int:
    """Which version of a vial somebody reads: each word on what became of it makes another."""
    return 1 + vial.fates.count()


def correct_vial(
    *,
    vial: Vial,
    label: VialLabel,
    reason: str,
    by: User,
    version: int | None = None,
    now: datetime | None = None,
) -> Vial:
    """Write a vial's label anew, with a reason; the row before stays and counts no longer.

    Refused while a unit of it is out: its own label would no longer be true. Raises NotAllowed, OrderRefused,
    StaleVial.
    """
    check_right(by, HANDLE, else_say=_MAY_NOT)
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=vial.cycle.course_id)
        now = now or database_now()
        _check_version(vial, version)
        if not stated(reason):
            raise OrderRefused(
                fault("reason-missing", "Say in a few words what was wrong.", "reason"), is_unreadable=True
            )
        if Vial.objects.filter(corrects=vial).exists():
            raise OrderRefused(fault("vial-corrected", "This vial was corrected already: correct that row."))
        out = DispensedUnit.objects.filter(
            vial_id__in=versions_of(vial), order__state=OrderState.DISPENSED.value
        )
        if out.exists():
            raise OrderRefused(
                fault(
                    "vial-out", "A unit of this vial is handed out: cancel its order, then correct the vial."
                )
            )
        gbq = _checked(label, course=course, now=now)
        return _write(
            cycle=vial.cycle,
            label=label,
            gbq=gbq,
            by=by,
            now=now,
            booking=vial.booking,
            corrects=vial,
            reason=stated(reason),
        )


def record_vial_fate(
    *,
    vial: Vial,
    fate: str,
    reason: str,
    by: User,
    version: int | None = None,
    now: datetime | None = None,
) -> VialEvent:
    """Write down what became of a vial, with a reason; only of the row that counts.

    Raises NotAllowed, OrderRefused, StaleVial.
    """
    if not any(by.has_perm(right) for right in SAYS_FATE):
        raise NotAllowed("Only pharmacy, nurses and physicians say what became of a vial.")
    faults = []
    if fate not in VialFate.values:
        faults.append(fault("fate-unknown", f"Say what became of it: {', '.join(VialFate.values)}.", "fate"))
    if not stated(reason):
        faults.append(fault("reason-missing", "Say in a few words what happened.", "reason"))
    if faults:
        raise OrderRefused(*faults, is_unreadable=True)
    with transaction.atomic():
        Course.objects.select_for_update().get(cycles__pk=vial.cycle_id)
        if Vial.objects.filter(corrects=vial).exists():
            raise OrderRefused(
                fault("vial-corrected", "This vial's label was written anew: say it of the one that counts.")
            )
        _check_version(vial, version)
        now = now or database_now()
        _call_back(vial, fate=fate, now=now)
        return VialEvent.objects.create(vial=vial, fate=fate, reason=stated(reason), actor=by, at=now)


def _call_back(vial: Vial, *, fate: str, now: datetime) -> None:
    """What was handed out and is gone, or must not be given as it is, is called back in the same commit.

    A syringe stands by itself, and what is left of a vial after a part was measured may be wasted.
    """
    if fate not in GONE:
        return
    forms = [UnitForm.VIAL.value]
    if fate != VialFate.WASTED.value:
        forms.append(UnitForm.PART.value)
    out = Order.objects.select_for_update(of=("self",)).filter(
        state=OrderState.DISPENSED.value,
        pk__in=DispensedUnit.objects.filter(vial_id__in=versions_of(vial), form__in=forms).values("order"),
    )
    for order in out:
        recall_order(order=order, reason_code=f"vial-{fate}", decision=None, now=now)


def _check_version(vial: Vial, version: int | None) -> None:
    """Under the course's lock. Raises StaleVial."""
    if version is not None and version != version_of(vial):
        raise StaleVial(vial)


def predicted(
    *, vial: Vial, protocol_id: str, directive: Directive | None, at: datetime | None = None
) -> Prediction | None:
    """What a vial holds at an instant, or at the planned start; None where no rules of the day say how."""
    try:
        rules = day_rules(protocol_id).rules.dispensing
    except NoDayRules:
        return None
    return predict(
        Measured(gbq=vial.calibrated_gbq, at=vial.calibrated_at),
        at=at or planned_start(vial.cycle.planned_on),
        expires_at=vial.expires_at,
        directed_gbq=directive.activity_gbq if directive else None,
        rules=rules,
    )


def _checked(label: VialLabel, *, course: Course, now: datetime) -> Decimal:
    """The calibrated activity of a label that can be. Raises OrderRefused."""
    try:
        rules = day_rules(course.protocol_id).rules.dispensing
        product = protocol(course.protocol_id).product
    except (NoDayRules, UnknownProtocol) as missing:
        raise OrderRefused(fault("no-day-rules", f"No vial can be judged: {missing}.")) from missing
    if unreadable := list(_unreadable(label, now=now)):
        raise OrderRefused(*unreadable, is_unreadable=True)
    if wrong := list(_implausible(label, product=product, rules=rules)):
        raise OrderRefused(*wrong)
    return read_activity(label.calibrated)


def _unreadable(label: VialLabel, *, now: datetime) -> Iterator[Fault]:
    try:
        gbq = read_activity(label.calibrated)
        if gbq != round(gbq, 4) or gbq >= 100_000:
            yield fault(
                "activity-unreadable", "Write the calibrated activity to 0.1 MBq.", "calibrated_activity"
            )
    except BadActivity as bad:
        yield fault("activity-unreadable", str(bad), "calibrated_activity")
    for field, text, longest in (
        ("product", label.product, 120),
        ("product_code", label.product_code, 40),
        ("lot", label.lot, 60),
    ):
        if not stated(text) or len(text) > longest:
            yield fault(
                "label-incomplete", f"Write it as it stands on the label, up to {longest} letters.", field
            )
    yield from size_faults("volume_ml", label.volume_ml, digits=6, places=2)
    for field, at in (
        ("calibrated_at", label.calibrated_at),
        ("expires_at", label.expires_at),
        ("received_at", label.received_at),
    ):
        if at.tzinfo is None:
            yield fault("instant-unreadable", "Write the instant with its offset from UTC.", field)
    if label.received_at.tzinfo is not None and label.received_at > now:
        yield fault("received-in-future", "It has not arrived yet: check the time.", "received_at")


def _implausible(label: VialLabel, *, product: str, rules: Dispensing) -> Iterator[Fault]:
    if stated(label.product).casefold() != product.casefold():
        yield fault("product-wrong", f"This protocol gives {product}: do not take this vial in.", "product")
    if label.product_code not in rules.product_codes:
        known = ", ".join(rules.product_codes)
        yield fault(
            "product-code-wrong",
            f"{label.product_code} is not the product of this protocol ({known}): do not take it in.",
            "product_code",
        )
    shelf_hours = plain(Decimal(int(rules.shelf_life.total_seconds())) / _HOUR_SECONDS)
    if label.expires_at <= label.calibrated_at:
        yield fault("expiry-implausible", "It cannot expire before its calibration.", "expires_at")
    elif label.expires_at > label.calibrated_at + rules.shelf_life:
        yield fault(
            "expiry-implausible",
            f"It lasts {shelf_hours} hours from its calibration: check both times on the label.",
            "expires_at",
        )


def _write(
    *,
    cycle: Cycle,
    label: VialLabel,
    gbq: Decimal,
    by: User,
    now: datetime,
    booking: VialBooking | None,
    corrects: Vial | None = None,
    reason: str = "",
    key: UUID | None = None,
) -> Vial:
    return Vial.objects.create(
        public_id=key or uuid4(),
        cycle=cycle,
        booking=booking,
        product=stated(label.product),
        product_code=label.product_code,
        lot=stated(label.lot),
        calibrated_gbq=gbq,
        calibrated_at=label.calibrated_at,
        volume_ml=label.volume_ml,
        expires_at=label.expires_at,
        received_at=label.received_at,
        corrects=corrects,
        reason=reason,
        recorded_by=by,
        recorded_at=now,
    )
