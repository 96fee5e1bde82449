"""The outbox with real commits, a real mail server and everything that goes wrong between them."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.db import connection, connections

from alerts import channels
from alerts.channels import Sent, send
from alerts.letters import Letter
from alerts.models import Alert, DeliveryAttempt, Notification
from alerts.rules import Kind
from alerts.services import dispatch
from alerts.services.acknowledging import acknowledge
from alerts.services.canary import NO_MAILBOX
from alerts.services.claiming import LEASE, Claim, claim
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.triage import triage_decisions
from labs.clock import database_now
from tests.builders_alerts import CANARIES, NOW, make_alert, make_course, make_decision, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.usefixtures("real_commits")


@pytest.fixture(autouse=True)
def on_call(real_commits: str) -> Iterator[None]:
    """One person on call."""
    make_person("oncall1", "on-call")
    yield


def mail_of(alert: Alert) -> Notification:
    return Notification.objects.get(alert=alert)


def claimed() -> Claim:
    """The one mail that is due, claimed by a sender."""
    found = claim(now=NOW, older_than=timedelta(0))
    assert found is not None
    return found


def outcomes(mail: Notification) -> list[str]:
    return [attempt.outcome for attempt in mail.attempts.all()]


def test_a_due_mail_is_sent_once_and_written_down(smtp: SmtpServer) -> None:
    alert = make_alert()
    assert dispatch_due(now=NOW) == 1
    mail = mail_of(alert)
    assert (mail.state, mail.ended_at, outcomes(mail)) == ("accepted", NOW, ["accepted"])
    assert smtp.room.letters[0]["Message-ID"] == mail.message_id
    assert smtp.room.letters[0]["Subject"] == f"[SAFETY 1] Action needed - ref {alert.ref}"
    assert alert.events.latest("pk").kind == "accepted"
    assert dispatch_due(now=NOW + timedelta(days=1)) == 0
    assert len(smtp.room.letters) == 1


def test_nothing_is_sent_inside_a_transaction(smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, str]] = []

    def watched(letter: Letter) -> Sent:
        attempt = DeliveryAttempt.objects.get()
        seen.append((connection.in_atomic_block, attempt.outcome))
        return send(letter)

    monkeypatch.setattr(dispatch, "send", watched)
    make_alert()
    assert dispatch_due(now=NOW) == 1
    assert seen == [(False, "")]


def test_a_server_that_is_away_costs_nothing_but_time(smtp: SmtpServer) -> None:
    alert = make_alert()
    smtp.close()
    at = NOW
    for _ in range(8):
        assert dispatch_due(now=at) == 0
        mail = mail_of(alert)
        assert mail.state == "pending"
        assert mail.next_attempt_at is not None
        assert at < mail.next_attempt_at <= at + timedelta(seconds=60)
        at = mail.next_attempt_at
    smtp.open()
    assert dispatch_due(now=at) == 1
    mail = mail_of(alert)
    assert outcomes(mail) == ["temporary"] * 8 + ["accepted"]
    assert [letter["X-PRRT-Attempt"] for letter in smtp.room.letters] == ["9"]
    assert smtp.room.letters[0]["Message-ID"] == mail.message_id


def test_after_an_outage_each_person_gets_one_mail_per_alert_not_the_backlog(smtp: SmtpServer) -> None:
    alert = make_alert()
    smtp.close()
    at = NOW
    for _ in range(4):
        dispatch_due(now=at)
        at += timedelta(minutes=30)
        run_due_steps(now=at)
    smtp.open()
    while dispatch_due(now=at):
        at += timedelta(minutes=2)
    assert len(smtp.room.letters) == 1
    states = set(alert.notifications.values_list("state", flat=True))
    assert states == {"accepted", "superseded"}


def test_a_down_server_is_not_asked_once_per_mail(smtp: SmtpServer) -> None:
    for _ in range(6):
        make_alert()
    smtp.close()
    dispatch_due(now=NOW)
    assert DeliveryAttempt.objects.count() == 2


def test_greylisting_is_waited_out(smtp: SmtpServer) -> None:
    alert = make_alert()
    smtp.room.answer_to_recipient = "451 Try again later"
    dispatch_due(now=NOW)
    smtp.room.answer_to_recipient = "250 OK"
    assert dispatch_due(now=NOW + timedelta(seconds=10)) == 1
    assert outcomes(mail_of(alert)) == ["temporary", "accepted"]
    assert mail_of(alert).attempts.values_list("smtp_code", flat=True)[0] == 451


def test_an_answer_lost_on_the_way_sends_the_same_mail_again(smtp: SmtpServer) -> None:
    alert = make_alert()
    smtp.room.vanish_after_data = True
    dispatch_due(now=NOW)
    smtp.room.vanish_after_data = False
    dispatch_due(now=NOW + timedelta(seconds=10))
    assert outcomes(mail_of(alert)) == ["unknown", "accepted"]
    first, second = smtp.room.letters
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    for letter in (first, second):
        del letter["X-PRRT-Attempt"]
    assert first.as_bytes() == second.as_bytes()


def test_a_refused_address_goes_on_to_the_next_step_at_once_and_raises_an_alarm(smtp: SmtpServer) -> None:
    make_person("physician1", "physician")
    make_person("admin1", "administrator")
    alert = make_alert()
    smtp.room.refused_addresses = {"oncall1@clinic.example"}
    dispatch_due(now=NOW)
    alert.refresh_from_db()
    assert alert.step == 2
    assert ["physician1@clinic.example"] in smtp.room.recipients
    alarm = Alert.objects.get(kind=Kind.ADDRESS_REFUSED)
    assert alarm.person is not None
    assert alarm.person.username == "oncall1"
    assert ["admin1@clinic.example"] in smtp.room.recipients


def test_one_refused_address_of_several_leaves_the_step_its_time(smtp: SmtpServer) -> None:
    make_person("oncall2", "on-call")
    alert = make_alert()
    smtp.room.refused_addresses = {"oncall1@clinic.example"}
    dispatch_due(now=NOW)
    alert.refresh_from_db()
    assert (alert.step, alert.next_step_at) == (1, NOW + timedelta(minutes=15))
    assert ["oncall2@clinic.example"] in smtp.room.recipients


def test_everybody_refused_turns_in_no_circle(smtp: SmtpServer) -> None:
    make_person("admin1", "administrator")
    alert = make_alert()
    smtp.room.answer_to_recipient = "550 No such user"
    dispatch_due(now=NOW)
    alert.refresh_from_db()
    assert alert.needs_somebody
    assert alert.next_step_at == NOW + timedelta(minutes=30)
    assert Notification.objects.filter(state="pending").count() == 0


def test_an_acknowledged_alert_sends_nothing_more(smtp: SmtpServer) -> None:
    person = make_person("oncall2", "on-call")
    alert = make_alert()
    event = alert.events.latest("pk").pk
    acknowledge(alert=alert, person=person, seen_severity=1, seen_event=event, now=NOW)
    assert dispatch_due(now=NOW) == 0
    assert smtp.room.offered == 0


def test_an_acknowledgement_between_claim_and_sending_withdraws_the_mail(smtp: SmtpServer) -> None:
    person = make_person("oncall2", "on-call", email="")
    alert = make_alert()
    mine = claimed()
    event = alert.events.latest("pk").pk
    acknowledge(alert=alert, person=person, seen_severity=1, seen_event=event, now=NOW)
    dispatch._finish(mine, dispatch._deliver(mine), now=NOW)
    assert (mail_of(alert).state, outcomes(mail_of(alert))) == ("superseded", ["withdrawn"])
    assert smtp.room.offered == 0


def test_a_sender_that_died_is_followed_when_its_lease_ends(smtp: SmtpServer) -> None:
    alert = make_alert()
    claimed()  # and then nothing: killed
    assert dispatch_due(now=NOW + LEASE - timedelta(seconds=1)) == 0
    assert dispatch_due(now=NOW + LEASE) == 1
    assert outcomes(mail_of(alert)) == ["unknown", "accepted"]
    assert len(smtp.room.letters) == 1


def test_a_sender_that_died_and_an_acknowledgement_leave_nothing_open(smtp: SmtpServer) -> None:
    person = make_person("oncall2", "on-call", email="")
    alert = make_alert()
    claimed()
    event = alert.events.latest("pk").pk
    acknowledge(alert=alert, person=person, seen_severity=1, seen_event=event, now=NOW)
    assert dispatch_due(now=NOW + LEASE) == 0
    assert (mail_of(alert).state, outcomes(mail_of(alert))) == ("superseded", ["unknown"])


def test_a_sender_that_comes_back_late_changes_nothing(smtp: SmtpServer) -> None:
    alert = make_alert()
    mine = claimed()
    late = dispatch._deliver(mine)
    dispatch_due(now=NOW + LEASE)
    before = list(DeliveryAttempt.objects.values())
    dispatch._finish(mine, late, now=NOW + LEASE)
    assert list(DeliveryAttempt.objects.values()) == before
    assert mail_of(alert).state == "accepted"
    copies = {str(letter["Message-ID"]) for letter in smtp.room.letters}
    assert copies == {mail_of(alert).message_id}


def test_senders_in_parallel_send_each_mail_once(smtp: SmtpServer) -> None:
    for number in range(2, 5):
        make_person(f"oncall{number}", "on-call")
    for _ in range(2):
        make_alert(now=database_now())
    faults: list[BaseException] = []

    def work() -> None:
        try:
            while dispatch_due():
                pass
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    ids = [str(letter["Message-ID"]) for letter in smtp.room.letters]
    assert sorted(ids) == sorted(Notification.objects.values_list("message_id", flat=True))
    assert DeliveryAttempt.objects.count() == 8


def test_runners_in_parallel_take_each_step_and_triage_once(smtp: SmtpServer) -> None:
    for _ in range(5):
        make_decision(make_course())
    faults: list[BaseException] = []

    def work() -> None:
        try:
            triage_decisions(now=NOW)
            run_due_steps(now=NOW + timedelta(minutes=15))
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert Alert.objects.exclude(kind=Kind.NOBODY_ON_CALL).count() == 5
    for alert in Alert.objects.filter(kind=Kind.DELAY):
        assert [mail.step for mail in alert.notifications.order_by("pk")] == [1, 2]


def test_a_server_that_never_answers_holds_nobody_up_and_loses_nothing(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "TIMEOUT_SECONDS", 0.2)
    for _ in range(4):
        make_alert()
    smtp.room.before_answer = lambda: time.sleep(0.5)
    assert dispatch_due(now=NOW) == 0
    tried = [attempt.outcome for attempt in DeliveryAttempt.objects.all()]
    # The first after its text; the second before the greeting, or after its text where the machine is slow.
    assert tried in (["unknown", "temporary"], ["unknown", "unknown"])
    smtp.room.before_answer = lambda: None
    at = NOW + timedelta(minutes=1)
    assert dispatch_due(now=at) == 4
    assert not Notification.objects.exclude(state="accepted").exists()


@pytest.mark.hazard("HZ-76")
def test_a_mail_that_cannot_be_made_keeps_no_other_waiting(smtp: SmtpServer) -> None:
    broken, sound = make_alert(kind=Kind.STOP), make_alert()
    Alert.objects.filter(pk=broken.pk).update(plan={})
    assert dispatch_due(now=NOW) == 1
    assert mail_of(sound).state == "accepted"
    mail = mail_of(broken)
    assert (mail.state, outcomes(mail)) == ("pending", ["unknown"])


def test_the_most_severe_leaves_first(smtp: SmtpServer) -> None:
    make_person("nurse1", "nurse")
    make_alert(kind=Kind.LABS_OVERDUE)
    severe = make_alert(kind=Kind.STOP)
    dispatch_due(now=NOW)
    assert severe.ref in str(smtp.room.letters[0]["Subject"])


def test_young_mails_are_left_to_others(smtp: SmtpServer) -> None:
    make_alert()
    late = NOW + timedelta(seconds=10)
    assert dispatch_due(now=late, older_than=timedelta(seconds=20)) == 0
    assert dispatch_due(now=late, older_than=timedelta(seconds=10)) == 1


def test_no_mail_holds_anything_of_the_patient(smtp: SmtpServer) -> None:
    for kind in Kind:
        make_person(f"{kind.value}-reader", "nurse", "administrator", "physician")
        make_alert(kind=kind)
    dispatch_due(now=NOW)
    assert len(smtp.room.letters) >= len(Kind)
    for letter in smtp.room.letters:
        assert_clean(letter)


def assert_clean(letter: EmailMessage) -> None:
    parts = [str(part.get_content()) for part in letter.walk() if not part.is_multipart()]
    assert len(parts) == 2
    whole = letter.as_string().lower() + "".join(parts).lower()
    for canary in CANARIES:
        assert canary.lower() not in whole


def test_without_a_given_time_the_clock_is_the_databases(smtp: SmtpServer) -> None:
    alert = make_alert(now=database_now())
    assert dispatch_due() == 1
    attempt = mail_of(alert).attempts.get()
    assert attempt.finished_at is not None
    assert attempt.started_at <= attempt.finished_at <= database_now()


def test_a_trial_without_a_mailbox_sends_nothing_and_raises_no_alarm(smtp: SmtpServer, settings: Any) -> None:
    settings.MAIL_DOMAINS = ["clinic.example"]
    make_person("canary", "canary", email=NO_MAILBOX)
    make_person("admin1", "administrator")
    trial = make_alert(kind=Kind.CANARY)
    for minute in range(3):
        dispatch_due(now=NOW + timedelta(minutes=minute))
    assert smtp.room.offered == 0
    assert set(outcomes(mail_of(trial))) == {"withdrawn"}
    assert Alert.objects.count() == 1


def test_a_letter_that_a_newer_one_replaced_is_not_sent_when_its_sender_died(smtp: SmtpServer) -> None:
    alert = make_alert()
    claimed()  # and then nothing: killed
    at = NOW + timedelta(minutes=15)
    run_due_steps(now=at)
    dispatch_due(now=at)
    states = alert.notifications.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["superseded", "accepted"]
    assert len(smtp.room.letters) == 1


def test_first_words_and_critical_ones_leave_before_reminders(smtp: SmtpServer) -> None:
    make_person("nurse1", "nurse")
    reminded = make_alert(kind=Kind.LABS_OVERDUE)
    dispatch_due(now=NOW)
    at = NOW + timedelta(minutes=240)
    run_due_steps(now=at)
    first = make_alert(kind=Kind.LABS_OVERDUE, now=at)
    severe = make_alert(kind=Kind.STOP, now=at)
    smtp.room.letters.clear()
    dispatch_due(now=at)
    about = [str(letter["Subject"])[-7:] for letter in smtp.room.letters]
    assert about == [severe.ref, first.ref, reminded.ref]
