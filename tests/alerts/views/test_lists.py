"""Inbox, delivery log, who would be told, and the budget, through HTTP."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone
from tests.builders_acts import hold_alert, make_staff, take
from tests.builders_alerts import CANARIES, NOW, make_alert, make_person
from tests.builders_rota import keep_rota
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client) -> Callable[[User], Client]:
    def sign_in(person: User) -> Client:
        person.is_staff = True
        person.save()
        client.force_login(person)
        return client

    return sign_in


def text(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    assert "no-store" in answer["Cache-Control"]
    return answer.content.decode()


def test_the_inbox_lists_alerts_with_patient_and_who_has_them(browser: Callable[[User], Client]) -> None:
    nurse = make_person("nora", "nurse")
    make_person("oncall1", "on-call")
    alert = make_alert()
    shown = text(browser(nurse), "/alerts/")
    for words in (
        alert.ref,
        "Kanarienvogel",
        "Nobody yet",
        "Critical",
        "All (1)",
        "Mine (0)",
        "4 May 2026 10:00 CEST",
    ):
        assert words in shown, words
    assert f'href="/alerts/{alert.public_id}"' in shown
    assert "No alert of this kind." in text(browser(nurse), "/alerts/?kind=hold")


def test_an_auditors_inbox_names_no_patient(browser: Callable[[User], Client]) -> None:
    make_alert()
    assert "Kanarienvogel" not in text(browser(make_person("eve", "auditor")), "/alerts/")


def test_a_filter_that_is_none_is_answered_with_its_name_and_everything(
    browser: Callable[[User], Client],
) -> None:
    nurse, alert = make_person("nora", "nurse"), make_alert()
    shown = text(browser(nurse), "/alerts/?severity=9", status=400)
    assert "severity: choose one of the links" in shown
    assert alert.ref in shown


def test_open_criticals_stand_on_every_page_in_words(browser: Callable[[User], Client]) -> None:
    nurse = make_person("nora", "nurse")
    make_staff()
    client = browser(nurse)
    assert "prrt-criticals" not in text(client, "/admin/")
    alert, _other = make_alert(), make_alert()
    for path in (
        "/admin/",
        "/alerts/",
        "/labs/quarantine/",
        f"/alerts/{alert.public_id}",
        "/admin/courses/course/",
    ):
        shown = text(client, path)
        assert "2 critical alerts are not over; nobody has them." in shown, path
        assert 'href="/alerts/?severity=1"' in shown, path
    take(alert, nurse)
    assert "2 critical alerts are not over; nobody has 1 of them." in text(client, "/admin/")


def test_whoever_reads_no_alerts_is_shown_no_count(browser: Callable[[User], Client]) -> None:
    make_alert()
    assert "prrt-criticals" not in text(browser(make_person("phil", "pharmacist")), "/admin/")


def test_the_delivery_log_shows_each_attempt_and_no_patient(
    browser: Callable[[User], Client], smtp: SmtpServer
) -> None:
    make_person("oncall1", "on-call")
    make_person("oncall2", "on-call")
    make_person("admin1", "administrator")
    smtp.room.refused_addresses = {"oncall2@clinic.example"}
    alert = make_alert()
    dispatch_due(now=NOW)
    client = browser(make_person("eve", "auditor"))
    shown = text(client, "/alerts/deliveries/")
    for words in ("oncall1@clinic.example", "Accepted (250)", "Refused for good (550)", alert.ref):
        assert words in shown, words
    assert not [word for word in CANARIES if word in shown and word not in ("therapy",)]
    refused = text(client, "/alerts/deliveries/?state=failed_permanent")
    assert "oncall2@clinic.example" in refused
    assert "oncall1@clinic.example" not in refused
    one = User.objects.get(username="oncall1")
    assert "oncall2@clinic.example" not in text(
        client, f"/alerts/deliveries/?person={one.pk}&alert={alert.ref}"
    )


@pytest.mark.parametrize("query", ["person=x", "state=gone", "alert=TOO-LONG-9", "before=-1", "alert=%00"])
def test_a_damaged_filter_of_the_log_is_answered_and_not_a_fault(
    browser: Callable[[User], Client], query: str
) -> None:
    assert 'role="alert"' in text(browser(make_person("eve", "auditor")), f"/alerts/deliveries/?{query}", 400)


def test_the_log_goes_on_page_by_page_with_the_same_number_of_queries(
    browser: Callable[[User], Client],
) -> None:
    for number in range(3):
        make_person(f"oncall{number}", "on-call")
    make_alert()
    client = browser(make_person("eve", "auditor"))
    text(client, "/alerts/deliveries/")
    with CaptureQueriesContext(connection) as few:
        text(client, "/alerts/deliveries/")
    for _ in range(20):
        make_alert()
    with CaptureQueriesContext(connection) as many:
        shown = text(client, "/alerts/deliveries/")
    assert len(many) == len(few)
    assert "Older mails" in shown


def test_who_would_be_told_is_shown_with_addresses_and_what_is_missing(
    browser: Callable[[User], Client],
) -> None:
    make_person("oncall1", "on-call")
    shown = text(browser(make_person("adam", "administrator")), "/alerts/readiness/")
    for words in (
        "oncall1@clinic.example",
        "Nobody would be told.",
        "never given a sign of life",
        "Critical",
    ):
        assert words in shown, words


def test_who_would_not_be_told_is_shown_with_the_reason_and_since_when(
    browser: Callable[[User], Client], smtp: SmtpServer
) -> None:
    one = make_person("oncall1", "on-call")
    # Of every week four days are nobody's.
    keep_rota(
        one, now=database_now(), weekdays=[0, 1, 2], first_day=clinic_day(database_now(), clinic_zone())
    )
    smtp.room.refused_addresses = {"oncall1@clinic.example"}
    make_alert()
    dispatch_due(now=NOW)
    shown = text(browser(make_person("adam", "administrator")), "/alerts/readiness/")
    for words in (
        "oncall1 has an e-mail address that refuses mail for good, since 4 May 2026 10:00 CEST.",
        "(mail does not reach it)",
        "(mail does not reach the address)",
        "Nobody is on call",
        "On call, but could not be told",
    ):
        assert words in shown, words


def test_the_budget_is_a_page_and_a_table_without_formulas(browser: Callable[[User], Client]) -> None:
    nurse = make_person("nora", "nurse")
    make_alert(kind=Kind.LAB_QUARANTINE)
    Alert.objects.update(condition_key="x")
    client = browser(nurse)
    period = "first=2026-05-01&last=2026-05-31"
    shown = text(client, f"/alerts/budget/?{period}")
    assert "lab-quarantine" in shown
    for denominator in (
        "Precision: of the judged ones",
        "Went on all the same: of the judged ones.",
        "Minutes to acknowledge: of those that somebody acknowledged",
        "Never acknowledged: of those raised",
    ):
        assert denominator in shown, denominator
    assert f"/alerts/budget.csv?{period.replace('&', '&amp;')}" in shown
    answer = client.get(f"/alerts/budget.csv?{period}")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="alert-budget-2026-05-01-2026-05-31.csv"'
    assert '"lab-quarantine"' in answer.content.decode()
    assert "No alert was raised" in text(client, "/alerts/budget/?first=2020-01-01&last=2020-01-02")


@pytest.mark.parametrize(
    "query",
    [
        "first=x&last=y",
        "first=2026-05-31&last=2026-05-01",
        "first=2000-01-01&last=2026-01-01",
        "first=2026-05-01",
    ],
)
@pytest.mark.parametrize("path", ["/alerts/budget/", "/alerts/budget.csv"])
def test_a_period_that_is_none_is_refused_by_field(
    browser: Callable[[User], Client], path: str, query: str
) -> None:
    shown = text(browser(make_person("nora", "nurse")), f"{path}?{query}", 400)
    assert any(label in shown for label in ("From", "To"))


def test_no_list_writes_a_row_of_who_looked(browser: Callable[[User], Client]) -> None:
    alert = hold_alert()
    before = alert.events.count()
    client = browser(make_person("doc", "physician"))
    for path in (
        "/alerts/",
        "/alerts/deliveries/",
        "/alerts/readiness/",
        "/alerts/budget/",
        "/alerts/budget.csv",
    ):
        text(client, path)
    assert alert.events.count() == before
