"""The supervisor restarts what dies, gives up when that is hopeless, and leaves nothing running."""

import os
import signal
import sys
import time

import pytest

from prrt_clinic import supervisor as module
from prrt_clinic.supervisor import Child, GaveUp, Supervisor

SLEEPS = "import time\nwhile True: time.sleep(1)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\n" + SLEEPS
)


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(said):
    made = Supervisor(environment=dict(os.environ), say=said.append)
    yield made
    made.stop()


def child(tmp_path, script, name="worker"):
    return Child(name=name, command=[sys.executable, "-c", script], log=tmp_path / "log" / f"{name}.log")


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_killed_process_is_named_and_restarted(supervisor, said, tmp_path):
    sleeper = child(tmp_path, SLEEPS)
    supervisor.start(sleeper)
    first = sleeper.process.pid
    os.kill(first, signal.SIGKILL)
    sleeper.process.wait()
    supervisor.watch()
    assert sleeper.process.pid != first
    assert said == [f"worker died (signal SIGKILL); restarting it. Its log: {sleeper.log}"]


def test_a_process_that_keeps_dying_ends_the_run_with_its_last_words(supervisor, said, tmp_path):
    broken = child(tmp_path, "print('no such table'); raise SystemExit(3)")
    supervisor.start(broken)

    def watch_until_given_up():
        broken.process.wait()
        supervisor.watch()

    with pytest.raises(GaveUp) as error:
        for _ in range(10):
            watch_until_given_up()
    assert len(said) == module.MOST_DEATHS
    assert "worker has died 4 times" in str(error.value)
    assert "exit code 3" in str(error.value)
    assert "no such table" in str(error.value)


def test_deaths_long_ago_are_forgiven(supervisor, tmp_path):
    sleeper = child(tmp_path, SLEEPS)
    supervisor.start(sleeper)
    sleeper.deaths.extend([time.monotonic() - 2 * module.DEATHS_WITHIN] * 10)
    sleeper.process.kill()
    sleeper.process.wait()
    supervisor.watch()
    assert len(sleeper.deaths) == 1


def test_stopping_ends_everything_and_names_what_had_to_be_killed(supervisor, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 1.0)
    willing, stubborn = child(tmp_path, SLEEPS, "web"), child(tmp_path, STUBBORN, "mllp")
    supervisor.start(willing)
    supervisor.start(stubborn)
    until(lambda: "up" in stubborn.log.read_text())
    assert supervisor.stop() == ["mllp"]
    assert willing.process.returncode == -signal.SIGTERM
    assert stubborn.process.returncode == -signal.SIGKILL


def test_nothing_is_restarted_while_stopping(supervisor, tmp_path):
    sleeper = child(tmp_path, SLEEPS)
    supervisor.start(sleeper)
    supervisor.stop()
    supervisor.watch()
    assert sleeper.process.poll() is not None


def test_ctrl_c_reaches_the_supervisor_and_not_its_children(supervisor, tmp_path):
    sleeper = child(tmp_path, SLEEPS)
    supervisor.start(sleeper)
    until(lambda: sleeper.process.poll() is None)
    time.sleep(0.3)
    os.kill(sleeper.process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert sleeper.process.poll() is None
    with supervisor.stopped_by_signals():
        os.kill(os.getpid(), signal.SIGINT)
        supervisor.run_until_stopped()
    assert supervisor.stopping


def test_a_long_log_is_put_aside(supervisor, tmp_path):
    sleeper = child(tmp_path, SLEEPS)
    sleeper.log.parent.mkdir()
    sleeper.log.write_bytes(b"x" * (module.LARGEST_LOG + 1))
    supervisor.start(sleeper)
    assert sleeper.log.stat().st_size < 1000
    assert sleeper.log.with_suffix(".old.log").is_file()
