"""Show orders and what pharmacy handed out as FHIR: MedicationRequest and MedicationDispense."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from courses.fhir_shapes import (
    LABELS,
    PRODUCT_CODES,
    REASONS,
    Shape,
    Viewer,
    concept,
    group,
    head,
    instant,
    quantity,
    reference,
    subject,
)
from courses.models import AminoAcidBag, Directive, DispensedUnit, Order, OrderEvent, Recall
from courses.rules.activity import both_units
from courses.rules.order_states import OrderKind, OrderState

# Every state of an order in FHIR's words. A recalled one is stopped, whatever its state still says.
REQUEST_STATUS: Mapping[OrderState, str] = {
    OrderState.PROPOSED: "draft",
    OrderState.ACTIVE: "active",
    OrderState.SUSPENDED: "on-hold",
    OrderState.ACCEPTED: "active",
    OrderState.PREPARED: "active",
    OrderState.DISPENSED: "active",
    OrderState.DONE: "completed",
    OrderState.CANCELLED: "cancelled",
    OrderState.VOID: "cancelled",
}
RECALLED = "stopped"
_NO_LONGER = (OrderState.CANCELLED.value, OrderState.VOID.value)
_SERVICES = (OrderKind.LAB_DRAWS, OrderKind.PREGNANCY_TEST)
_ITEM_WORDS = ("amount", "volume", "route", "text")


def orders() -> QuerySet[Order]:
    """Orders for medicines, each with whether it was ever signed and whether it was called back.

    Laboratory draws and the pregnancy test ask for a service: FHIR's word is ServiceRequest, which this door
    does not show.
    """
    services = [kind.value for kind in _SERVICES]
    return (
        Order.objects.exclude(kind__in=services)
        .select_related("cycle__course__patient", "directive__signature")
        .annotate(is_recalled=_recalled("pk"), was_signed=_signed())
    )


def _signed() -> Exists:
    return Exists(OrderEvent.objects.filter(order=OuterRef("pk"), to_state=OrderState.ACTIVE.value))


def _recalled(order: str) -> Q:
    """Called back while dispensed: by a recall on record, or by the event that every recall writes."""
    dispensed = OrderState.DISPENSED.value
    events = OrderEvent.objects.filter(order=OuterRef(order), from_state=dispensed, to_state=dispensed)
    return Q(Exists(Recall.objects.filter(order=OuterRef(order)))) | Q(Exists(events))


def request_statuses() -> dict[str, Q]:
    """Which orders have each of FHIR's statuses."""
    recalled = Q(state=OrderState.DISPENSED.value, is_recalled=True)
    found: dict[str, Q] = {RECALLED: recalled}
    for state, status in REQUEST_STATUS.items():
        found[status] = found.get(status, Q(pk__in=[])) | (Q(state=state.value) & ~recalled)
    return found


def request_shape(order: Order, viewer: Viewer) -> list[Shape]:
    """One order. A proposal becomes an order by its signature; the activity is the directive's."""
    was_signed: bool = order.was_signed  # type: ignore[attr-defined]  # annotated in `orders`
    state, directive = OrderState(order.state), order.directive
    is_recalled = state is OrderState.DISPENSED and order.is_recalled  # type: ignore[attr-defined]  # the same
    course = order.cycle.course
    shape = head("MedicationRequest", order.public_id, version=order.version, at=order.updated_at)
    shape["status"] = RECALLED if is_recalled else REQUEST_STATUS[state]
    if order.reason_code:
        shape["statusReason"] = concept(_plain(order.reason_code), system=REASONS, code=order.reason_code)
    shape |= {
        "intent": "order" if was_signed else "proposal",
        "category": [concept(_plain(order.kind))],
        "medicationCodeableConcept": concept(_medication(order)),
        "subject": subject(course.patient, viewer),
        "authoredOn": instant(order.placed_at),
        "basedOn": [reference("CarePlan", course.public_id)],
        "groupIdentifier": group(course, order.cycle.number),
    }
    if order.kind == OrderKind.ANALOGUE_HOLD.value:
        shape["doNotPerform"] = True
    if directive is not None:
        shape["requester"] = {"display": directive.signature.printed_name}
        shape["eventHistory"] = [reference("Provenance", directive.public_id)]
    instructions = _instructions(order, directive)
    day = directive.administer_on if directive is not None else order.cycle.planned_on
    period = {"start": day.isoformat(), "end": day.isoformat()}
    shape |= {"dosageInstruction": instructions} if instructions else {}
    return [shape | {"dispenseRequest": {"validityPeriod": period}}]


def _medication(order: Order) -> str:
    """The directive's product; of other orders, and before a directive, what the order set names."""
    if order.directive is not None:
        return order.directive.product
    named = [item["product"] for item in order.items if item.get("product")]
    return "; ".join(named) or _plain(order.kind)


