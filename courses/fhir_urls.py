"""Routes of what the FHIR door shows of courses, below /fhir/."""

from django.urls import path, re_path

from courses.fhir_api import Many, One
from courses.fhir_kinds import KINDS

app_name = "courses_fhir"
urlpatterns = [
    *(re_path(rf"^{kind.name}/?$", Many.as_view(kind=kind), name=kind.name) for kind in KINDS),
    *(path(f"{kind.name}/<str:id>", One.as_view(kind=kind), name=f"one {kind.name}") for kind in KINDS),
]
