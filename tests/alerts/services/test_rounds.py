"""The second runner's round: all stages, none stopped by another, and young work left to Celery."""

from datetime import timedelta

import pytest
from django.db import DatabaseError

from alerts.models import Alert, Heartbeat, Triage
from alerts.services import heartbeat, rounds
from alerts.services.rounds import BATCH, Stage, Sweeps, Turn, make_round
from courses.models import CourseStatus
from courses.services.assess import AssessmentFailed
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import BodyWeight
from labs.zones import clinic_zone
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
    heartbeat.beat(name=heartbeat.CELERY, now=database_now() - timedelta(seconds=31))
    make_round()
    assert Triage.objects.count() == 1


def test_a_heartbeat_that_never_came_is_not_fresh() -> None:
    now = database_now()
    assert not heartbeat.is_fresh(name=heartbeat.CELERY, now=now)
    heartbeat.beat(name=heartbeat.CELERY, now=now)
    assert heartbeat.is_fresh(name=heartbeat.CELERY, now=now + timedelta(seconds=29))
    assert not heartbeat.is_fresh(name=heartbeat.CELERY, now=now + timedelta(seconds=30))


def test_a_stage_that_fails_keeps_no_later_stage_from_its_work(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_person("oncall1", "on-call")
    make_decision(make_course(status=CourseStatus.STOPPED), made_at=database_now())

    def broken(turn: Turn) -> int:
        raise RuntimeError("the laboratory stage is broken")

    stages = (Stage(name="messages read", work=broken), *rounds.STAGES[1:])
    monkeypatch.setattr(rounds, "STAGES", stages)
    made = make_round(all_due=True)
    assert made.failed == ("messages read",)
    assert Alert.objects.get().state == "open"
    assert len(smtp.room.letters) == 1


def test_everything_due_is_done_even_beyond_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [BATCH, BATCH, 7]
    stage = Stage(name="messages read", work=lambda turn: left.pop(0))
    monkeypatch.setattr(rounds, "STAGES", (stage,))
    assert make_round(all_due=True).done == (("messages read", 2 * BATCH + 7),)


def assessed(sweeps: Sweeps) -> int:
    """How many courses one round assessed."""
    return dict(make_round(sweeps=sweeps).done)["courses assessed"]


def test_beside_a_living_celery_every_course_is_assessed_at_the_start_and_once_a_minute() -> None:
    make_course()
    sweeps = Sweeps()
    heartbeat.beat(name=heartbeat.CELERY)
    assert [assessed(sweeps), assessed(sweeps)] == [1, 0]
    assert sweeps.began is not None
    sweeps.began -= 51
    assert [assessed(sweeps), assessed(sweeps)] == [1, 0]


def test_without_celery_every_round_assesses_every_course() -> None:
    make_course()
    sweeps = Sweeps()
    assert [assessed(sweeps), assessed(sweeps)] == [1, 1]


def test_without_celery_long_sweeps_leave_room_for_the_other_stages_but_not_for_new_evidence() -> None:
    course = make_course()
    sweeps = Sweeps()
    assert assessed(sweeps) == 1
    sweeps.took = 6
    assert assessed(sweeps) == 0
    BodyWeight.objects.create(
        patient=course.patient,
        measured_on=clinic_day(database_now(), clinic_zone()),
        kg="70",
        recorded_at=database_now(),
        recorded_by="nurse1",
    )
    assert assessed(sweeps) == 1
    assert sweeps.took == 6
    assert sweeps.began is not None
    sweeps.began -= 21
    assert assessed(sweeps) == 1
    assert sweeps.took < 6


def test_a_full_sweep_that_failed_is_made_again_in_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeat.beat(name=heartbeat.CELERY)
    asked: list[timedelta | None] = []

    def broken(*, older_than: timedelta | None) -> int:
        asked.append(older_than)
        raise DatabaseError("the database went away")

    monkeypatch.setattr(rounds, "sweep_courses", broken)
    sweeps = Sweeps()
    for _ in range(2):
        assert make_round(sweeps=sweeps).failed == ("courses assessed",)
    assert asked == [None, None]


def test_a_course_that_always_fails_does_not_make_every_round_a_full_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heartbeat.beat(name=heartbeat.CELERY)
    asked: list[timedelta | None] = []

    def failing(*, older_than: timedelta | None) -> int:
        asked.append(older_than)
        raise AssessmentFailed("1 of 2 courses could not be assessed")

    monkeypatch.setattr(rounds, "sweep_courses", failing)
    sweeps = Sweeps()
    for _ in range(2):
        make_round(sweeps=sweeps)
    assert asked == [None, rounds.LEFT_TO_CELERY]
