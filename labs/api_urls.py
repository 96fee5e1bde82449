"""Routes of the FHIR door, below /fhir/."""

from django.urls import path, re_path

from labs import api

app_name = "fhir"
urlpatterns = [
    path("", api.Root.as_view(), name="root"),
    re_path(r"^metadata/?$", api.Metadata.as_view(), name="metadata"),
    re_path(r"^Observation/?$", api.Observations.as_view(), name="observations"),
    path("Observation/<str:id>", api.OneObservation.as_view(), name="observation"),
    re_path(r"^DiagnosticReport/?$", api.Reports.as_view(), name="reports"),
    path("DiagnosticReport/<str:id>", api.OneReport.as_view(), name="report"),
    path("<path:rest>", api.Nowhere.as_view(), name="nowhere"),
]
