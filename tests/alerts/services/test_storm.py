"""Many alerts at once: few letters, none lost, each with its own row, and a word to those who run it."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from alerts.history import differences
from alerts.models import Alert, DeliveryAttempt, Notification
from alerts.models.notification import NotificationState
from alerts.rules import Kind, State
from alerts.services import raising
from alerts.services.acknowledging import acknowledge
from alerts.services.claiming import LEASE, claim
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject
from alerts.services.watch_storm import OURSELVES, watch_storm
from courses.models import Decision
from labs.models import Observation
from tests.builders import draw, make_patient
from tests.builders_alerts import NOW, make_alert, make_course, make_decision, make_kept_message, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.usefixtures("real_commits")
TICK = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def on_call(real_commits: str) -> Iterator[User]:
    """One person on call, who is also told of what is less severe."""
    yield make_person("oncall1", "on-call", "nurse")


def raise_alert(**facts: Any) -> Alert:
    """An alert begun in a commit of its own."""
    with transaction.atomic():
        return raising.raise_alert(**facts)


def storm(*, critical: int, warnings: int = 0, at: datetime = NOW) -> list[Alert]:
    """So many alerts at once, each of another patient."""
    return [
        *(make_alert(now=at) for _ in range(critical)),
        *(make_alert(kind=Kind.LABS_OVERDUE, now=at) for _ in range(warnings)),
    ]


def run(*, until: datetime, since: datetime = NOW, tick: timedelta = TICK) -> None:
    """The sender's passes from one instant to the other."""
    at = since
    while at <= until:
        dispatch_due(now=at)
        at += tick


def sent_at() -> list[datetime]:
    """When each letter was handed over."""
    accepted = DeliveryAttempt.objects.filter(outcome="accepted")
    return list(accepted.order_by("started_at").values_list("started_at", flat=True))


def states() -> Counter[str]:
    return Counter(Notification.objects.values_list("state", flat=True))


def take_over(alert: Alert) -> None:
    person, _ = User.objects.get_or_create(username="second", defaults={"is_staff": True})
    person.groups.set(User.objects.get(username="oncall1").groups.all())
    event = alert.events.latest("pk").pk
    acknowledge(alert=alert, person=person, seen_severity=alert.severity, seen_event=event, now=NOW + TICK)


def test_three_leave_alone_and_one_letter_tells_of_the_rest(smtp: SmtpServer) -> None:
    storm(critical=7, warnings=23)
    run(until=NOW + timedelta(seconds=20))
    assert len(smtp.room.letters) == 3
    run(since=NOW + timedelta(seconds=30), until=NOW + timedelta(seconds=30))
    *_, letter = smtp.room.letters
    assert len(smtp.room.letters) == 4
    assert letter["Subject"] == "[SAFETY 1] Action needed - 27 open alerts, 4 of severity 1"
    for kind in ("plain", "html"):
        body = letter.get_body((kind,))
        assert body is not None
        words = str(body.get_content())
        assert "27 open alerts, 4 of severity 1" in words
        assert "http://127.0.0.1:8000/alerts/" in words
        assert "Each needs its own acknowledgement." in words
    run(since=NOW + timedelta(seconds=40), until=NOW + timedelta(minutes=2))
    assert len(smtp.room.letters) == 4
    assert states() == {"accepted": 4, "bundled": 26}


def test_a_letter_that_took_long_to_hand_over_counts_from_when_it_was(smtp: SmtpServer) -> None:
    """Its reader had it at the end: counted from the beginning, four more could follow within a minute."""
    storm(critical=3)
    claims = [claim(now=NOW, older_than=timedelta(0)) for _ in range(3)]
    DeliveryAttempt.objects.filter(pk__in=[each.attempt_id for each in claims if each]).update(
        finished_at=NOW + timedelta(seconds=8), outcome="accepted"
    )
    gone = {"lease_token": None, "lease_until": None, "next_attempt_at": None, "ended_at": NOW}
    Notification.objects.update(state=NotificationState.ACCEPTED, **gone)
    for seconds, letters in ((65, 0), (69, 1)):
        at = NOW + timedelta(seconds=seconds)
        storm(critical=1, at=at)
        dispatch_due(now=at)
        assert len(smtp.room.letters) >= letters
        assert bool(smtp.room.letters) is bool(letters)


