"""Vials through the API, by their labels; none of it lets anything be given."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
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
from courses.models import Directive, Vial
from courses.pharmacy_shapes import (
    CorrectionSent,
    FateSent,
    VialSent,
    VialShape,
)
from courses.rules.prediction import Prediction
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
        parameters=OF_A_COURSE,
        responses={200: page_of("VialShape"), **problems(400, 401, 403, 429)},
    )
    def get(self, request: Request) -> Response:
        """List vials."""
        pages = Pages()
        rows = of_course(self.queryset.all(), request, others=set())
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
