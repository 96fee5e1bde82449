"""The trial of the line passes through real doors, stays out of every list, and tells where it broke."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from alerts.models import Acknowledgement, Alert, CanaryRun, Notification
from alerts.models.canary import CanaryOutcome
from alerts.rules import Kind, State
from alerts.services import canary_robot, rounds
from alerts.services.acknowledging import may_acknowledge
from alerts.services.canary import advance_canary, begin_canary, reached, run_canary
from alerts.services.rounds import Stage as RoundStage
from alerts.services.rounds import make_round
from alerts.services.watch_canary import watch_canary
from alerts.watch_rules import Stage
from courses.library import protocol_ids
from courses.models import Course, Decision, Order
from courses.services.authority import Refused
from courses.services.canary import start_canary_course
from courses.therapies import therapies
from courses.worklist import worklist
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import LabMessage, MessageOutcome, Patient
from labs.services import keep_message
from labs.services.canary_lab import CANARY_SENDER, canary_body, make_canary_patient
from labs.zones import clinic_zone
from tests.builders import approve
from tests.builders_alerts import make_alert, make_person
from tests.builders_labs import make_patient, make_sender
from tests.certificates import Authority, Certificate
from tests.smtp_server import SmtpServer
from tests.web_server import WebServer, web_server

ROOT = Path(__file__).resolve().parents[3]
MAILBOX = "canary@clinic.example"


@contextmanager
def listener(url: str, port: int, tmp_path: Path, **more: str) -> Iterator[None]:
    """A listener of its own, in another process, on this test's database."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PRRT_ENV": "test",
        "PRRT_VAR_DIR": str(tmp_path / "var"),
        "DATABASE_URL": url,
        **more,
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "listen_mllp", "--host", "127.0.0.1", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with closing(socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "the listener ended"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def pages(real_commits: str, free_port: Callable[[], int], settings: Any) -> Iterator[WebServer]:
    """The web pages behind a port, on this test's database."""
    with web_server(free_port()) as server:
        settings.SITE_URL = settings.CANARY_WEB = server.address
        yield server


@pytest.fixture
def line(
    real_commits: str, request: pytest.FixtureRequest, tmp_path: Path, settings: Any, smtp: SmtpServer
) -> Iterator[SmtpServer]:
    """The whole line: a listener, a mail server, the web pages, and settings that point at them."""
    request.getfixturevalue("pages")
    port = request.getfixturevalue("free_port")()
    settings.CANARY, settings.CANARY_MAILBOX, settings.CANARY_MLLP = True, MAILBOX, ("127.0.0.1", port)
    with listener(real_commits, port, tmp_path):
        yield smtp


def rounds_until_ended(*, most: int = 4) -> CanaryRun:
    """Let the second runner make its rounds until the newest trial has ended."""
    for _ in range(most):
        make_round(all_due=True)
        run = CanaryRun.objects.first()
        if run is not None and run.outcome != CanaryOutcome.RUNNING:
            return run
    raise AssertionError(f"still under way: {CanaryRun.objects.values()}")


# --- A line that stands --------------------------------------------------------------------------


def test_a_trial_goes_from_the_socket_to_the_mailbox_and_leaves_nothing_open(line: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    run = rounds_until_ended()
    assert run.outcome == CanaryOutcome.PASSED, run.reason
    instants = [at for _, at in reached(run)]
    assert len(instants) == len(Stage)
    assert all(at is not None for at in instants)
    # One letter, to the mailbox and to nobody else.
    assert line.room.recipients == [[MAILBOX]]
    assert "PRRT-CANARY" not in line.room.letters[0].as_string()
    assert MessageOutcome.objects.get().state == "read"
    assert LabMessage.objects.get().ack_code == "AA"
    assert {alert.kind: alert.state for alert in Alert.objects.all()} == {"canary": State.CLOSED}
    assert not Course.objects.open().exists()
    assert not Order.objects.exists()
    # The next one is due in a quarter of an hour, not before.
    assert run_canary(now=database_now()) == 0
    assert CanaryRun.objects.count() == 1


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Certificate | Authority]:
    """An authority, the listener's certificate, the trial's own, and one of a stranger's authority."""
    ours = Authority(tmp_path / "ours")
    return {
        "authority": ours,
        "listener": ours.issue("mllp.clinic.example", "DNS:mllp.clinic.example"),
        "canary": ours.issue("canary.clinic.example"),
        "stranger": Authority(tmp_path / "theirs", "stranger").issue("canary.clinic.example"),
    }


@pytest.fixture
def guarded(
    real_commits: str, free_port: Callable[[], int], tmp_path: Path, settings: Any, keys: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """A listener that asks for certificates and looks them up; the trial shows its own."""
    port, ca = free_port(), str(keys["authority"].certificate)
    settings.CANARY, settings.CANARY_MAILBOX, settings.CANARY_MLLP = True, MAILBOX, ("127.0.0.1", port)
    settings.CANARY_TLS = shown(keys, "canary")
    tls = {
        "MLLP_TLS_CERT": str(keys["listener"].certificate),
        "MLLP_TLS_KEY": str(keys["listener"].key),
        "MLLP_TLS_CLIENT_CA": ca,
        "MLLP_TLS_CRL": str(keys["authority"].revocation_list()),
    }
    with listener(real_commits, port, tmp_path, **tls):
        yield keys


def shown(keys: dict[str, Any], who: str) -> dict[str, str]:
    """How the trial speaks TLS when it shows this certificate."""
    return {
        "ca": str(keys["authority"].certificate),
        "cert": str(keys[who].certificate),
        "key": str(keys[who].key),
        "name": "mllp.clinic.example",
    }


@pytest.mark.openssl
def test_a_trial_passes_through_a_listener_that_asks_for_certificates(
    smtp: SmtpServer, guarded: dict[str, Any], pages: WebServer
) -> None:
    make_sender(certificate="lis.central-lab.example")  # a laboratory's own is no matter of the trial's
    run = rounds_until_ended()
    assert run.outcome == CanaryOutcome.PASSED, run.reason
    assert smtp.room.recipients == [[MAILBOX]]
    assert LabMessage.objects.get().ack_code == "AA"


@pytest.mark.openssl
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        # The refusal may be read as an alert, as an end or as a reset: each says what to set.
        ({}, "If it speaks TLS, see CANARY_TLS_CA"),
        ({"who": "stranger"}, "If it speaks TLS, see CANARY_TLS_CA"),
        ({"name": "other.example"}, "TLS with the listener failed (Hostname mismatch"),
        ({"ca": "nowhere.crt"}, "could not be reached (FileNotFoundError)"),
    ],
)
def test_a_trial_that_is_not_let_in_says_so_and_what_to_set(
    guarded: dict[str, Any], settings: Any, changed: dict[str, str], says: str
) -> None:
    told = {name: text for name, text in changed.items() if name != "who"}
    settings.CANARY_TLS = shown(guarded, changed.get("who", "canary")) | told if changed else {}
    run = begin_canary(now=database_now())
    advance_canary(run_id=run.pk, now=database_now())
    run.refresh_from_db()
    assert run.acknowledged_at is None
    assert says in run.reason
    assert not LabMessage.objects.exists()