def test_each_alert_of_a_bundle_keeps_its_row_its_event_and_its_acknowledgement(smtp: SmtpServer) -> None:
    alerts = storm(critical=8)
    run(until=NOW + timedelta(seconds=30))
    for alert in alerts:
        assert Notification.objects.filter(alert=alert).told().count() == 1
        assert [event.kind for event in alert.events.all()].count("accepted") == 1
        assert differences(alert) == []
        alert.refresh_from_db()
        assert alert.state == State.OPEN
    take_over(alerts[-1])
    assert Alert.objects.filter(state=State.ACKED).count() == 1
    assert not Notification.objects.filter(state="bundled", ended_at__isnull=True).exists()


def test_nobody_gets_more_than_four_letters_in_any_minute_and_every_alert_is_told(smtp: SmtpServer) -> None:
    make_person("oncall2", "on-call")
    alerts = []
    for second in range(0, 120, 5):
        at = NOW + timedelta(seconds=second)
        alerts += storm(critical=2, at=at)
        dispatch_due(now=at)
    run(since=NOW + timedelta(seconds=120), until=NOW + timedelta(seconds=200))
    for person in User.objects.filter(username__startswith="oncall"):
        starts = list(
            DeliveryAttempt.objects.filter(notification__person=person, outcome="accepted")
            .order_by("started_at")
            .values_list("started_at", flat=True)
        )
        for first in starts:
            assert sum(first <= each < first + timedelta(seconds=60) for each in starts) <= 4
        told = Notification.objects.filter(person=person).told()
        assert set(told.values_list("alert", flat=True)) == {alert.pk for alert in alerts}
    assert Counter(state for state in states() if state not in ("accepted", "bundled")) == Counter()


def waits() -> dict[int, timedelta]:
    """For each letter owed, how long until a server took it, alone or in a bundle."""
    found = {}
    for owed in Notification.objects.told().select_related("bundled_into"):
        letter = owed.bundled_into or owed
        assert letter.ended_at is not None
        found[owed.pk] = letter.ended_at - owed.message_date
    return found


@pytest.mark.hazard("HZ-67")
def test_the_first_word_about_something_critical_is_never_held_for_more_than_a_minute(
    smtp: SmtpServer,
) -> None:
    for second in range(0, 90, 10):
        at = NOW + timedelta(seconds=second)
        storm(critical=3, at=at)
        dispatch_due(now=at)
    run(since=NOW + timedelta(seconds=90), until=NOW + timedelta(minutes=4))
    assert len(waits()) == 27
    assert max(waits().values()) <= timedelta(seconds=60)


def test_after_an_outage_the_next_critical_word_breaks_the_rule_of_four(smtp: SmtpServer) -> None:
    smtp.close()
    storm(critical=9)
    back = NOW + timedelta(minutes=3)
    run(until=back - TICK)
    smtp.open()
    run(since=back, until=back + TICK)
    assert len(smtp.room.letters) == 4  # three alone and the rest, which had waited long enough
    late = storm(critical=1, at=back + timedelta(seconds=11))[0]
    run(since=back + timedelta(seconds=20), until=back + timedelta(minutes=2))
    mail = Notification.objects.get(alert=late)
    assert mail.ended_at is not None
    assert mail.ended_at - mail.message_date <= timedelta(seconds=60)


