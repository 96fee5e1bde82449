"""Routes of this app's browser pages."""

from django.urls import path

from labs import merge_views
from labs.views import contacts, manual, quarantine, registering, sample, weight

app_name = "labs"
_PATIENT = "patients/<uuid:public_id>"
_ITEM = "labs/quarantine/<uuid:public_id>"
_ENTRY = f"{_PATIENT}/results/<uuid:entry_id>"
urlpatterns = [
    path("patients/new/", registering.register, name="register"),
    path(f"{_PATIENT}/weight/", weight.weight, name="weight"),
    path(f"{_PATIENT}/contacts/", contacts.contacts, name="contacts"),
    path("patients/merges/<uuid:public_id>/", merge_views.merge_page, name="merge"),
    path(f"{_PATIENT}/results/new/", manual.new, name="new_result"),
    path(f"{_ENTRY}/", manual.entry, name="result_entry"),
    path(f"{_ENTRY}/verify/", manual.verify, name="verify_result"),
    path(f"{_ENTRY}/withdraw/", manual.withdraw, name="withdraw_result"),
    path("labs/quarantine/", quarantine.queue, name="quarantine"),
    path(f"{_ITEM}/", quarantine.item, name="quarantine_item"),
    path(f"{_ITEM}/own/", quarantine.own, name="quarantine_own"),
    path(f"{_ITEM}/read-again/", quarantine.again, name="quarantine_again"),
    path(f"{_ITEM}/say/<str:kind>/", quarantine.say, name="quarantine_say"),
    path(f"{_ITEM}/said/<uuid:said_id>/confirm/", quarantine.confirm, name="quarantine_confirm"),
    path(f"{_ITEM}/said/<uuid:said_id>/decline/", quarantine.decline, name="quarantine_decline"),
    path("labs/sample/", sample.sample, name="sample"),
]
