"""A laboratory's own ledger: what it sent, what was acknowledged, and what we must have made of it."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from labs.formats.mllp_frames import framed
from labs.models import LabMessage, MessageOutcome, Observation, QuarantinedResult, Result
from tests.builders_labs import make_patient, make_sender, message, msh, obr, obx, pid
from tests.running_listener import MANAGE, frames

PATIENCE_SECONDS = 240.0


@dataclass(kw_only=True)
class Ledger:
    """One laboratory: it sends each message until it is accepted or refused for good."""

    port: int
    sent: dict[str, bytes] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    repeats: int = 0
    refusals: int = 0  # AE: not now

    def deliver(self, bodies: dict[str, bytes], *, pause: Callable[[], float] = lambda: 0.0) -> None:
        """Send these messages in order over one connection, anew after each break, as engines do."""
        self.sent |= bodies
        give_up = time.monotonic() + PATIENCE_SECONDS
        line: socket.socket | None = None
        for control_id, body in bodies.items():
            while control_id not in self.answered:
                assert time.monotonic() < give_up, f"{control_id} was not taken in time"
                try:
                    line = line or socket.create_connection(("127.0.0.1", self.port), timeout=20)
                    line.sendall(framed(body))
                    found = frames(line, 1)
                    if not found:
                        raise ConnectionError
                    [said] = found[0].said
                    assert said[3:] == control_id, f"an answer to {said[3:]} came for {control_id}"
                    if said.startswith("AE"):
                        self.refusals += 1
                        time.sleep(0.2)
                    else:
                        self.answered[control_id] = said[:2]
                except OSError:
                    self.repeats += 1
                    if line is not None:
                        line.close()
                    line = None
                    time.sleep(0.1)
            time.sleep(pause())
        if line is not None:
            line.close()


def make_clinic() -> None:
    """The laboratory and its one patient of ours."""
    make_sender()
    make_patient()


def messages(name: str, count: int) -> dict[str, bytes]:
    """Messages of one connection: most good, some refused by their header, some for a person to look at."""
    made = {}
    for number in range(count):
        control_id = f"{name}-{number}"
        order, at = f"F{name}{number}", f"20260504{number // 60:02d}{number % 60:02d}00+0200"
        head, who = msh(control_id), pid()
        if number % 10 == 3:
            head = msh(control_id, f11="T")
        if number % 10 == 7:
            who = pid("7777^^^CLINIC^MR")
        made[control_id] = message(head, who, obr(order, collected=at), obx(collected=at))
    return made


def compare(ledger: Ledger) -> Counter[str]:
    """Every message the sender knows stands here once, with the fate it must have; returns the fates."""
    rows = {row.control_id: row for row in LabMessage.objects.all()}
    assert LabMessage.objects.count() == len(rows) == len(ledger.sent)
    assert {control_id: bytes(row.body) for control_id, row in rows.items()} == ledger.sent
    assert {control_id: row.ack_code for control_id, row in rows.items()} == ledger.answered
    fates = Counter(MessageOutcome.objects.values_list("state", flat=True))
    assert sum(fates.values()) == len(rows), "a message has no outcome"
    good = [number for number in map(_number, rows) if number % 10 not in {3, 7}]
    strange = [number for number in map(_number, rows) if number % 10 == 7]
    refused = [number for number in map(_number, rows) if number % 10 == 3]
    assert (
        fates
        == Counter({"read": len(good), "quarantined": len(strange), "rejected": len(refused)}) - Counter()
    ), fates
    assert Observation.objects.count() == Result.objects.count() == len(good)
    assert not Result.objects.filter(current__isnull=True).exists()
    assert QuarantinedResult.objects.count() == len(strange)
    return fates


def _number(control_id: str) -> int:
    return int(control_id.rsplit("-", 1)[1])


class Supervisor:
    """Keeps one process running, as a service manager does; the first may be armed to die."""

    def __init__(self, *command: str, environment: dict[str, str], armed: str = "") -> None:
        self.command, self.environment = command, environment
        self.deaths: list[int] = []
        self._stop = threading.Event()
        self.process = self._start(armed)
        self._watch = threading.Thread(target=self._keep_running)
        self._watch.start()

    def _start(self, armed: str = "") -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, MANAGE, *self.command],
            env=os.environ | self.environment | {"PRRT_FAILPOINT": armed},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _keep_running(self) -> None:
        while not self._stop.is_set():
            with suppress(subprocess.TimeoutExpired):
                code = self.process.wait(0.05)
                if not self._stop.is_set():
                    self.deaths.append(code)
                    self.process = self._start()

    def kill(self) -> None:
        """Kill it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Stop it for good."""
        self._stop.set()
        self._watch.join()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()


@contextmanager
def supervised(*command: str, armed: str = "", **environment: str) -> Iterator[Supervisor]:
    """A supervised process for as long as the block lasts."""
    supervisor = Supervisor(*command, environment=environment, armed=armed)
    try:
        yield supervisor
    finally:
        supervisor.close()


def under_load(ledger: Ledger, *, connections: int, each: int, name: str = "c") -> list[threading.Thread]:
    """Start several connections of one laboratory, all sending at once."""
    rng = random.Random(connections * each)
    threads = [
        threading.Thread(
            target=ledger.deliver,
            args=(messages(f"{name}{number}", each),),
            kwargs={"pause": lambda: rng.uniform(0, 0.02)},
        )
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    return threads


def wait(threads: Sequence[threading.Thread]) -> None:
    """Until all have sent everything."""
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "a sender did not finish"


def run_until_read(url: str, *, armed: str = "") -> int:
    """One pass of the reading worker in a process of its own; its exit code."""
    done = subprocess.run(
        [sys.executable, MANAGE, "runner", "--once"],
        env=os.environ | {"DATABASE_URL": url, "PRRT_FAILPOINT": armed},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert armed or done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.returncode
