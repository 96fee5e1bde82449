"""The second runner's round: all stages, none stopped by another, and young work left to Celery."""

from datetime import timedelta

import pytest

from alerts.models import Alert, Heartbeat, Triage
from alerts.services import heartbeat, rounds
from alerts.services.rounds import BATCH, Stage, make_round
from courses.models import CourseStatus
from labs.clock import database_now
from tests.builders_alerts import make_course, make_decision, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.usefixtures("real_commits")


def test_one_round_goes_from_decision_to_mail(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    make_decision(make_course(status=CourseStatus.STOPPED), made_at=database_now())
    made = make_round(all_due=True)
    assert made.failed == ()
    assert dict(made.done)["decisions triaged"] == 1
    assert dict(made.done)["mails sent"] == 1
    assert len(smtp.room.letters) == 1
    assert Heartbeat.objects.filter(name=heartbeat.RUNNER).exists()


def test_young_work_is_left_to_celery_only_while_celery_shows_a_sign_of_life(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    make_decision(make_course(status=CourseStatus.STOPPED), made_at=database_now())
    heartbeat.beat(name=heartbeat.CELERY)
    make_round()
    assert not Triage.objects.exists()
    heartbeat.beat(name=heartbeat.CELERY, now=database_now() - timedelta(seconds=61))
    make_round()
    assert Triage.objects.count() == 1


def test_a_heartbeat_that_never_came_is_not_fresh() -> None:
    now = database_now()
    assert not heartbeat.is_fresh(name=heartbeat.CELERY, now=now)
    heartbeat.beat(name=heartbeat.CELERY, now=now)
    assert heartbeat.is_fresh(name=heartbeat.CELERY, now=now + timedelta(seconds=59))
    assert not heartbeat.is_fresh(name=heartbeat.CELERY, now=now + timedelta(seconds=60))


def test_a_stage_that_fails_keeps_no_later_stage_from_its_work(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_person("oncall1", "on-call")
    make_decision(make_course(status=CourseStatus.STOPPED), made_at=database_now())

    def broken(older_than: timedelta | None) -> int:
        raise RuntimeError("the laboratory stage is broken")

    stages = (Stage(name="messages read", work=broken), *rounds.STAGES[1:])
    monkeypatch.setattr(rounds, "STAGES", stages)
    made = make_round(all_due=True)
    assert made.failed == ("messages read",)
    assert Alert.objects.get().state == "open"
    assert len(smtp.room.letters) == 1


def test_everything_due_is_done_even_beyond_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [BATCH, BATCH, 7]
    stage = Stage(name="messages read", work=lambda older_than: left.pop(0))
    monkeypatch.setattr(rounds, "STAGES", (stage,))
    assert make_round(all_due=True).done == (("messages read", 2 * BATCH + 7),)
