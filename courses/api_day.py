"""The REST doors of the day of therapy: for people with a session, never for tokens."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from courses.api_actions import (
    CHANGES,
    CREATES,
    IF_MATCH,
    KEY,
    ApiRate,
    Problem,
    StrictShape,
    check_if_match,
    done,
    etag_of,
    problems,
    read_body,
    stale,
    take,
)
from courses.api_people import person_of, refusing, taken
from courses.day_bodies import (
    OpenShape,
)
from courses.day_data import RUN, STEPS
from courses.day_shapes import day_line, day_shape
from courses.models import Cycle, TherapyDay
from courses.services.day_state import DayState, day_state
from courses.services.day_version import StaleDay
from courses.services.therapy_day import open_day
from labs.clock import database_now
from labs.services.answered import StoredAnswer

_PAGE = 50
STEP_RIGHTS = tuple(sorted({right for recorded in STEPS.values() for right in recorded.rights}))


class ReadsDays(BasePermission):
    """Whoever reads days of therapy comes in; who may do none of an address's acts does not change anything.

    The services ask again, more closely: a step may take another right than the day itself.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Deny by default."""
        if not (request.user.is_authenticated and request.user.has_perm("courses.view_therapyday")):
            return False
        rights: tuple[str, ...] = getattr(view, "rights", ())
        reads = request.method in ("GET", "HEAD", "OPTIONS")
        return reads or any(request.user.has_perm(right) for right in rights)


class DayView(APIView):
    """What every address of a day has in common."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [ReadsDays]
    throttle_classes = [ApiRate]
    rights: tuple[str, ...] = (RUN,)  # any of them suffices
    queryset = TherapyDay.objects.filter(cycle__course__patient__is_canary=False).select_related(
        "cycle__course__patient", "cycle__course__current_decision"
    )

    def day(self, public_id: UUID) -> TherapyDay:
        """The day of an address, or 404."""
        return get_object_or_404(self.queryset.all(), public_id=public_id)


class Days(DayView):
    """Days of therapy, the newest first, and the door to open one."""

    @extend_schema(
        operation_id="therapy_days_list",
        parameters=[OpenApiParameter("open", bool, description="only days that have not ended")],
        responses={200: dict[str, Any]},
    )
    def get(self, request: Request) -> Response:
        """List the newest days."""
        unknown = set(request.query_params) - {"open", "format"}
        if unknown:
            raise ValidationError({name: ["There is no such filter."] for name in sorted(unknown)})
        days = self.queryset.all().order_by("-pk")
        if (wanted := request.query_params.get("open")) is not None:
            if wanted not in ("true", "false"):
                raise ValidationError({"open": ["Write true or false."]})
            days = days.filter(ended_at__isnull=wanted == "true")
        return Response({"results": [day_line(day) for day in days[:_PAGE]]})

    @extend_schema(
        operation_id="therapy_days_open",
        parameters=[KEY],
        request=OpenShape,
        responses={201: dict[str, Any], **problems(*CREATES)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Open the day of a cycle."""
        said = read_body(OpenShape, request)

        def work() -> StoredAnswer:
            cycle = (
                Cycle.objects.filter(
                    course__public_id=said["course"],
                    number=said["cycle"],
                    course__patient__is_canary=False,
                )
                .select_related("course__patient", "course__current_decision")
                .first()
            )
            if cycle is None:
                raise Problem(HTTPStatus.NOT_FOUND, "not_found", "There is no such cycle.")
            day = open_day(cycle=cycle, by=person_of(request))
            return told_day(self.day(day.public_id), request, status=HTTPStatus.CREATED)

        return take(request, lambda: refusing(work))


class Day(DayView):
    """One day."""

    @extend_schema(operation_id="therapy_days_read", responses={200: dict[str, Any]})
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one day as it stands now."""
        day = self.day(public_id)
        tag = etag_of(public_id=day.public_id, version=day.version)
        return Response(_shape(day, request), headers={"ETag": tag})


class DayAct(DayView):
    """One act on a day: its body, and what it does."""

    shape: type[StrictShape]
    status = HTTPStatus.OK

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """The act itself, by its service."""
        raise NotImplementedError

    def take_act(self, request: Request, public_id: UUID) -> HttpResponse:
        """People, If-Match and the key first, then the act; the answer is the day as it stands afterwards."""
        said = read_body(self.shape, request)

        def work() -> StoredAnswer:
            day = self.day(public_id)
            check_if_match(request, public_id=day.public_id, version=day.version)
            try:
                self.act(day, said, request)
            except StaleDay as other:
                raise stale(public_id=public_id, version=other.day.version) from other
            return told_day(self.day(public_id), request, status=self.status)

        return taken(request, said, work)


def documented(name: str, shape: type[StrictShape], status: int = 200) -> Callable[[Any], Any]:
    """What the OpenAPI document says of one act."""
    return extend_schema(
        operation_id=f"therapy_days_{name}",
        parameters=[IF_MATCH, KEY],
        request=shape,
        responses={status: dict[str, Any], **problems(*CHANGES)},
    )


def state_now(day: TherapyDay) -> DayState:
    """The day on the decision that stands."""
    return day_state(day, decision=day.cycle.course.current_decision, now=database_now())


def _shape(day: TherapyDay, request: Request) -> dict[str, Any]:
    return day_shape(state_now(day), names=request.user.has_perm("labs.view_patient"))


def told_day(day: TherapyDay, request: Request, *, status: HTTPStatus) -> StoredAnswer:
    """The day as it stands, for whoever has just changed it."""
    return done(
        _shape(day, request), status=status, etag=etag_of(public_id=day.public_id, version=day.version)
    )
