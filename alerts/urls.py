"""Routes of the inbox, of single alerts and the acts on them, of log, budget and mail directory."""

from django.urls import path

from alerts.views.acts import end_alert, escalate_alert, hand_over_alert, record_a_call, suppress_alert
from alerts.views.alert_page import acknowledge_alert, alert_page
from alerts.views.demo_mail import mail_list, mail_page
from alerts.views.lists import budget_page, budget_table, deliveries_page, inbox_page, readiness_page

app_name = "alerts"

urlpatterns = [
    path("alerts/", inbox_page, name="inbox"),
    path("alerts/deliveries/", deliveries_page, name="deliveries"),
    path("alerts/readiness/", readiness_page, name="readiness"),
    path("alerts/budget/", budget_page, name="budget"),
    path("alerts/budget.csv", budget_table, name="budget_table"),
    path("alerts/<slug:public_id>", alert_page, name="alert"),
    path("alerts/<slug:public_id>/acknowledge", acknowledge_alert, name="acknowledge"),
    path("alerts/<slug:public_id>/hand-over", hand_over_alert, name="hand_over"),
    path("alerts/<slug:public_id>/escalate", escalate_alert, name="escalate"),
    path("alerts/<slug:public_id>/silence", suppress_alert, name="suppress"),
    path("alerts/<slug:public_id>/close", end_alert, name="close"),
    path("alerts/<slug:public_id>/call", record_a_call, name="call"),
    path("demo/mail/", mail_list, name="mail_list"),
    path("demo/mail/<str:key>", mail_page, name="mail"),
]
