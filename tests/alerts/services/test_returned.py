"""A mail that comes back is recorded on its attempt; only a letter that never arrived changes anything."""

import io
import mailbox
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from alerts.models import Alert, DeliveryReport, Notification
from alerts.models.report import ReportKind
from alerts.rules import Kind, State
from alerts.services import bounce_folder
from alerts.services.bounce_folder import take_from_folder
from alerts.services.dispatch import dispatch_due
from alerts.services.returned import take_returned
from alerts.services.rounds import make_round
from tests.builders_alerts import NOW, make_alert, make_person
from tests.builders_mail import OUT_OF_OFFICE, WRITTEN_BY_A_PERSON, answer, report
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.usefixtures("real_commits")
LATER = NOW + timedelta(minutes=2)


@pytest.fixture
def sent(smtp: SmtpServer, real_commits: str) -> Iterator[Notification]:
    """A letter to the one person on call, which the server took."""
    make_person("oncall1", "on-call")
    make_person("physician1", "physician")
    make_person("admin1", "administrator")
    alert = make_alert()
    assert dispatch_due(now=NOW) == 1
    yield alert.notifications.get()


def everything() -> tuple[Any, ...]:
    """All that must not change."""
    alerts = Alert.objects.order_by("pk").values("pk", "state", "step", "loop", "next_step_at", "acked_at")
    owed = Notification.objects.order_by("pk").values("pk", "state", "endpoint", "next_attempt_at")
    return (list(alerts), list(owed))


@pytest.mark.hazard("HZ-71")
def test_a_letter_that_came_back_goes_to_the_next_people_at_once_and_raises_an_alarm(
    sent: Notification, smtp: SmtpServer
) -> None:
    assert take_returned(report(sent.message_id), now=LATER) == ReportKind.BOUNCED
    alert = sent.alert
    alert.refresh_from_db()
    assert alert.step == 2
    alarm = Alert.objects.get(kind=Kind.ADDRESS_REFUSED)
    assert alarm.person == sent.person
    assert dispatch_due(now=LATER) > 0
    told = {address for recipients in smtp.room.recipients for address in recipients}
    assert {"physician1@clinic.example", "admin1@clinic.example"} <= told
    made = DeliveryReport.objects.get()
    assert (made.attempt.notification, made.status, made.received_at) == (sent, "5.1.1", LATER)
    event = alert.events.get(kind="bounced")
    assert event.detail == {"notification": sent.pk, "status": "5.1.1"}


def test_no_machine_takes_an_address_away(sent: Notification) -> None:
    take_returned(report(sent.message_id), now=LATER)
    sent.person.refresh_from_db()
    assert (sent.person.email, sent.person.is_active) == ("oncall1@clinic.example", True)
    mails = Notification.objects.filter(person=sent.person, alert=sent.alert).order_by("pk")
    assert [(each.step, each.state) for each in mails] == [(1, "accepted"), (2, "pending")]


def test_the_same_mail_taken_in_twice_counts_once(sent: Notification) -> None:
    take_returned(report(sent.message_id), now=LATER)
    before = everything()
    take_returned(report(sent.message_id), now=LATER + timedelta(minutes=1))
    assert everything() == before
    assert DeliveryReport.objects.count() == 1


