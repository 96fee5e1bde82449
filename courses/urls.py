"""Routes of this app's browser pages."""

from django.urls import path

from courses.views import back_entry, day, day_acts, decisions, facts, moving, protocols

app_name = "courses"
_COURSE = "courses/<uuid:public_id>"
_DAY = f"{_COURSE}/day"
urlpatterns = [
    path("courses/decisions/<uuid:public_id>/", decisions.decision_page, name="decision"),
    path("courses/decisions/<uuid:public_id>/sign", decisions.sign, name="sign"),
    path(f"{_COURSE}/facts/<str:kind>/", facts.record, name="record_fact"),
    path(f"{_COURSE}/facts/<uuid:fact_id>/withdraw/", facts.withdraw, name="withdraw_fact"),
    path(f"{_COURSE}/facts/<uuid:fact_id>/confirm/", facts.confirm, name="confirm_fact"),
    path(f"{_COURSE}/protocol/", moving.move, name="move"),
    path(f"{_COURSE}/cycles/<int:number>/given/", back_entry.back_entry, name="back_entry"),
    path(f"{_DAY}/", day.sheet, name="day"),
    path(f"{_DAY}/print/", day.printed, name="day_print"),
    path(f"{_DAY}/open", day.open_, name="day_open"),
    path(f"{_DAY}/authorise", day.authorise, name="day_authorise"),
    path(f"{_DAY}/steps/<str:kind>/", day_acts.step, name="day_step"),
    path(f"{_DAY}/entries/<uuid:step_id>/", day_acts.correct, name="day_correct"),
    path(f"{_DAY}/infusion/", day_acts.infusion, name="day_infusion"),
    path(f"{_DAY}/judge/", day_acts.judge, name="day_judge"),
    path(f"{_DAY}/not-given/", day_acts.not_given, name="day_not_given"),
    path(f"{_DAY}/release/", day_acts.release_, name="day_release"),
    path(f"{_DAY}/plan/", day_acts.replan, name="day_rebook"),
    path("protocols/", protocols.shelf, name="protocols"),
    path("protocols/<str:protocol_id>/", protocols.version, name="protocol"),
]
