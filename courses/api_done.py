"""The REST door by which a nurse or a physician marks an order as done: with a session, never by token."""

from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from courses.api_actions import holds, read_body
from courses.api_orders import ASKED, OrderAct
from courses.models import Order
from courses.pharmacy_shapes import NothingSent
from courses.services.by_hand import RECORD, mark_done


class OrderDone(OrderAct):
    """Somebody did what was ordered: a draw, a pregnancy test, the hold or the restart of the analogue."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [holds(RECORD)]

    @extend_schema(
        operation_id="orders_done",
        request=NothingSent,
        examples=[OpenApiExample("done", value={}, request_only=True)],
        **ASKED,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Mark as done; what pharmacy or the day of therapy ends is refused (`not-by-hand`)."""
        read_body(NothingSent, request)

        def act(order: Order, by: User, version: int) -> Order:
            return mark_done(order=order, by=by, version=version)

        return self.act(request, public_id, act)
