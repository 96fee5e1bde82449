"""The feed when its database goes away: restarted, cut off, and with no room left on its disk.

A full disk is played by a limit on how far a file may grow. The suite runs the embedded case; `make long`
also stops and fills a private PostgreSQL server.
"""

import base64
import os
import random
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connections

from labs.formats.mllp_frames import framed
from labs.models import LabMessage
from tests.builders_labs import make_sender, message, obr, obx
from tests.faults.ledger import Ledger, compare, make_clinic, run_until_read, supervised, under_load, wait
from tests.private_postgres import PrivatePostgres
from tests.running_listener import MANAGE, connect, frames, listening

LONG = os.environ.get("PRRT_LONG") == "1"
MIB = 1024 * 1024


def bulky(number: int, size: int) -> bytes:
    """A message with an attachment that no compression makes small."""
    text = base64.b64encode(random.Random(number).randbytes(size)).decode()
    return message(obr(), obx(), f"OBX|2|ED|PDF^R^L||^AP^^Base64^{text}", control_id=f"BULKY{number}")


def fill(line: socket.socket, *, size: int, most: int) -> tuple[list[bytes], bytes]:
    """Send until a message is not accepted: those that were, and the one that was not."""
    accepted: list[bytes] = []
    for number in range(most):
        body = bulky(number, size)
        line.sendall(framed(body))
        found = frames(line, 1)
        if not found or found[0].said != [f"AA BULKY{number}"]:
            assert not found or found[0].said == [f"AE BULKY{number}"]
            return accepted, body
        accepted.append(body)
    raise AssertionError("the disk was never full")


def stored() -> set[bytes]:
    return {bytes(row.body) for row in LabMessage.objects.all()}


@pytest.mark.sqlite
def test_a_full_disk_is_answered_with_ae_and_heals_in_the_embedded_database(
    real_commits: str, free_port: Callable[[], int]
) -> None:
    make_sender()
    connections["default"].close()
    port = free_port()
    largest = Path(real_commits.removeprefix("sqlite:///")).stat().st_size + 4 * MIB
    command = [sys.executable, MANAGE, "listen_mllp", "--host", "127.0.0.1", "--port", str(port)]
    limited = subprocess.Popen(
        command,
        env=os.environ | {"DATABASE_URL": real_commits},
        stdout=subprocess.PIPE,
    )
    try:
        assert limited.stdout is not None
        assert limited.stdout.readline().startswith(b"Listening")
        resource.prlimit(limited.pid, resource.RLIMIT_FSIZE, (largest, largest))
        with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
            accepted, refused = fill(line, size=400_000, most=60)
            after = message(obr(), obx("61"), "NTE|1||" + "x" * 300_000, control_id="AFTER")
            line.sendall(framed(after))
            # Still there, and still honest: a smaller one may have found room, and then it is stored.
            said = frames(line, 1)[0].said
            assert said in (["AE AFTER"], ["AA AFTER"])
            accepted += [after] if said == ["AA AFTER"] else []
    finally:
        limited.kill()
        limited.communicate()
    assert stored() == set(accepted)
    with listening(real_commits) as (again, _process), connect(again) as line:
        line.sendall(framed(refused))
        assert frames(line, 1)[0].said[0].startswith("AA")
    assert stored() == {*accepted, refused}


if LONG:

    @pytest.mark.postgres
    @pytest.mark.private_postgres
    def test_a_database_that_is_restarted_and_cut_off_loses_and_doubles_nothing(
        private_postgres: PrivatePostgres, free_port: Callable[[], int]
    ) -> None:
        make_clinic()
        connections["default"].close()
        ledger = Ledger(port=free_port())
        with supervised(
            "listen_mllp",
            "--host",
            "127.0.0.1",
            "--port",
            str(ledger.port),
            DATABASE_URL=private_postgres.url,
        ) as listener:
            senders = under_load(ledger, connections=4, each=300)
            for how in ("fast", "immediate", "fast"):
                time.sleep(4)
                private_postgres.stop(how)
                time.sleep(3)
                private_postgres.start()
            wait(senders)
            assert listener.deaths == []
        private_postgres.wait_until_it_answers()
        assert ledger.refusals > 0, "nothing was sent while the database was away"
        run_until_read(private_postgres.url)
        print(f"database restarted 3x: {dict(compare(ledger))}, {ledger.refusals} x AE")

    @pytest.mark.postgres
    @pytest.mark.private_postgres
    def test_a_full_disk_is_answered_with_ae_and_heals_on_postgresql(
        private_postgres: PrivatePostgres,
    ) -> None:
        make_sender()
        connections["default"].close()
        private_postgres.stop()
        private_postgres.start(largest_file=24 * MIB)  # above a WAL segment, far below the messages
        with listening(private_postgres.url) as (port, _process):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
                accepted, refused = fill(line, size=2 * MIB, most=30)
            private_postgres.stop()
            private_postgres.start()
            with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
                line.sendall(framed(refused))
                assert frames(line, 1)[0].said[0].startswith("AA")
        assert stored() == {*accepted, refused}
        print(f"disk full after {len(accepted)} messages: AE, then AA")
