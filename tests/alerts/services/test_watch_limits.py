"""Limits that come near and mails that do not leave are told, and end by themselves."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from alerts.models import Alert, DeliveryAttempt, Notification
from alerts.models.notification import NotificationState
from alerts.rules import Kind, State
from alerts.services.watch_limits import watch_limits
from alerts.services.watch_mail import watch_mail
from alerts.services.watching import EVERY_TIME, IN_TURN
from courses.models import Administration, Course, Cycle, Decision
from tests.builders_alerts import NOW, make_alert, make_course, make_decision, make_person

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def staff() -> None:
    """Those who are told."""
    for role in ("physician", "on-call", "nurse", "administrator"):
        make_person(role, role)


def delayed(stops_on: date | None) -> Course:
    """A course whose newest decision says on which day it stops."""
    course = make_course()
    first = make_decision(course)
    columns: dict[str, Any] = {
        field.attname: getattr(first, field.attname) for field in Decision._meta.concrete_fields
    }
    for name in ("id", "public_id"):
        del columns[name]
    columns["answer"] = {**first.answer, "stops_on": stops_on.isoformat() if stops_on else None}
    course.current_decision = Decision.objects.create(**columns)
    course.save()
    return course


def at(days: int) -> datetime:
    return NOW + timedelta(days=days)


def test_the_limit_of_a_delay_is_told_from_the_protocols_first_warning_day_and_louder_from_its_last() -> None:
    # NOW is 4 May. The protocol stops on day 112 and warns from days 84, 98 and 105.
    delayed(date(2026, 6, 2))  # day 83 today
    assert watch_limits(now=NOW) == 0
    assert watch_limits(now=at(1)) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity) == (Kind.LIMIT_NEAR, 3)
    assert alert.about == {"limit": "delay", "stops_on": "2026-06-02"}
    assert watch_limits(now=at(21)) == 0
    assert watch_limits(now=at(22)) == 1  # day 105
    alert.refresh_from_db()
    assert alert.severity == 2
    assert watch_limits(now=at(29)) == 1  # the limit day: now the decision itself says stop
    alert.refresh_from_db()
    assert alert.state == State.CLOSED


@pytest.mark.parametrize("stops_on", [None, date(2026, 8, 1)])
def test_a_limit_that_is_far_or_does_not_run_is_not_told(stops_on: date | None) -> None:
    delayed(stops_on)
    assert watch_limits(now=NOW) == 0


def given(course: Course, number: int, activity_gbq: str) -> None:
    cycle = Cycle.objects.create(course=course, number=10 + number, planned_on=date(2026, 1, number))
    Administration.objects.create(
        cycle=cycle,
        administered_on=date(2026, 1, number),
        administered_gbq=Decimal(activity_gbq),
        product="lutetium Lu 177 dotatate",
        recorded_at=NOW,
        recorded_by=make_person(f"recorder{course.pk}-{number}"),
    )


def test_the_whole_activity_is_told_before_the_cycle_that_would_pass_it() -> None:
    course = make_course()
    for number in (1, 2, 3):
        given(course, number, "7.4")
    assert watch_limits(now=NOW) == 0  # the fourth of four is foreseen
    given(course, 4, "0.1")
    assert watch_limits(now=NOW) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.about) == (Kind.LIMIT_NEAR, {"limit": "activity", "known": True})
    course.cycles.filter(administration__isnull=True).delete()
    assert watch_limits(now=NOW + MINUTE) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED
    assert watch_limits in IN_TURN


def tried(mail: Notification, *, n: int, now: datetime, outcome: str) -> None:
    DeliveryAttempt.objects.create(notification=mail, n=n, started_at=now, finished_at=now, outcome=outcome)


def test_mails_that_were_tried_in_vain_for_minutes_are_told_and_the_next_that_leaves_ends_it() -> None:
    mail = make_alert().notifications.get()
    assert watch_mail(now=NOW + 20 * MINUTE) == 0  # owed, but nobody tried yet: another look's matter
    tried(mail, n=1, now=NOW, outcome="temporary")
    assert watch_mail(now=NOW + 4 * MINUTE - timedelta(seconds=1)) == 0
    assert watch_mail(now=NOW + 4 * MINUTE) == 1
    alert = Alert.objects.get(kind=Kind.MAIL_LOOP)
    assert (alert.severity, alert.technical, alert.about) == (1, True, {"since": NOW.isoformat()})
    tried(mail, n=2, now=NOW + 6 * MINUTE, outcome="unknown")
    assert watch_mail(now=NOW + 6 * MINUTE) == 0
    tried(mail, n=3, now=NOW + 7 * MINUTE, outcome="accepted")
    assert watch_mail(now=NOW + 7 * MINUTE) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED
    assert watch_mail in EVERY_TIME


def test_one_address_that_is_refused_for_now_while_others_leave_is_no_failing_mail_server() -> None:
    slow = make_alert().notifications.get()
    quick = make_alert().notifications.get()
    tried(slow, n=1, now=NOW, outcome="temporary")
    tried(quick, n=1, now=NOW + 4 * MINUTE, outcome="accepted")
    assert watch_mail(now=NOW + 6 * MINUTE) == 0
    Notification.objects.filter(pk=slow.pk).update(
        state=NotificationState.SUPERSEDED, next_attempt_at=None, ended_at=NOW
    )
    assert watch_mail(now=NOW + 60 * MINUTE) == 0
