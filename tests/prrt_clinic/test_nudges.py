"""A nudge carries ids to the next stage; a broker that fails costs little and breaks nothing."""

import logging
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from alerts.signals import mails_owed
from courses.signals import decision_recorded
from labs.signals import evidence_changed, message_kept
from prrt_clinic.celery import app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sent(monkeypatch):
    calls = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **_: calls.append((name, *args)))
    return calls


def test_each_stage_wakes_the_next_with_ids_only(sent):
    message_kept.send(sender=None, message_ids=[3, 4])
    decision_recorded.send(sender=None, decision_ids=[5])
    assert sent == [("labs.tasks.read_messages", [3, 4]), ("alerts.tasks.triage_decisions", [5])]


def test_a_persons_act_on_an_alert_asks_for_its_mails_without_a_word_about_it(monkeypatch):
    calls = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **_: calls.append((name, args)))
    mails_owed.send(sender=None)
    assert calls == [("alerts.tasks.dispatch_due", [])]


@pytest.mark.django_db
def test_patients_without_an_open_course_wake_nobody(sent):
    evidence_changed.send(sender=None, patient_ids=[999_999])
    assert sent == []


def test_many_ids_travel_in_chunks(sent):
    message_kept.send(sender=None, message_ids=list(range(1200)))
    assert [len(ids) for _name, ids in sent] == [500, 500, 200]


def test_a_refused_publish_is_logged_without_ids_and_breaks_nothing(monkeypatch, caplog):
    def refuses(*_, **__):
        raise OperationalError("redis://:secret@host is away")

    monkeypatch.setattr(app, "send_task", refuses)
    monkeypatch.setattr(logging.getLogger("prrt_clinic"), "propagate", True)
    message_kept.send(sender=None, message_ids=[4711])
    assert "labs.tasks.read_messages" in caplog.text
    assert "4711" not in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("environment", ["demo", "test"])
def test_a_command_that_nudges_an_embedded_broker_says_nothing_about_it(environment, tmp_path):
    script = (
        "import django; django.setup()\n"
        "from prrt_clinic.nudges import read_messages\n"
        "read_messages(message_ids=[1], sender=None)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=dict(os.environ, PRRT_ENV=environment, PRRT_VAR_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == ("", "")


@pytest.mark.parametrize("broker", ["gone", "silent"])
def test_a_dead_or_silent_broker_holds_a_caller_for_a_few_seconds_at_most(broker, tmp_path):
    script = (
        "import time, django; django.setup()\n"
        "from prrt_clinic.nudges import read_messages\n"
        "start = time.monotonic()\n"
        "read_messages(message_ids=[1], sender=None)\n"
        "print(time.monotonic() - start)\n"
    )
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        if broker == "silent":
            listener.listen(8)
        environment = dict(os.environ, PRRT_ENV="demo", PRRT_VAR_DIR=str(tmp_path))
        environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        ran = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    assert float(ran.stdout) < 6
    assert "No nudge for labs.tasks.read_messages" in ran.stderr
