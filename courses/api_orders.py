"""What pharmacy does to an order through the API; no state is written but by these acts."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.views import APIView

from courses.api_actions import (
    CHANGES,
    IF_MATCH,
    KEY,
    ApiRate,
    check_if_match,
    done,
    etag_of,
    forget_secrets,
    holds,
    not_allowed,
    problems,
    read_body,
    stale,
    take,
)
from courses.handouts import handouts_of
from courses.models import Order
from courses.pharmacy_shapes import BagSent, CancelSent, HandedOutSent, NothingSent, RecallSent, UnitSent
from courses.rules.order_states import OrderKind
from courses.second_person import proven_again
from courses.serializers import ActedOrderShape
from courses.services.authority import NotAllowed
from courses.services.cancel_requests import ASK, ask_to_cancel, decline_to_cancel
from courses.services.handling import CANCEL, HANDLE, StaleOrder
from courses.services.pharmacy import (
    BagMade,
    UnitMade,
    accept_order,
    cancel_order,
    dispense_order,
    prepare_order,
)
from courses.services.recalls import acknowledge_recall
from labs.services.answered import StoredAnswer

Act = Callable[[Order, User, int], Order]
_UNIT = {
    "vial": "0b8f5c0e-3f0a-4d0e-9a55-0e0f6f5f1a11",
    "form": "vial",
    "product_code": "69488-003-01",
    "lot": "L-2611",
    "activity": "7.42 GBq",
    "measured_at": "2026-03-09T08:40:00+01:00",
    "volume_ml": "22.5",
    "prepared_by": "P. Pharma",
    "verified_by": "Q. Control",
}
_BAG = {
    "lot": "AA-77",
    "lysine_g": "25",
    "arginine_g": "25",
    "volume_ml": "1000",
    "expires_at": "2026-03-10T00:00:00+01:00",
    "prepared_by": "P. Pharma",
    "verified_by": "Q. Control",
}
ASKED: dict[str, Any] = {
    "parameters": [KEY, IF_MATCH],
    "responses": {200: ActedOrderShape, **problems(*CHANGES)},
}


class OrderAct(APIView):
    """One act on one order."""

    queryset = Order.objects.filter(cycle__course__patient__is_canary=False).select_related(
        "cycle__course__patient", "directive__signature", "directive__voided"
    )
    permission_classes = [holds(HANDLE)]
    throttle_classes = [ApiRate]

    def act(self, request: Request, public_id: UUID, act: Act) -> HttpResponse:
        """Act on the version that the caller read, once."""

        def work() -> StoredAnswer:
            order = get_object_or_404(self.queryset.all(), public_id=public_id)
            version = check_if_match(request, public_id=order.public_id, version=order.version)
            assert isinstance(request.user, User)
            try:
                act(order, request.user, version)
            except StaleOrder as other:
                raise stale(public_id=public_id, version=other.order.version) from other
            return self._told(request, public_id)

        return take(request, work)

    def say_why(self, request: Request, public_id: UUID, act: Callable[..., Order]) -> HttpResponse:
        """An act of which nothing is said but why."""
        reason = read_body(CancelSent, request)["reason"]
        return self.act(
            request,
            public_id,
            lambda order, by, version: act(order=order, by=by, reason=reason, version=version),
        )

    def _told(self, request: Request, public_id: UUID) -> StoredAnswer:
        order = self.queryset.get(public_id=public_id)
        context = {
            "names": any(request.user.has_perm(right) for right in (HANDLE, CANCEL, ASK)),
            "handouts": handouts_of([order]),
        }
        etag = etag_of(public_id=order.public_id, version=order.version)
        return done(ActedOrderShape(order, context=context).data, etag=etag)


class AcceptOrder(OrderAct):
    """Pharmacy takes an order on."""

    @extend_schema(operation_id="orders_accept", request=NothingSent, **ASKED)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Accept an active order."""
        read_body(NothingSent, request)
        return self.act(
            request, public_id, lambda order, by, version: accept_order(order=order, by=by, version=version)
        )


