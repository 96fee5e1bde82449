"""The listener over a real socket: answers in order, nothing lost, nothing promised too early."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labs.formats.mllp_frames import framed
from labs.mllp import Limits, Listener
from labs.models import LabMessage, MessageOutcome
from tests.builders_labs import make_sender, message, msh, obr, obx, pid
from tests.running_listener import MANAGE, acks, connect, listening


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


def batch(*bodies: bytes, count: int) -> bytes:
    return b"".join([b"BHS|^~\\&|LAB|HOSPITAL\r", *bodies, f"BTS|{count}\r".encode()])


UNANSWERABLE = [
    # Who asks for no acknowledgement would otherwise never learn that it was not taken.
    ("a message that asks for none", batch(message(), message(msh("M2", f15="NE", f16="NE")), count=2)),
    ("a message without a readable header", batch(message(), b"MSH\r", count=2)),
    ("a count that is wrong, which is an incident", batch(message(), count=3)),
]


@pytest.mark.parametrize(("what", "body"), UNANSWERABLE)
def test_a_batch_of_which_anything_can_be_neither_stored_nor_answered_ends_the_connection(
    what: str, body: bytes, tmp_path: Path
) -> None:
    with listening(f"sqlite:///{tmp_path / 'empty.sqlite3'}") as (port, _process), connect(port) as line:
        line.sendall(framed(batch(message(), count=1)))
        assert acks(line, 1) == ["AE M1"]
        line.sendall(framed(body))
        assert acks(line, 1) == [], what
        assert line.recv(100) == b""


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


def test_a_frame_may_take_as_long_as_its_bytes_need_and_no_longer(real_commits: str) -> None:
    body = message(obr(), obx(), "NTE|1||" + "x" * 6000, control_id="LONG")

    def senders(port: int) -> None:
        with connect(port) as steady, connect(port) as slow:
            slow.sendall(b"\x0b" + body[:100])
            stream = framed(body)
            for start in range(0, len(stream), 1000):
                steady.sendall(stream[start : start + 1000])
                if start < 3000:
                    slow.sendall(b"x")  # alive, but it would never end
                time.sleep(0.15)
            assert acks(steady, 1) == ["AA LONG"]
            assert slow.recv(100) == b""

    serve_while(Limits(frame_seconds=0.5, least_rate=4000), senders)


def test_a_long_frame_waits_for_its_turn_and_short_ones_do_not(real_commits: str) -> None:
    long = [message(obr(), obx(), "NTE|1||" + "x" * 200_000, control_id=f"L{n}") for n in (1, 2)]

    def senders(port: int) -> None:
        with connect(port) as one, connect(port) as two, connect(port) as short:
            one.sendall(framed(long[0])[:-5])
            time.sleep(0.3)
            two.sendall(framed(long[1]))
            two.settimeout(0.5)
            with pytest.raises(TimeoutError):
                two.recv(100)
            short.sendall(framed(message(control_id="S1")))
            assert acks(short, 1) == ["AA S1"]
            two.settimeout(20)
            one.sendall(framed(long[0])[-5:])
            assert acks(one, 1) == ["AA L1"]
            assert acks(two, 1) == ["AA L2"]

    serve_while(Limits(small_frame=70_000, large_frames=1), senders)


def test_a_sender_that_does_not_read_its_answers_is_ended(real_commits: str) -> None:
    echoed = framed(message(control_id="x" * 1_000_000))  # too long, and sent back whole

    def senders(port: int) -> None:
        with connect(port) as deaf, connect(port) as other:
            deaf.settimeout(5)
            with pytest.raises(ConnectionError):
                for _ in range(40):
                    deaf.sendall(echoed)
            other.sendall(framed(message()))
            assert acks(other, 1) == ["AA M1"]

    serve_while(Limits(frame_seconds=0.5), senders)


def test_an_idle_connection_is_ended_where_a_patience_is_set_and_noise_does_not_prolong_it(
    real_commits: str,
) -> None:
    def senders(port: int) -> None:
        with connect(port) as line, connect(port) as busy:
            busy.sendall(b"\x0b" + message(control_id="M2"))  # inside a message, so not idle
            line.sendall(framed(message()))
            assert acks(line, 1) == ["AA M1"]
            ended = time.monotonic() + 15
            line.settimeout(0.2)
            while time.monotonic() < ended:
                try:
                    line.sendall(b"\n")
                    if line.recv(100) == b"":
                        break
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
            else:
                pytest.fail("the idle connection was kept open by noise")
            busy.sendall(b"\x1c\r")
            assert acks(busy, 1) == ["AA M2"]

    serve_while(Limits(idle_seconds=3), senders)


def test_the_limits_of_the_environment_are_those_of_the_listener(real_commits: str) -> None:
    limits = {"MLLP_MOST_CONNECTIONS": "2", "MLLP_MOST_OF_ONE_ADDRESS": "2", "MLLP_FRAME_MOST_KIB": "64"}
    limits |= {"MLLP_IDLE_SECONDS": "3"}
    long = message(obr(), obx(), "NTE|1||" + "x" * 70_000, control_id="LONG")
    with listening(real_commits, **limits) as (port, _process):
        with connect(port) as one, connect(port) as two:
            for line in (one, two):
                line.sendall(b"\x0b")
            time.sleep(0.3)
            with connect(port) as surplus:
                assert surplus.recv(100) == b""
            one.sendall(message() + b"\x1c\r")
            assert acks(one, 1) == ["AA M1"]
            assert one.recv(100) == b""  # idle for three seconds
        time.sleep(0.2)
        with connect(port) as line:
            line.sendall(framed(long))
            assert acks(line, 1) == ["AR LONG"]


def test_told_to_stop_inside_a_message_it_takes_that_message_first(real_commits: str) -> None:
    with listening(real_commits) as (port, process), connect(port) as busy, connect(port) as idle:
        busy.sendall(framed(message())[:-20])
        idle.sendall(framed(message(control_id="M2")))
        assert acks(idle, 1) == ["AA M2"]
        process.send_signal(signal.SIGTERM)
        assert idle.recv(100) == b""
        busy.sendall(framed(message())[-20:])
        assert acks(busy, 2) == ["AA M1"]
        assert process.wait(20) == 0
