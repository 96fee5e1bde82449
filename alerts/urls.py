"""Routes of the alert page and of the mail directory."""

from django.urls import path

from alerts.views.alert_page import acknowledge_alert, alert_page
from alerts.views.demo_mail import mail_list, mail_page

app_name = "alerts"

urlpatterns = [
    path("alerts/<slug:public_id>", alert_page, name="alert"),
    path("alerts/<slug:public_id>/acknowledge", acknowledge_alert, name="acknowledge"),
    path("demo/mail/", mail_list, name="mail_list"),
    path("demo/mail/<str:key>", mail_page, name="mail"),
]
