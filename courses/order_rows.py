"""Tell a page of orders in the shape of `OrderShape` from plain rows: two queries and no serializer."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from courses.handouts import CalledBack, HandedOut, Handouts, handouts_by_state, predicted_of
from courses.models import Order
from courses.order_pages import Place
from courses.pharmacy_shapes import activity_of
from courses.rules.decimals import plain

_COLUMNS = (
    "pk",
    "public_id",
    "version",
    "kind",
    "state",
    "reason_code",
    "items",
    "updated_at",
    "cycle__number",
    "cycle__planned_on",
    "cycle__course__public_id",
    "cycle__course__protocol_id",
    "cycle__course__patient__mrn",
    "cycle__course__patient__family",
    "cycle__course__patient__given",
    "cycle__course__patient__birth_date",
    "directive__public_id",
    "directive__revision",
    "directive__product",
    "directive__activity_gbq",
    "directive__signature__printed_name",
    "directive__signature__signed_at",
    "directive__voided__pk",
)


class OrderRow(NamedTuple):
    """One order with what is told of its cycle, patient and directive; in the order of `_COLUMNS`."""

    pk: int
    public_id: UUID
    version: int
    kind: str
    state: str
    reason_code: str
    items: list[dict[str, Any]]
    updated_at: datetime
    cycle: int
    planned_on: date
    course: UUID
    protocol_id: str
    mrn: str
    family: str
    given: str
    birth_date: date
    directive: UUID | None
    revision: int | None
    product: str | None
    activity_gbq: Decimal | None
    signed_by: str | None
    signed_at: datetime | None
    voided: int | None

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.updated_at, self.pk)


def read_rows(orders: QuerySet[Order]) -> list[OrderRow]:
    """These orders, in one query."""
    return [OrderRow._make(row) for row in orders.values_list(*_COLUMNS)]


def told_rows(rows: Sequence[OrderRow], *, names: bool) -> list[dict[str, Any]]:
    """What the API tells of them, in one further query; `names`: the caller may know patients."""
    handouts = handouts_by_state({row.pk: row.state for row in rows})
    written = _writer(timezone.get_current_timezone())
    nothing = Handouts()
    return [_told(row, handouts.get(row.pk, nothing), names=names, written=written) for row in rows]


Writer = Callable[[datetime], str]


def _writer(zone: tzinfo) -> Writer:
    """How serializers write an instant on this clock."""

    def written(instant: datetime) -> str:
        text = instant.astimezone(zone).isoformat()
        return f"{text[:-6]}Z" if text.endswith("+00:00") else text

    return written


def _told(row: OrderRow, hung: Handouts, *, names: bool, written: Writer) -> dict[str, Any]:
    predicted = predicted_of(hung.units, protocol_id=row.protocol_id, planned_on=row.planned_on)
    return {
        "id": str(row.public_id),
        "version": row.version,
        "kind": row.kind,
        "state": row.state,
        "reason_code": row.reason_code,
        "course": str(row.course),
        "cycle": row.cycle,
        "patient": _patient(row) if names else None,
        "product": row.product,
        "activity": activity_of(row.activity_gbq),
        "planned_on": row.planned_on.isoformat(),
        "directive": _directive(row, written),
        "items": row.items,
        "units": [_unit(unit, written) for unit in hung.units],
        "recall": None if hung.recall is None else _recall(hung.recall, written),
        "predicted": None
        if predicted is None
        else {"at": written(predicted.at), "activity": activity_of(predicted.gbq)},
        "updated_at": written(row.updated_at),
    }


def _patient(row: OrderRow) -> dict[str, str]:
    return {
        "mrn": row.mrn,
        "family": row.family,
        "given": row.given,
        "birth_date": row.birth_date.isoformat(),
    }


def _directive(row: OrderRow, written: Writer) -> dict[str, Any] | None:
    if row.directive is None or row.signed_at is None:
        return None
    return {
        "id": str(row.directive),
        "revision": row.revision,
        "signed_by": row.signed_by,
        "signed_at": written(row.signed_at),
        "void": row.voided is not None,
    }


def _unit(unit: HandedOut, written: Writer) -> dict[str, Any]:
    return {
        "id": str(unit.public_id),
        "label": unit.label,
        "form": unit.form,
        "product": unit.product,
        "product_code": unit.product_code,
        "lot": unit.lot,
        "activity": activity_of(unit.measured_gbq),
        "measured_at": None if unit.measured_at is None else written(unit.measured_at),
        "volume_ml": plain(unit.volume_ml),
        "composition": _composition(unit),
        "expires_at": written(unit.expires_at),
        "directive_revision": unit.revision,
        "warning": unit.warning,
        "prepared_by": unit.prepared_name,
        "verified_by": unit.verified_name,
        "dispensed_at": written(unit.dispensed_at),
    }


def _composition(unit: HandedOut) -> dict[str, str] | None:
    if unit.lysine_g is None or unit.arginine_g is None:
        return None
    return {"lysine_g": plain(unit.lysine_g), "arginine_g": plain(unit.arginine_g)}


def _recall(recall: CalledBack, written: Writer) -> dict[str, Any]:
    return {
        "id": str(recall.public_id),
        "reason_code": recall.reason_code,
        "opened_at": written(recall.opened_at),
        "outcome": recall.outcome,
        "answered_at": None if recall.answered_at is None else written(recall.answered_at),
    }
