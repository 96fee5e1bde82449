"""`manage.py runclinic`: everything starts together, what dies comes back, Ctrl-C leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from labs.services import register_patient

ROOT = Path(__file__).resolve().parents[3]


class Run:
    """One run of the command in a process group of its own, as a terminal would start it."""

    def __init__(self, *, database, place, web_port, mllp_port):
        self.address, self.place = f"http://127.0.0.1:{web_port}", place
        self.web_port, self.mllp_port = web_port, mllp_port
        self.log = place / "screen"
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
            "PRRT_ENV": "demo",
            "PRRT_VAR_DIR": str(place),
            "DATABASE_URL": database,
            "WEB_PORT": str(web_port),
            "MLLP_PORT": str(mllp_port),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "runclinic"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self):
        return self.log.read_text(encoding="utf-8")

    def becomes(self, condition, what, seconds=90):
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None or what == "ended", self.said()
            assert time.monotonic() < deadline, f"not {what} in time:\n{self.said()}"
            time.sleep(0.1)

    def members(self):
        """The processes of the group that still live, by what they run."""
        table = subprocess.run(
            ["ps", "-eo", "pgid=,pid=,stat=,args="], capture_output=True, text=True, check=True
        )
        rows = [line.split(None, 3) for line in table.stdout.splitlines()]
        return {
            int(pid): args
            for group, pid, stat, args in rows
            if int(group) == self.process.pid and stat[0] != "Z"
        }

    def public(self):
        """Style sheets, and what the test itself made: the screen, the copy of the database."""
        return {self.log, *self.place.glob("copy.sqlite3*"), *self.place.glob("static/**/*")}

    def ctrl_c(self):
        os.killpg(self.process.pid, signal.SIGINT)
        self.becomes(lambda: self.process.poll() is not None, "ended", 30)

    def end(self):
        if self.members():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def started(real_commits, tmp_path, free_port):
    """Starts runs on one database that is no demonstration's."""
    register_patient(
        mrn="1", assigning_authority="CLINIC", family="Example", given="Eva",
        birth_date=date(1960, 1, 1), sex="female",
    )  # fmt: skip
    runs = []

    def start(**ports):
        usual = {"web_port": free_port(), "mllp_port": free_port()}
        runs.append(Run(database=real_commits, place=tmp_path, **(usual | ports)))
        return runs[-1]

    yield start
    for run in runs:
        run.end()


def test_a_run_starts_heals_refuses_a_second_and_ends_with_nothing_left(started):
    run = started()
    run.becomes(lambda: run.said().rstrip().endswith(run.address), "ready")
    with urllib.request.urlopen(f"{run.address}/health/ready") as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{run.address}/accounts/login/") as answer:
        assert b"password" in answer.read()

    manage = f"PRRT_VAR_DIR={run.place} {sys.executable} manage.py"
    assert f"{manage} send_sample --port {run.mllp_port}\n" in run.said()
    assert f"{manage} token --role pharmacy --name NAME\n" in run.said()

    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{run.address}/x%0aFORGED%20line%1b%5b31m")
    access = run.place / "log" / "web.log"
    run.becomes(lambda: "FORGED" in access.read_text(), "logged", 10)
    assert r"/x\nFORGED line\x1b[31m" in access.read_text()

    kept = [path for path in run.place.rglob("*") if path.is_file() and path not in run.public()]
    assert access in kept
    assert [path for path in kept if path.stat().st_mode & 0o077] == []

    [mllp] = [pid for pid, args in run.members().items() if "listen_mllp" in args]
    os.kill(mllp, signal.SIGKILL)
    run.becomes(lambda: "mllp died (signal SIGKILL); restarting it." in run.said(), "healed", 10)
    run.becomes(lambda: _answers(run.mllp_port), "listening again", 20)

    second = started()
    assert second.process.wait(30) == 1
    assert "already runs" in second.said()

    run.ctrl_c()
    assert run.process.returncode == 0
    assert run.members() == {}
    assert "Nothing is left running." in run.said()


@pytest.mark.parametrize(("door", "variable"), [("web_port", "WEB_PORT"), ("mllp_port", "MLLP_PORT")])
def test_a_port_in_use_is_named_before_anything_is_started(started, door, variable):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = started(**{door: port})
        assert run.process.wait(30) == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in run.said()
    assert re.search(rf"{variable}=\d+ make run", run.said())
    other = {"web_port": f"MLLP_PORT={run.mllp_port}", "mllp_port": f"WEB_PORT={run.web_port}"}[door]
    assert f"PRRT_VAR_DIR={run.place} {other} {variable}=" in run.said()
    assert "Database" not in run.said()


def test_production_is_not_run_this_way(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match=r"docker-compose\.yml"):
        call_command("runclinic")


def _answers(port):
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
