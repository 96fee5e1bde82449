"""Vials and orders with the supplier through the API; none of it lets anything be given."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.pagination import CursorPagination
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
from courses.models import BookingState, Cycle, Directive, Vial, VialBooking
from courses.pharmacy_shapes import (
    BookingSent,
    BookingShape,
    CallOffSent,
    ConfirmSent,
    CorrectionSent,
    FateSent,
    MoveSent,
    VialSent,
    VialShape,
)
from courses.rules.prediction import Prediction
from courses.services.bookings import (
    BOOK,
    StaleBooking,
    cancel_booking,
    confirm_booking,
    move_booking,
    place_booking,
)
from courses.services.handling import HANDLE
from courses.services.vials import (
    SAYS_FATE,
    StaleVial,
    VialLabel,
    correct_vial,
    predicted,
    receive_vial,
    record_vial_fate,
    version_of,
)
from labs.services.answered import StoredAnswer

_LABEL = {
    "course": "3f1b6d0e-3a5c-4c2e-8a0a-1f2e3d4c5b6a",
    "cycle": 2,
    "product": "lutetium Lu 177 dotatate",
    "product_code": "69488-003-01",
    "lot": "L-2611",
    "calibrated_activity": "8.1 GBq",
    "calibrated_at": "2026-03-08T12:00:00+01:00",
    "volume_ml": "22.5",
    "expires_at": "2026-03-11T12:00:00+01:00",
    "received_at": "2026-03-09T07:10:00+01:00",
}
_BOOKED = {
    "course": "3f1b6d0e-3a5c-4c2e-8a0a-1f2e3d4c5b6a",
    "cycle": 2,
    "supplier": "the manufacturer",
    "needed_on": "2026-03-09",
}


class Pages(CursorPagination):
    """Pages in the order in which the rows were made."""

    page_size = 50
    ordering = ("id",)

    def decode_cursor(self, request: Request) -> Any:
        """A damaged cursor is an error at its field: read as nothing, it would mean the first page."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            cursor = None
        if cursor is None and self.cursor_query_param in request.query_params:
            raise ValidationError({"cursor": ["This is no cursor of ours; follow `next`, or leave it out."]})
        return cursor

    def get_paginated_response(self, data: Any) -> Response:
        """`next` is the address of the next page, null on the last."""
        return Response({"next": self.get_next_link(), "results": data})


def _page_of(name: str) -> dict[str, Any]:
    """A page of these, for the OpenAPI document."""
    return {
        "type": "object",
        "required": ["next", "results"],
        "properties": {
            "next": {"type": "string", "nullable": True},
            "results": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
        },
    }


_OF_A_COURSE = [
    OpenApiParameter("course", UUID, description="of one course alone"),
    OpenApiParameter("cursor", str, description="from `next`"),
]


def _of_course(rows: QuerySet[Any], request: Request, *, others: set[str]) -> QuerySet[Any]:
    """Apply the filter by course; an unknown filter is an error."""
    if unknown := set(request.query_params) - {"course", "cursor", "format"} - others:
        raise ValidationError({name: ["There is no such filter."] for name in sorted(unknown)})
    if (text := request.query_params.get("course")) is not None:
        try:
            rows = rows.filter(cycle__course__public_id=UUID(text))
        except ValueError:
            raise ValidationError({"course": ["This is no id of a course."]}) from None
    return rows


def cycle_of(course: UUID, number: int) -> Cycle:
    """A numbered cycle of a course. Raises Http404."""
    return get_object_or_404(
        Cycle.objects.filter(course__patient__is_canary=False).select_related("course"),
        course__public_id=course,
        number=number,
    )


def _predict_with(vials: list[Vial]) -> Callable[[Vial], Prediction | None]:
    """How each of these vials lies beside the directive that holds for its cycle, in one query for all."""
    holding = {
        directive.cycle_id: directive
        for directive in Directive.objects.filter(
            cycle__in={vial.cycle_id for vial in vials}, voided__isnull=True
        ).order_by("revision")
    }
    return lambda vial: predicted(
        vial=vial, protocol_id=vial.cycle.course.protocol_id, directive=holding.get(vial.cycle_id)
    )


