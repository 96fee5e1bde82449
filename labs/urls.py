"""Routes of this app's browser pages, below /patients/."""

from django.urls import path

from labs import merge_views, views

app_name = "labs"
urlpatterns = [
    path("<uuid:public_id>/weight/", views.weight, name="weight"),
    path("merges/<uuid:public_id>/", merge_views.merge_page, name="merge"),
]
