"""The alert page through HTTP: who reads, what it shows, and that only a button changes anything."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Acknowledgement, Alert, AlertEvent, Notification
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from alerts.services.triage import triage_quarantine
from courses.models import Order, OrderEvent
from labs.models import QuarantinedResult
from tests.builders_alerts import NOW, make_alert, make_kept_message, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor() -> User:
    return make_person("oncall1", "on-call")


@pytest.fixture
def alert(doctor: User) -> Alert:
    return make_alert()


@pytest.fixture
def signed_in(client: Client) -> Callable[[User], Client]:
    def sign_in(person: User) -> Client:
        client.force_login(person)
        return client

    return sign_in


def page(alert: Alert) -> str:
    return f"/alerts/{alert.public_id}"


def form(alert: Alert) -> dict[str, str]:
    return {
        "seen_severity": str(alert.severity),
        "seen_event": str(alert.events.latest("pk").pk),
        "note": "Ward told.",
    }


def everything() -> list[Any]:
    """Every row of this app except the notes of who looked."""
    events = AlertEvent.objects.exclude(kind="viewed")
    tables = (Alert.objects.all(), events, Acknowledgement.objects.all(), Notification.objects.all())
    return [list(rows.order_by("pk").values()) for rows in tables]


def test_the_link_of_a_mail_leads_to_the_log_in_and_back(client: Client, alert: Alert) -> None:
    answer = client.get(page(alert))
    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next={page(alert)}"
    assert not AlertEvent.objects.filter(kind="viewed").exists()


def test_the_page_says_what_why_for_whom_who_was_told_and_what_comes_next(
    signed_in: Callable[[User], Client], doctor: User, alert: Alert
) -> None:
    decision = alert.decision
    assert decision is not None
    order = Order.objects.create(
        cycle=decision.cycle,
        kind="radiopharmaceutical",
        state="suspended",
        reason_code="DM-PLT",
        decision=decision,
        placed_at=NOW,
        updated_at=NOW,
    )
    OrderEvent.objects.create(
        order=order,
        from_state="active",
        to_state="suspended",
        reason_code="DM-PLT",
        decision=decision,
        at=NOW,
    )
    text = signed_in(doctor).get(page(alert)).content.decode()
    for words in (
        "The protocol says: delay this cycle.",
        "Safety 1, critical",
        "Kanarienvogel, Zuckmayerin",
        "2 Mar 1961",
        "MRN-77Q41",
        "Platelets 61.5 are below the bound of DM-PLT.",
        "below 75 x 10*9/L",
        "Prescribing information 2024-04, section 2.4",
        "active → <strong>suspended</strong>",
        "oncall1",
        "physician, on-call",
        "10:15 CEST",
        "Platelets <strong>61.5 ×10^9/L</strong>, collected 4 May 2026 08:00 CEST",
    ):
        assert words in text, words


def test_reading_notes_who_looked_and_changes_nothing_else(
    signed_in: Callable[[User], Client], doctor: User, alert: Alert
) -> None:
    before = everything()
    browser = signed_in(doctor)
    browser.get(page(alert))
    assert everything() == before
    viewed = AlertEvent.objects.get(kind="viewed")
    assert (viewed.alert, viewed.actor) == (alert, doctor)


@pytest.mark.parametrize("request_line", list(product(["get", "head", "options"], ["", "/acknowledge"])))
@pytest.mark.parametrize("known", [True, False])
def test_no_scanner_can_acknowledge(
    client: Client, doctor: User, alert: Alert, request_line: tuple[str, str], known: bool
) -> None:
    method, path = request_line
    if known:
        client.force_login(doctor)
    before = everything()
    getattr(client, method)(page(alert) + path)
    assert everything() == before
    alert.refresh_from_db()
    assert alert.state == "open"


def test_the_button_acknowledges_and_shows_who_did(
    signed_in: Callable[[User], Client], doctor: User, alert: Alert
) -> None:
    browser = signed_in(doctor)
    browser.get(page(alert))
    answer = browser.post(f"{page(alert)}/acknowledge", form(alert), follow=True)
    assert answer.redirect_chain == [(page(alert), 302)]
    text = answer.content.decode()
    assert "Acknowledged by oncall1" in text
    assert "Ward told." in text
    assert "Acknowledge: I take this over" not in text


def test_the_button_needs_the_pages_own_token(doctor: User, alert: Alert) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(doctor)
    assert strict.post(f"{page(alert)}/acknowledge", form(alert)).status_code == 403
    alert.refresh_from_db()
    assert alert.state == "open"


def test_whoever_is_not_signed_in_goes_to_the_log_in_and_then_to_the_page(
    client: Client, alert: Alert
) -> None:
    answer = client.post(f"{page(alert)}/acknowledge", form(alert))
    assert answer["Location"] == f"/accounts/login/?next={page(alert)}"


def test_an_auditor_reads_without_a_button_and_without_the_patient(
    signed_in: Callable[[User], Client], alert: Alert
) -> None:
    browser = signed_in(make_person("auditor1", "auditor"))
    text = browser.get(page(alert)).content.decode()
    assert "Your role may read this alert but not acknowledge it." in text
    assert "Kanarienvogel" not in text
    refused = browser.post(f"{page(alert)}/acknowledge", form(alert))
    assert refused.status_code == 403
    assert "not acknowledge it" in refused.content.decode()


@pytest.mark.parametrize("role", ["administrator", "pharmacist"])
def test_a_role_that_reads_no_alerts_is_refused_in_a_plain_sentence(
    signed_in: Callable[[User], Client], alert: Alert, role: str
) -> None:
    answer = signed_in(make_person("somebody", role)).get(page(alert))
    assert answer.status_code == 403
    assert "Your role does not read this alert." in answer.content.decode()
    assert "Kanarienvogel" not in answer.content.decode()


def test_an_administrator_handles_a_refused_address(
    signed_in: Callable[[User], Client], doctor: User
) -> None:
    alert = make_alert(kind=Kind.ADDRESS_REFUSED)
    Alert.objects.filter(pk=alert.pk).update(person=doctor, course=None, cycle=None, decision=None)
    browser = signed_in(make_person("admin1", "administrator"))
    text = browser.get(page(alert)).content.decode()
    assert "oncall1@clinic.example" in text
    browser.post(f"{page(alert)}/acknowledge", form(alert))
    alert.refresh_from_db()
    assert alert.state == "acked"


def test_a_stale_page_is_refused_with_what_to_do(
    signed_in: Callable[[User], Client], doctor: User, alert: Alert
) -> None:
    stale = form(alert) | {"seen_severity": "3"}
    answer = signed_in(doctor).post(f"{page(alert)}/acknowledge", stale)
    assert answer.status_code == 409
    assert "Read it again" in answer.content.decode()
    alert.refresh_from_db()
    assert alert.state == "open"


def test_a_page_made_while_a_newer_decision_comes_cannot_acknowledge_that_one(
    signed_in: Callable[[User], Client], doctor: User, alert: Alert
) -> None:
    browser = signed_in(doctor)
    came: list[AlertEvent] = []

    def newer_decision_comes(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Between the page's reading of the alert and of what happened to it."""
        if not came and "alerts_alertevent" in sql and "auth_user" in sql:
            came.append(AlertEvent(alert=alert, kind="seen-again", at=NOW))
            came[0].save()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(newer_decision_comes):
        shown = browser.get(page(alert)).context["seen_event"]
    assert came
    answer = browser.post(f"{page(alert)}/acknowledge", form(alert) | {"seen_event": str(shown)})
    assert answer.status_code == 409


