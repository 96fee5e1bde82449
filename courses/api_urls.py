"""Routes of this app's REST doors, below /api/v1/."""

from django.urls import path, re_path

from courses import (
    api,
    api_bookings,
    api_day,
    api_day_acts,
    api_done,
    api_infusions,
    api_leave_out,
    api_ledger,
    api_measurements,
    api_orders,
    api_vials,
)

app_name = "courses_api"
_DAY = "therapy-days/<uuid:public_id>"
urlpatterns = [
    re_path(r"^orders/?$", api.OrderList.as_view(), name="orders"),
    path("orders/<uuid:public_id>/", api.OrderDetail.as_view(), name="order"),
    path("orders/<uuid:public_id>/accept/", api_orders.AcceptOrder.as_view(), name="accept"),
    path("orders/<uuid:public_id>/prepare/", api_orders.PrepareOrder.as_view(), name="prepare"),
    path("orders/<uuid:public_id>/dispense/", api_orders.DispenseOrder.as_view(), name="dispense"),
    path("orders/<uuid:public_id>/ask-cancel/", api_orders.AskToCancel.as_view(), name="ask-cancel"),
    path(
        "orders/<uuid:public_id>/decline-cancel/",
        api_orders.DeclineToCancel.as_view(),
        name="decline-cancel",
    ),
    path("orders/<uuid:public_id>/cancel/", api_orders.CancelOrder.as_view(), name="cancel"),
    path(
        "orders/<uuid:public_id>/acknowledge-recall/",
        api_orders.AcknowledgeRecall.as_view(),
        name="acknowledge-recall",
    ),
    path("orders/<uuid:public_id>/leave-out/", api_leave_out.LeaveOut.as_view(), name="leave-out"),
    path("orders/<uuid:public_id>/done/", api_done.OrderDone.as_view(), name="order-done"),
    path(
        "orders/<uuid:public_id>/measurements/", api_measurements.Measurements.as_view(), name="measurements"
    ),
    path(
        "orders/<uuid:public_id>/measurements/<uuid:step_id>/correct/",
        api_measurements.MeasurementCorrection.as_view(),
        name="measurement-correct",
    ),
    path("vials/", api_vials.VialsView.as_view(), name="vials"),
    path("vials/<uuid:public_id>/", api_vials.VialView.as_view(), name="vial"),
    path("vials/<uuid:public_id>/correct/", api_vials.VialCorrectView.as_view(), name="vial-correct"),
    path("vials/<uuid:public_id>/fate/", api_vials.VialFateView.as_view(), name="vial-fate"),
    path("bookings/", api_bookings.BookingsView.as_view(), name="bookings"),
    path("bookings/<uuid:public_id>/", api_bookings.BookingView.as_view(), name="booking"),
    path("bookings/<uuid:public_id>/confirm/", api_bookings.ConfirmBooking.as_view(), name="confirm-booking"),
    path("bookings/<uuid:public_id>/move/", api_bookings.MoveBooking.as_view(), name="move-booking"),
    path("bookings/<uuid:public_id>/cancel/", api_bookings.CancelBooking.as_view(), name="cancel-booking"),
    path("courses/<uuid:public_id>/schedule/", api.CourseSchedule.as_view(), name="schedule"),
    path("courses/<uuid:public_id>/decision/", api.CourseDecision.as_view(), name="course-decision"),
    path("courses/<uuid:public_id>/ledger/", api_ledger.CourseLedger.as_view(), name="ledger"),
    path("decisions/<uuid:public_id>/", api.DecisionDetail.as_view(), name="decision"),
    path("therapy-days/", api_day.Days.as_view(), name="therapy-days"),
    path(f"{_DAY}/", api_day.Day.as_view(), name="therapy-day"),
    path(f"{_DAY}/steps/", api_day_acts.DaySteps.as_view(), name="therapy-day-steps"),
    path(
        f"{_DAY}/steps/<uuid:step_id>/correct/",
        api_day_acts.DayStepCorrection.as_view(),
        name="therapy-day-correct",
    ),
    path(f"{_DAY}/authorise/", api_day_acts.DayAuthorise.as_view(), name="therapy-day-authorise"),
    path(f"{_DAY}/infusion/", api_day_acts.DayInfusion.as_view(), name="therapy-day-infusion"),
    path("infusions/<uuid:public_id>/", api_infusions.InfusionRead.as_view(), name="infusion"),
    path(
        "infusions/<uuid:public_id>/correct/",
        api_infusions.InfusionCorrection.as_view(),
        name="infusion-correct",
    ),
    path(f"{_DAY}/judge/", api_day_acts.DayJudge.as_view(), name="therapy-day-judge"),
    path(f"{_DAY}/not-given/", api_day_acts.DayNotGiven.as_view(), name="therapy-day-not-given"),
    path(f"{_DAY}/release/", api_day_acts.DayRelease.as_view(), name="therapy-day-release"),
    path(f"{_DAY}/rebook/", api_day_acts.DayRebook.as_view(), name="therapy-day-rebook"),
]
