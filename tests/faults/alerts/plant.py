"""One installation under test: its processes, each in a group of its own, its broker and its mail server."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from alerts.models import Heartbeat
from alerts.services.heartbeat import CELERY, RUNNER, WORKER
from labs.clock import database_now
from tests.faults.alerts.launch import SCALE
from tests.faults.alerts.sink import Sink
from tests.open_policy import round_the_clock

START_SECONDS = 90.0
CELERY_LONELY = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
Found = TypeVar("Found")


def until(found: Callable[[], Found], *, within: float, what: str, every: float = 0.1) -> Found:
    """Ask until the answer is true; fail with words when it does not become so in time."""
    deadline = time.monotonic() + within
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        time.sleep(every)
    return answer


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """A Redis server of one test, which may be stopped, started and emptied."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it empty and wait until it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(
            [*command, "--maxmemory-policy", "noeviction"],
            stdout=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        until(lambda: self.says("PING") == b"+PONG", within=20, what="Redis answers")

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def says(self, *words: str) -> bytes:
        """The first line of the answer to one command; nothing where it is not there."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
                line.sendall((" ".join(words) + "\r\n").encode())
                return line.recv(65536).split(b"\r\n")[0]
        except OSError:
            return b""


class Process:
    """One process of the service with everything it starts, in a group of its own."""

    def __init__(
        self, *, name: str, command: tuple[str, ...], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name, self.command, self.environment, self.log = name, command, environment, log
        self.deaths = 0
        self._start()

    def _start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.alerts.launch", *self.command],
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def restart_if_dead(self) -> bool:
        """Start it again when it has died; whether it had."""
        if self.process.poll() is None:
            return False
        self.deaths += 1
        self._signal(signal.SIGKILL)  # what it had started, too
        self._start()
        return True

    def kill(self) -> None:
        """As a power cut does, with everything it started; waits for no one."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it stand still."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def end(self, *, within: float = 30) -> float:
        """Ask it to end as a deployment does; how many seconds that took. It is killed when it does not."""
        began = time.monotonic()
        self.thaw()
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(within)
        took = time.monotonic() - began
        self.kill()
        self.process.wait()
        return took

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Plant:
    """Starts and ends the processes of one installation."""

    def __init__(self, *, database_url: str, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker()
        self.sink = Sink(free_port())
        self.mllp_port, self.web_port = free_port(), free_port()
        self.processes: list[Process] = []
        # Waiting times that the processes started from now on have shortened.
        self.scale: dict[str, float] = {}
        self.environment = os.environ | {
            "DATABASE_URL": database_url,
            "REDIS_URL": self.broker.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.sink.port}",
            "SITE_URL": f"http://127.0.0.1:{self.web_port}",
            "PRRT_VAR_DIR": str(folder / "var"),
            "SECRET_KEY": settings.SECRET_KEY,
            "PYTHONUNBUFFERED": "1",
            # Rows run by the real clock: what waits for the morning would be late at night only.
            "ALERT_POLICY": str(round_the_clock(folder)),
        }

    def different(self) -> dict[str, str]:
        """What this installation's environment adds to the test's own."""
        return {name: text for name, text in self.environment.items() if os.environ.get(name) != text}

    def open(self) -> None:
        """Broker and mail server."""
        self.broker.start()
        self.sink.open()

    def worker(self, *, pool: str = "threads", armed: str = "") -> Process:
        """The Celery worker that wakes people."""
        return self._worker("alerter", "critical-mail", pool=pool, armed=armed)

    def other_worker(self) -> Process:
        """The Celery worker for everything else."""
        return self._worker("worker", "mail,default", pool="threads", armed="")

    def _worker(self, name: str, queues: str, *, pool: str, armed: str) -> Process:
        options = ("--pool", pool, "--concurrency", "2", *CELERY_LONELY, "--hostname", f"{name}@%h")
        return self.start(name, "celery", "worker", *options, "--queues", queues, armed=armed)

    def beat(self) -> Process:
        """Celery's clock."""
        schedule = self.folder / f"beat-{len(self.processes)}"
        return self.start(
            "beat", "celery", "beat", "--loglevel", "WARNING", "--pidfile", "", "--schedule", str(schedule)
        )

    def runner(self, *, every: float = 10, armed: str = "") -> Process:
        """The second runner, which needs no broker."""
        return self.start("runner", "manage", "runner", "--every", str(every), armed=armed)

    def listener(self) -> Process:
        """The laboratory's door; waits until it accepts."""
        process = self.start(
            "listener", "manage", "listen_mllp", "--host", "127.0.0.1", "--port", str(self.mllp_port)
        )
        until(
            lambda: _accepts(self.mllp_port), within=START_SECONDS, what=f"the listener accepts\n{self.log()}"
        )
        return process

    def until_working(self, *names: str) -> None:
        """Until beat, broker and worker (`celery`) or the runner have shown a sign of life just now."""
        since = database_now()
        until(
            lambda: Heartbeat.objects.filter(name__in=names, at__gte=since).count() == len(names),
            within=START_SECONDS,
            what=f"{names} work\n{self.log()}",
        )

    def open_stack(self) -> None:
        """Everything but the doors: both workers, beat and runner, at work."""
        self.worker()
        self.other_worker()
        self.beat()
        self.runner()
        self.until_working(CELERY, WORKER, RUNNER)

    def start(self, name: str, *command: str, armed: str = "") -> Process:
        """One process; `armed` names the point at which it dies."""
        scale = " ".join(f"{place}={seconds}" for place, seconds in self.scale.items())
        process = Process(
            name=name,
            command=command,
            environment=self.environment | {"PRRT_FAILPOINT": armed, SCALE: scale},
            log=self.folder / f"{name}.log",
        )
        self.processes.append(process)
        return process

    def log(self) -> str:
        """Which processes have ended and how, and the last lines that every one wrote."""
        files = sorted(self.folder.glob("*.log"))
        ended = [
            f"{each.name}: {code}" for each in self.processes if (code := each.process.poll()) is not None
        ]
        return f"ended: {ended}\n" + "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in files
        )

    def close(self) -> None:
        """End everything, and leave nothing running."""
        self.sink.calm()
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.process.wait()
        self.sink.close()
        self.broker.stop()


def _accepts(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