def test_the_next_trial_is_another_patient_and_another_mail(line: SmtpServer) -> None:
    rounds_until_ended()
    CanaryRun.objects.update(started_at=database_now() - timedelta(minutes=15))
    assert rounds_until_ended().outcome == CanaryOutcome.PASSED
    assert (CanaryRun.objects.count(), Patient.objects.count()) == (2, 2)
    assert line.room.recipients == [[MAILBOX]] * 2


def test_without_a_mailbox_no_mail_leaves_and_the_alert_is_answered_all_the_same(
    line: SmtpServer, settings: Any
) -> None:
    settings.CANARY_MAILBOX = ""
    run = rounds_until_ended()
    assert (run.outcome, run.mailbox, run.mailed_at) == (CanaryOutcome.PASSED, False, None)
    assert run.queued_at is not None
    assert run.answered_at is not None
    assert line.room.offered == 0
    assert [mail.state for mail in Notification.objects.all()] == ["superseded"]


def test_a_trial_by_hand_reports_every_stage(
    line: SmtpServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CANARY = False  # by hand it needs no setting
    monkeypatch.setattr(time, "sleep", lambda _seconds: make_round(all_due=True))
    out = StringIO()
    call_command("canary", stdout=out)
    for stage in Stage:
        assert f"  {stage.value} " in out.getvalue()
    assert "Passed: the mail server took the mail" in out.getvalue()


# --- The way back --------------------------------------------------------------------------------


def test_the_alert_is_acknowledged_by_the_log_in_form_and_the_button_and_no_password_stays(
    line: SmtpServer, pages: WebServer
) -> None:
    run = rounds_until_ended()
    assert run.outcome == CanaryOutcome.PASSED, run.reason
    said = Acknowledgement.objects.get()
    assert (said.person.username, said.at) == ("canary", run.answered_at)
    asked = [f"{method} {path.partition('?')[0]}" for method, path, _ in pages.asked]
    page = f"/alerts/{said.alert.public_id}"
    assert asked == [
        f"GET {page}",
        "GET /accounts/login/",
        "POST /accounts/login/",
        f"GET {page}",
        f"POST {page}/acknowledge",
        f"GET {page}",
        "GET /accounts/logout/",
        "POST /accounts/logout/",
        "GET /accounts/login/",
    ]
    account = User.objects.get(username="canary")
    assert not account.has_usable_password()
    assert not Session.objects.exists()


def test_the_robot_speaks_past_the_proxy_as_the_proxy_would(
    line: SmtpServer, pages: WebServer, settings: Any
) -> None:
    """Where SITE_URL is not reached from inside: secure cookies, the site's name, no redirect to https."""
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://prrt.example.org", ["prrt.example.org"]
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    run = rounds_until_ended()
    assert run.outcome == CanaryOutcome.PASSED, run.reason
    assert {headers["Host"] for _, _, headers in pages.asked} == {"prrt.example.org"}


def test_pages_that_are_away_break_the_last_stage_and_say_what_to_set(
    line: SmtpServer, settings: Any, free_port: Callable[[], int]
) -> None:
    settings.CANARY_WEB = f"http://127.0.0.1:{free_port()}"
    for _ in range(4):
        make_round(all_due=True)
    found = break_it(CanaryRun.objects.get())
    assert (found.outcome, found.broken_stage) == (CanaryOutcome.BROKEN, Stage.ANSWERED)
    assert "could not be reached (ConnectionRefusedError). See SITE_URL and CANARY_WEB." in found.reason
    assert found.mailed_at is not None


def test_an_account_without_its_right_breaks_the_last_stage(line: SmtpServer) -> None:
    Group.objects.get(name="canary").permissions.clear()
    for _ in range(4):
        make_round(all_due=True)
    found = break_it(CanaryRun.objects.get())
    assert found.broken_stage == Stage.ANSWERED
    assert found.reason == "The log-in did not lead to the alert's page (it answered 403)."
    assert not User.objects.get(username="canary").has_usable_password()


def test_two_robots_at_once_take_no_password_from_each_other(line: SmtpServer, settings: Any) -> None:
    site, settings.CANARY_WEB = settings.CANARY_WEB, "http://127.0.0.1:9"
    for _ in range(4):
        make_round(all_due=True)
    run = CanaryRun.objects.get()
    settings.CANARY_WEB = site
    assert run.answer_tried_at is not None
    assert not advance_canary(run_id=run.pk, now=run.answer_tried_at + timedelta(seconds=59))
    assert not Acknowledgement.objects.exists()
    assert advance_canary(run_id=run.pk, now=run.answer_tried_at + timedelta(seconds=60))
    assert Acknowledgement.objects.count() == 1


def test_pages_that_are_slow_hold_no_runner_up(
    pages: WebServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary_robot, "_VISIT_SECONDS", -1)
    begin_canary(now=database_now())
    alert = make_alert(kind=Kind.CANARY, now=database_now())
    with pytest.raises(canary_robot.NotAnswered, match="too slow"):
        canary_robot.answer(alert=alert, username="canary")
    assert not User.objects.get(username="canary").has_usable_password()


def test_the_robot_follows_no_page_to_another_site(pages: WebServer, settings: Any) -> None:
    settings.SITE_URL = "http://elsewhere.example"  # what the pages lead to is not where they stand
    settings.ALLOWED_HOSTS = ["elsewhere.example"]
    settings.LOGIN_URL = "http://127.0.0.1:9/accounts/login/"
    begin_canary(now=database_now())
    alert = make_alert(kind=Kind.CANARY, now=database_now())
    with pytest.raises(canary_robot.NotAnswered, match="led to another site"):
        canary_robot.answer(alert=alert, username="canary")
    assert not User.objects.get(username="canary").has_usable_password()


# --- A line that is broken -----------------------------------------------------------------------


def break_it(run: CanaryRun) -> CanaryRun:
    """The same trial when its five minutes are over."""
    CanaryRun.objects.filter(pk=run.pk).update(started_at=run.started_at - timedelta(minutes=5))
    advance_canary(run_id=run.pk, now=database_now())
    run.refresh_from_db()
    return run


def alarm() -> Alert:
    """The one alarm about the line, after a look by either runner."""
    watch_canary(now=database_now())
    return Alert.objects.standing().get(kind=Kind.CANARY_BROKEN)


def test_no_listener_breaks_the_first_stage_and_wakes_those_who_run_the_service(
    real_commits: str, free_port: Callable[[], int], settings: Any
) -> None:
    make_person("admin1", "administrator")
    settings.CANARY, settings.CANARY_MLLP = True, ("127.0.0.1", free_port())
    make_round(all_due=True)
    run = CanaryRun.objects.get()
    assert run.outcome == CanaryOutcome.RUNNING  # a listener that restarts has five minutes
    assert "could not be reached" in run.reason
    assert (break_it(run).outcome, run.broken_stage) == (CanaryOutcome.BROKEN, Stage.SENT)
    found = alarm()
    assert (found.severity, found.technical) == (1, True)
    assert found.about["stage"] == "sent"
    assert [mail.person.username for mail in found.notifications.all()] == ["admin1"]


@pytest.mark.parametrize(
    ("broken", "stage"),
    [
        ("messages read", Stage.READ),
        ("courses assessed", Stage.ASSESSED),
        ("decisions triaged", Stage.TRIAGED),
        ("mails sent", Stage.MAILED),
    ],
)
def test_a_stage_that_is_broken_is_named_by_the_alarm(
    line: SmtpServer, monkeypatch: pytest.MonkeyPatch, broken: str, stage: Stage
) -> None:
    make_person("admin1", "administrator")

    def silent(turn: object) -> int:
        return 0

    stages = tuple(
        RoundStage(name=each.name, work=silent) if each.name == broken else each for each in rounds.STAGES
    )
    monkeypatch.setattr(rounds, "STAGES", stages)
    for _ in range(3):
        make_round(all_due=True)
    run = CanaryRun.objects.get()
    assert run.outcome == CanaryOutcome.RUNNING
    assert break_it(run).broken_stage == stage
    assert alarm().about["stage"] == stage.value


def test_an_assessment_that_overlooks_the_value_is_broken(
    line: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A course judged without its newest result looks like a judgement; the trial asks whether it saw it."""
    monkeypatch.setattr("courses.chart.measurements_of", lambda *_, **__: ())
    for _ in range(3):
        make_round(all_due=True)
    assert break_it(CanaryRun.objects.get()).broken_stage == Stage.ASSESSED


def test_a_message_that_cannot_be_stored_breaks_at_once_and_tells_no_nurse(
    line: SmtpServer,
) -> None:
    make_person("nurse1", "nurse")
    run = begin_canary(now=database_now())
    advance_canary(run_id=run.pk, now=database_now())  # sent, acknowledged, not yet read
    Patient.objects.filter(pk=run.patient_id).update(birth_date="1950-01-01")
    for _ in range(2):
        make_round(all_due=True)
    run.refresh_from_db()
    assert (run.outcome, run.broken_stage) == (CanaryOutcome.BROKEN, Stage.READ)
    assert "birth-date-differs" in run.reason
    assert {alert.kind for alert in Alert.objects.all()} <= {Kind.CANARY_BROKEN, Kind.NOBODY_ON_CALL}


def test_the_alarm_ends_with_the_next_trial_that_passes(line: SmtpServer) -> None:
    run = begin_canary(now=database_now())
    break_it(run)
    found = alarm()
    CanaryRun.objects.update(started_at=database_now() - timedelta(minutes=15))
    assert rounds_until_ended().outcome == CanaryOutcome.PASSED
    make_round(all_due=True)
    found.refresh_from_db()
    assert found.state == State.CLOSED


@pytest.mark.django_db
def test_trials_that_nobody_begins_are_missed_after_twenty_two_minutes(settings: Any) -> None:
    """Whoever begins them is dead; the look needs nothing but the table."""
    settings.CANARY = True
    began = database_now() - timedelta(minutes=21)
    run = begin_canary(now=began)
    CanaryRun.objects.filter(pk=run.pk).update(outcome=CanaryOutcome.PASSED, ended_at=began)
    assert watch_canary(now=began + timedelta(minutes=21)) == 0
    assert watch_canary(now=began + timedelta(minutes=22)) == 1
    assert "No trial was begun" in Alert.objects.get(kind=Kind.CANARY_BROKEN).about["reason"]


@pytest.mark.django_db
def test_a_trial_that_cannot_even_be_begun_is_an_alarm(settings: Any) -> None:
    settings.CANARY = True
    assert watch_canary(now=database_now()) == 1


@pytest.mark.django_db
def test_outside_production_nothing_is_tried_and_nothing_missed(settings: Any) -> None:
    assert settings.CANARY is False
    assert run_canary(now=database_now()) == 0
    assert watch_canary(now=database_now()) == 0
    assert not CanaryRun.objects.exists()
    assert not Patient.objects.exists()


def test_a_trial_by_hand_that_breaks_says_where(
    real_commits: str, free_port: Callable[[], int], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CANARY_MLLP = ("127.0.0.1", free_port())
    monkeypatch.setattr(
        time,
        "sleep",
        lambda _seconds: CanaryRun.objects.update(started_at=database_now() - timedelta(minutes=5)),
    )
    with pytest.raises(
        CommandError, match="Broken before 'sent': The listener could not be reached"
    ) as ended:
        call_command("canary", stdout=StringIO())
    assert ended.value.returncode == 1


@pytest.mark.django_db
@pytest.mark.parametrize("protocol_id", protocol_ids())
def test_whatever_protocol_is_in_use_its_decision_rests_on_the_value(
    protocol_id: str,
) -> None:
    """Otherwise a trial could never pass there."""
    approve(protocol_id)
    run = begin_canary(now=database_now())
    keep_message(body=canary_body(patient=run.patient, now=run.started_at), door="mllp", peer="test")
    CanaryRun.objects.update(acknowledged_at=database_now(), sent_at=database_now())
    for _ in range(3):
        make_round(all_due=True)
        advance_canary(run_id=run.pk, now=database_now())
    run.refresh_from_db()
    assert run.course is not None
    assert run.course.protocol_id == protocol_id
    assert run.assessed_at is not None, Decision.objects.get().answer


# --- Kept apart ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_synthetic_patient_stands_in_no_list_and_no_count(
    client: Any, person: Callable[..., User]
) -> None:
    run = begin_canary(now=database_now())
    keep_message(body=canary_body(patient=run.patient, now=run.started_at), door="mllp", peer="test")
    CanaryRun.objects.update(acknowledged_at=database_now())
    make_round(all_due=True)  # read, and a course opened for it
    make_round(all_due=True)  # judged, triaged
    assert Alert.objects.filter(kind=Kind.CANARY).exists()
    today, now = clinic_day(database_now(), clinic_zone()), database_now()
    work, coming = worklist(today=today), therapies(today=today, now=now)
    for section in (work.held, work.stopped, work.to_sign, work.waiting):
        assert not section.lines
    assert not (*work.bloods, *coming.planned, *coming.stopped_short, *coming.deadlines)
    assert not Patient.objects.real().exists()
    client.force_login(person("nurse"))
    pages = [
        "/admin/",
        *(f"/admin/labs/{name}/" for name in ("patient", "result", "labmessage", "quarantinedresult")),
        *(f"/admin/courses/{name}/" for name in ("course", "decision", "order")),
    ]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert "CANARY" not in answer.content.decode().upper(), page
    listed = client.get("/admin/alerts/alert/").content.decode()
    assert Alert.objects.get(kind=Kind.CANARY).ref not in listed
    run.refresh_from_db()
    assert run.course is not None
    assert client.get(f"/api/v1/courses/{run.course.public_id}/schedule/").status_code == 404


@pytest.mark.django_db
def test_only_a_synthetic_patient_gets_the_course_of_a_trial() -> None:
    with pytest.raises(Refused):
        start_canary_course(patient=make_patient(), by=make_person("nurse1", "nurse"), now=database_now())


@pytest.mark.django_db
def test_the_mailbox_is_an_account_that_can_do_nothing_but_answer_the_alerts_of_trials(client: Any) -> None:
    begin_canary(now=database_now())
    account = User.objects.get(username="canary")
    assert not account.has_usable_password()
    assert not account.is_staff
    assert account.get_all_permissions() == {"alerts.acknowledge_canary_alert"}
    client.force_login(account)
    for kind in set(Kind) - {Kind.CANARY}:
        alert = make_alert(kind=kind, now=database_now())
        assert not may_acknowledge(account, alert)
        assert client.get(f"/alerts/{alert.public_id}").status_code == 403
        seen = {"seen_severity": str(alert.severity), "seen_event": str(alert.events.latest("pk").pk)}
        assert client.post(f"/alerts/{alert.public_id}/acknowledge", seen).status_code == 403
        alert.refresh_from_db()
        assert alert.state == State.OPEN
    assert may_acknowledge(account, make_alert(kind=Kind.CANARY, now=database_now()))


@pytest.mark.django_db
def test_one_trial_at_a_time() -> None:
    now = database_now()
    first = begin_canary(now=now)
    assert begin_canary(now=now) == first
    assert Patient.objects.count() == 1


@pytest.mark.django_db
def test_the_same_bytes_are_sent_again_so_that_a_lost_answer_doubles_nothing() -> None:
    patient = make_canary_patient(now=database_now())
    at = database_now()
    assert canary_body(patient=patient, now=at) == canary_body(patient=patient, now=at)
    first = keep_message(body=canary_body(patient=patient, now=at), door="mllp")
    again = keep_message(body=canary_body(patient=patient, now=at), door="mllp")
    assert (again.message_id, again.duplicate, again.acks) == (first.message_id, True, first.acks)
    assert LabMessage.objects.get().sender == CANARY_SENDER


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "passed"},
        {"outcome": "broken", "broken_stage": "read"},
        {"outcome": "running", "ended_at": "2026-05-04T08:00Z"},
        {"outcome": "broken", "ended_at": "2026-05-04T08:00Z"},
    ],
)
def test_the_database_refuses_a_trial_that_is_not_whole(change: dict[str, Any]) -> None:
    run = begin_canary(now=database_now())
    with pytest.raises(IntegrityError), transaction.atomic():
        CanaryRun.objects.filter(pk=run.pk).update(**change)
    assert connection.vendor in {"sqlite", "postgresql"}
