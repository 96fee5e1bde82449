"""Routes of this app's browser pages."""

from django.urls import path

from courses.views import (
    back_entry,
    day,
    day_acts,
    decisions,
    facts,
    incidents,
    infusion_correction,
    ledger,
    measurements,
    moving,
    order_acts,
    pharmacy,
    pharmacy_vials,
    protocols,
    rescinding,
    set_aside,
)

app_name = "courses"
_COURSE = "courses/<uuid:public_id>"
_DAY = f"{_COURSE}/day"
_LEDGER = "patients/<uuid:public_id>/ledger"
urlpatterns = [
    path("courses/decisions/<uuid:public_id>/", decisions.decision_page, name="decision"),
    path("courses/decisions/<uuid:public_id>/sign", decisions.sign, name="sign"),
    path(f"{_COURSE}/facts/<str:kind>/", facts.record, name="record_fact"),
    path(f"{_COURSE}/facts/<uuid:fact_id>/withdraw/", facts.withdraw, name="withdraw_fact"),
    path(f"{_COURSE}/facts/<uuid:fact_id>/confirm/", facts.confirm, name="confirm_fact"),
    path(f"{_COURSE}/rescind/", rescinding.rescind, name="rescind"),
    path(f"{_COURSE}/rescind/ask/", rescinding.ask, name="ask_rescission"),
    path(f"{_COURSE}/rescind/confirm/", rescinding.confirm, name="confirm_rescission"),
    path("courses/orders/<uuid:public_id>/leave-out/", order_acts.leaving_out, name="leave_out"),
    path(
        "courses/orders/<uuid:public_id>/leave-out/sign", order_acts.sign_leaving_out, name="sign_leave_out"
    ),
    path("courses/orders/<uuid:public_id>/done/", order_acts.done, name="order_done"),
    path(f"{_COURSE}/protocol/", moving.move, name="move"),
    path("dosimetry/", ledger.dosimetry, name="dosimetry"),
    path(f"{_LEDGER}/", ledger.ledger, name="ledger"),
    path(f"{_LEDGER}/doses/", ledger.enter_dose, name="enter_dose"),
    path(f"{_LEDGER}/doses/<uuid:dose_id>/", ledger.correct_dose, name="correct_dose"),
    path(f"{_LEDGER}/sign-off/<str:organ>/", ledger.sign_off, name="sign_off_doses"),
    path("incidents/", incidents.incidents, name="incidents"),
    path("incidents/<uuid:public_id>/", incidents.incident, name="incident"),
    path("set-aside/", set_aside.set_aside, name="set_aside"),
    path("set-aside/file", set_aside.set_aside_file, name="set_aside_file"),
    path("pharmacy/", pharmacy.pharmacy, name="pharmacy"),
    path("pharmacy/orders/<uuid:public_id>/", pharmacy.order_page, name="pharmacy_order"),
    path("pharmacy/orders/<uuid:public_id>/measured/", measurements.measured, name="pharmacy_measured"),
    path(
        "pharmacy/orders/<uuid:public_id>/measured/<uuid:step_id>/",
        measurements.correct,
        name="pharmacy_correct_measured",
    ),
    path("pharmacy/orders/<uuid:public_id>/<str:name>/", pharmacy.act_on, name="pharmacy_act"),
    path(
        "pharmacy/vials/receive/<uuid:public_id>/<int:number>/",
        pharmacy_vials.receive,
        name="pharmacy_receive",
    ),
    path("pharmacy/vials/<uuid:public_id>/", pharmacy_vials.vial_page, name="pharmacy_vial"),
    path("pharmacy/vials/<uuid:public_id>/correct/", pharmacy_vials.correct, name="pharmacy_correct"),
    path("pharmacy/vials/<uuid:public_id>/fate/", pharmacy_vials.fate, name="pharmacy_fate"),
    path("pharmacy/bookings/place/<uuid:public_id>/<int:number>/", pharmacy_vials.book, name="pharmacy_book"),
    path("pharmacy/bookings/<uuid:public_id>/", pharmacy_vials.booking_page, name="pharmacy_booking"),
    path(
        "pharmacy/bookings/<uuid:public_id>/<str:name>/",
        pharmacy_vials.act_on_booking,
        name="pharmacy_booking_act",
    ),
    path(f"{_COURSE}/cycles/<int:number>/given/", back_entry.back_entry, name="back_entry"),
    path(f"{_DAY}/", day.sheet, name="day"),
    path(f"{_DAY}/print/", day.printed, name="day_print"),
    path(f"{_DAY}/open", day.open_, name="day_open"),
    path(f"{_DAY}/authorise", day.authorise, name="day_authorise"),
    path(f"{_DAY}/steps/<str:kind>/", day_acts.step, name="day_step"),
    path(f"{_DAY}/entries/<uuid:step_id>/", day_acts.correct, name="day_correct"),
    path(f"{_DAY}/infusion/", day_acts.infusion, name="day_infusion"),
    path(
        f"{_COURSE}/infusions/<uuid:infusion_id>/",
        infusion_correction.correct_record,
        name="correct_infusion",
    ),
    path(f"{_DAY}/judge/", day_acts.judge, name="day_judge"),
    path(f"{_DAY}/not-given/", day_acts.not_given, name="day_not_given"),
    path(f"{_DAY}/release/", day_acts.release_, name="day_release"),
    path(f"{_DAY}/plan/", day_acts.replan, name="day_rebook"),
    path("protocols/", protocols.shelf, name="protocols"),
    path("protocols/<str:protocol_id>/", protocols.version, name="protocol"),
]
