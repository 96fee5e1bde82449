"""Why would nobody be told? Asked through what an alert itself asks, and true of what then happens."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Notification
from alerts.readiness import Readiness, readiness
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from alerts.services.heartbeat import CELERY, RUNNER, beat
from alerts.services.suppression import suppress
from tests.builders_acts import hold_alert, seen
from tests.builders_alerts import NOW, make_alert, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db


def role(ready: Readiness, name: str):
    return next(each for each in ready.roles if each.role == name)


@pytest.fixture
def staffed() -> dict[str, User]:
    """Somebody with an address in every role that is told."""
    beat(name=CELERY, now=NOW)
    beat(name=RUNNER, now=NOW)
    names = ("nurse", "physician", "pharmacist", "physicist", "on-call", "administrator")
    return {name: make_person(f"one-{name}", name) for name in names}


def test_where_everything_is_in_order_nothing_is_missing(staffed: dict[str, User]) -> None:
    ready = readiness(now=NOW)
    assert ready.faults == ()
    assert {each.role: [one.person for one in each.people] for each in ready.roles} == {
        name: [person] for name, person in staffed.items()
    }
    assert not any(each.missing for each in ready.roles)
    assert {ladder.severity for ladder in ready.ladders} == {1, 2, 3}


def test_what_it_says_is_what_an_alert_then_does(staffed: dict[str, User]) -> None:
    make_person("two-on-call", "on-call")
    ladder = next(each for each in readiness(now=NOW).ladders if Kind.DELAY.value in each.kinds)
    alert = make_alert(now=NOW)
    told = set(Notification.objects.filter(alert=alert, step=1).values_list("person_id", flat=True))
    assert told == {person.pk for person in ladder.rungs[0].people}
    assert ladder.rungs[0].at == NOW
    assert ladder.rungs[1].at == alert.next_step_at == NOW + timedelta(minutes=15)


def test_an_empty_role_no_address_and_a_closed_account_are_named(staffed: dict[str, User]) -> None:
    person = staffed["on-call"]
    person.is_active = False
    person.save()
    make_person("mute", "on-call", email="")
    ready = readiness(now=NOW)
    assert role(ready, "on-call").missing == (
        "Nobody would be told.",
        "1 active with no e-mail address.",
        "1 whose account is closed.",
    )
    assert any("first step for what is critical" in fault and "on-call" in fault for fault in ready.faults)


def test_where_a_whole_ladder_is_empty_nobody_at_all_would_be_told() -> None:
    make_person("only", "pharmacist")
    faults = readiness(now=NOW).faults
    assert any(fault.startswith("Nobody at all would be told of what is critical") for fault in faults)


def test_runners_that_are_stale_or_never_lived_are_named(staffed: dict[str, User]) -> None:
    later = NOW + timedelta(seconds=31)
    beat(name=RUNNER, now=later)
    assert readiness(now=later).faults == ("The worker queue has given no sign of life for 31 s.",)


def test_mail_that_fails_and_mail_that_waits_are_named(staffed: dict[str, User], smtp: SmtpServer) -> None:
    smtp.close()
    make_alert()
    dispatch_due(now=NOW)
    assert "The last attempt to hand over a mail failed" in " ".join(readiness(now=NOW).faults)
    later = NOW + timedelta(minutes=3)
    beat(name=CELERY, now=later)
    beat(name=RUNNER, now=later)
    assert any("should have left more than a minute ago" in fault for fault in readiness(now=later).faults)
    smtp.open()
    dispatch_due(now=later)
    assert readiness(now=later).faults == ()


def test_a_refused_address_is_named_with_its_role(staffed: dict[str, User], smtp: SmtpServer) -> None:
    smtp.room.refused_addresses = {"one-on-call@clinic.example"}
    make_alert()
    dispatch_due(now=NOW)
    assert role(readiness(now=NOW), "on-call").missing == ("Mail to one-on-call was refused for good.",)


def test_late_steps_and_silenced_alerts_are_named(staffed: dict[str, User]) -> None:
    alert = hold_alert()
    made = suppress(
        alert=alert, person=staffed["nurse"], seen=seen(alert), minutes=30, reason="Blood at ten.", now=NOW
    ).suppression
    assert readiness(now=NOW).suppressions == (made,)
    later = NOW + timedelta(minutes=32)
    beat(name=CELERY, now=later)
    beat(name=RUNNER, now=later)
    ready = readiness(now=later)
    assert ready.suppressions == ()
    assert any("should have told the next people" in fault for fault in ready.faults)


def test_the_number_of_queries_follows_the_policy_and_not_the_rows(staffed: dict[str, User]) -> None:
    with CaptureQueriesContext(connection) as few:
        readiness(now=NOW)
    for number in range(6):
        make_person(f"more{number}", "on-call", "nurse")
        make_alert()
    dispatch_due(now=NOW)
    with CaptureQueriesContext(connection) as many:
        readiness(now=NOW)
    assert len(many) == len(few) <= 16
