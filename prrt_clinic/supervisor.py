"""Start the service's processes, restart one that dies, and end all of them together."""

import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

MOST_DEATHS = 3  # of one process within DEATHS_WITHIN seconds; one more ends the run
DEATHS_WITHIN = 60.0
GRACE_SECONDS = 12.0  # for a clean end, before SIGKILL; gunicorn's own grace is shorter
LARGEST_LOG = 5_000_000


class GaveUp(Exception):
    """A process keeps dying; the message names it, its exit code and its log."""


@dataclass(slots=True, kw_only=True)
class Child:
    """One process of the service, and when it last died."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=deque)


class Supervisor:
    """Keeps its children running until it is told to stop."""

    def __init__(self, *, environment: dict[str, str], say: Callable[[str], None]) -> None:
        self.environment = environment
        self.say = say
        self.children: list[Child] = []
        self.stopping = False

    def start(self, child: Child) -> None:
        """Start one process in our own process group, its output appended to its log."""
        child.log.parent.mkdir(parents=True, exist_ok=True)
        if child.log.exists() and child.log.stat().st_size > LARGEST_LOG:
            child.log.replace(child.log.with_suffix(".old.log"))
        with child.log.open("ab") as log, _ctrl_c_ignored():
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )
        if child not in self.children:
            self.children.append(child)

    def watch(self) -> None:
        """Name and restart whatever has died; raises GaveUp when that no longer helps."""
        for child in self.children:
            code = child.process.poll() if child.process else None
            if code is None or self.stopping:
                continue
            now = time.monotonic()
            child.deaths.append(now)
            while now - child.deaths[0] > DEATHS_WITHIN:
                child.deaths.popleft()
            how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
            if len(child.deaths) > MOST_DEATHS:
                raise GaveUp(
                    f"{child.name} has died {len(child.deaths)} times within a minute, last with {how}.\n"
                    f"The end of {child.log}:\n{_tail(child.log)}"
                )
            self.say(f"{child.name} died ({how}); restarting it. Its log: {child.log}")
            self.start(child)

    def run_until_stopped(self) -> None:
        """Watch until Ctrl-C or SIGTERM."""
        while not self.stopping:
            self.watch()
            time.sleep(0.5)

    def stop(self) -> list[str]:
        """End every process: ask, wait, then kill; returns the names of those that had to be killed."""
        self.stopping = True
        running = [child for child in self.children if child.process and child.process.poll() is None]
        for child in running:
            _processes_of(child).terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        killed = []
        for child in running:
            try:
                _processes_of(child).wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _processes_of(child).kill()
                _processes_of(child).wait()
                killed.append(child.name)
        return killed

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM end `run_until_stopped`, and any waiting before it."""

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self.stopping = True

        usual = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in usual.items():
                signal.signal(each, handler)


def _processes_of(child: Child) -> subprocess.Popen[bytes]:
    if child.process is None:
        raise RuntimeError(f"{child.name} was never started.")
    return child.process


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """A child inherits this: Ctrl-C reaches the whole group, but it is ours to end the children, in order."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