def _instructions(order: Order, directive: Directive | None) -> list[Shape]:
    """How it is given: the directive's activity and route, then every item of the order in its words."""
    found: list[Shape] = []
    if directive is not None:
        day = directive.administer_on.isoformat()
        found.append(
            {
                "text": f"{both_units(directive.activity_gbq)}, {directive.route}, on {day}, "
                f"by the written directive, revision {directive.revision}",
                "route": concept(directive.route),
                "doseAndRate": [{"doseQuantity": quantity(directive.activity_gbq, "GBq")}],
            }
        )
    for item in order.items:
        words = "; ".join(str(item[name]) for name in _ITEM_WORDS if item.get(name))
        if words:
            found.append({"text": f"{item['product']}: {words}" if item.get("product") else words})
    return [{"sequence": place, **each} for place, each in enumerate(found, start=1)]


def units() -> QuerySet[DispensedUnit]:
    """Dispensed units, each with whether its order was called back."""
    return DispensedUnit.objects.select_related("order__cycle__course__patient", "directive").annotate(
        is_recalled=_recalled("order_id")
    )


def bags() -> QuerySet[AminoAcidBag]:
    """Bags of amino acids, each with whether its order was called back."""
    return AminoAcidBag.objects.select_related("order__cycle__course__patient").annotate(
        is_recalled=_recalled("order_id")
    )


def dispense_statuses() -> dict[str, Q]:
    """Handed out and standing, or called back, cancelled or void since."""
    stopped = Q(is_recalled=True) | Q(order__state__in=_NO_LONGER)
    return {"completed": ~stopped, "stopped": stopped}


def unit_shape(unit: DispensedUnit, viewer: Viewer) -> list[Shape]:
    """One dispensed unit with its own assay; which instant the activity belongs to stands beside it."""
    medication: Shape = {
        "resourceType": "Medication",
        "id": "unit",
        "code": concept(unit.product, system=PRODUCT_CODES, code=unit.product_code),
        "form": concept(unit.get_form_display()),
        "amount": {"numerator": quantity(unit.volume_ml, "mL"), "denominator": {"value": 1}},
        "batch": {"lotNumber": unit.lot, "expirationDate": instant(unit.expires_at)},
    }
    words = (
        f"{both_units(unit.measured_gbq)} measured at {instant(unit.measured_at)}, under revision "
        f"{unit.directive.revision} of the written directive."
    )
    shape = _dispense(unit, viewer, medication=medication, words=words)
    prepared = {"whenPrepared": instant(unit.measured_at), "quantity": quantity(unit.measured_gbq, "GBq")}
    return [shape | prepared]


def bag_shape(bag: AminoAcidBag, viewer: Viewer) -> list[Shape]:
    """One bag of amino acids with what it holds."""
    volume = quantity(bag.volume_ml, "mL")
    medication: Shape = {
        "resourceType": "Medication",
        "id": "unit",
        "code": concept("lysine and arginine for infusion"),
        "ingredient": [
            {
                "itemCodeableConcept": concept(name),
                "strength": {"numerator": quantity(grams, "g"), "denominator": volume},
            }
            for name, grams in (("lysine", bag.lysine_g), ("arginine", bag.arginine_g))
        ],
        "batch": {"lotNumber": bag.lot, "expirationDate": instant(bag.expires_at)},
    }
    return [_dispense(bag, viewer, medication=medication, words="") | {"quantity": volume}]


def _dispense(
    handed: DispensedUnit | AminoAcidBag, viewer: Viewer, *, medication: Shape, words: str
) -> Shape:
    """What a unit and a bag have in common; the order's version counts, because its end ends this too."""
    order = handed.order
    is_stopped = handed.is_recalled or order.state in _NO_LONGER  # type: ignore[union-attr]  # annotated
    shape = head(
        "MedicationDispense",
        handed.public_id,
        version=order.version,
        at=max(handed.dispensed_at, order.updated_at),
    )
    shape |= {
        "contained": [medication],
        "identifier": [{"system": LABELS, "value": handed.label}],
        "status": "stopped" if is_stopped else "completed",
    }
    if is_stopped:
        code = order.reason_code or order.state
        shape["statusReasonCodeableConcept"] = concept(_plain(code), system=REASONS, code=code)
    people: list[Any] = [
        {"function": concept("prepared"), "actor": {"display": handed.prepared_name}},
        {"function": concept("verified"), "actor": {"display": handed.verified_name}},
    ]
    return shape | {
        "medicationReference": {"reference": "#unit"},
        "subject": subject(order.cycle.course.patient, viewer),
        "performer": people,
        "authorizingPrescription": [reference("MedicationRequest", order.public_id)],
        "whenHandedOver": instant(handed.dispensed_at),
        **({"note": [{"text": words}]} if words else {}),
    }


def _plain(code: str) -> str:
    """A code as people read it."""
    return code.replace("_", " ")
