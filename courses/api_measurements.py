"""The REST doors of what is measured at the bedside, by its order: for people with a session alone."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from courses.api_actions import (
    CHANGES,
    IF_MATCH,
    KEY,
    ApiRate,
    Problem,
    check_if_match,
    done,
    etag_of,
    problems,
    read_body,
    stale,
)
from courses.api_people import person_of, taken
from courses.day_bodies import MeasurementCorrectionShape, MeasurementShape
from courses.day_data import MEASURE
from courses.models import DispensedUnit, Order, TherapyDay, TherapyStep
from courses.rules.decimals import plain
from courses.services.measurements import (
    MEASURED,
    StaleMeasurements,
    correct_measurement,
    day_of_order,
    measurements_of,
    record_measurement,
    version_of,
)
from labs.services.answered import StoredAnswer


class Measures(BasePermission):
    """Whoever measures activities reads and records them; nothing else of the day is shown."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Deny by default."""
        return bool(request.user.is_authenticated and request.user.has_perm(MEASURE))


class MeasurementView(APIView):
    """What both doors have in common."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [Measures]
    throttle_classes = [ApiRate]
    queryset = Order.objects.filter(cycle__course__patient__is_canary=False).select_related(
        "cycle__course", "directive"
    )

    def found(self, public_id: UUID) -> tuple[Order, TherapyDay]:
        """The order of an address with the day on which it is given, or 404."""
        order = get_object_or_404(self.queryset.all(), public_id=public_id)
        day = day_of_order(order)
        if day is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-day", "No day of therapy was opened for this order.")
        return order, day

    def told(self, public_id: UUID) -> StoredAnswer:
        """What stands now, for whoever has just recorded something."""
        order, day = self.found(public_id)
        return done(_shape(order, day), status=HTTPStatus.CREATED, etag=_etag(day))


class Measurements(MeasurementView):
    """The measurements of an order's day."""

    @extend_schema(
        operation_id="measurements_list",
        responses={200: dict[str, Any], **problems(401, 403, 404, 429)},
    )
    def get(self, request: Request, public_id: UUID) -> HttpResponse:
        """Read what was measured, beside what was directed and handed out."""
        try:
            order, day = self.found(public_id)
        except Problem as problem:
            answer = problem.answer()
            return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
        return Response(_shape(order, day), headers={"ETag": _etag(day)})

    @extend_schema(
        operation_id="measurements_record",
        parameters=[IF_MATCH, KEY],
        request=MeasurementShape,
        examples=[
            OpenApiExample(
                "a residual",
                value={"kind": "residual", "activity": "0.12 GBq", "of": "vial"},
                request_only=True,
            )
        ],
        responses={201: dict[str, Any], **problems(*CHANGES)},
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Record an assay before the start, or a residual after the end."""
        said = read_body(MeasurementShape, request)

        def work() -> StoredAnswer:
            _order, day = self.found(public_id)
            version = check_if_match(request, public_id=day.public_id, version=version_of(day))
            try:
                record_measurement(
                    day=day,
                    version=version,
                    kind=said["kind"],
                    data=_data(said),
                    by=person_of(request),
                    happened_at=said.get("happened_at"),
                )
            except StaleMeasurements as other:
                raise _stale(other) from other
            return self.told(public_id)

        return taken(request, said, work)


class MeasurementCorrection(MeasurementView):
    """A new version of one measurement; the one before stays."""

    @extend_schema(
        operation_id="measurements_correct",
        parameters=[IF_MATCH, KEY],
        request=MeasurementCorrectionShape,
        examples=[
            OpenApiExample(
                "another reading",
                value={"reason": "Read on another meter.", "activity": "0.21 GBq"},
                request_only=True,
            )
        ],
        responses={201: dict[str, Any], **problems(*CHANGES)},
    )
    def post(self, request: Request, public_id: UUID, step_id: UUID) -> HttpResponse:
        """Correct a measurement, or take it back."""
        said = read_body(MeasurementCorrectionShape, request)

        def work() -> StoredAnswer:
            _order, day = self.found(public_id)
            version = check_if_match(request, public_id=day.public_id, version=version_of(day))
            kinds = [kind.value for kind in MEASURED]
            step = get_object_or_404(TherapyStep, public_id=step_id, therapy_day=day, kind__in=kinds)
            kept = {key: value for key, value in step.data.items() if key != "gbq"}
            try:
                correct_measurement(
                    step=step,
                    version=version,
                    reason=said["reason"],
                    by=person_of(request),
                    data=kept | _data(said),
                    happened_at=said.get("happened_at"),
                    take_back=said["take_back"],
                )
            except StaleMeasurements as other:
                raise _stale(other) from other
            return self.told(public_id)

        return taken(request, said, work)


def _data(said: dict[str, Any]) -> dict[str, str]:
    """The answers of the step's table, as they were sent."""
    names = {"activity": "activity", "what": "of"}
    return {key: said[name] for key, name in names.items() if said.get(name)}


def _etag(day: TherapyDay) -> str:
    return etag_of(public_id=day.public_id, version=version_of(day))


def _stale(other: StaleMeasurements) -> Problem:
    return stale(public_id=other.day.public_id, version=version_of(other.day))


def _shape(order: Order, day: TherapyDay) -> dict[str, Any]:
    """The least that a measurement needs: what was directed, what was handed out, what was measured."""
    unit = DispensedUnit.objects.filter(order=order).order_by("-pk").first()
    directive = order.directive
    return {
        "order": str(order.public_id),
        "day": str(day.public_id),
        "cycle": order.cycle.number,
        "opened_at": day.opened_at.isoformat(),
        "ended_at": day.ended_at.isoformat() if day.ended_at else None,
        "directed": {"value": plain(directive.activity_gbq), "unit": "GBq"} if directive else None,
        "unit": unit.label if unit else None,
        "measurements": [
            {
                "id": str(row.public_id),
                "kind": row.kind,
                "activity": {"value": row.data["gbq"], "unit": "GBq"},
                "of": row.data.get("what"),
                "happened_at": row.happened_at.isoformat(),
                "recorded_by": row.printed_name,
                "corrects": str(row.corrects.public_id) if row.corrects else None,
                "reason": row.reason or None,
            }
            for row in measurements_of(day)
        ],
    }
