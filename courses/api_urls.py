"""Routes of this app's REST doors, below /api/v1/."""

from django.urls import path, re_path

from courses import api, api_day

app_name = "courses_api"
_DAY = "therapy-days/<uuid:public_id>"
urlpatterns = [
    re_path(r"^orders/?$", api.OrderList.as_view(), name="orders"),
    path("orders/<uuid:public_id>/", api.OrderDetail.as_view(), name="order"),
    path("courses/<uuid:public_id>/schedule/", api.CourseSchedule.as_view(), name="schedule"),
    path("courses/<uuid:public_id>/decision/", api.CourseDecision.as_view(), name="course-decision"),
    path("decisions/<uuid:public_id>/", api.DecisionDetail.as_view(), name="decision"),
    path("therapy-days/", api_day.Days.as_view(), name="therapy-days"),
    path(f"{_DAY}/", api_day.Day.as_view(), name="therapy-day"),
    path(f"{_DAY}/steps/", api_day.DaySteps.as_view(), name="therapy-day-steps"),
    path(
        f"{_DAY}/steps/<uuid:step_id>/correct/",
        api_day.DayStepCorrection.as_view(),
        name="therapy-day-correct",
    ),
    path(f"{_DAY}/authorise/", api_day.DayAuthorise.as_view(), name="therapy-day-authorise"),
    path(f"{_DAY}/infusion/", api_day.DayInfusion.as_view(), name="therapy-day-infusion"),
    path(f"{_DAY}/judge/", api_day.DayJudge.as_view(), name="therapy-day-judge"),
    path(f"{_DAY}/not-given/", api_day.DayNotGiven.as_view(), name="therapy-day-not-given"),
    path(f"{_DAY}/release/", api_day.DayRelease.as_view(), name="therapy-day-release"),
    path(f"{_DAY}/rebook/", api_day.DayRebook.as_view(), name="therapy-day-rebook"),
]
