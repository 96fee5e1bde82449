"""Routes of this app's REST doors, below /api/v1/."""

from django.urls import path, re_path

from courses import api, api_ledger

app_name = "courses_api"
urlpatterns = [
    re_path(r"^orders/?$", api.OrderList.as_view(), name="orders"),
    path("orders/<uuid:public_id>/", api.OrderDetail.as_view(), name="order"),
    path("courses/<uuid:public_id>/schedule/", api.CourseSchedule.as_view(), name="schedule"),
    path("courses/<uuid:public_id>/decision/", api.CourseDecision.as_view(), name="course-decision"),
    path("courses/<uuid:public_id>/ledger/", api_ledger.CourseLedger.as_view(), name="ledger"),
    path("decisions/<uuid:public_id>/", api.DecisionDetail.as_view(), name="decision"),
]
