"""Routes of the alert page, of the mail directory and of the on-call rota."""

from django.urls import path

from alerts.views import rota, rota_import_pages, rota_mine, rota_rules_pages
from alerts.views.alert_page import acknowledge_alert, alert_page
from alerts.views.demo_mail import mail_list, mail_page

app_name = "alerts"

urlpatterns = [
    path("alerts/<slug:public_id>", alert_page, name="alert"),
    path("alerts/<slug:public_id>/acknowledge", acknowledge_alert, name="acknowledge"),
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
