"""Once everybody on a ladder has been told without an answer, the telephone desk is named (HZ-68)."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from alerts.models import Alert
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from tests.builders_alerts import NOW, make_alert, make_person
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-68")]
DESK = "+49 30 7654321"


@pytest.fixture
def alert(monkeypatch: pytest.MonkeyPatch) -> Alert:
    monkeypatch.setattr(settings, "CLINIC_PHONE", DESK)
    make_person("oncall1", "on-call")
    make_person("peter", "physician")
    return make_alert()


def texts(smtp: SmtpServer) -> list[str]:
    bodies = [letter.get_body(("plain",)) for letter in smtp.room.letters]
    return [str(body.get_content()) for body in bodies if body is not None]


def test_only_the_last_step_names_the_desk_and_it_names_it_every_time(alert: Alert, smtp: SmtpServer) -> None:
    dispatch_due(now=NOW)
    assert [f"calls the telephone desk: {DESK}" in text for text in texts(smtp)] == [False]
    for minutes in (16, 47):
        run_due_steps(now=NOW + timedelta(minutes=minutes))
        dispatch_due(now=NOW + timedelta(minutes=minutes, seconds=1))
    later = texts(smtp)[1:]
    assert len(later) >= 3
    assert all(f"calls the telephone desk: {DESK}" in text for text in later)


def test_the_page_names_the_desk_from_then_on(alert: Alert) -> None:
    client = Client()
    client.force_login(make_person("nora", "nurse"))
    words = "Everybody on the ladder has been told"
    assert words not in client.get(f"/alerts/{alert.public_id}").content.decode()
    run_due_steps(now=NOW + timedelta(minutes=16))
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert words in page
    assert DESK in page
