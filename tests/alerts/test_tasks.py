"""The thin doors for Celery: each does its service's work and no more."""

import pytest

from alerts import tasks
from alerts.models import Alert, Heartbeat, Triage
from alerts.services.triage import TriageFailed
from courses.models import Decision
from labs.clock import database_now
from tests.builders_alerts import make_alert, make_course, make_decision, make_kept_message, make_person
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.usefixtures("real_commits"), pytest.mark.usefixtures("never_closed")]


def test_a_nudge_triages_its_decision_and_the_mail_leaves_in_the_same_task(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    decision = make_decision(make_course(), made_at=database_now())
    make_decision(make_course(), made_at=database_now())
    make_kept_message(at=database_now())
    tasks.triage_decisions([decision.pk])
    assert Triage.objects.get().decision == decision
    assert len(smtp.room.letters) == 1


def test_the_tick_finds_every_decision_and_every_kept_message(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call", "nurse")
    make_decision(make_course(), made_at=database_now())
    make_kept_message(at=database_now())
    tasks.triage_decisions()
    assert {alert.kind for alert in Alert.objects.all()} == {"delay", "lab-quarantine"}
    assert len(smtp.room.letters) == 2


def test_a_row_that_fails_stops_neither_the_kept_messages_nor_the_mails(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call", "nurse")
    make_kept_message(at=database_now())
    sound = make_decision(make_course(), made_at=database_now())
    other = make_course()
    columns = {field.attname: getattr(sound, field.attname) for field in Decision._meta.concrete_fields}
    for name in ("id", "public_id"):
        del columns[name]
    columns |= {"course_id": other.pk, "cycle_id": other.cycles.get().pk, "answer": {"reasons": ["?"]}}
    Decision.objects.create(**columns)
    with pytest.raises(TriageFailed):
        tasks.triage_decisions()
    assert len(smtp.room.letters) == 2


def test_steps_mails_and_signs_of_life_have_their_doors(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    alert = make_alert(now=database_now())
    Alert.objects.filter(pk=alert.pk).update(next_step_at=database_now())
    tasks.run_due_steps()
    tasks.dispatch_due()
    tasks.beat_heartbeat()
    alert.refresh_from_db()
    assert alert.step == 2
    assert len(smtp.room.letters) == 1  # the second mail took the place of the first, which had not left
    assert Heartbeat.objects.get().name == "celery"


def test_the_mails_of_a_step_leave_with_it_not_at_the_next_tick(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    alert = make_alert(now=database_now())
    Alert.objects.filter(pk=alert.pk).update(next_step_at=database_now())
    tasks.run_due_steps()
    assert len(smtp.room.letters) == 1


def test_where_no_step_is_due_its_tick_sends_nothing(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    make_alert(now=database_now())
    tasks.run_due_steps()
    assert smtp.room.offered == 0
