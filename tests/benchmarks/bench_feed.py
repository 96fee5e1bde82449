"""What the lab feed costs beside the least that would be safe: acknowledging, recording, parsing, memory.

Floor and product are timed in turns in one run; read the ratios. PostgreSQL.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console
from rich.table import Table

from tests.benchmarks.lock_step import senders
from tests.builders_labs import make_sender
from tests.running_listener import listening

pytestmark = pytest.mark.postgres
ROUNDS, SECONDS = 7, 1.0


@contextmanager
def floor_server(url: str) -> Iterator[int]:
    """The minimal server as a process."""
    command = [sys.executable, "-m", "tests.benchmarks.floor_server", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


@pytest.mark.redis
def test_acknowledged_messages_beside_a_minimal_server(real_commits: str, private_redis: str) -> None:
    make_sender(msh3="BENCHLIS", msh4="BENCHLAB")
    table = Table(title="Acknowledged messages a second, lock-step senders, each committed before its ack")
    for heading in (
        "connections",
        "floor",
        "listener",
        "ratio",
        "p99 floor ms",
        "p99 listener ms",
        "p99 ratio",
    ):
        table.add_column(heading, justify="right")
    floor_url = real_commits.replace("postgres://", "postgresql://")
    ratios: dict[int, tuple[float, float]] = {}
    with floor_server(floor_url) as floor_port, listening(real_commits, REDIS_URL=private_redis) as (port, _):
        for connections in (1, 4):
            with senders(floor_port, connections) as floor, senders(port, connections) as ours:
                for warm in (floor, ours):
                    warm.send_for(0.5)
                rates: list[tuple[float, float]] = []
                waits: tuple[list[float], list[float]] = ([], [])
                for _round in range(ROUNDS):
                    (floor_rate, floor_waits), (rate, our_waits) = (
                        floor.send_for(SECONDS),
                        ours.send_for(SECONDS),
                    )
                    rates.append((floor_rate, rate))
                    waits[0].extend(floor_waits)
                    waits[1].extend(our_waits)
            ratio = statistics.median(rate / floor_rate for floor_rate, rate in rates)
            p99 = [percentile(times, 0.99) * 1000 for times in waits]
            ratios[connections] = (ratio, p99[1] / p99[0])
            table.add_row(
                str(connections),
                f"{max(rate for rate, _ in rates):.0f}",
                f"{max(rate for _, rate in rates):.0f}",
                f"{ratio:.2f}",
                f"{p99[0]:.1f}",
                f"{p99[1]:.1f}",
                f"{p99[1] / p99[0]:.2f}",
            )
    Console().print(table)
