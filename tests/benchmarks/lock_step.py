"""Senders that wait for each acknowledgement before the next message, as laboratories do, and their watch."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from labs.formats.mllp_frames import framed
from tests.benchmarks.panel import panel

_numbers = itertools.count(1)


class Senders:
    """A few open connections to one port."""

    def __init__(self, port: int, connections: int) -> None:
        self.lines = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(connections)]
        for line in self.lines:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Hang up."""
        for line in self.lines:
            line.close()

    def send_for(self, seconds: float) -> tuple[float, list[float]]:
        """All connections at once: acknowledged messages a second, and how long each took."""
        taken: list[list[float]] = [[] for _ in self.lines]
        frames = [[framed(panel(next(_numbers))) for _ in range(int(seconds * 6000))] for _ in self.lines]
        began = time.perf_counter()
        until = began + seconds
        threads = [
            threading.Thread(target=_send, args=(line, frames[number], until, taken[number]))
            for number, line in enumerate(self.lines)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent = time.perf_counter() - began
        all_taken = [each for one in taken for each in one]
        return len(all_taken) / spent, all_taken


def _send(line: socket.socket, frames: list[bytes], until: float, taken: list[float]) -> None:
    for frame in frames:
        began = time.perf_counter()
        if began > until:
            return
        line.sendall(frame)
        answer = line.recv(65536)
        while not answer.endswith(b"\x1c\r"):
            answer += line.recv(65536)
        assert b"MSA|AA|" in answer, answer
        taken.append(time.perf_counter() - began)


@contextmanager
def senders(port: int, connections: int) -> Iterator[Senders]:
    """Connections that are closed afterwards."""
    made = Senders(port, connections)
    try:
        yield made
    finally:
        made.close()
