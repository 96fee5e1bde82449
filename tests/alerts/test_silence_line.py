"""Seeded faults on the running line: a laboratory that stops, and one that renames its platelet code."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from alerts.models import Acknowledgement, Alert, CanaryRun, Notification
from alerts.models.canary import CanaryOutcome
from alerts.rules import Kind, State
from courses.models import Course
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.models import ExpectedTraffic, LabMessage
from labs.zones import clinic_zone
from tests.builders import make_course, make_patient, make_sender, panel_message
from tests.builders_alerts import make_person
from tests.running_clinic import Clinic, Postbox, mail_server, until

CODE, RENAMED = b"777-3^PLT^LN", b"PLTNEU^PLT^L"


@pytest.fixture
def clinic(
    real_commits: str, static_files: Path, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[tuple[Clinic, Postbox]]:
    """A listener, the second runner and the web pages on this test's database, a mail server; no broker."""
    port, mllp = free_port(), free_port()
    with mail_server(port) as postbox:
        made = Clinic(
            var_dir=tmp_path / "var",
            web_port=free_port(),
            mllp_port=mllp,
            settings={
                "DATABASE_URL": real_commits,
                "PRRT_STATIC_DIR": str(static_files),
                "EMAIL_URL": f"smtp://127.0.0.1:{port}",
                "CANARY": "true",
                "CANARY_MAILBOX": "canary@clinic.example",
            },
        )
        made.start("listen_mllp", "--host", "127.0.0.1", "--port", str(mllp))
        made.start("runner", "--every", "0.5")
        made.start_web()
        until(lambda: _answers(mllp), within=60, what=f"the listener\n{made.log()}")
        try:
            yield made, postbox
        finally:
            left = made.stop()
            assert not left, left


def _answers(port: int) -> bool:
    with closing(socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def standing(kind: Kind) -> Callable[[], Alert | None]:
    return lambda: Alert.objects.standing().filter(kind=kind).first()


def mailed_to(postbox: Postbox, address: str) -> Callable[[], bool]:
    return lambda: any(address in recipients for recipients, _ in list(postbox.letters))


def missing_of(course: Course) -> set[str] | None:
    """The codes that the standing decision misses, once the granulocytes are none of them."""
    course.refresh_from_db()
    answer = course.current_decision.answer if course.current_decision else {"missing": [{"code": "751-8"}]}
    codes = {str(gap["code"]) for gap in answer["missing"]}
    return None if "751-8" in codes else codes


def open_course() -> Course:
    """A course whose first cycle is planned within the week, and its laboratory."""
    make_sender()
    today = clinic_day(database_now(), clinic_zone())
    return make_course(
        make_patient(), first_on=add_days(today, 4), by=make_person("planner", "nurse"), disease="no"
    )


def test_a_renamed_platelet_code_alerts_and_the_cycle_is_held_never_proceeding(
    clinic: tuple[Clinic, Postbox],
) -> None:
    made, postbox = clinic
    make_person("admin1", "administrator")
    course = open_course()
    drawn = database_now() - timedelta(hours=3)
    sent = panel_message(course.patient, drawn_at=drawn).replace(CODE, RENAMED)
    assert RENAMED in sent
    assert b"MSA|AA|" in made.send(sent)

    alert = until(standing(Kind.UNMAPPED_CODE), within=60, what=f"the alert\n{made.log()}")
    assert alert.condition_key == "unmapped-code:testlab:PLTNEU"
    assert alert.raised_at - LabMessage.objects.get(sender="testlab").received_at < timedelta(minutes=15)
    until(mailed_to(postbox, "admin1@clinic.example"), within=60, what=f"the mail\n{made.log()}")
    missing = until(
        lambda: missing_of(course),
        within=60,
        what=f"a decision that has seen the other results\n{made.log()}",
    )
    assert "777-3" in missing
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.action == "hold"
    assert not course.decisions.filter(action__in=["proceed", "reduce"]).exists()


def test_a_laboratory_that_stops_is_told_and_the_alert_ends_when_it_sends_again(
    clinic: tuple[Clinic, Postbox], client: Client, person: Callable[..., User]
) -> None:
    made, postbox = clinic
    make_person("admin1", "administrator")
    course = open_course()
    ExpectedTraffic.objects.create(
        sender=make_sender(),
        days="mon,tue,wed,thu,fri,sat,sun",
        hours="00:00-24:00",
        warn_hours=4,
        critical_hours=10,
        set_up_at=database_now() - timedelta(hours=5),
    )
    alert = until(standing(Kind.FEED_SILENT), within=60, what=f"the alert\n{made.log()}")
    assert alert.severity == 2
    until(mailed_to(postbox, "admin1@clinic.example"), within=60, what=f"the mail\n{made.log()}")
    client.force_login(person("nurse"))
    assert "no message from testlab has ever come" in client.get("/admin/").content.decode()

    ExpectedTraffic.objects.update(set_up_at=database_now() - timedelta(hours=11))
    until(
        lambda: Alert.objects.filter(kind=Kind.FEED_SILENT, severity=1).exists(),
        within=60,
        what=f"it becomes critical\n{made.log()}",
    )
    made.send(panel_message(course.patient, drawn_at=database_now() - timedelta(hours=3)))
    until(
        lambda: Alert.objects.filter(kind=Kind.FEED_SILENT, state=State.CLOSED).exists(),
        within=60,
        what=f"it ends\n{made.log()}",
    )
    assert "no message from testlab" not in client.get("/admin/").content.decode()


def test_the_runner_alone_brings_a_trial_from_the_socket_to_the_mailbox_and_back(
    clinic: tuple[Clinic, Postbox],
) -> None:
    made, postbox = clinic
    until(
        lambda: CanaryRun.objects.filter(outcome=CanaryOutcome.PASSED).exists(),
        within=90,
        what=f"a trial passes\n{made.log()}",
    )
    assert mailed_to(postbox, "canary@clinic.example")()
    assert {mail.person.username for mail in Notification.objects.all()} == {"canary"}
    assert Acknowledgement.objects.get().person.username == "canary"


def test_a_listener_that_died_is_noticed_by_the_runner_that_does_not_depend_on_it(
    real_commits: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """The only process is the runner; its trial's five minutes are over by the row, not by waiting."""
    make_person("admin1", "administrator")
    settings: dict[str, Any] = {"DATABASE_URL": real_commits, "CANARY": "true"}
    made = Clinic(var_dir=tmp_path / "var", web_port=free_port(), mllp_port=free_port(), settings=settings)
    made.start("runner", "--every", "0.5")
    try:
        until(CanaryRun.objects.exists, within=60, what=f"a trial begins\n{made.log()}")
        time.sleep(1)
        CanaryRun.objects.update(started_at=database_now() - timedelta(minutes=5))
        alert = until(standing(Kind.CANARY_BROKEN), within=60, what=f"the alarm\n{made.log()}")
        assert (alert.severity, alert.about["stage"]) == (1, "sent")
    finally:
        assert not made.stop()
