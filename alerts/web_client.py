"""One HTTP exchange with a server that the settings name: limits of time and size, no redirect followed."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

STEP_SECONDS = 5  # for each step of the connection
ALL_SECONDS = 10  # for the whole exchange, also where the other side sends a byte at a time
MOST_BYTES = 1024 * 1024
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    location: str
    cookies: tuple[str, ...]
    text: str


def exchange(
    *, url: str, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request and read its answer. Raises OSError where none comes in time.

    Certificates are checked against the machine's authorities; SSL_CERT_FILE names others.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    line = socket.create_connection((host, port), timeout=STEP_SECONDS)
    # One clock for the whole exchange: a side that sends a byte now and then would outlast every single step.
    ends = threading.Timer(ALL_SECONDS, _hang_up, [line])
    ends.daemon = True
    ends.start()
    connection = http.client.HTTPConnection(host, port, timeout=STEP_SECONDS)
    try:
        connection.sock = _wrapped(line, host) if parts.scheme == "https" else line
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        usual = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "prrt-clinic", "Connection": "close"}
        connection.request(method, path, body=body or None, headers=usual | dict(headers or {}))
        answer = connection.getresponse()
        return Answer(
            status=answer.status,
            location=answer.headers.get("Location", ""),
            cookies=tuple(answer.headers.get_all("Set-Cookie", [])),
            text=answer.read(MOST_BYTES).decode("utf-8", errors="replace"),
        )
    except http.client.HTTPException as fault:
        raise ConnectionError(f"no HTTP answer ({type(fault).__name__})") from fault
    finally:
        ends.cancel()
        connection.close()
        line.close()


def _wrapped(line: socket.socket, host: str) -> socket.socket:
    return ssl.create_default_context().wrap_socket(line, server_hostname=host)


def _hang_up(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already