class VialsView(APIView):
    """Vials as received, by their labels."""

    queryset = (
        Vial.objects.effective()
        .filter(cycle__course__patient__is_canary=False)
        .select_related("cycle__course")
        .prefetch_related("fates")
    )
    permission_classes = [holds(HANDLE)]
    throttle_classes = [ApiRate]

    @extend_schema(
        operation_id="vials_list",
        parameters=_OF_A_COURSE,
        responses={200: _page_of("VialShape"), **problems(400, 401, 403, 429)},
    )
    def get(self, request: Request) -> Response:
        """List vials."""
        pages = Pages()
        rows = _of_course(self.queryset.all(), request, others=set())
        page = list(pages.paginate_queryset(rows, request, view=self) or [])
        context = {"predict": _predict_with(page)}
        return pages.get_paginated_response(VialShape(page, many=True, context=context).data)

    @extend_schema(
        operation_id="vials_receive",
        request=VialSent,
        examples=[OpenApiExample("a label", value=_LABEL, request_only=True)],
        parameters=[KEY],
        responses={201: VialShape, **problems(*CREATES)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Take a vial in by its label; the cycle's open booking is closed by it."""
        body = read_body(VialSent, request)
        cycle = cycle_of(body.pop("course"), body.pop("cycle"))
        label = VialLabel(calibrated=body.pop("calibrated_activity"), **body)

        def work() -> StoredAnswer:
            assert isinstance(request.user, User)
            vial = receive_vial(cycle=cycle, label=label, by=request.user)
            return told_vial(vial, status=HTTPStatus.CREATED)

        return take(request, work)


def told_vial(vial: Vial, *, status: HTTPStatus = HTTPStatus.OK) -> StoredAnswer:
    """A vial as it stands."""
    found = VialsView.queryset.get(pk=vial.pk)
    etag = etag_of(public_id=found.public_id, version=version_of(found))
    return done(VialShape(found, context={"predict": _predict_with([found])}).data, status=status, etag=etag)


class VialView(APIView):
    """One vial; its ETag is what a change must present as If-Match."""

    queryset = VialsView.queryset
    throttle_classes = [ApiRate]

    @extend_schema(operation_id="vials_read", responses={200: VialShape, **problems(401, 403, 404, 429)})
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one vial."""
        vial = get_object_or_404(self.queryset.all(), public_id=public_id)
        etag = etag_of(public_id=vial.public_id, version=version_of(vial))
        shape = VialShape(vial, context={"predict": _predict_with([vial])})
        return Response(shape.data, headers={"ETag": etag})


_ASKED_OF_VIAL: dict[str, Any] = {
    "parameters": [KEY, IF_MATCH],
    "responses": {200: VialShape, **problems(*CHANGES)},
}


class VialAct(APIView):
    """One act on one vial."""

    queryset = VialsView.queryset
    permission_classes = [holds(HANDLE)]
    throttle_classes = [ApiRate]

    def act(self, request: Request, public_id: UUID, act: Callable[[Vial, User, int], Vial]) -> HttpResponse:
        """Act on the version that the caller read, once."""

        def work() -> StoredAnswer:
            vial = get_object_or_404(self.queryset.all(), public_id=public_id)
            version = check_if_match(request, public_id=public_id, version=version_of(vial))
            assert isinstance(request.user, User)
            try:
                return told_vial(act(vial, request.user, version))
            except StaleVial as other:
                raise stale(public_id=public_id, version=version_of(other.vial)) from other

        return take(request, work)


class VialFateView(VialAct):
    """What became of a vial; each word is another row, and none is taken back."""

    permission_classes = [holds(*SAYS_FATE)]

    @extend_schema(
        operation_id="vials_fate",
        request=FateSent,
        examples=[
            OpenApiExample(
                "spilled", value={"fate": "spilled", "reason": "The stopper leaked."}, request_only=True
            )
        ],
        **_ASKED_OF_VIAL,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Say that a vial was wasted, damaged or spilled, came late or is kept."""
        body = read_body(FateSent, request)
        return self.act(
            request,
            public_id,
            lambda vial, by, version: record_vial_fate(vial=vial, by=by, version=version, **body).vial,
        )


class VialCorrectView(VialAct):
    """A label written anew; the row before stays on record."""

    @extend_schema(
        operation_id="vials_correct",
        request=CorrectionSent,
        examples=[
            OpenApiExample(
                "another lot",
                value={
                    **{name: text for name, text in _LABEL.items() if name not in ("course", "cycle")},
                    "lot": "L-2612",
                    "reason": "The lot was misread.",
                },
                request_only=True,
            )
        ],
        **_ASKED_OF_VIAL,
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Correct what was written of a vial; the answer is the vial that counts from now on."""
        body = read_body(CorrectionSent, request)
        reason = body.pop("reason")
        label = VialLabel(calibrated=body.pop("calibrated_activity"), **body)
        return self.act(
            request,
            public_id,
            lambda vial, by, version: correct_vial(
                vial=vial, label=label, reason=reason, by=by, version=version
            ),
        )


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
            *_OF_A_COURSE,
        ],
        responses={200: _page_of("BookingShape"), **problems(400, 401, 403, 429)},
    )
    def get(self, request: Request) -> Response:
        """List bookings."""
        rows = _of_course(self.queryset.all(), request, others={"state"})
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
