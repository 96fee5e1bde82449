"""A server that does not answer is asked by one sender at a time, and all is well when it is back."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, transaction

from alerts import channels
from alerts.models import Alert, DeliveryAttempt, Line, Notification
from alerts.rules import State
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.lines import PROBE_EVERY, may_try, next_try, note_answer, shut_lines
from tests.builders_alerts import NOW, make_alert, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.usefixtures("real_commits")
TICK = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def people(real_commits: str) -> Iterator[None]:
    """Two people on call and a physician for the next step."""
    for name in ("oncall1", "oncall2"):
        make_person(name, "on-call")
    make_person("physician1", "physician")
    yield


def starts() -> list[datetime]:
    return list(DeliveryAttempt.objects.order_by("started_at").values_list("started_at", flat=True))


def test_after_five_failures_in_a_row_one_try_in_ten_seconds_is_made_by_all_together(
    smtp: SmtpServer,
) -> None:
    for _ in range(5):
        make_alert()
    smtp.close()
    at = NOW
    while at < NOW + timedelta(minutes=2):
        for beside in (0, 1, 2):  # three senders at almost the same moment
            dispatch_due(now=at + timedelta(milliseconds=beside))
        at += TICK
    shut = Line.objects.get(name="mail")
    assert shut.failures > 5
    assert shut.failing_since is not None
    assert NOW <= shut.failing_since < NOW + timedelta(seconds=5)
    later = starts()[5:]
    gaps = [second - first for first, second in pairwise(later)]
    assert gaps
    assert all(gap >= PROBE_EVERY for gap in gaps)
    assert len(later) <= 12


@pytest.mark.hazard("HZ-66")
def test_a_long_refusal_loses_nothing_and_leaves_one_letter_per_open_alert_and_person(
    smtp: SmtpServer,
) -> None:
    alerts = [make_alert() for _ in range(6)]
    smtp.close()
    at, back = NOW, NOW + timedelta(minutes=50)
    while at < back:
        run_due_steps(now=at)
        dispatch_due(now=at)
        at += TICK * 3
    smtp.open()
    first = None
    while Notification.objects.filter(state__in=["pending", "leased"]).exists():
        assert at < back + timedelta(minutes=3)
        if dispatch_due(now=at) and first is None:
            first = at
        at += TICK
    assert first is not None
    assert first - back <= timedelta(seconds=15)
    for person in ("oncall1", "oncall2", "physician1"):
        told = Notification.objects.filter(person__username=person).told()
        per_alert = Counter(told.values_list("alert", flat=True))
        assert per_alert == {alert.pk: 1 for alert in alerts}
    ids = [str(letter["Message-ID"]) for letter in smtp.room.letters]
    assert len(ids) == len(set(ids))
    assert not Alert.objects.exclude(state=State.OPEN).exists()


def test_one_letter_alone_need_not_wait_longer_than_the_next_try_of_its_line(smtp: SmtpServer) -> None:
    make_alert()
    Notification.objects.exclude(person__username="oncall1").delete()
    smtp.close()
    at = NOW
    while at < NOW + timedelta(minutes=10):
        dispatch_due(now=at)
        at += TICK
    [mail] = Notification.objects.all()
    assert mail.next_attempt_at is not None
    assert mail.next_attempt_at <= at
    smtp.open()
    assert dispatch_due(now=at) == 1


def test_a_server_that_takes_text_and_never_answers_gets_one_copy_per_attempt_and_few_of_them(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_alert()
    monkeypatch.setattr(channels, "HARD_LIMIT_SECONDS", 0.3)
    smtp.room.vanish_after_data = True
    at = NOW
    while at < NOW + timedelta(minutes=5):
        dispatch_due(now=at)
        at += TICK
    copies = Counter(str(letter["Message-ID"]) for letter in smtp.room.letters)
    assert len(copies) == 2
    for mail in Notification.objects.all():
        assert copies[mail.message_id] == mail.attempts.filter(outcome="unknown").count() <= 9
    smtp.room.vanish_after_data = False
    while Notification.objects.filter(state="pending").exists():
        dispatch_due(now=at)
        at += TICK
    assert not Line.objects.filter(failures__gt=0).exists()


def test_a_server_that_answers_opens_the_line_again() -> None:
    for _ in range(5):
        note_answer("mail", silent=True, now=NOW)
    assert shut_lines(now=NOW) == {"mail"}
    assert not may_try("mail", now=NOW + PROBE_EVERY - timedelta(microseconds=1))
    assert may_try("mail", now=NOW + PROBE_EVERY)
    assert not may_try("mail", now=NOW + PROBE_EVERY)
    assert next_try("mail", usual=NOW + timedelta(hours=1)) == NOW + 2 * PROBE_EVERY
    note_answer("mail", silent=False, now=NOW)
    assert shut_lines(now=NOW) == set()
    assert may_try("mail", now=NOW)
    assert next_try("mail", usual=NOW) == NOW


def test_four_failures_or_those_of_another_line_shut_nothing() -> None:
    for _ in range(4):
        note_answer("mail", silent=True, now=NOW)
    for _ in range(5):
        note_answer("push-1", silent=True, now=NOW)
    assert shut_lines(now=NOW) == {"push-1"}
    assert may_try("mail", now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"failures": 1},
        {"failures": 1, "failing_since": NOW},
        {"failures": 0, "next_probe_at": NOW},
        {"failures": 0, "failing_since": NOW},
    ],
)
def test_a_line_s_failures_have_their_times(wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Line.objects.create(**{"name": "mail", **wrong})


def test_greylisting_for_ten_minutes_shuts_no_line_and_all_is_delivered(smtp: SmtpServer) -> None:
    make_alert()
    smtp.room.answer_to_recipient = "451 Greylisted, try again later"
    at = NOW
    while at < NOW + timedelta(minutes=10):
        dispatch_due(now=at)
        at += TICK
    assert not Line.objects.exists()
    smtp.room.answer_to_recipient = "250 OK"
    while Notification.objects.filter(state="pending").exists():
        dispatch_due(now=at)
        at += TICK
    assert at <= NOW + timedelta(minutes=12)
    assert Notification.objects.told().count() == 2
