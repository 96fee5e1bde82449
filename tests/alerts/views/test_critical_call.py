"""A critical value ends with the call that passed it on, and with no other button of its page."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from alerts.models import Alert, ReadBack
from alerts.rules import Kind
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, raise_alert
from tests.builders_alerts import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-68")]


@pytest.fixture
def physician() -> User:
    make_person("oncall1", "on-call")
    return make_person("peter", "physician")


@pytest.fixture
def alert(physician: User) -> Alert:
    now = datetime.now(UTC)
    with transaction.atomic():
        made = raise_alert(
            kind=Kind.CRITICAL_VALUE,
            condition_key="critical-value:of-nobody",
            subject=Subject(),
            now=now,
        )
        take_due_step(made, now=now)
    return made


@pytest.fixture
def browser(physician: User) -> Client:
    client = Client()
    client.force_login(physician)
    return client


def shown(browser: Client, alert: Alert) -> dict[str, str]:
    """What the page's hidden fields say was seen."""
    newest = alert.events.latest("pk").pk
    return {"seen_severity": str(alert.severity), "seen_event": str(newest)}


def call(browser: Client, alert: Alert, outcome: str, key: str) -> None:
    said = {"key": key, "whom": "ward", "outcome": outcome, **shown(browser, alert)}
    sent = browser.post(
        f"/alerts/{alert.public_id}/call", {f"call-{name}": each for name, each in said.items()}
    )
    assert sent.status_code == 302, sent.content.decode()[-800:]
    alert.refresh_from_db()


def test_closing_it_by_hand_is_refused_in_words_and_not_offered(browser: Client, alert: Alert) -> None:
    browser.post(f"/alerts/{alert.public_id}/acknowledge", shown(browser, alert))
    alert.refresh_from_db()
    assert alert.state == "acked"
    page = browser.get(f"/alerts/{alert.public_id}").content.decode()
    assert f"/alerts/{alert.public_id}/close" not in page
    said = {"outcome": "handled", "reason": "told the ward", **shown(browser, alert)}
    answer = browser.post(
        f"/alerts/{alert.public_id}/close", {f"close-{name}": each for name, each in said.items()}
    )
    assert answer.status_code == 409
    alert.refresh_from_db()
    assert alert.state == "acked"


def test_a_call_that_reached_nobody_tells_the_next_and_one_that_did_ends_it(
    browser: Client, alert: Alert
) -> None:
    call(browser, alert, "not-reached", "00000000-0000-4000-8000-000000000001")
    assert (alert.state, alert.step) == ("open", 2)
    call(browser, alert, "read-back", "00000000-0000-4000-8000-000000000002")
    assert alert.state == "closed"
    call(browser, alert, "read-back", "00000000-0000-4000-8000-000000000002")
    assert ReadBack.objects.filter(alert=alert).count() == 2
