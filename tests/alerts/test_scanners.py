"""Nothing that only looks acknowledges anything: every address of alerts and mails, any log-in (T16)."""

import hashlib
import json
import re
from collections.abc import Iterator
from email.message import EmailMessage
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import get_resolver, reverse

from alerts.models import Alert, AlertEvent
from alerts.rules import State
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.views import acts
from labs.services.contacts import record_contacts
from tests.builders_acts import hold_alert, seen, take
from tests.builders_alerts import CANARIES, NOW, make_alert, make_course, make_person
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-70")]
LOOKS = ("get", "head", "options")
ACTS = ("acknowledge", "hand-over", "escalate", "silence", "close", "call")


def rows() -> str:
    """A digest of every row of the record and of alerts, without the notes of who looked."""
    whole = hashlib.sha256()
    for model in sorted(_models(), key=lambda each: each._meta.label):
        found = model._default_manager.order_by("pk")
        if model is AlertEvent:
            found = found.exclude(kind="viewed")
        whole.update(json.dumps([model._meta.label, list(found.values())], default=str).encode())
    return whole.hexdigest()


def _models() -> Iterator[type[Model]]:
    for name in ("labs", "courses", "alerts"):
        yield from apps.get_app_config(name).get_models()


def addresses(alert: Alert) -> list[str]:
    """Every address of this app's routes, for an alert that exists."""
    found = []
    for pattern in get_resolver("alerts.urls").url_patterns:
        takes = re.findall(r"<(\w+):(\w+)>", str(pattern.pattern))
        values = {name: _thing(kind, alert) for kind, name in takes}
        found.append(reverse(f"alerts:{pattern.name}", kwargs=values))
    return found


def _thing(kind: str, alert: Alert) -> str:
    """What stands in an address: the alert itself, or something that is not there."""
    return {"slug": alert.public_id, "uuid": str(uuid4())}.get(kind, "0")


@pytest.fixture
def alert() -> Alert:
    make_person("oncall1", "on-call")
    make_person("admin1", "administrator")
    course = make_course()
    nurse = make_person("nora", "nurse")
    record_contacts(patient=course.patient, details={"telephone": "+49 30 123456"}, by=nurse, seen=None)
    return make_alert(course)


def visitors() -> Iterator[Client]:
    """Nobody, and somebody of every role, each with cookies of their own."""
    yield Client()
    for role in ("nurse", "physician", "on-call", "administrator", "auditor", "pharmacist"):
        client = Client()
        client.force_login(make_person(f"scan-{role}", role))
        yield client


def test_looking_at_any_address_changes_no_row_and_the_alert_still_escalates(alert: Alert) -> None:
    paths = addresses(alert)
    assert len(paths) >= 13
    who = list(visitors())
    before = rows()
    for client in who:
        for path in paths:
            for method in LOOKS:
                assert getattr(client, method)(path).status_code < 500, path
    assert rows() == before
    assert run_due_steps(now=alert.next_step_at) == 1


def test_a_scanner_that_follows_the_links_of_a_mail_a_hundred_times_changes_nothing(
    alert: Alert, smtp: SmtpServer
) -> None:
    assert dispatch_due(now=NOW) == 1
    links = [link for letter in smtp.room.letters for link in _links(_plain(letter))]
    assert [link.rsplit("/", 1)[-1] for link in links] == [alert.public_id]
    path = "/" + links[0].split("/", 3)[3]
    before, nobody = rows(), Client()
    for _ in range(100):
        for method in LOOKS:
            getattr(nobody, method)(path, follow=False)
    assert rows() == before
    assert not AlertEvent.objects.filter(kind="viewed").exists()
    alert.refresh_from_db()
    assert alert.state == State.OPEN


def _plain(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _links(text: str) -> list[str]:
    return re.findall(r"https?://\S+", text)


def test_with_the_control_off_this_scanner_would_acknowledge(alert: Alert, monkeypatch) -> None:
    """A route that acts on whatever comes: the digest of rows changes, so the tests above would fail."""
    client = Client()
    client.force_login(User.objects.get(username="oncall1"))

    def acts_on_everything(request, public_id):
        # The fault: a look is taken for the button.
        request.method = "POST"
        shown = seen(alert)
        request._post = {
            "escalate-seen_severity": str(shown.severity),
            "escalate-seen_event": str(shown.event),
            "escalate-reason": "a scanner came by",
        }
        request._files, request.csrf_processing_done = {}, True
        return acts.escalate_alert(request, public_id)

    pattern = next(each for each in get_resolver("alerts.urls").url_patterns if each.name == "escalate")
    monkeypatch.setattr(pattern, "callback", acts_on_everything)
    before = rows()
    client.get(f"/alerts/{alert.public_id}/escalate")
    assert rows() != before


@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_a_post_and_nothing_else(alert: Alert, act: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username="oncall1"))
    for method in ("get", "head", "put", "delete", "patch"):
        assert getattr(client, method)(f"/alerts/{alert.public_id}/{act}").status_code == 405


def test_no_mail_and_no_log_of_an_act_by_hand_holds_anything_of_the_patient(
    smtp: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    make_person("oncall1", "on-call")
    nurse, doctor, course = make_person("nora", "nurse"), make_person("doc", "physician"), make_course()
    secret = ("+49 30 4711", "Adele Zuckmayerin", "Zuckmayerin is at her sister")
    details = {"telephone": secret[0], "kin_name": secret[1], "kin_telephone": "030 4712"}
    record_contacts(patient=course.patient, details=details, by=nurse, seen=None)
    alert = hold_alert(course=course)
    client = Client()
    client.force_login(nurse)
    shown = seen(alert)
    hidden = {"seen_severity": shown.severity, "seen_event": shown.event}
    call = {
        "call-key": str(uuid4()),
        "call-whom": "patient",
        "call-outcome": "reached",
        "call-note": secret[2],
    }
    client.post(f"/alerts/{alert.public_id}/call", call)
    sent = {**hidden, "minutes": 30, "reason": secret[2]}
    client.post(
        f"/alerts/{alert.public_id}/silence", {f"suppress-{name}": each for name, each in sent.items()}
    )
    dispatch_due(now=NOW.replace(year=2027))
    shown = seen(alert)
    sent = {"seen_severity": shown.severity, "seen_event": shown.event, "to": doctor.pk, "note": secret[2]}
    client.post(
        f"/alerts/{alert.public_id}/hand-over", {f"hand_over-{name}": each for name, each in sent.items()}
    )
    dispatch_due(now=NOW.replace(year=2027))
    assert len(smtp.room.letters) == 2
    mails = "\n".join(letter.as_string() for letter in smtp.room.letters)
    for word in (*CANARIES, *secret, "4712", "sister"):
        assert word not in mails, word
        assert word not in caplog.text, word


def test_the_notes_of_who_looked_are_the_only_rows_a_reader_leaves(alert: Alert) -> None:
    client = Client()
    client.force_login(User.objects.get(username="oncall1"))
    take(alert, User.objects.get(username="oncall1"))
    before = AlertEvent.objects.count()
    client.get(f"/alerts/{alert.public_id}")
    assert AlertEvent.objects.count() == before + 1
    assert AlertEvent.objects.latest("pk").kind == "viewed"
