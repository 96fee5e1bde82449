"""What lists of the pharmacy API share: pages by cursor, the filter by course, the cycle that is named."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from courses.models import Cycle


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


def page_of(name: str) -> dict[str, Any]:
    """A page of these, for the OpenAPI document."""
    return {
        "type": "object",
        "required": ["next", "results"],
        "properties": {
            "next": {"type": "string", "nullable": True},
            "results": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
        },
    }


OF_A_COURSE = [
    OpenApiParameter("course", UUID, description="of one course alone"),
    OpenApiParameter("cursor", str, description="from `next`"),
]


def of_course(rows: QuerySet[Any], request: Request, *, others: set[str]) -> QuerySet[Any]:
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
