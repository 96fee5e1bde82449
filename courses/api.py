"""The REST doors of this app: orders for pharmacy, schedules, and decisions with their reasons."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db.models import F, QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from courses.api_actions import ApiRate, etag_of
from courses.handouts import handouts_of
from courses.models import Course, Decision, Order
from courses.order_pages import cut, page_after
from courses.order_rows import read_rows, told_rows
from courses.rules.order_states import OrderState
from courses.serializers import DecisionShape, OrderShape, ScheduleShape

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)  # nothing here is older; far below, zones overflow
OVERLAP = timedelta(minutes=1)  # longer than any transaction of ours


def names_for(request: Request) -> dict[str, bool]:
    """Whether this caller may know whose order it is, and what was administered before.

    Names know who reads patients, or handles orders for them.
    """
    user = request.user
    return {
        "names": user.has_perm("labs.view_patient") or user.has_perm("courses.handle_order"),
        "administered": user.has_perm("courses.view_administration"),
    }


class OrderList(APIView):
    """Orders, oldest change first; follow `next`, then poll with `updated_since`."""

    throttle_classes = [ApiRate]
    queryset = Order.objects.filter(cycle__course__patient__is_canary=False)

    @extend_schema(
        operation_id="orders_list",
        parameters=[
            OpenApiParameter("state", str, description="one state or several, separated by commas"),
            OpenApiParameter("day", date, description="the planned day, YYYY-MM-DD"),
            OpenApiParameter(
                "updated_since",
                datetime,
                description="an instant with its offset; answers reach back one minute more, so that no "
                "change is missed: know a repeated one by its id and version",
            ),
            OpenApiParameter("cursor", str, description="from `next`"),
        ],
        responses={
            200: {
                "type": "object",
                "required": ["next", "results"],
                "properties": {
                    "next": {"type": "string", "nullable": True},
                    "results": {"type": "array", "items": {"$ref": "#/components/schemas/OrderShape"}},
                },
            }
        },
    )
    def get(self, request: Request) -> Response:
        """List orders."""
        rows = read_rows(page_after(_filtered(self.queryset.all(), request), request))
        page, further = cut(rows, request)
        return Response({"next": further, "results": told_rows(page, names=names_for(request)["names"])})


def _filtered(orders: QuerySet[Order], request: Request) -> QuerySet[Order]:
    """Apply the query's filters; an unknown filter or an unreadable value is an error."""
    unknown = set(request.query_params) - {"state", "day", "updated_since", "cursor", "format"}
    if unknown:
        raise ValidationError({name: ["There is no such filter."] for name in sorted(unknown)})
    if (state := request.query_params.get("state")) is not None:
        states = state.split(",")
        known = [one.value for one in OrderState]
        if wrong := [one for one in states if one not in known]:
            raise ValidationError({"state": [f"{', '.join(wrong)} is none of: {', '.join(known)}."]})
        orders = orders.filter(state__in=states)
    if (day := request.query_params.get("day")) is not None:
        orders = orders.filter(cycle__planned_on=_day(day))
    if (since := request.query_params.get("updated_since")) is not None:
        # A change is dated a moment before others can see it: look back far enough to miss none.
        orders = orders.filter(updated_at__gte=_instant(since) - OVERLAP)
    return orders


def _day(text: str) -> date:
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise ValidationError({"day": [f"{text!r} is not a day; write YYYY-MM-DD."]})
    return day


def _instant(text: str) -> datetime:
    try:
        # In a query string a bare "+" arrives as a blank.
        instant = parse_datetime(text.replace(" ", "+") if "T" in text else text)
        if instant is not None and instant.tzinfo is not None:
            return max(instant, EARLIEST).astimezone(UTC)
    except (ValueError, OverflowError):
        instant = None
    advice = f"{text!r} is not an instant with its offset; write 2026-05-04T08:00:00+02:00."
    raise ValidationError({"updated_since": [advice]})


class OrderDetail(APIView):
    """One order; its ETag is what a later change must present as If-Match."""

    throttle_classes = [ApiRate]
    queryset = Order.objects.filter(cycle__course__patient__is_canary=False).select_related(
        "cycle__course__patient", "directive__signature", "directive__voided"
    )

    @extend_schema(operation_id="orders_read", responses=OrderShape)
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one order."""
        order = get_object_or_404(self.queryset.all(), public_id=public_id)
        tag = etag_of(public_id=order.public_id, version=order.version)
        context = {**names_for(request), "handouts": handouts_of([order])}
        return Response(OrderShape(order, context=context).data, headers={"ETag": tag})


class CourseSchedule(APIView):
    """A course's planned and given cycles."""

    throttle_classes = [ApiRate]
    queryset = (
        Course.objects.real()
        .select_related("patient", "current_decision")
        .prefetch_related("cycles__administration")
    )

    @extend_schema(operation_id="courses_schedule", responses=ScheduleShape)
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one course's schedule."""
        course = get_object_or_404(self.queryset.all(), public_id=public_id)
        return Response(ScheduleShape(course, context=names_for(request)).data)


class DecisionDetail(APIView):
    """One decision with its reasons."""

    throttle_classes = [ApiRate]
    queryset = Decision.objects.filter(course__patient__is_canary=False).select_related(
        "course", "cycle", "confirms"
    )

    @extend_schema(operation_id="decisions_read", responses=DecisionShape)
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one decision."""
        decision = get_object_or_404(self.queryset.all(), public_id=public_id)
        return Response(DecisionShape(decision).data)


class CourseDecision(APIView):
    """The decision that stands for a course now."""

    throttle_classes = [ApiRate]
    queryset = Decision.objects.filter(course__patient__is_canary=False).select_related(
        "course", "cycle", "confirms"
    )

    @extend_schema(operation_id="courses_decision", responses=DecisionShape)
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read a course's current decision."""
        decision = get_object_or_404(
            self.queryset.all(),
            course__public_id=public_id,
            course__current_decision_id=F("pk"),
        )
        return Response(DecisionShape(decision).data)
