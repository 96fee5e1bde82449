"""Routes of the inbox, of single alerts and the acts on them, of log and budget, mail directory and rota."""

from django.urls import path

from alerts.views import rota, rota_import_pages, rota_mine, rota_rules_pages
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
    path("rota/", rota.month, name="rota"),
    path("rota/coverage/", rota.rota_coverage, name="rota_coverage"),
    path("rota/history/", rota.rota_history, name="rota_history"),
    path("rota/rules/", rota_rules_pages.rules, name="rota_rules"),
    path("rota/rules/new/", rota_rules_pages.new_rule, name="rota_rule_new"),
    path("rota/rules/<uuid:public_id>/", rota_rules_pages.rule, name="rota_rule"),
    path("rota/rules/<uuid:public_id>/end/", rota_rules_pages.stop_rule, name="rota_rule_end"),
    path("rota/overrides/new/", rota_rules_pages.new_override, name="rota_override_new"),
    path(
        "rota/overrides/<uuid:public_id>/withdraw/", rota_rules_pages.stop_override, name="rota_override_end"
    ),
    path("rota/holidays/", rota_rules_pages.holidays, name="rota_holidays"),
    path("rota/holidays/<int:holiday_id>/remove/", rota_rules_pages.stop_holiday, name="rota_holiday_end"),
    path("rota/mine/", rota_mine.mine, name="rota_mine"),
    path("rota/mine/away/", rota_mine.away, name="rota_away"),
    path("rota/mine/away/<uuid:public_id>/back/", rota_mine.back, name="rota_back"),
    path("rota/mine/address/", rota_mine.new_address, name="rota_address"),
    path("rota/mine/address/withdraw/", rota_mine.stop_address, name="rota_address_end"),
    path("rota/swaps/new/", rota_mine.new_swap, name="rota_swap_new"),
    path("rota/swaps/<uuid:public_id>/answer/", rota_mine.answer, name="rota_swap_answer"),
    path("rota/calendars/", rota_import_pages.imports, name="rota_imports"),
    path("rota/calendars/<uuid:public_id>/", rota_import_pages.proposed, name="rota_import"),
    path("rota/calendars/<uuid:public_id>/take/", rota_import_pages.take, name="rota_import_take"),
    path("calendar/<slug:secret>.ics", rota_mine.calendar, name="calendar"),
]
