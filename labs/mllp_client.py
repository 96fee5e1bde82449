"""Send one message over MLLP and wait for its acknowledgement, as a laboratory's system does."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from labs.formats.mllp_frames import START, Frame, FrameReader, framed

_LONGEST_ACK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """A sender's side of TLS: whom it trusts, the name it expects, and the certificate it shows if any."""

    ca: str
    name: str
    cert: str = ""
    key: str = ""


def send(*, host: str, port: int, body: bytes, seconds: float = 30.0, tls: ClientTls | None = None) -> bytes:
    """The first acknowledgement, or nothing where the other side closed without one.

    Raises OSError where it cannot be reached; ssl.SSLError is one.
    """
    with _connected(host, port, seconds=seconds, tls=tls) as connection:
        connection.sendall(framed(body))
        return receive(connection)


@contextmanager
def _connected(host: str, port: int, *, seconds: float, tls: ClientTls | None) -> Iterator[socket.socket]:
    with socket.create_connection((host, port), timeout=seconds) as plain:
        if tls is None:
            yield plain
            return
        context = ssl.create_default_context(cafile=tls.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key)
        with context.wrap_socket(plain, server_hostname=tls.name) as line:
            yield line


def send_unfinished(*, host: str, port: int, body: bytes, seconds: float = 30.0) -> bytes:
    """Begin a frame, never end it, and hang up: what came back, which is nothing if all is well."""
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.sendall(START + body)
        connection.shutdown(socket.SHUT_WR)
        return receive(connection)


def receive(connection: socket.socket) -> bytes:
    """The next frame on a connection, or nothing at its end."""
    frames = FrameReader(longest=_LONGEST_ACK)
    while data := connection.recv(65536):
        for frame in frames.feed(data):
            if isinstance(frame, Frame):
                return frame.body
    return b""
