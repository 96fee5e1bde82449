"""Listen for HL7 v2 over MLLP until told to stop."""

import asyncio
import errno
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from labs.mllp import Limits, Listener
from labs.mllp_tls import Network, TlsDoor, TlsFiles, UnsafeDoor, refuse_open_door

# Between the threads of this process. By the usual 5 ms whoever sends just when the readers are being told
# waits that long for its acknowledgement.
_SWITCH_SECONDS = 0.0005


def network(text: str) -> Any:
    """One address or network of the allow list."""
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not an address or network such as 10.1.2.0/24") from error


def limits_set(allowed: Iterable[Network]) -> Limits:
    """What senders may ask of the listener, by the settings; their ranges are checked there."""
    return Limits(
        allowed=tuple(allowed),
        connections=settings.MLLP_MOST_CONNECTIONS,
        of_one_address=settings.MLLP_MOST_OF_ONE_ADDRESS,
        frame_bytes=settings.MLLP_FRAME_MOST_KIB * 1024,
        frame_seconds=settings.MLLP_FRAME_SECONDS,
        least_rate=settings.MLLP_LEAST_BYTES_PER_SECOND,
        handshake_seconds=settings.MLLP_HANDSHAKE_SECONDS,
        idle_seconds=settings.MLLP_IDLE_SECONDS,
    )


def tls_files() -> TlsFiles:
    """The listener's PEM files, by the settings."""
    return TlsFiles(
        cert=settings.MLLP_TLS_CERT,
        key=settings.MLLP_TLS_KEY,
        client_ca=settings.MLLP_TLS_CLIENT_CA,
        crl=settings.MLLP_TLS_CRL,
    )


class Command(BaseCommand):
    """Arguments in, the listener, one line out."""

    help = "Listen for HL7 v2 results (ORU^R01) over MLLP."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.MLLP_HOST, help="address to listen on")
        parser.add_argument(
            "--port", type=int, default=settings.MLLP_PORT, help="port to listen on; 0 picks one"
        )
        parser.add_argument(
            "--allow",
            type=network,
            action="append",
            default=None,
            help="only these networks may connect (repeat); default: MLLP_ALLOW",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        allowed = options["allow"]
        if allowed is None:
            allowed = [ip_network(text, strict=False) for text in settings.MLLP_ALLOW]
        try:
            tls = TlsDoor(tls_files()) if settings.MLLP_TLS_CERT else None
            asks = bool(settings.MLLP_TLS_CLIENT_CA)
            refuse_open_door(host=host, allowed=allowed, asks_for_certificates=asks)
        except UnsafeDoor as fault:
            raise CommandError(str(fault), returncode=2) from fault
        sys.setswitchinterval(_SWITCH_SECONDS)
        listener = Listener(host=host, port=port, limits=limits_set(allowed), tls=tls)
        try:
            asyncio.run(listener.serve(ready=self._ready))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message = f"Port {port} on {host} is in use. Choose another with --port or MLLP_PORT."
            else:
                message = f"Cannot listen on {host} port {port}: {error.strerror or error}."
            raise CommandError(message, returncode=2) from error

    def _ready(self, host: str, port: int) -> None:
        way = " with TLS" if settings.MLLP_TLS_CERT else ""
        self.stdout.write(f"Listening for HL7 v2 (MLLP){way} on {host} port {port}.")
        self.stdout.flush()
