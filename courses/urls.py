"""Routes of this app's browser pages."""

from django.urls import path

from courses.views import decisions, facts, moving, protocols, rescinding

app_name = "courses"
_COURSE = "courses/<uuid:public_id>"
urlpatterns = [
    path("courses/decisions/<uuid:public_id>/", decisions.decision_page, name="decision"),
    path("courses/decisions/<uuid:public_id>/sign", decisions.sign, name="sign"),
    path(f"{_COURSE}/facts/<str:kind>/", facts.record, name="record_fact"),
    path(f"{_COURSE}/facts/<uuid:fact_id>/withdraw/", facts.withdraw, name="withdraw_fact"),
    path(f"{_COURSE}/facts/<uuid:fact_id>/confirm/", facts.confirm, name="confirm_fact"),
    path(f"{_COURSE}/rescind/", rescinding.rescind, name="rescind"),
    path(f"{_COURSE}/rescind/ask/", rescinding.ask, name="ask_rescission"),
    path(f"{_COURSE}/rescind/confirm/", rescinding.confirm, name="confirm_rescission"),
    path(f"{_COURSE}/protocol/", moving.move, name="move"),
    path("protocols/", protocols.shelf, name="protocols"),
    path("protocols/<str:protocol_id>/", protocols.version, name="protocol"),
]
