"""The second runner from outside: another process on the same database, and no broker anywhere."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alerts.models import Alert, Heartbeat, Notification
from courses.models import CourseStatus
from labs.clock import database_now
from tests.builders_alerts import CANARIES, make_course, make_decision, make_person
from tests.smtp_server import SmtpServer

ROOT = Path(__file__).resolve().parents[3]


def environment(database_url: str, smtp: SmtpServer, folder: Path) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": database_url,
        "EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}",
        "PRRT_VAR_DIR": str(folder),
        "PRRT_ENV": "demo",
    }


def start(arguments: list[str], **settings: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "runner", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_once_does_all_that_is_due_and_ends_with_zero(
    real_commits: str, smtp: SmtpServer, tmp_path: Path
) -> None:
    make_person("oncall1", "on-call")
    make_decision(make_course(status=CourseStatus.STOPPED), made_at=database_now())
    process = start(["--once"], **environment(real_commits, smtp, tmp_path / "var"))
    said, complained = process.communicate(timeout=60)
    assert process.returncode == 0, complained
    assert "decisions triaged: 1" in said
    assert "mails sent: 1" in said
    assert Alert.objects.get().state == "open"
    assert Notification.objects.get().state == "accepted"
    assert len(smtp.room.letters) == 1
    for canary in CANARIES:
        assert canary not in said + complained


def test_sigterm_ends_the_runner_after_its_round(real_commits: str, smtp: SmtpServer, tmp_path: Path) -> None:
    process = start(["--every", "0.2"], **environment(real_commits, smtp, tmp_path / "var"))
    for _ in range(300):
        if Heartbeat.objects.filter(name="runner").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said, complained = process.communicate(timeout=30)
    assert process.returncode == 0, complained
    assert "has ended" in said


@pytest.mark.parametrize("every", ["0", "-1"])
def test_a_pace_that_makes_no_sense_is_refused(
    real_commits: str, smtp: SmtpServer, tmp_path: Path, every: str
) -> None:
    process = start([f"--every={every}"], **environment(real_commits, smtp, tmp_path / "var"))
    _, complained = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "more than 0 seconds" in complained
