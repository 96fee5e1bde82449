"""`manage.py replay_decisions`: stored evidence gives the stored answer, and a difference is found."""

from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from courses.models import Course, Decision
from courses.replay import differences
from courses.services.assess import AssessmentFailed, assess_course, assess_courses
from tests.builders import clinic_time, draw, give_cycle, make_course, make_patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(person: Callable[..., User]) -> Course:
    """A course with decisions to proceed, to wait and to delay behind it."""
    physician = person("physician", "authorised-user")
    course = make_course(make_patient(), first_on=date(2026, 1, 12), by=physician)
    give_cycle(course.cycles.get(number=1), by=physician)
    assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 20)))
    draw(course.patient, date(2026, 3, 3), PLT="60", HGB="70")
    assess_course(course_id=course.pk, now=clinic_time(date(2026, 3, 4)))
    return course


def test_every_stored_decision_is_reached_again(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    assert {decision.action for decision in course.decisions.all()} == {"proceed", "hold", "delay"}
    call_command("replay_decisions")
    assert "3 decisions replayed, 0 differ" in capsys.readouterr().out


def test_a_changed_answer_is_reported_and_ends_with_status_one(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = course.decisions.latest("pk")
    altered = Decision(
        **{
            field.attname: getattr(decision, field.attname)
            for field in Decision._meta.concrete_fields
            if field.attname not in ("id", "public_id")
        }
    )
    altered.answer = {**decision.answer, "stops_on": "2026-01-01"}
    altered.save()
    with pytest.raises(SystemExit) as ended:
        call_command("replay_decisions")
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert f"decision {altered.public_id}: stops_on: stored '2026-01-01'" in out
    assert "4 decisions replayed, 1 differ" in out


def test_evidence_that_can_no_longer_be_read_is_reported(course: Course) -> None:
    decision = course.decisions.latest("pk")
    decision.situation = {**decision.situation, "protocol": "gone"}
    assert "can no longer be read" in next(differences(decision))


def test_a_hold_for_a_fault_rests_on_nothing_and_is_counted(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    Course.objects.filter(pk=course.pk).update(protocol_id="gone")
    with pytest.raises(AssessmentFailed):
        assess_courses([course.pk], now=clinic_time(date(2026, 3, 5)))
    call_command("replay_decisions")
    assert "1 rest on no evidence" in capsys.readouterr().out
