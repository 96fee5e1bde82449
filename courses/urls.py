"""Routes of this app's browser pages, below /courses/."""

from django.urls import path

from courses import views

app_name = "courses"
urlpatterns = [
    path("decisions/<uuid:public_id>/", views.decision_page, name="decision"),
    path("decisions/<uuid:public_id>/sign", views.sign, name="sign"),
]
