"""Send one message over MLLP and wait for its acknowledgement, as a laboratory's system does."""

import socket

from labs.formats.mllp_frames import START, Frame, FrameReader, framed

_LONGEST_ACK = 1024 * 1024


def send(*, host: str, port: int, body: bytes, seconds: float = 30.0) -> bytes:
    """The first acknowledgement, or nothing where the other side closed without one."""
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.sendall(framed(body))
        return receive(connection)


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