def test_one_person_of_several_whose_letter_came_back_leaves_the_step_its_time(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    make_person("oncall2", "on-call")
    alert = make_alert()
    dispatch_due(now=NOW)
    take_returned(report(alert.notifications.get(person__username="oncall1").message_id), now=LATER)
    alert.refresh_from_db()
    assert (alert.step, alert.next_step_at) == (1, NOW + timedelta(minutes=15))
    assert Alert.objects.filter(kind=Kind.ADDRESS_REFUSED).exists()
    take_returned(report(alert.notifications.get(person__username="oncall2").message_id), now=LATER)
    alert.refresh_from_db()
    assert alert.step == 2


def test_a_bundle_that_came_back_moves_every_alert_it_told_of(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    alerts = [make_alert() for _ in range(6)]
    for seconds in (0, 30):
        dispatch_due(now=NOW + timedelta(seconds=seconds))
    letter = Notification.objects.get(bundle__isnull=False)
    of_the_bundle = {letter.alert_id, *letter.members.values_list("alert", flat=True)}
    assert len(of_the_bundle) == 3
    take_returned(report(letter.message_id), now=LATER)
    for alert in alerts:
        alert.refresh_from_db()
        assert alert.step == (2 if alert.pk in of_the_bundle else 1)


@pytest.mark.hazard("HZ-70")
@pytest.mark.parametrize("form", [OUT_OF_OFFICE, WRITTEN_BY_A_PERSON])
def test_an_answer_by_mail_acknowledges_nothing_and_is_recorded(sent: Notification, form: str) -> None:
    before = everything()
    take_returned(answer(form, sent.message_id), now=LATER)
    assert everything() == before
    assert sent.alert.state == State.OPEN
    assert not sent.alert.acknowledgements.exists()
    assert DeliveryReport.objects.get().attempt == sent.attempts.get()


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed"])
def test_what_did_not_fail_is_recorded_and_changes_nothing(sent: Notification, action: str) -> None:
    before = everything()
    take_returned(report(sent.message_id, action=action, status="2.0.0"), now=LATER)
    assert everything() == before
    assert DeliveryReport.objects.get().attempt == sent.attempts.get()


def test_a_bounce_of_no_letter_of_ours_is_recorded_and_raises_nothing(sent: Notification) -> None:
    before = everything()
    take_returned(report(f"<{'e' * 32}@prrt.example>"), now=LATER)
    assert everything() == before
    made = DeliveryReport.objects.get()
    assert (made.kind, made.attempt) == ("bounced", None)


def test_nothing_of_the_mail_s_text_is_kept(sent: Notification) -> None:
    take_returned(report(sent.message_id, subject="Zuckmayerin Kanarienvogel"), now=LATER)
    kept = " ".join(str(value) for value in DeliveryReport.objects.values_list().get())
    assert "Kanarienvogel" not in kept
    assert "Recipient address rejected" not in kept


def test_a_report_is_never_rewritten(sent: Notification) -> None:
    take_returned(report(sent.message_id), now=LATER)
    with pytest.raises(DatabaseError), transaction.atomic():
        DeliveryReport.objects.update(kind="delivered")


# -------------------------------------------------------------------------------------- how they are taken in


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> mailbox.Maildir:
    """The Maildir of returned mails."""
    settings.MAIL_BOUNCE_DIR = tmp_path / "returned"
    return mailbox.Maildir(settings.MAIL_BOUNCE_DIR, create=True)


def test_the_runner_reads_the_folder_in_its_round_and_reads_each_mail_once(
    sent: Notification, folder: mailbox.Maildir
) -> None:
    folder.add(report(sent.message_id))
    folder.add(b"\x00\xff no mail at all")
    made = make_round(all_due=True)
    assert dict(made.done)["returned mails taken in"] == 2
    assert DeliveryReport.objects.count() == 2
    assert Alert.objects.filter(kind=Kind.ADDRESS_REFUSED).exists()
    assert take_from_folder() == 0
    assert all(message.get_subdir() == "cur" and "S" in message.get_flags() for message in folder)


def test_a_mail_the_database_could_not_take_stays_and_keeps_no_other_waiting(
    sent: Notification, folder: mailbox.Maildir, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        folder.add(report(f"<{number:032x}@x.example>"))
    left = [DatabaseError("deadlock")]

    def failing(raw: bytes) -> ReportKind:
        if left:
            raise left.pop()
        return take_returned(raw)

    monkeypatch.setattr(bounce_folder, "take_returned", failing)
    assert take_from_folder() == 1
    assert take_from_folder() == 1
    assert DeliveryReport.objects.count() == 2


def test_without_a_folder_the_runner_reads_none_and_the_command_says_what_to_set() -> None:
    assert take_from_folder() == 0
    with pytest.raises(CommandError, match="MAIL_BOUNCE_DIR"):
        call_command("take_bounces")


def test_the_command_reads_the_folder(sent: Notification, folder: mailbox.Maildir) -> None:
    folder.add(report(sent.message_id, action="delayed"))
    out = io.StringIO()
    call_command("take_bounces", stdout=out)
    assert out.getvalue() == "Returned mails taken in: 1.\n"


@pytest.mark.parametrize(("given", "code"), [("mail", 0), ("nothing", 1), ("no database", 75)])
def test_a_mail_alias_hands_one_mail_to_the_command(
    sent: Notification, real_commits: str, tmp_path: Path, given: str, code: int
) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}" if given == "no database" else real_commits
    connection.close()
    ran = subprocess.run(
        [sys.executable, "manage.py", "take_bounces", "--stdin"],
        cwd=Path(__file__).resolve().parents[3],
        env={"PATH": "/usr/bin:/bin", "PRRT_ENV": "test", "PRRT_VAR_DIR": str(tmp_path), "DATABASE_URL": url},
        input=b"" if given == "nothing" else report(sent.message_id),
        capture_output=True,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    assert DeliveryReport.objects.count() == (given == "mail")
