"""What the lab feed costs beside the least that would be safe: acknowledging, recording, parsing, memory.

Floor and product are timed in turns in one run; read the ratios. PostgreSQL.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.benchmarks.lock_step import Senders, senders
from tests.builders_labs import make_sender
from tests.running_listener import listening

pytestmark = pytest.mark.postgres
ROUNDS, SECONDS = 15, 0.5
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def floor_server(url: str) -> Iterator[tuple[int, int]]:
    """The minimal server as a process: its port and its process id."""
    command = [sys.executable, "-m", "tests.benchmarks.floor_server", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.communicate()


def percentile(times: list[float], share: float) -> float:
    """The time that this share of them does not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(kw_only=True)
class Side:
    """One of the two servers: what its rounds gave."""

    pid: int
    senders: Senders
    rates: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def round(self) -> None:
        """Half a second of messages."""
        before = processor_seconds(self.pid)
        rate, waits = self.senders.send_for(SECONDS)
        self.rates.append(rate)
        self.tails.append(percentile(waits, 0.99) * 1000)
        self.processor.append((processor_seconds(self.pid) - before) / len(waits) * 1_000_000)


@pytest.mark.redis
def test_acknowledged_messages_beside_a_minimal_server(real_commits: str, private_redis: str) -> None:
    make_sender(msh3="BENCHLIS", msh4="BENCHLAB")
    table = Table(title="Acknowledged messages a second, each committed before its acknowledgement")
    for heading in ("senders", "server", "best", "median", "p99 ms", "CPU us"):
        table.add_column(heading, justify="right")
    ratios = {}
    with (
        floor_server(real_commits) as (floor_port, floor_pid),
        listening(real_commits, REDIS_URL=private_redis) as (port, process),
    ):
        for connections in (1, 4):
            with senders(floor_port, connections) as one, senders(port, connections) as other:
                floor, ours = Side(pid=floor_pid, senders=one), Side(pid=process.pid, senders=other)
                for side in (floor, ours):
                    side.senders.send_for(SECONDS)
                for _round in range(ROUNDS):
                    floor.round()
                    ours.round()
            for name, side in (("floor", floor), ("listener", ours)):
                figures = (max(side.rates), statistics.median(side.rates))
                table.add_row(
                    str(connections),
                    name,
                    *(f"{figure:.0f}" for figure in figures),
                    f"{statistics.median(side.tails):.1f}",
                    f"{statistics.median(side.processor):.0f}",
                )
            ratios[connections] = (
                max(ours.rates) / max(floor.rates),
                statistics.median(a / b for a, b in zip(ours.rates, floor.rates, strict=True)),
                statistics.median(a / b for a, b in zip(ours.tails, floor.tails, strict=True)),
            )
    Console().print(table)
    for connections, (best, median, tail) in ratios.items():
        print(f"{connections} sender(s): best/best {best:.2f}, median of rounds {median:.2f}, p99 {tail:.2f}")
