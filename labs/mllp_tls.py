"""Who may reach the listener: senders with a certificate, those of an allow list, or this machine."""

import logging
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

from labs.crl_dates import read_crl_dates

logger = logging.getLogger(__name__)
Network = IPv4Network | IPv6Network


class UnsafeDoor(Exception):
    """The listener would be open to all, or its certificates cannot be used; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The PEM files of the door: our certificate and key, whose certificates are taken, which no longer."""

    cert: str
    key: str
    client_ca: str = ""
    crl: str = ""


class TlsDoor:
    """What a handshake is done with: loaded from the files, and again when one of them has changed."""

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self.loaded = self.refused = _stamp(files)
        self.context = tls_context(files)

    def refresh(self) -> bool:
        """Load the files anew where they changed; whether another context counts from now on.

        Files that cannot be used leave the door as it is: a list that was loaded still revokes, and once it
        is out of date OpenSSL refuses every certificate it speaks for.
        """
        stamp = _stamp(self.files)
        if stamp in (self.loaded, self.refused):
            return False
        try:
            self.context = tls_context(self.files)
        except UnsafeDoor as fault:
            self.refused = stamp
            logger.error("The TLS files changed and are not used; those loaded before are. %s", fault)
            return False
        self.loaded = self.refused = stamp
        logger.info("The TLS files changed and were loaded.")
        return True


def _stamp(files: TlsFiles) -> tuple[tuple[int, int, int] | None, ...]:
    """How the files look from outside; none for one that is not there."""
    found: list[tuple[int, int, int] | None] = []
    for path in filter(None, (files.cert, files.key, files.client_ca, files.crl)):
        try:
            status = Path(path).stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer with our certificate, asking for one of the named authority, where one is set.

    Raises UnsafeDoor.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # for 1.2; those of 1.3 are all sound
    try:
        context.load_cert_chain(_file("MLLP_TLS_CERT", files.cert), _file("MLLP_TLS_KEY", files.key))
        if files.client_ca:
            context.load_verify_locations(_file("MLLP_TLS_CLIENT_CA", files.client_ca))
            context.verify_mode = ssl.CERT_REQUIRED
        if files.crl:
            _load_revocations(context, _file("MLLP_TLS_CRL", files.crl))
    except ssl.SSLError as error:
        reason = (error.reason or "unreadable").replace("_", " ").lower()
        raise UnsafeDoor(
            f"MLLP_TLS_CERT, MLLP_TLS_KEY, MLLP_TLS_CLIENT_CA or MLLP_TLS_CRL does not hold what it must "
            f"({reason})."
        ) from error
    return context


def _load_revocations(context: ssl.SSLContext, path: str) -> None:
    """Have every client certificate looked up in the lists of a file. Raises UnsafeDoor.

    A list that is out of date may miss what was revoked since, so that nobody is let in by it.
    """
    remedy = "Fetch the present list of every authority in MLLP_TLS_CLIENT_CA, as PEM"
    try:
        lists = read_crl_dates(Path(path).read_bytes())
    except ValueError as error:
        raise UnsafeDoor(f"MLLP_TLS_CRL is {path!r}, and a list in it is {error}. {remedy}.") from error
    if not lists:
        raise UnsafeDoor(f"MLLP_TLS_CRL is {path!r}, which holds no revocation list. {remedy}.")
    now = datetime.now(UTC)  # the host's clock, by which OpenSSL judges the same dates in each handshake
    for each in lists:
        if each.next_due is None:
            raise UnsafeDoor(f"MLLP_TLS_CRL is {path!r}: a list does not say until when it holds. {remedy}.")
        if each.next_due <= now or each.issued > now:
            raise UnsafeDoor(
                f"MLLP_TLS_CRL is {path!r}: a list holds from {each.issued:%Y-%m-%d %H:%M} to "
                f"{each.next_due:%Y-%m-%d %H:%M} UTC, not now. {remedy}."
            )
    context.load_verify_locations(path)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    context.num_tickets = 0  # a resumed session would not be looked up again


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
