"""A listener as its senders meet it: a process of its own, frames in, acknowledgements out."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from labs.formats.mllp_frames import Frame, FrameReader

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


@dataclass(frozen=True, kw_only=True)
class Ack:
    """One frame that came back: its bytes, and each MSA segment in it as `AA M1`."""

    body: bytes

    @property
    def said(self) -> list[str]:
        """Acknowledgement code and control id of every MSA segment."""
        segments = self.body.decode("latin-1").split("\r")
        fields = [line.split(line[3]) for line in segments if line.startswith("MSA")]
        return [" ".join(line[1:3]).strip() for line in fields]

    def field(self, segment: str, number: int) -> str:
        """One field of the first segment of this name; nothing where it is not there."""
        for line in self.body.decode("latin-1").split("\r"):
            if line.startswith(segment):
                fields = line.split(line[3])
                place = number - 1 if segment == "MSH" else number
                return fields[place] if place < len(fields) else ""
        return ""


def frames(connection: socket.socket, count: int) -> list[Ack]:
    """The next frames; fewer when the other side closes."""
    reader = FrameReader(longest=1_000_000)
    found: list[Ack] = []
    while len(found) < count and (data := connection.recv(65536)):
        for frame in reader.feed(data):
            assert isinstance(frame, Frame)
            found.append(Ack(body=frame.body))
    return found


def acks(connection: socket.socket, count: int) -> list[str]:
    """The next acknowledgements as `AA M1`; fewer when the other side closes."""
    return [said for ack in frames(connection, count) for said in ack.said]
