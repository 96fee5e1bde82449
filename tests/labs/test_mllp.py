"""The listener over a real socket: answers in order, nothing lost, nothing promised too early."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from labs.formats.mllp_frames import Frame, FrameReader, framed
from labs.mllp import Limits, Listener
from labs.models import LabMessage, MessageOutcome
from tests.builders_labs import make_sender, message, msh, obr, obx, pid

MANAGE = str(settings.BASE_DIR / "manage.py")


@contextmanager
def listening(url: str, *arguments: str, **environment: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A listener process on a port of its own choice."""
    command = [sys.executable, MANAGE, "listen_mllp", "--host", "127.0.0.1", "--port", "0", *arguments]
    process = subprocess.Popen(
        command,
        env=os.environ | {"DATABASE_URL": url} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Listening for HL7"), process.communicate()[1]
        yield int(line.rstrip(".\n").rsplit(" ", 1)[1]), process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def acks(connection: socket.socket, count: int) -> list[str]:
    """The next acknowledgements as `AA M1`; fewer when the other side closes."""
    reader = FrameReader(longest=100_000)
    found: list[str] = []
    while len(found) < count and (data := connection.recv(65536)):
        for frame in reader.feed(data):
            assert isinstance(frame, Frame)
            fields = frame.body.decode().split("\rMSA|")[1].split("\r")[0].split("|")
            found.append(" ".join(fields[:2]).strip())
    return found


def wait_for(condition: Callable[[], bool]) -> bool:
    for _ in range(100):
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_every_framing_fault_gets_its_answers_and_loses_nothing(real_commits: str) -> None:
    make_sender()
    body = [message(control_id=f"M{n}") for n in range(20)]
    with listening(real_commits) as (port, _process), connect(port) as line:
        line.sendall(b"".join(framed(each) for each in body[:3]))  # pipelined
        assert acks(line, 3) == ["AA M0", "AA M1", "AA M2"]

        for start in range(0, len(framed(body[3])), 97):  # in small pieces
            line.sendall(framed(body[3])[start : start + 97])
        assert acks(line, 1) == ["AA M3"]

        line.sendall(framed(body[4])[:-1])  # split between FS and CR
        time.sleep(0.1)
        line.sendall(b"\r")
        assert acks(line, 1) == ["AA M4"]

        both = framed(body[5]) + framed(body[6])
        line.sendall(both[: len(both) * 4 // 5])
        assert acks(line, 1) == ["AA M5"]
        line.sendall(both[len(both) * 4 // 5 :])
        assert acks(line, 1) == ["AA M6"]

        line.sendall(b"\r\n\0noise" + framed(body[7]))
        assert acks(line, 1) == ["AA M7"]

        line.sendall(b"\x0b" + body[8] + framed(body[9]))  # no end, then a good one
        assert acks(line, 2) == ["AE M8", "AA M9"]

        line.sendall(framed(b"garbage"))
        assert acks(line, 1) == ["AR"]

        line.sendall(framed(body[10].replace("ü".encode(), b"\xfc")))  # Latin-1 where UTF-8 is set up
        assert acks(line, 1) == ["AA M10"]

        line.sendall(framed(body[11].replace(b"\r", b"\n")))
        assert acks(line, 1) == ["AA M11"]

        large = message(obr(), obx(), "OBX|2|ED|PDF^Report^L||^AP^^Base64^" + "QUJD" * 600_000)
        line.sendall(framed(large))
        assert acks(line, 1) == ["AA M1"]

        line.sendall(framed(body[0]) * 2)  # sent again
        assert acks(line, 2) == ["AA M0", "AA M0"]

        line.sendall(framed(message(msh(f11="T"), pid(), obr(), obx())))
        assert acks(line, 1) == ["AR M1"]

    kept = {bytes(row.body) for row in LabMessage.objects.all()}
    assert {body[0], body[8], body[9], b"garbage", large} <= kept
    refused = MessageOutcome.objects.order_by("id").values_list("reason_code", flat=True)
    assert list(refused) == ["frame-in-frame", "not-hl7", "not-production"]
    assert LabMessage.objects.filter(ack_code="AA", outcome__isnull=True).count() == 12


def test_what_breaks_off_gets_no_answer_and_is_kept(real_commits: str) -> None:
    with listening(real_commits) as (port, process):
        with connect(port) as line:
            line.sendall(b"\x0b" + message()[:60])
            line.shutdown(socket.SHUT_WR)
            assert line.recv(100) == b""
        assert wait_for(MessageOutcome.objects.filter(reason_code="unfinished-frame").exists)
        with connect(port) as line:
            line.sendall(framed(message()))
            assert acks(line, 1) == ["AA M1"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert line.recv(100) == b""


def test_a_message_that_cannot_be_stored_is_never_accepted(tmp_path: Path) -> None:
    with listening(f"sqlite:///{tmp_path / 'empty.sqlite3'}") as (port, _process), connect(port) as line:
        line.sendall(framed(message()))
        assert acks(line, 1) == ["AE M1"]
        line.sendall(framed(message(msh(f15="AL"), pid(), obr(), obx())))
        assert acks(line, 1) == ["CE M1"]
        line.sendall(framed(b"garbage"))
        assert acks(line, 1) == []


def test_only_allowed_networks_may_connect(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    with listening(url, "--allow", "10.0.0.0/8") as (port, _process), connect(port) as line:
        assert line.recv(100) == b""
    with listening(url, MLLP_ALLOW="10.0.0.0/8, 10.9.0.1") as (port, _process), connect(port) as line:
        assert line.recv(100) == b""
    open_to_us = listening(url, "--allow", "127.0.0.0/8", MLLP_ALLOW="10.0.0.0/8")  # the option goes first
    with open_to_us as (port, _process), connect(port) as line:
        line.sendall(framed(message()))
        assert acks(line, 1) == ["AE M1"]


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, MANAGE, "listen_mllp", "--port", port],
            env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert f"Port {port} on 127.0.0.1 is in use" in done.stderr
    assert "MLLP_PORT" in done.stderr


def serve_while(limits: Limits, senders: Callable[[int], None]) -> None:
    """A listener in this process, for as long as the senders need."""

    async def scene() -> None:
        listener = Listener(host="127.0.0.1", port=0, limits=limits)
        ports: asyncio.Queue[int] = asyncio.Queue()
        serving = asyncio.create_task(listener.serve(ready=lambda _host, port: ports.put_nowait(port)))
        try:
            await asyncio.to_thread(senders, await ports.get())
        finally:
            listener.stopping.set()
            await serving

    asyncio.run(scene())


def test_a_full_listener_ends_what_has_been_idle_longest(
    real_commits: str, caplog: pytest.LogCaptureFixture
) -> None:
    def senders(port: int) -> None:
        with connect(port) as first, connect(port) as second, connect(port) as third:
            second.sendall(b"noise")  # bytes outside a message are no sign of life
            third.sendall(b"\x0b" + message(control_id="M3"))
            first.sendall(framed(message()))
            assert acks(first, 1) == ["AA M1"]  # the second has now been idle longest
            with connect(port) as newcomer:
                assert second.recv(100) == b""
                newcomer.sendall(framed(message(control_id="M4")))
                assert acks(newcomer, 1) == ["AA M4"]
                third.sendall(b"\x1c\r")
                assert acks(third, 1) == ["AA M3"]

    serve_while(Limits(connections=3), senders)
    assert "ended for a new one" in caplog.text
    assert not MessageOutcome.objects.exists()


def test_one_address_cannot_take_all_connections(real_commits: str) -> None:
    def senders(port: int) -> None:
        with connect(port) as one, connect(port) as two:
            two.sendall(b"\x0b")
            with connect(port) as three:
                assert one.recv(100) == b""
                three.sendall(b"\x0b" + message()[:-1])
                time.sleep(0.1)
                with connect(port) as four:
                    assert four.recv(100) == b""
                three.sendall(b"\r\x1c\r")
                assert acks(three, 1) == ["AA M1"]

    serve_while(Limits(of_one_address=2), senders)


def test_slow_long_and_surplus_connections_are_ended(real_commits: str) -> None:
    limits = Limits(frame_bytes=2000, frame_seconds=0.5, connections=1)

    def senders(port: int) -> None:
        with connect(port) as line:
            line.sendall(framed(message()))
            assert acks(line, 1) == ["AA M1"]
            line.sendall(b"\x0b")
            time.sleep(0.1)
            with connect(port) as surplus:  # no room, and nothing idle
                assert surplus.recv(100) == b""
            line.sendall(message(control_id="M2") + b"\x1c\r")
            assert acks(line, 1) == ["AA M2"]
            time.sleep(1)  # idle connections stay open
            line.sendall(b"\x0b" + message(obr(), "NTE|1||" + "x" * 5000, control_id="LONG") + b"\x1c\r")
            assert acks(line, 2) == ["AR LONG"]
        time.sleep(0.2)
        with connect(port) as slow:
            slow.sendall(b"\x0b" + message(control_id="SLOW")[:-10])
            assert slow.recv(100) == b""

    serve_while(limits, senders)
    codes = MessageOutcome.objects.order_by("id").values_list("reason_code", flat=True)
    assert list(codes) == ["frame-too-long", "unfinished-frame"]
    assert LabMessage.objects.count() == 4