def test_a_bundle_leaves_though_the_alert_that_carries_it_was_taken_over(smtp: SmtpServer) -> None:
    storm(critical=6)
    run(until=NOW + timedelta(seconds=20))
    smtp.close()
    run(since=NOW + timedelta(seconds=30), until=NOW + timedelta(seconds=30))
    letter = Notification.objects.get(bundle__isnull=False)
    take_over(letter.alert)
    letter.refresh_from_db()
    assert letter.state == NotificationState.PENDING
    smtp.open()
    run(since=NOW + timedelta(seconds=40), until=NOW + timedelta(seconds=60))
    letter.refresh_from_db()
    assert letter.state == NotificationState.ACCEPTED
    assert len(smtp.room.letters) == 4


def test_a_bundle_of_which_everything_was_taken_over_stays_behind(smtp: SmtpServer) -> None:
    storm(critical=5)
    run(until=NOW + timedelta(seconds=20))
    smtp.close()
    run(since=NOW + timedelta(seconds=30), until=NOW + timedelta(seconds=30))
    letter = Notification.objects.get(bundle__isnull=False)
    for owed in (letter, *letter.members.all()):
        take_over(owed.alert)
    smtp.open()
    run(since=NOW + timedelta(seconds=40), until=NOW + timedelta(minutes=3))
    assert len(smtp.room.letters) == 3
    letter.refresh_from_db()
    assert letter.state == NotificationState.SUPERSEDED
    [member] = letter.members.all()
    assert member.ended_at is not None
    assert "accepted" not in [event.kind for event in member.alert.events.all()]


def test_a_bundle_lost_before_its_answer_is_sent_again_with_the_same_bytes(smtp: SmtpServer) -> None:
    storm(critical=6)
    run(until=NOW + timedelta(seconds=20))
    smtp.room.vanish_after_data = True
    run(since=NOW + timedelta(seconds=30), until=NOW + timedelta(seconds=30))
    smtp.room.vanish_after_data = False
    storm(critical=2, at=NOW + timedelta(seconds=35))
    run(since=NOW + timedelta(seconds=40), until=NOW + timedelta(seconds=40))
    first, second = smtp.room.letters[3:5]
    for letter in (first, second):
        del letter["X-PRRT-Attempt"]
    assert "3 open alerts" in str(first["Subject"])
    assert first.as_bytes() == second.as_bytes()


def test_a_bundle_that_is_refused_gives_every_alert_back_and_each_goes_to_the_next_people(
    smtp: SmtpServer,
) -> None:
    make_person("physician1", "physician")
    alerts = storm(critical=6)
    run(until=NOW + timedelta(seconds=20))
    smtp.room.refused_addresses = {"oncall1@clinic.example"}
    run(since=NOW + timedelta(seconds=30), until=NOW + timedelta(seconds=45))
    given_back = [alert for alert in alerts if not Notification.objects.filter(alert=alert, step=1).told()]
    assert len(given_back) == 3
    for alert in given_back:
        alert.refresh_from_db()
        assert alert.step == 2
    run(since=NOW + timedelta(seconds=55), until=NOW + timedelta(seconds=75))
    reached = Notification.objects.filter(person__username="physician1").told()
    assert {alert.pk for alert in given_back} <= set(reached.values_list("alert", flat=True))


def test_a_sender_that_dies_with_a_bundle_is_followed_when_its_lease_ends(smtp: SmtpServer) -> None:
    storm(critical=6)
    run(until=NOW + timedelta(seconds=20))
    dies = NOW + timedelta(seconds=30)
    assert claim(now=dies, older_than=timedelta(0)) is not None  # and then nothing: killed
    run(since=dies + LEASE, until=dies + LEASE)
    assert states() == {"accepted": 4, "bundled": 2}
    assert len(smtp.room.letters) == 4


# ------------------------------------------------------------------------------- one source, too many alerts


