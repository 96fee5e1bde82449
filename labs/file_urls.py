"""Routes of the pages on which people hand in laboratory files, below /labs/."""

from django.urls import path

from labs import file_pages

app_name = "lab_files"
urlpatterns = [
    path("files/", file_pages.files, name="files"),
    path("files/<uuid:public_id>/", file_pages.file, name="file"),
    path("files/<uuid:public_id>/commit/", file_pages.commit, name="commit"),
    path("files/<uuid:public_id>/discard/", file_pages.discard, name="discard"),
    path("files/<uuid:public_id>/report.csv", file_pages.report, name="report"),
]
