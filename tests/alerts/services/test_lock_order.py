"""Alerts are locked in one order everywhere, so that no two runners wait for each other."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services import escalation
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps, take_due_step
from alerts.services.raising import Subject, raise_alert
from alerts.services.triage import triage_decisions
from tests.builders_alerts import NOW, make_course, make_decision, make_person
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.usefixtures("real_commits"), pytest.mark.postgres]

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def beside_escalation(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Runs something while escalation holds an alert and is about to reach for the alarm about it."""

    def run(work: Callable[[], int]) -> None:
        holds = threading.Event()
        faults: list[Exception] = []

        def slow(**facts: Any) -> Alert:
            if threading.current_thread().name == "escalation":
                holds.set()
                time.sleep(1)
            return raise_alert(**facts)

        def guarded(inner: Callable[[], int]) -> None:
            try:
                inner()
            except Exception as fault:
                faults.append(fault)
            finally:
                connections.close_all()

        monkeypatch.setattr(escalation, "raise_alert", slow)
        other = threading.Thread(
            name="escalation", target=guarded, args=(lambda: run_due_steps(now=LATER),), daemon=True
        )
        beside = threading.Thread(target=guarded, args=(work,), daemon=True)
        other.start()
        assert holds.wait(20)
        beside.start()
        for thread in (other, beside):
            thread.join(30)
            assert not thread.is_alive()
        assert faults == []

    return run


def test_triage_ends_an_alert_while_escalation_finds_nobody_to_tell_of_it(
    beside_escalation: Callable[[Callable[[], int]], None],
) -> None:
    course = make_course()
    make_decision(course, action="hold", rules=[("EV-CONFLICT", "hold")])
    triage_decisions(now=NOW)
    make_decision(course)
    beside_escalation(lambda: triage_decisions(now=LATER))
    assert Alert.objects.get(kind="hold").state == "closed"
    assert Alert.objects.get(kind="delay").state == "open"
    assert Alert.objects.filter(kind="nobody-on-call").count() == 2


def test_a_mail_of_the_alarm_is_refused_while_escalation_reaches_for_the_alarm(
    smtp: SmtpServer, beside_escalation: Callable[[Callable[[], int]], None]
) -> None:
    person = make_person("admin1", "administrator")
    everybody = ("administrator", "physician", "on-call", "nurse")
    for kind, subject, key in (
        (Kind.NOBODY_ON_CALL, Subject(roles=everybody), "+".join(everybody)),
        (Kind.ADDRESS_REFUSED, Subject(person=person), str(person.pk)),
    ):
        with transaction.atomic():
            alert = raise_alert(kind=kind, condition_key=f"{kind.value}:{key}", subject=subject, now=NOW)
            take_due_step(alert, now=NOW)
    person.is_active = False
    person.save()
    smtp.room.refused_addresses = {"admin1@clinic.example"}
    beside_escalation(lambda: dispatch_due(now=LATER))
    for kind in (Kind.NOBODY_ON_CALL, Kind.ADDRESS_REFUSED):
        assert "seen-again" in [event.kind for event in Alert.objects.get(kind=kind).events.all()]