def from_a_laboratory(count: int, *, sender: str) -> None:
    for _ in range(count):
        message = make_kept_message(sender=sender).message
        raise_alert(
            kind=Kind.LAB_QUARANTINE,
            condition_key=f"lab-quarantine:{message.pk}",
            subject=Subject(message=message),
            now=NOW,
        )


def test_many_alerts_of_one_source_raise_one_more_beside_them(smtp: SmtpServer) -> None:
    make_person("admin1", "administrator")
    from_a_laboratory(31, sender="north-lab")
    from_a_laboratory(30, sender="south-lab")
    at = NOW + timedelta(seconds=20)
    assert watch_storm(now=at) == 1
    assert watch_storm(now=at + TICK) == 0
    anomaly = Alert.objects.get(kind=Kind.FEED_ANOMALY)
    assert (anomaly.about["source"], anomaly.about["alerts"], anomaly.technical) == ("north-lab", 31, True)
    assert [each.person.username for each in anomaly.notifications.all()] == ["admin1"]
    assert Alert.objects.filter(kind=Kind.LAB_QUARANTINE, state=State.OPEN).count() == 61


def test_an_anomaly_stays_until_somebody_has_looked(smtp: SmtpServer) -> None:
    from_a_laboratory(31, sender="north-lab")
    watch_storm(now=NOW + timedelta(seconds=20))
    watch_storm(now=NOW + timedelta(minutes=11))
    anomaly = Alert.objects.get(kind=Kind.FEED_ANOMALY)
    assert anomaly.state == State.CLEARED_UNACKED


def test_decisions_without_a_laboratory_behind_them_are_counted_as_ours() -> None:
    for _ in range(31):
        decision = make_decision(make_course())
        alert = raise_alert(
            kind=Kind.DELAY,
            condition_key=f"delay:{decision.pk}",
            subject=Subject(course=decision.course, cycle=decision.cycle, decision=decision),
            now=NOW,
        )
        with transaction.atomic():
            take_due_step(Alert.objects.select_for_update().get(pk=alert.pk), now=NOW)
    watch_storm(now=NOW + timedelta(seconds=20))
    assert Alert.objects.get(kind=Kind.FEED_ANOMALY).about["source"] == OURSELVES


def test_an_alert_that_became_worse_is_a_first_word_again(smtp: SmtpServer) -> None:
    facts: dict[str, Any] = {"kind": Kind.FEED_SILENT, "condition_key": "feed-silent:x", "subject": Subject()}
    make_person("admin1", "administrator", "physician")
    for worse, at in ((False, NOW), (True, NOW + TICK)):
        with transaction.atomic():
            alert = raise_alert(**facts, now=at, worse=worse)
            take_due_step(alert, now=at)
        dispatch_due(now=at)
    mails = Notification.objects.filter(person__username="admin1").order_by("pk")
    assert [mail.priority for mail in mails] == [2, 0]


def test_a_decision_counts_for_the_laboratory_whose_result_it_rests_on(smtp: SmtpServer) -> None:
    patient = make_patient(mrn="STORM-1")
    draw(patient, date(2026, 5, 3))
    result = Observation.objects.exclude(message__sender="").earliest("pk")
    for number in range(31):
        decision = make_decision(make_course())
        evidence = {"action": "delay", "rule": "DM-PLT", "evidence": [{"ref": str(result.public_id)}]}
        decision.answer["reasons"] = [{"action": "proceed", "evidence": [{"ref": "other"}]}, evidence]
        found = Decision(
            **{field.attname: getattr(decision, field.attname) for field in decision._meta.fields}
        )
        found.pk, found.public_id = None, uuid4()
        found.save(force_insert=True)
        raise_alert(
            kind=Kind.DELAY,
            condition_key=f"delay:{number}",
            subject=Subject(course=decision.course, decision=found),
            now=NOW,
        )
    watch_storm(now=NOW + TICK)
    assert result.message is not None
    assert Alert.objects.get(kind=Kind.FEED_ANOMALY).about["source"] == result.message.sender
