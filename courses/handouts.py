"""Read what was handed out for orders and what is called back, in two queries for a whole page of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import CharField, DateTimeField, DecimalField, F, IntegerField, Value

from courses.day_library import NoDayRules, day_rules
from courses.models import AminoAcidBag, DispensedUnit, Order, Recall
from courses.rules.activity import Measured, decayed
from courses.rules.order_states import OrderState
from courses.services.planned_start import planned_start

BAG = "bag"
_SHOWN_GBQ = Decimal("0.001")
# Nothing is handed out for an order before it is dispensed.
_BEFORE = (
    OrderState.PROPOSED,
    OrderState.ACTIVE,
    OrderState.SUSPENDED,
    OrderState.ACCEPTED,
    OrderState.PREPARED,
)
_COLUMNS = (
    "order_id", "public_id", "label", "lot", "volume_ml", "expires_at", "prepared_name", "verified_name",
    "dispensed_at", "a_form", "a_product", "a_code", "a_gbq", "a_measured_at", "a_revision", "a_warning",
    "a_lysine", "a_arginine",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """A dispensed unit or a bag of amino acids."""

    public_id: UUID
    label: str
    lot: str
    volume_ml: Decimal
    expires_at: datetime
    prepared_name: str
    verified_name: str
    dispensed_at: datetime
    form: str
    product: str
    product_code: str
    measured_gbq: Decimal | None
    measured_at: datetime | None
    revision: int | None
    warning: str
    lysine_g: Decimal | None
    arginine_g: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedUnit:
    """What a unit holds at the planned start."""

    at: datetime
    gbq: Decimal


@dataclass(slots=True, kw_only=True)
class Handouts:
    """Everything that hangs on one order."""

    units: list[HandedOut] = field(default_factory=list)
    recalls: list[Recall] = field(default_factory=list)

    @property
    def recall(self) -> Recall | None:
        """The recall that counts: an open one before those that are answered, else the newest."""
        found = [each for each in self.recalls if not hasattr(each, "answer")] or self.recalls
        return found[-1] if found else None


def handouts_of(orders: Sequence[Order]) -> dict[int, Handouts]:
    """What hangs on each of these orders, by its key."""
    before = {state.value for state in _BEFORE}
    ids = [order.pk for order in orders if order.state not in before]
    found: dict[int, Handouts] = defaultdict(Handouts)
    if not ids:
        return found
    for order_id, *columns in _units(ids).union(_bags(ids), all=True).order_by("dispensed_at", "label"):
        found[order_id].units.append(HandedOut(**dict(zip(HandedOut.__slots__, columns, strict=True))))
    for recall in Recall.objects.filter(order__in=ids).select_related("answer").order_by("pk"):
        found[recall.order_id].recalls.append(recall)
    return found


def _units(ids: list[int]) -> Any:
    return (
        DispensedUnit.objects.filter(order__in=ids)
        .annotate(
            a_form=F("form"),
            a_product=F("product"),
            a_code=F("product_code"),
            a_gbq=F("measured_gbq"),
            a_measured_at=F("measured_at"),
            a_revision=F("directive__revision"),
            a_warning=F("warning"),
            a_lysine=Value(None, output_field=DecimalField(max_digits=5, decimal_places=2)),
            a_arginine=Value(None, output_field=DecimalField(max_digits=5, decimal_places=2)),
        )
        .order_by()
        .values_list(*_COLUMNS)
    )


def _bags(ids: list[int]) -> Any:
    return (
        AminoAcidBag.objects.filter(order__in=ids)
        .annotate(
            a_form=Value(BAG),
            a_product=Value("amino acids"),
            a_code=Value("", output_field=CharField()),
            a_gbq=Value(None, output_field=DecimalField(max_digits=11, decimal_places=6)),
            a_measured_at=Value(None, output_field=DateTimeField()),
            a_revision=Value(None, output_field=IntegerField()),
            a_warning=Value("", output_field=CharField()),
            a_lysine=F("lysine_g"),
            a_arginine=F("arginine_g"),
        )
        .order_by()
        .values_list(*_COLUMNS)
    )


def predicted_of(order: Order, units: Sequence[HandedOut]) -> PredictedUnit | None:
    """What the newest measured unit of an order holds at the planned start; cycle and course are loaded."""
    measured = [unit for unit in units if unit.measured_gbq is not None and unit.measured_at is not None]
    if not measured:
        return None
    unit = measured[-1]
    assert unit.measured_gbq is not None
    assert unit.measured_at is not None
    try:
        half_life = day_rules(order.cycle.course.protocol_id).rules.dispensing.half_life
    except NoDayRules:
        return None
    at = planned_start(order.cycle.planned_on)
    gbq = decayed(Measured(gbq=unit.measured_gbq, at=unit.measured_at), to=at, half_life=half_life)
    return PredictedUnit(at=at, gbq=gbq.quantize(_SHOWN_GBQ))