class PrepareOrder(OrderAct):
    """Pharmacy has prepared an order."""

    @extend_schema(operation_id="orders_prepare", request=NothingSent, **ASKED)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Prepare an accepted order."""
        read_body(NothingSent, request)
        return self.act(
            request, public_id, lambda order, by, version: prepare_order(order=order, by=by, version=version)
        )


class DispenseOrder(OrderAct):
    """Pharmacy hands a prepared order out."""

    @extend_schema(
        operation_id="orders_dispense",
        request=PolymorphicProxySerializer(
            component_name="Dispensed",
            serializers=[UnitSent, BagSent, HandedOutSent],
            resource_type_field_name=None,
        ),
        examples=[
            OpenApiExample("a measured unit", value=_UNIT, request_only=True),
            OpenApiExample("a bag of amino acids", value=_BAG, request_only=True),
        ],
        **ASKED,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Dispense: a unit for the radioactive order, a bag for amino acids, nothing more for the others."""
        kind = get_object_or_404(self.queryset.all(), public_id=public_id).kind
        shape = _SENT.get(kind, HandedOutSent)
        body = read_body(shape, request)
        password = body.pop("password", "")
        if password:
            forget_secrets(request, ("password",))
        if request.auth is None:
            # A person, not a system with its token: what leaves pharmacy takes the password, as on the page.
            if not password:
                raise ValidationError({"password": ["Give your password again: this leaves pharmacy."]})
            try:
                proven_again(request._request, password=password)
            except NotAllowed as refused:
                return not_allowed(refused)
        made = made_of(kind, body)
        return self.act(
            request,
            public_id,
            lambda order, by, version: dispense_order(order=order, by=by, made=made, version=version),
        )


_SENT: dict[str, type[HandedOutSent]] = {
    OrderKind.RADIOPHARMACEUTICAL.value: UnitSent,
    OrderKind.AMINO_ACIDS.value: BagSent,
}


def made_of(kind: str, body: dict[str, Any]) -> UnitMade | BagMade | None:
    """What was sent, as this kind of order is handed out."""
    if kind not in _SENT:
        return None
    named = body | {"prepared_name": body["prepared_by"], "verified_name": body["verified_by"]}
    del named["prepared_by"], named["verified_by"]
    return UnitMade(**named) if kind == OrderKind.RADIOPHARMACEUTICAL.value else BagMade(**named)


class CancelOrder(OrderAct):
    """A physician or pharmacy ends an order."""

    permission_classes = [holds(CANCEL)]

    @extend_schema(
        operation_id="orders_cancel",
        request=CancelSent,
        examples=[OpenApiExample("why", value={"reason": "The vial was damaged."}, request_only=True)],
        **ASKED,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Cancel with a reason; going ahead after it takes a new signature."""
        return self.say_why(request, public_id, cancel_order)


class AskToCancel(OrderAct):
    """A nurse asks for an order to be cancelled."""

    permission_classes = [holds(ASK)]

    @extend_schema(
        operation_id="orders_ask_cancel",
        request=CancelSent,
        examples=[OpenApiExample("why", value={"reason": "Vomits since the morning."}, request_only=True)],
        **ASKED,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Ask; the order stays as it is, and carries `cancel-asked` until somebody has answered."""
        return self.say_why(request, public_id, ask_to_cancel)


class DeclineToCancel(OrderAct):
    """A physician or pharmacy answers such a request with a no."""

    permission_classes = [holds(CANCEL)]

    @extend_schema(
        operation_id="orders_decline_cancel",
        request=CancelSent,
        examples=[OpenApiExample("why", value={"reason": "She is better."}, request_only=True)],
        **ASKED,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """The order goes on; the reason is kept with it."""
        return self.say_why(request, public_id, decline_to_cancel)


class AcknowledgeRecall(OrderAct):
    """Pharmacy answers a recall."""

    @extend_schema(
        operation_id="orders_acknowledge_recall",
        request=RecallSent,
        examples=[
            OpenApiExample("secured", value={"outcome": "secured", "note": "In the safe."}, request_only=True)
        ],
        **ASKED,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Say where the called-back unit is."""
        body = read_body(RecallSent, request)
        return self.act(
            request,
            public_id,
            lambda order, by, version: acknowledge_recall(order=order, by=by, version=version, **body),
        )
