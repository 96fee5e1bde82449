"""The REST door by which a physician leaves an order of the set out: with a session, never with a token."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request

from courses.api_actions import StrictShape, forget_secrets, holds, not_allowed, read_body
from courses.api_orders import ASKED, OrderAct
from courses.models import Order
from courses.second_person import proven_again
from courses.services.authority import NotAllowed
from courses.services.leave_out import SIGN, leave_out
from labs.clock import database_now

_FRESH = timedelta(seconds=1)  # a password in the request itself was given now


class LeaveOutSent(StrictShape):
    """Why it is left out, and the password of whoever leaves it out."""

    reason = serializers.CharField(max_length=1000)
    password = serializers.CharField(trim_whitespace=False)


class LeaveOut(OrderAct):
    """A physician leaves an order out."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [holds(SIGN)]

    @extend_schema(
        operation_id="orders_leave_out",
        request=LeaveOutSent,
        examples=[
            OpenApiExample(
                "why",
                value={"reason": "Takes her own antiemetic.", "password": "…"},
                request_only=True,
            )
        ],
        **ASKED,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Leave out with a reason; radiopharmaceutical and amino acids never are."""
        get_object_or_404(self.queryset.all(), public_id=public_id)
        said: dict[str, Any] = read_body(LeaveOutSent, request)
        forget_secrets(request, ("password",))
        # Before any transaction: the count of wrong passwords must not be undone with the work they stopped.
        try:
            proven_again(request._request, password=said["password"])
        except NotAllowed as refused:
            return not_allowed(refused)

        def act(order: Order, by: User, version: int) -> Order:
            return leave_out(
                order=order,
                by=by,
                reason=said["reason"],
                authenticated_at=database_now() - _FRESH,
                version=version,
            )

        return self.act(request, public_id, act)
