"""Alerts are locked in one order everywhere, so that no two runners wait for each other."""

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

import alerts
from alerts.channels import Sent
from alerts.models import Alert, DeliveryAttempt, Notification
from alerts.models.notification import AttemptOutcome, NotificationState
from alerts.rules import Kind
from alerts.services import dispatch, escalation
from alerts.services.claiming import Claim, claim
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps, take_due_step
from alerts.services.raising import Subject, raise_alert
from alerts.services.triage import triage_decisions
from tests.builders_alerts import NOW, make_alert, make_course, make_decision, make_person
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


def somebody_waits() -> bool:
    """Whether a connection waits for a lock that another one holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def had_three_letters(person: User, *, but: User) -> None:
    """Of six alerts this person was told of three just now; the other one still waits for the fourth only."""
    letters = Notification.objects.order_by("pk")
    over = {"next_attempt_at": None, "ended_at": NOW}
    for letter in letters.filter(person=person)[:3]:
        DeliveryAttempt.objects.create(
            notification=letter, n=1, started_at=NOW, finished_at=NOW, outcome=AttemptOutcome.ACCEPTED
        )
        Notification.objects.filter(pk=letter.pk).update(state=NotificationState.ACCEPTED, **over)
    fourth = Alert.objects.order_by("pk")[3]
    letters.filter(person=but).exclude(alert=fourth).update(state=NotificationState.SUPERSEDED, **over)


def test_a_letter_is_written_down_while_one_of_the_same_alert_is_gathered_with_others() -> None:
    """Who gathers may hold a row that was leased meanwhile, and must not look for its alert at the end."""
    one, two = make_person("one", "on-call"), make_person("two", "on-call")
    for _ in range(6):
        make_alert()
    had_three_letters(two, but=one)
    first = claim(now=NOW, older_than=timedelta(0))
    assert first is not None
    assert first.notification.person == one
    holds = threading.Event()
    found: list[Claim | None] = []
    said: list[str] = []
    faults: list[Exception] = []

    def gather() -> None:
        try:
            with transaction.atomic():
                Notification.objects.select_for_update(no_key=True).get(pk=first.notification.pk)
                with CaptureQueriesContext(connection) as captured:
                    found.append(claim(now=NOW + timedelta(seconds=30), older_than=timedelta(0)))
                said.extend(each["sql"] for each in captured)
                holds.set()
                ends = time.monotonic() + 20
                while not somebody_waits() and time.monotonic() < ends:
                    time.sleep(0.02)
        except Exception as fault:
            faults.append(fault)
        finally:
            connections.close_all()

    other = threading.Thread(target=gather, daemon=True)
    other.start()
    assert holds.wait(20)
    dispatch._finish(first, Sent(outcome=AttemptOutcome.ACCEPTED, code=250), now=NOW)
    other.join(30)
    assert faults == []
    (second,) = found
    assert second is not None
    assert (second.notification.person, second.notification.alert) == (two, first.notification.alert)
    second.notification.refresh_from_db()
    assert second.notification.bundle is not None
    # Written twice, its references would be looked at when the transaction ends.
    own = f'WHERE "alerts_notification"."id" = {second.notification.pk}'
    assert len([each for each in said if each.startswith("UPDATE") and own in each]) == 1
    first.notification.refresh_from_db()
    assert first.notification.state == NotificationState.ACCEPTED


def test_no_lock_of_the_alerts_keeps_another_transaction_from_looking_its_references_up() -> None:
    """A foreign key is looked up under a shared lock, for which a plain FOR UPDATE makes it wait."""
    package = Path(alerts.__file__).parent
    locks = [
        (path.name, each)
        for path in sorted(package.rglob("*.py"))
        for each in re.findall(r"select_for_update\(([^)]*)", path.read_text("utf-8"))
    ]
    assert len(locks) > 20
    assert [each for each in locks if "no_key=True" not in each[1]] == []


def test_what_became_of_a_letter_is_written_down_where_the_database_broke_the_first_try_off(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_person("one", "on-call")
    make_alert()
    really, tries = dispatch._finish, []

    def broken_once(*args: Any, **facts: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("deadlock detected")
        really(*args, **facts)

    monkeypatch.setattr(dispatch, "_finish", broken_once)
    assert dispatch_due(now=NOW) == 1
    assert dispatch_due(now=NOW + timedelta(minutes=5)) == 0
    assert len(smtp.room.letters) == 1
    assert Notification.objects.get().state == NotificationState.ACCEPTED
