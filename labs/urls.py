"""Routes of this app's browser pages, below /patients/."""

from django.urls import path

from labs import views

app_name = "labs"
urlpatterns = [path("<uuid:public_id>/weight/", views.weight, name="weight")]
