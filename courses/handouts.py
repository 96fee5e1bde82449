"""Read what was handed out for orders and what is called back, in one query for a whole page of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from courses.day_library import NoDayRules, day_rules
from courses.models import Order, RecallOutcome
from courses.rules.activity import Measured, decayed
from courses.rules.order_states import OrderState
from courses.services.planned_start import planned_start

BAG = "bag"
_SHOWN_GBQ = Decimal("0.001")
# Nothing is handed out for an order before it is dispensed.
_BEFORE = frozenset(
    state.value
    for state in (
        OrderState.PROPOSED,
        OrderState.ACTIVE,
        OrderState.SUSPENDED,
        OrderState.ACCEPTED,
        OrderState.PREPARED,
    )
)
_OF_BOTH = (
    "public_id", "label", "lot", "volume_ml", "expires_at", "prepared_name", "verified_name", "dispensed_at",
)  # fmt: skip
_OF_A_UNIT = (
    "form", "product", "product_code", "measured_gbq", "measured_at", "directive__revision", "warning",
)  # fmt: skip
_OF_A_BAG = ("lysine_g", "arginine_g")
_OF_A_RECALL = (
    "public_id", "reason_code", "opened_at", "answer__outcome", "answer__note", "answer__printed_name",
    "answer__answered_at",
)  # fmt: skip
_COLUMNS = (
    "pk",
    *(f"units__{name}" for name in (*_OF_BOTH, *_OF_A_UNIT)),
    *(f"bags__{name}" for name in (*_OF_BOTH, *_OF_A_BAG)),
    *(f"recalls__{name}" for name in _OF_A_RECALL),
)


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
class CalledBack:
    """A recall, and pharmacy's answer; its outcome is empty until there is one."""

    public_id: UUID
    reason_code: str
    opened_at: datetime
    outcome: str | None
    note: str
    answered_by: str
    answered_at: datetime | None

    @property
    def outcome_words(self) -> str:
        """Where the unit was, in words."""
        return str(RecallOutcome(self.outcome).label) if self.outcome else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedUnit:
    """What a unit holds at the planned start."""

    at: datetime
    gbq: Decimal


@dataclass(slots=True, kw_only=True)
class Handouts:
    """Everything that hangs on one order."""

    units: list[HandedOut] = field(default_factory=list)
    recalls: list[CalledBack] = field(default_factory=list)

    @property
    def recall(self) -> CalledBack | None:
        """The recall that counts: an open one before those that are answered, else the newest."""
        found = [each for each in self.recalls if not each.outcome] or self.recalls
        return found[-1] if found else None


def handouts_of(orders: Sequence[Order]) -> dict[int, Handouts]:
    """What hangs on each of these orders, by its key."""
    return handouts_by_state({order.pk: order.state for order in orders})


def handouts_by_state(states: Mapping[int, str]) -> dict[int, Handouts]:
    """What hangs on each order of these keys, by where the order stands."""
    ids = [key for key, state in states.items() if state not in _BEFORE]
    found: dict[int, Handouts] = defaultdict(Handouts)
    if not ids:
        return found
    # An order has a unit or a bag and few recalls, so their product is small; each is taken once.
    rows = Order.objects.filter(pk__in=ids).order_by("pk", "units__pk", "bags__pk", "recalls__pk")
    for row in rows.values(*_COLUMNS):
        hung = found[row["pk"]]
        for kind, made, kept in (("units", _unit, hung.units), ("bags", _bag, hung.units)):
            key = row[f"{kind}__public_id"]
            if key is not None and key not in {each.public_id for each in kept}:
                kept.append(made(row))
        key = row["recalls__public_id"]
        if key is not None and key not in {each.public_id for each in hung.recalls}:
            hung.recalls.append(_recall(row))
    return found


def _unit(row: Mapping[str, Any]) -> HandedOut:
    said = {name: row[f"units__{name}"] for name in (*_OF_BOTH, *_OF_A_UNIT)}
    return HandedOut(revision=said.pop("directive__revision"), lysine_g=None, arginine_g=None, **said)


def _bag(row: Mapping[str, Any]) -> HandedOut:
    said = {name: row[f"bags__{name}"] for name in (*_OF_BOTH, *_OF_A_BAG)}
    return HandedOut(
        form=BAG,
        product="amino acids",
        product_code="",
        measured_gbq=None,
        measured_at=None,
        revision=None,
        warning="",
        **said,
    )


def _recall(row: Mapping[str, Any]) -> CalledBack:
    return CalledBack(
        public_id=row["recalls__public_id"],
        reason_code=row["recalls__reason_code"],
        opened_at=row["recalls__opened_at"],
        outcome=row["recalls__answer__outcome"],
        note=row["recalls__answer__note"] or "",
        answered_by=row["recalls__answer__printed_name"] or "",
        answered_at=row["recalls__answer__answered_at"],
    )


def predicted_of(units: Sequence[HandedOut], *, protocol_id: str, planned_on: date) -> PredictedUnit | None:
    """What the newest measured of an order's units holds at the planned start of its cycle."""
    measured = [unit for unit in units if unit.measured_gbq is not None and unit.measured_at is not None]
    if not measured:
        return None
    unit = measured[-1]
    assert unit.measured_gbq is not None
    assert unit.measured_at is not None
    try:
        half_life = day_rules(protocol_id).rules.dispensing.half_life
    except NoDayRules:
        return None
    at = planned_start(planned_on)
    gbq = decayed(Measured(gbq=unit.measured_gbq, at=unit.measured_at), to=at, half_life=half_life)
    return PredictedUnit(at=at, gbq=gbq.quantize(_SHOWN_GBQ))
