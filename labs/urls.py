"""Routes of this app's browser pages."""

from django.urls import path

from labs.views import weight

app_name = "labs"
urlpatterns = [path("patients/<uuid:public_id>/weight/", weight.weight, name="weight")]
