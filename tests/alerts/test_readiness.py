"""Why would nobody be told? Asked through what an alert itself asks, and true of what then happens."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import DeliveryAttempt, Notification, PushAddress, RotaShift
from alerts.readiness import Ladder, Readiness, readiness
from alerts.readiness_roles import NOT_COVERED, Reason, RoleState
from alerts.rota_rules import Turn
from alerts.rules import Kind
from alerts.services.address_state import CAME_BACK, REFUSED
from alerts.services.dispatch import dispatch_due
from alerts.services.heartbeat import CELERY, RUNNER, beat
from alerts.services.returned import take_returned
from alerts.services.suppression import suppress
from tests.builders_acts import hold_alert, seen
from tests.builders_alerts import NOW, make_alert, make_person
from tests.builders_mail import report
from tests.builders_rota import keep_rota, on_call_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def role(ready: Readiness, name: str) -> RoleState:
    return next(each for each in ready.roles if each.role == name)


def words(ready: Readiness, name: str) -> list[str]:
    return [reason.words for reason in role(ready, name).missing]


def ladder(ready: Readiness, kind: Kind) -> Ladder:
    return next(each for each in ready.ladders if kind.value in each.kinds)


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
    assert {each.severity for each in ready.ladders} == {1, 2, 3}


def test_what_it_says_is_what_an_alert_then_does(staffed: dict[str, User]) -> None:
    make_person("two-on-call", "on-call")
    expected = ladder(readiness(now=NOW), Kind.DELAY)
    alert = make_alert(now=NOW)
    told = set(Notification.objects.filter(alert=alert, step=1).values_list("person_id", flat=True))
    assert told == {person.pk for person in expected.rungs[0].people}
    assert expected.rungs[0].at == NOW
    assert expected.rungs[1].at == alert.next_step_at == NOW + timedelta(minutes=15)


def test_an_empty_role_no_address_and_a_closed_account_are_named(staffed: dict[str, User]) -> None:
    person = staffed["on-call"]
    person.is_active = False
    person.save()
    make_person("mute", "on-call", email="")
    ready = readiness(now=NOW)
    assert words(ready, "on-call") == [
        "Nobody would be told",
        "The account of one-on-call is closed",
        "mute has no e-mail address",
    ]
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
    ready = readiness(now=NOW + MINUTE)
    assert role(ready, "on-call").missing == (Reason(words=f"one-on-call {REFUSED}", since=NOW),)
    (first, *_), person = ladder(ready, Kind.DELAY).rungs, staffed["on-call"]
    assert (first.people, first.unreached, first.reaches_nobody) == ((person,), (person,), True)
    assert any(
        fault.startswith("Mail reaches nobody of the first step for what is critical")
        and fault.endswith(": on-call.")
        for fault in ready.faults
    )


def test_a_mail_that_came_back_is_named_with_the_time_it_did(
    staffed: dict[str, User], smtp: SmtpServer
) -> None:
    alert = make_alert()
    dispatch_due(now=NOW)
    assert not role(readiness(now=NOW + MINUTE), "on-call").missing
    take_returned(report(alert.notifications.get(step=1).message_id), now=NOW + MINUTE)
    missing = role(readiness(now=NOW + 2 * MINUTE), "on-call").missing
    assert missing == (Reason(words=f"one-on-call {CAME_BACK}", since=NOW + MINUTE),)


def test_where_mail_reaches_nobody_of_a_whole_ladder_that_is_said(smtp: SmtpServer) -> None:
    make_person("only", "on-call")
    smtp.room.refused_addresses = {"only@clinic.example"}
    make_alert()
    dispatch_due(now=NOW)
    faults = readiness(now=NOW + MINUTE).faults
    assert any(
        fault.startswith("Mail reaches nobody who would be told of what is critical") for fault in faults
    )


def test_a_gap_of_the_rota_now_and_those_of_the_next_days_are_named(staffed: dict[str, User]) -> None:
    person = staffed["on-call"]
    # Every day from noon to eight in Berlin: at ten, when it is asked, nobody is on call.
    keep_rota(person, starts=time(12))
    ready = readiness(now=NOW)
    assert ready.rota is not None
    assert len(ready.rota.gaps) == 15
    assert words(ready, "on-call") == [NOT_COVERED]
    assert f"{NOT_COVERED}." in ready.faults
    assert any("15 time(s) of the next 14 days" in fault for fault in ready.faults)
    assert not ladder(ready, Kind.DELAY).rungs[0].is_covered


def test_a_step_is_shown_with_whoever_is_on_call_when_it_is_taken(staffed: dict[str, User]) -> None:
    one, two = staffed["on-call"], make_person("two-on-call", "on-call")
    keep_rota(one, two, turn=Turn.DAY)
    # Five minutes before eight in Berlin, when the duty changes.
    ready = readiness(now=NOW + timedelta(hours=21, minutes=55))
    first, second = ladder(ready, Kind.DELAY).rungs
    assert first.people == (one,)
    assert two in second.people and one not in second.people


def test_a_second_channel_that_is_silent_is_named_with_why(staffed: dict[str, User], settings: Any) -> None:
    person = staffed["on-call"]
    address = PushAddress.objects.create(
        person=person, service="ntfys", encrypted_url="x", made_at=NOW, made_by=person
    )
    settings.PUSH_SERVICES = ["ntfys"]
    assert role(readiness(now=NOW), "on-call").missing == ()
    make_alert()
    push = Notification.objects.get(push_address=address)
    DeliveryAttempt.objects.create(
        notification=push, n=1, started_at=NOW, finished_at=NOW, outcome="temporary"
    )
    silent = "The second channel of one-on-call (ntfys) is silent"
    assert role(readiness(now=NOW), "on-call").missing == (
        Reason(words=f"{silent}: the last push was not taken", since=NOW),
    )
    DeliveryAttempt.objects.create(
        notification=push, n=2, started_at=NOW, finished_at=NOW + MINUTE, outcome="accepted"
    )
    assert role(readiness(now=NOW + MINUTE), "on-call").missing == ()
    settings.PUSH_SERVICES = []
    assert words(readiness(now=NOW + MINUTE), "on-call") == [
        f"{silent}: nothing is pushed there, its service is not in PUSH_SERVICES"
    ]


def test_what_wakes_nobody_is_shown_with_the_morning_on_which_it_is_told(staffed: dict[str, User]) -> None:
    night = NOW + timedelta(hours=14)
    alert = make_alert(kind=Kind.LAB_QUARANTINE, now=night)
    (first, *_) = ladder(readiness(now=night), Kind.LAB_QUARANTINE).rungs
    assert first.at == alert.next_step_at
    assert first.at > night


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
    assert len(many) == len(few) <= 18


def test_the_number_of_queries_follows_the_policy_and_not_the_rows_where_a_rota_is_kept(
    staffed: dict[str, User],
) -> None:
    keep_rota(on_call_person("one"), on_call_person("two"))
    with CaptureQueriesContext(connection) as few:
        assert readiness(now=NOW).rota is not None
    for number in range(6):
        make_person(f"more{number}", "on-call", "nurse")
        make_alert()
    dispatch_due(now=NOW)
    with CaptureQueriesContext(connection) as many:
        readiness(now=NOW)
    assert RotaShift.objects.count() > 80
    assert len(many) == len(few) <= 60