@pytest.mark.parametrize("value", ["", "one", "-1", "9" * 40, "²"])
def test_a_damaged_form_is_refused(
    signed_in: Callable[[User], Client], doctor: User, alert: Alert, value: str
) -> None:
    answer = signed_in(doctor).post(f"{page(alert)}/acknowledge", form(alert) | {"seen_event": value})
    assert answer.status_code == 400


def test_an_unknown_address_tells_nothing(signed_in: Callable[[User], Client], doctor: User) -> None:
    assert signed_in(doctor).get("/alerts/nothing-here").status_code == 404


def test_no_page_of_a_patient_is_kept_by_a_browser(
    signed_in: Callable[[User], Client], doctor: User, alert: Alert
) -> None:
    assert "no-store" in signed_in(doctor).get(page(alert))["Cache-Control"]


def test_what_waits_at_the_laboratory_door_is_listed(signed_in: Callable[[User], Client]) -> None:
    nurse = make_person("nurse1", "nurse")
    outcome = make_kept_message()
    QuarantinedResult.objects.create(
        message=outcome.message,
        position=1,
        reason_code="unknown-unit",
        reason="The unit <b>furlong</b> is not known.",
        sent="x",
        opened_at=NOW,
    )
    triage_quarantine(now=NOW)
    text = signed_in(nurse).get(page(Alert.objects.get(kind=Kind.LAB_QUARANTINE))).content.decode()
    assert "Laboratory results wait for a person." in text
    assert "The unit &lt;b&gt;furlong&lt;/b&gt; is not known." in text


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_alert_has_its_page(
    signed_in: Callable[[User], Client], doctor: User, kind: Kind
) -> None:
    make_person("nurse1", "nurse")
    answer = signed_in(doctor).get(page(make_alert(kind=kind)))
    assert answer.status_code == 200
    assert "<h1>" in answer.content.decode()


def test_the_number_of_queries_stays_the_same_however_many_were_told(
    signed_in: Callable[[User], Client], doctor: User, alert: Alert
) -> None:
    browser = signed_in(doctor)
    browser.get(page(alert))
    with CaptureQueriesContext(connection) as few:
        browser.get(page(alert))
    for number in range(5):
        make_person(f"more{number}", "on-call")
    many_told = make_alert()
    dispatch_due(now=NOW)
    with CaptureQueriesContext(connection) as many:
        browser.get(page(many_told))
    assert len(many) == len(few)
