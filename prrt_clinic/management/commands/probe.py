"""Ask one service of this installation whether it works; for the containers' health checks."""

import http.client
import json
import os
import socket
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from alerts.services import heartbeat
from labs.clock import database_now

TIMEOUT = 5
# Beat and workers are known by what comes through: a tick, the broker, a worker, a row.
SIGNS = {
    "worker": heartbeat.WORKER,
    "alerter": heartbeat.CELERY,
    "beat": heartbeat.CELERY,
    "runner": heartbeat.RUNNER,
}


class Command(BaseCommand):
    """`manage.py probe SERVICE`: exit 0 when that service works, 1 with the reason when not."""

    help = "Ask one service whether it works: web, worker, alerter, beat, runner or mllp."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which service."""
        parser.add_argument("service", choices=["web", "mllp", *SIGNS])

    def handle(self, *_: Any, service: str, **__: Any) -> None:
        """Say "ok", or why not."""
        match service:
            case "web":
                problem = _web()
            case "mllp":
                problem = _mllp()
            case _:
                problem = _heartbeat(SIGNS[service])
        if problem:
            raise CommandError(f"{service}: {problem}", returncode=1)
        self.stdout.write("ok")


def _web() -> str:
    # The name that the service answers to, not the address we happen to use.
    host = {"Host": settings.ALLOWED_HOSTS[0].lstrip(".")}
    with closing(http.client.HTTPConnection("127.0.0.1", settings.WEB_PORT, timeout=TIMEOUT)) as connection:
        try:
            connection.request("GET", "/health/ready", headers=host)
            answer = connection.getresponse()
            body = answer.read()
        except OSError as error:
            return f"no answer ({error})"
    return "" if answer.status == http.client.OK else f"{answer.status}: {_problems(body)}"


def _problems(body: bytes) -> str:
    try:
        return ", ".join(json.loads(body)["problems"])
    except (ValueError, KeyError):
        return "no readable answer"


def _mllp() -> str:
    with closing(socket.socket()) as probe:
        probe.settimeout(TIMEOUT)
        code = probe.connect_ex(("127.0.0.1", settings.MLLP_PORT))
    return f"port {settings.MLLP_PORT} does not accept ({os.strerror(code)})" if code else ""


def _heartbeat(name: str) -> str:
    return "" if heartbeat.is_fresh(name=name, now=database_now()) else "no recent sign of life"
