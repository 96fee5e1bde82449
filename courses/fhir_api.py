"""What the FHIR door shows of courses: read and search, nothing is changed here (thin)."""

from datetime import datetime
from typing import Any

from django.utils.http import http_date
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from courses.fhir_kinds import KINDS, Kind
from courses.fhir_search import read_one, search
from courses.fhir_shapes import Viewer
from labs.fhir_http import FhirView


class SourceRights(BasePermission):
    """Whoever may see the rows a resource is made of may read it; a kind of several sources needs one."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether anything of this kind is this caller's to read."""
        return isinstance(view, CourseView) and bool(view.may(request))


class CourseView(FhirView):
    """What reading one and searching many of a kind have in common."""

    permission_classes = [SourceRights]
    kind: Kind = KINDS[0]  # replaced by the route

    def may(self, request: Request) -> frozenset[str]:
        """Which of the kind's sources this caller may see, by their rights."""
        rights = {source.right for source in self.kind.sources}
        return frozenset(right for right in rights if request.user.has_perm(right))

    def viewer(self, request: Request) -> Viewer:
        """What this caller may be told beside the resource."""
        user = request.user
        return Viewer(
            names=user.has_perm("labs.view_patient") or user.has_perm("courses.handle_order"),
            administrations=user.has_perm("courses.view_administration"),
            decisions=user.has_perm("courses.view_decision"),
        )


class Many(CourseView):
    """All resources of one kind."""

    def get(self, request: Request) -> Response:
        """Search."""
        query: dict[str, list[Any]] = dict(request.query_params.lists())
        may, viewer = self.may(request), self.viewer(request)
        return Response(search(self.kind, query, base=self.base, may=may, viewer=viewer))


class One(CourseView):
    """One resource by its id."""

    def get(self, request: Request, id: str) -> Response:
        """Read it, with its version where it has one."""
        shape = read_one(self.kind, id, may=self.may(request), viewer=self.viewer(request))
        if shape is None:
            raise NotFound(f"There is no {self.kind.name} with this id that you may read.")
        headers = {}
        if meta := shape.get("meta"):
            changed = datetime.fromisoformat(meta["lastUpdated"])
            headers = {
                "ETag": f'W/"{meta["versionId"]}"',
                "Last-Modified": http_date(changed.timestamp()),
            }
        return Response(shape, headers=headers)
