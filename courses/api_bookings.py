"""Orders with the supplier through the API; none of it lets anything be given."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from courses.api_actions import (
    CHANGES,
    CREATES,
    IF_MATCH,
    KEY,
    ApiRate,
    check_if_match,
    done,
    etag_of,
    holds,
    problems,
    read_body,
    stale,
    take,
)
from courses.api_pages import OF_A_COURSE, Pages, cycle_of, of_course, page_of
from courses.models import BookingState, VialBooking
from courses.pharmacy_shapes import (
    BookingSent,
    BookingShape,
    CallOffSent,
    ConfirmSent,
    MoveSent,
)
from courses.services.bookings import (
    BOOK,
    StaleBooking,
    cancel_booking,
    confirm_booking,
    move_booking,
    place_booking,
)
from labs.services.answered import StoredAnswer

_BOOKED = {
    "course": "3f1b6d0e-3a5c-4c2e-8a0a-1f2e3d4c5b6a",
    "cycle": 2,
    "supplier": "the manufacturer",
    "needed_on": "2026-03-09",
}


class BookingsView(APIView):
    """Orders with the supplier."""

    queryset = VialBooking.objects.filter(cycle__course__patient__is_canary=False).select_related(
        "cycle__course"
    )
    permission_classes = [holds(BOOK)]
    throttle_classes = [ApiRate]

    @extend_schema(
        operation_id="bookings_list",
        parameters=[
            OpenApiParameter("state", str, enum=BookingState.values, description="one state"),
            *OF_A_COURSE,
        ],
        responses={200: page_of("BookingShape"), **problems(400, 401, 403, 429)},
    )
    def get(self, request: Request) -> Response:
        """List bookings."""
        rows = of_course(self.queryset.all(), request, others={"state"})
        if (state := request.query_params.get("state")) is not None:
            if state not in BookingState.values:
                raise ValidationError({"state": [f"{state} is none of: {', '.join(BookingState.values)}."]})
            rows = rows.filter(state=state)
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(BookingShape(page, many=True).data)

    @extend_schema(
        operation_id="bookings_place",
        request=BookingSent,
        examples=[OpenApiExample("a booking", value=_BOOKED, request_only=True)],
        parameters=[KEY],
        responses={201: BookingShape, **problems(*CREATES)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Order a vial with the supplier; allowed before the labs are valid."""
        body = read_body(BookingSent, request)
        cycle = cycle_of(body.pop("course"), body.pop("cycle"))

        def work() -> StoredAnswer:
            assert isinstance(request.user, User)
            booking = place_booking(cycle=cycle, by=request.user, **body)
            return told_booking(booking, status=HTTPStatus.CREATED)

        return take(request, work)


def told_booking(booking: VialBooking, *, status: HTTPStatus = HTTPStatus.OK) -> StoredAnswer:
    """A booking as it stands."""
    etag = etag_of(public_id=booking.public_id, version=booking.version)
    return done(BookingShape(booking).data, status=status, etag=etag)


class BookingView(APIView):
    """One booking; its ETag is what a change must present as If-Match."""

    queryset = BookingsView.queryset
    throttle_classes = [ApiRate]

    @extend_schema(
        operation_id="bookings_read", responses={200: BookingShape, **problems(401, 403, 404, 429)}
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one booking."""
        booking = get_object_or_404(self.queryset.all(), public_id=public_id)
        etag = etag_of(public_id=booking.public_id, version=booking.version)
        return Response(BookingShape(booking).data, headers={"ETag": etag})


_ASKED: dict[str, Any] = {
    "parameters": [KEY, IF_MATCH],
    "responses": {200: BookingShape, **problems(*CHANGES)},
}


class BookingAct(APIView):
    """One act on one booking."""

    queryset = BookingsView.queryset
    permission_classes = [holds(BOOK)]
    throttle_classes = [ApiRate]

    def act(
        self, request: Request, public_id: UUID, act: Callable[[VialBooking, User, int], VialBooking]
    ) -> HttpResponse:
        """Act on the version that the caller read, once."""

        def work() -> StoredAnswer:
            booking = get_object_or_404(self.queryset.all(), public_id=public_id)
            version = check_if_match(request, public_id=public_id, version=booking.version)
            assert isinstance(request.user, User)
            try:
                changed = act(booking, request.user, version)
            except StaleBooking as other:
                raise stale(public_id=public_id, version=other.booking.version) from other
            return told_booking(changed)

        return take(request, work)


class ConfirmBooking(BookingAct):
    """The supplier confirmed."""

    @extend_schema(operation_id="bookings_confirm", request=ConfirmSent, **_ASKED)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Confirm a placed booking."""
        body = read_body(ConfirmSent, request)
        return self.act(
            request,
            public_id,
            lambda found, by, version: confirm_booking(booking=found, by=by, version=version, **body),
        )


class MoveBooking(BookingAct):
    """Another day."""

    @extend_schema(operation_id="bookings_move", request=MoveSent, **_ASKED)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Move a booking; after the cut-off only where the supplier agreed."""
        body = read_body(MoveSent, request)
        return self.act(
            request,
            public_id,
            lambda found, by, version: move_booking(booking=found, by=by, version=version, **body),
        )


class CancelBooking(BookingAct):
    """Called off."""

    @extend_schema(operation_id="bookings_cancel", request=CallOffSent, **_ASKED)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Cancel a booking with a reason."""
        body = read_body(CallOffSent, request)
        return self.act(
            request,
            public_id,
            lambda found, by, version: cancel_booking(booking=found, by=by, version=version, **body),
        )
