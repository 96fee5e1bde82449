"""Who may reach the listener: senders with a certificate, those of an allow list, or this machine."""

import ssl
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

Network = IPv4Network | IPv6Network


class UnsafeDoor(Exception):
    """The listener would be open to all, or its certificates cannot be used; says what to do."""


def tls_context(*, cert: str, key: str, client_ca: str) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with our certificate, asking for one of the named authority, where one is set."""
    if not cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # for 1.2; those of 1.3 are all sound
    try:
        context.load_cert_chain(_file("MLLP_TLS_CERT", cert), _file("MLLP_TLS_KEY", key))
        if client_ca:
            context.load_verify_locations(_file("MLLP_TLS_CLIENT_CA", client_ca))
            context.verify_mode = ssl.CERT_REQUIRED
    except ssl.SSLError as error:
        reason = (error.reason or "unreadable").replace("_", " ").lower()
        raise UnsafeDoor(
            f"MLLP_TLS_CERT, MLLP_TLS_KEY or MLLP_TLS_CLIENT_CA does not hold what it must ({reason})."
        ) from error
    return context


def refuse_open_door(*, host: str, allowed: Sequence[Network], asks_for_certificates: bool) -> None:
    """Beyond this machine strangers are kept out: by certificates, or by a list that names not all."""
    if asks_for_certificates or _is_this_machine(host):
        return
    if not allowed:
        raise UnsafeDoor(
            f"Not listening on {host}: anyone who reaches it could hand in results. Set MLLP_TLS_CERT,"
            " MLLP_TLS_KEY and MLLP_TLS_CLIENT_CA so that senders show a certificate, or name the senders'"
            " networks in MLLP_ALLOW, or listen on 127.0.0.1."
        )
    if any(network.prefixlen == 0 for network in allowed):
        raise UnsafeDoor(
            f"Not listening on {host}: MLLP_ALLOW names every address. Name the senders' networks alone."
        )


def names_in(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The names a checked certificate vouches for: common name and alternative names, lower case."""
    if not certificate:
        return frozenset()
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    names = [value for kind, value in subject if kind == "commonName"]
    names += [value for kind, value in certificate.get("subjectAltName", ()) if isinstance(value, str)]
    return frozenset(name.lower() for name in names if name)


def _file(setting: str, path: str) -> str:
    try:
        with Path(path).open("rb"):
            return path
    except OSError as error:
        raise UnsafeDoor(f"{setting} is {path!r}, which cannot be read: {error.strerror}.") from error


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
