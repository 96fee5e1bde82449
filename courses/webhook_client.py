"""One signed POST to an address of the allow-list: no redirect, no address of our own network unasked."""

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

STEP_SECONDS = 5  # for each step of the connection
ALL_SECONDS = 15  # for the whole call, also where the other side sends a byte at a time
# Translators and tunnels lead from these to IPv4 addresses that are not seen here, and site-local is local.
_TRANSLATED = tuple(
    map(
        ipaddress.ip_network,
        ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10"),
    )
)
_PORTS = {"https": 443, "http": 80}


class BadAddress(Exception):
    """An address that nothing is sent to, with what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address that may be told, in its parts."""

    scheme: str
    host: str
    port: int
    path: str
    # Named with its port in the allow-list: it may stand in our own network, and speak plain HTTP.
    is_named_with_port: bool


def check_address(url: str) -> Address:
    """The parts of an address of the allow-list. Raises BadAddress."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as fault:
        raise BadAddress(f"{url!r} is no address: write https://host/path.") from fault
    host = (parts.hostname or "").lower()
    if parts.scheme not in _PORTS or not host or parts.username or parts.password or parts.fragment:
        raise BadAddress("Write the address as https://host/path, without a log-in in it.")
    listed = [entry.lower() for entry in settings.WEBHOOK_HOSTS]
    named = f"{host}:{port}" in listed
    if not named and host not in listed:
        raise BadAddress(f"{host} does not stand in WEBHOOK_HOSTS: add it to the settings, then try again.")
    if not named and (parts.scheme != "https" or port != _PORTS["https"]):
        raise BadAddress(
            f"Only https on port 443 is allowed for {host}: for another one name {host}:{port} in "
            "WEBHOOK_HOSTS."
        )
    return Address(scheme=parts.scheme, host=host, port=port, path=_path(parts), is_named_with_port=named)


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def signature(*, secret: str, timestamp: str, body: bytes) -> str:
    """What proves that a call is ours: HMAC-SHA256 over timestamp, a point, and the body."""
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={mac.hexdigest()}"


def post_signed(*, url: str, secret: str, body: bytes, headers: Mapping[str, str], at: datetime) -> int:
    """Send a body and return the number of the answer; its text is not read.

    Raises BadAddress, or OSError where nobody answers in time.
    """
    address = check_address(url)
    timestamp = str(int(at.timestamp()))
    sent = {
        "Host": address.host if address.port in _PORTS.values() else f"{address.host}:{address.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": "prrt-clinic",
        "X-PRRT-Timestamp": timestamp,
        "X-PRRT-Signature": signature(secret=secret, timestamp=timestamp, body=body),
        **headers,
    }
    connection = http.client.HTTPConnection(address.host, address.port, timeout=STEP_SECONDS)
    line = connection.sock = _wrapped(_connected(address), address)
    # One clock for the whole call: a side that sends a byte now and then would outlast every single step.
    ends = threading.Timer(ALL_SECONDS, _hang_up, [line])
    ends.daemon = True
    ends.start()
    try:
        connection.request("POST", address.path, body=body, headers=sent)
        return connection.getresponse().status
    except http.client.HTTPException as fault:
        raise ConnectionError(f"no HTTP answer ({type(fault).__name__})") from fault
    finally:
        ends.cancel()
        connection.close()


def _connected(address: Address) -> socket.socket:
    """A connection to an address that was looked at: the name is not looked up a second time."""
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    numbers = [str(place[0]) for *_kinds, place in found]
    if not address.is_named_with_port and not all(_is_outside(number) for number in numbers):
        raise BadAddress(
            f"{address.host} leads to an address of this network: name {address.host}:{address.port} in "
            "WEBHOOK_HOSTS if that is meant."
        )
    return socket.create_connection((numbers[0], address.port), timeout=STEP_SECONDS)


def _is_outside(number: str) -> bool:
    """Whether an address is one of the open network: not loopback, link-local, private or shared."""
    found = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None and any(found in network for network in _TRANSLATED):
            return False
        return _is_open(found.ipv4_mapped or found)
    return _is_open(found)


def _is_open(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return found.is_global and not found.is_multicast


def _wrapped(line: socket.socket, address: Address) -> socket.socket:
    if address.scheme == "http":
        return line
    try:
        return ssl.create_default_context().wrap_socket(line, server_hostname=address.host)
    except OSError:
        line.close()
        raise


def _hang_up(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already
