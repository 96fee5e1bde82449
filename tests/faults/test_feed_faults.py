"""The feed under faults: killed at every named point and at random, its database stopped, its disk full.

After each, the sender's ledger is compared with ours: every acknowledged message stands here exactly once.
The suite runs a short profile; `make long` all of it.
"""

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from labs.failpoints import POINTS
from tests.faults.ledger import Ledger, compare, make_clinic, run_until_read, supervised, under_load, wait

LONG = os.environ.get("PRRT_LONG") == "1"
LISTENING = [point for point in POINTS if point.startswith(("listener.", "keep."))]
READING = [point for point in POINTS if point.startswith("read.")]
CONNECTIONS, EACH = 3, 40 if LONG else 15


@pytest.mark.parametrize("passing", [1, 5, 17] if LONG else [5])
@pytest.mark.parametrize("point", LISTENING if LONG else ["keep.committed"])
def test_a_listener_killed_at_a_named_point_loses_and_doubles_nothing(
    real_commits: str, free_port: Callable[[], int], point: str, passing: int
) -> None:
    make_clinic()
    ledger = Ledger(port=free_port())
    command = ("listen_mllp", "--host", "127.0.0.1", "--port", str(ledger.port))
    with supervised(*command, armed=f"{point}:{passing}", DATABASE_URL=real_commits) as listener:
        wait(under_load(ledger, connections=CONNECTIONS, each=EACH))
        assert listener.deaths == [-signal.SIGKILL], "the failpoint was not reached"
    assert ledger.repeats > 0
    run_until_read(real_commits)
    fates = compare(ledger)
    print(f"{point}:{passing}: {dict(fates)}, {ledger.repeats} sent again")


@pytest.mark.parametrize("passing", [1, 4, 11] if LONG else [4])
@pytest.mark.parametrize("point", READING if LONG else ["read.recorded"])
def test_a_reader_killed_at_a_named_point_leaves_no_half_message(
    real_commits: str, free_port: Callable[[], int], point: str, passing: int
) -> None:
    make_clinic()
    ledger = Ledger(port=free_port())
    with supervised(
        "listen_mllp", "--host", "127.0.0.1", "--port", str(ledger.port), DATABASE_URL=real_commits
    ):
        senders = under_load(ledger, connections=CONNECTIONS, each=EACH)
        while len(ledger.answered) < CONNECTIONS * EACH // 2:
            time.sleep(0.05)
        assert run_until_read(real_commits, armed=f"{point}:{passing}") == -signal.SIGKILL
        wait(senders)
    run_until_read(real_commits)
    print(f"{point}:{passing}: {dict(compare(ledger))}")


if LONG:

    def test_killed_at_random_under_load_nothing_is_lost_or_doubled(
        real_commits: str, free_port: Callable[[], int]
    ) -> None:
        make_clinic()
        ledger = Ledger(port=free_port())
        rng = random.Random(4)
        command = ("listen_mllp", "--host", "127.0.0.1", "--port", str(ledger.port))
        with (
            supervised(*command, DATABASE_URL=real_commits) as listener,
            supervised("runner", DATABASE_URL=real_commits) as reader,
        ):
            senders = under_load(ledger, connections=4, each=400)
            while any(thread.is_alive() for thread in senders):
                time.sleep(rng.uniform(2, 6))
                rng.choice([listener, reader]).kill()
            wait(senders)
            kills = len(listener.deaths), len(reader.deaths)
        run_until_read(real_commits)
        print(f"killed listener {kills[0]}x, reader {kills[1]}x: {dict(compare(ledger))}")
        assert min(kills) > 0
