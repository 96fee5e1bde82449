"""Rows of the day of therapy written straight into the tables, for tests of what is made of them."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import User

from courses.models import (
    Cycle,
    Directive,
    DispensedUnit,
    Infusion,
    Order,
    StartAuthorisation,
    TherapyDay,
    Vial,
)
from courses.services.manifests import manifest_of

PRODUCT = "lutetium Lu 177 dotatate"
_numbers = count(1)


def make_vial(cycle: Cycle, *, by: User, at: datetime) -> Vial:
    """A vial of a cycle, received at an instant."""
    return Vial.objects.create(
        cycle=cycle,
        product=PRODUCT,
        product_code="69488-003-01",
        lot=f"LOT-{next(_numbers)}",
        calibrated_gbq=Decimal("7.4"),
        calibrated_at=at,
        volume_ml=Decimal(22),
        expires_at=at + timedelta(hours=72),
        received_at=at,
        recorded_by=by,
        recorded_at=at,
    )


def dispense(order: Order, *, by: User, at: datetime) -> DispensedUnit:
    """A unit of an order that is out, under the order's own directive."""
    assert order.directive is not None
    product = order.directive.product
    vial = make_vial(order.cycle, by=by, at=at)
    order.state = "dispensed"
    order.save(update_fields=["state"])
    return DispensedUnit.objects.create(
        order=order,
        vial=vial,
        directive=order.directive,
        form="vial",
        label=f"U-{next(_numbers)}",
        product=product,
        product_code="69488-003-01",
        lot=vial.lot,
        measured_gbq=order.directive.activity_gbq,
        measured_at=at,
        volume_ml=Decimal(22),
        expires_at=vial.expires_at,
        prepared_name="A",
        verified_name="B",
        dispensed_by=by,
        dispensed_at=at,
    )


def authorise(
    unit: DispensedUnit, *, by: User, second: User, at: datetime, **about: Any
) -> StartAuthorisation:
    """An authorised start of a unit, on the decision its directive was signed on."""
    directive: Directive = unit.directive
    day = TherapyDay.objects.create(
        cycle=unit.order.cycle,
        rules_id="lutathera_us",
        rules_sha256="ab" * 32,
        opened_at=at,
        opened_by=by,
    )
    facts: dict[str, Any] = {
        "decision": directive.decision,
        "directive": directive,
        "unit": unit,
        "evidence_sha256": directive.decision.evidence_sha256,
    } | about
    start = StartAuthorisation(
        therapy_day=day,
        checked_by=second,
        checked_name="B",
        authorised_by=by,
        authorised_name="A",
        authenticated_at=at,
        authorised_at=at,
        **facts,
    )
    start.record_sha256 = manifest_of(start)
    start.save()
    return start


def infuse(cycle: Cycle, *, by: User, at: datetime, gbq: str = "7.4", **about: Any) -> Infusion:
    """An infusion; without an authorisation it is a deviation."""
    facts: dict[str, Any] = {"ended_how": "complete", "recorded_at": at + timedelta(minutes=35)} | about
    if "authorisation" not in facts:
        facts.setdefault("deviation", "given without authorisation")
    return Infusion.objects.create(
        cycle=cycle,
        product=PRODUCT,
        started_at=at,
        ended_at=at + timedelta(minutes=30),
        delivered_gbq=Decimal(gbq),
        recorded_by=by,
        **facts,
    )
