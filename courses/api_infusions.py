"""The REST doors of an infusion's record: read it, and correct it by a new version; never for tokens."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from courses.api_actions import (
    CHANGES,
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
)
from courses.api_people import activity_of, person_of, taken
from courses.day_bodies import InfusionCorrectionShape
from courses.day_shapes import infusion_shape
from courses.models import Infusion, InfusionEnd
from courses.services.administration import RECORD
from courses.services.day_infusion import entries_of
from courses.services.infusion_corrections import StaleInfusion, Wrong, correct_infusion, corrected
from courses.services.infusions import Infused
from courses.services.therapy_day import BadStep
from labs.clock import database_now
from labs.services.answered import StoredAnswer

_OVERTAKEN = 2  # the version of a record that was corrected: whoever read it as the one that counts is late


class InfusionView(APIView):
    """What both doors have in common."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [holds(RECORD)]
    throttle_classes = [ApiRate]
    queryset = Infusion.objects.filter(cycle__course__patient__is_canary=False).select_related(
        "cycle__course__current_decision", "unit", "corrects", "corrected_by", "therapy_day"
    )

    def infusion(self, public_id: UUID) -> Infusion:
        """The infusion of an address, or 404."""
        return get_object_or_404(self.queryset.all(), public_id=public_id)


def _version(infusion: Infusion) -> int:
    return _OVERTAKEN if hasattr(infusion, "corrected_by") else 1


class InfusionRead(InfusionView):
    """One record; its ETag is what a correction must present as If-Match."""

    @extend_schema(
        operation_id="infusions_read", responses={200: dict[str, Any], **problems(401, 403, 404, 429)}
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one infusion as it was recorded, and by which record it was corrected."""
        found = self.infusion(public_id)
        later = getattr(found, "corrected_by", None)
        shape = infusion_shape(found) | {"corrected_by": str(later.public_id) if later else None}
        return Response(shape, headers={"ETag": etag_of(public_id=public_id, version=_version(found))})


class InfusionCorrection(InfusionView):
    """A new version of a record; the one before stays."""

    @extend_schema(
        operation_id="infusions_correct",
        parameters=[IF_MATCH, KEY],
        request=InfusionCorrectionShape,
        examples=[
            OpenApiExample(
                "another residual",
                value={
                    "reason": "The residual was read on another meter.",
                    "residual": "0.2 GBq",
                    "second": {"username": "n-kurz", "password": "…"},
                },
                request_only=True,
            )
        ],
        responses={201: dict[str, Any], **problems(*CHANGES)},
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Correct what was wrong; the delivered activity, its bounds and every total follow."""
        said = read_body(InfusionCorrectionShape, request)

        def work() -> StoredAnswer:
            found = self.infusion(public_id)
            check_if_match(request, public_id=public_id, version=_version(found))
            try:
                version = correct_infusion(
                    infusion=found,
                    infused=_right(found, said),
                    reason=said["reason"],
                    by=person_of(request),
                    second=said.get("second"),
                )
            except StaleInfusion as other:
                raise stale(public_id=public_id, version=_OVERTAKEN) from other
            etag = etag_of(public_id=version.public_id, version=1)
            return done(infusion_shape(version), status=HTTPStatus.CREATED, etag=etag)

        return taken(request, said, work)


def _right(infusion: Infusion, said: dict[str, Any]) -> Infused:
    """The infusion as it is right. Raises BadStep."""
    entries = None
    if said["from_entries"]:
        entries = entries_of(infusion, now=database_now())
        if entries is None:
            raise BadStep("from_entries: no entries of a day are about this infusion; write what was wrong")
    how = said.get("ended_how")
    wrong = Wrong(
        started_at=said.get("started_at"),
        ended_at=said.get("ended_at"),
        ended_how=InfusionEnd(how) if how else None,
        product=said["product"],
        assay_gbq=activity_of("assay", said.get("assay")),
        assay_at=said.get("assay_at"),
        residual_gbq=activity_of("residual", said.get("residual")),
        residual_at=said.get("residual_at"),
        delivered_gbq=activity_of("delivered", said.get("delivered")),
        route=said.get("route"),
    )
    return corrected(infusion, wrong, entries=entries)
