"""The index names each report to whoever may read it, leads there, and stands in the navigation."""

import pytest
from django.test import Client
from django.urls import reverse

from prrt_clinic.reports import REPORTS

pytestmark = pytest.mark.django_db
READ = {
    ("nurse",): {"Cohort", "Set aside by month", "Follow-up", "Incidents", "Alert budget"},
    ("physician",): {"Cohort", "Set aside by month", "Follow-up", "Incidents", "Alert budget", "Deliveries"},
    ("auditor",): {"Cohort", "Set aside by month", "Incidents", "Alert budget", "Deliveries"},
    ("physicist",): {"Incidents"},
    ("administrator",): {"Deliveries"},
    ("on-call",): {"Alert budget"},
    ("pharmacist",): set(),
}


@pytest.mark.parametrize("roles", READ, ids=lambda roles: roles[0])
def test_the_index_leads_each_role_to_the_reports_it_may_read_and_to_no_other(person, roles) -> None:
    browser = Client()
    browser.force_login(person(*roles))
    index = browser.get("/reports/")
    assert index.status_code == (200 if READ[roles] else 403)
    page = index.content.decode()
    for report in REPORTS:
        is_named = f'href="{report.link}"><span class="prrt-name">{report.title}' in page
        assert is_named == (report.title in READ[roles]), report.title
        assert (browser.get(report.link).status_code == 200) == is_named, report.title
    navigation = browser.get(reverse("admin:index")).content.decode()
    assert ('href="/reports/"' in navigation) == bool(READ[roles])
