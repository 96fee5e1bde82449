"""Run the whole service on one machine: prepare the database, start every process, say where to look."""

import fcntl
import hashlib
import json
import os
import shlex
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from rich.console import Console
from rich.table import Table

from labs.models import Patient
from prrt_clinic.celery import app
from prrt_clinic.demo_clinic import AUTHORITY
from prrt_clinic.supervisor import Child, GaveUp, Supervisor

READY_WITHIN = 90.0
# What a second command needs to meet this run, and another run to be the same otherwise.
PLACE = ("PRRT_VAR_DIR",)
DOORS = ("WEB_HOST", "WEB_PORT", "MLLP_HOST", "MLLP_PORT")
ACCESS_LOG = "%(t)s %(m)s %(U)s %(s)s %(M)sms"  # without the query string: a search is a patient's name


class Command(BaseCommand):
    """`manage.py runclinic`: web, worker, beat, second runner and MLLP listener in the foreground."""

    help = "Prepare the database and run every process of the service on this machine."
    requires_system_checks = []

    def handle(self, *_: Any, **__: Any) -> None:
        """Check the ports, prepare, start, say where to look, and stay until Ctrl-C."""
        self.console = Console(highlight=False, soft_wrap=True)
        if settings.PRODUCTION:
            raise CommandError("PRRT_ENV is production; start the services of docker-compose.yml instead.")
        os.umask(0o077)  # patients' data, log-ins and mail are for the account that runs this
        with _alone(settings.VAR_DIR / "run.lock"):
            _check_ports()
            supervisor = Supervisor(environment=dict(os.environ, PYTHONUNBUFFERED="1"), say=self._say)
            try:
                self._prepare()
            except KeyboardInterrupt:
                self._say("Stopped before anything was started.")
                return
            with supervisor.stopped_by_signals():
                try:
                    self._start(supervisor)
                    supervisor.run_until_stopped()
                except GaveUp as error:
                    raise CommandError(str(error)) from error
                finally:
                    self._end(supervisor)

    def _prepare(self) -> None:
        """The database, the static files, the demonstration clinic."""
        steps: list[tuple[str, Callable[[], object]]] = [
            ("Database", lambda: call_command("migrate", interactive=False, verbosity=0)),
            ("Static files", _collect_static),
            ("Demonstration clinic", self._demonstrate),
        ]
        for name, step in steps:
            with self._step(name):
                step()
        connections.close_all()

    def _demonstrate(self) -> None:
        """Unless this database holds other patients; the command knows a finished and a broken-off one."""
        if not Patient.objects.real().exclude(assigning_authority=AUTHORITY).exists():
            call_command("demo", stdout=self.stdout)

    def _start(self, supervisor: Supervisor) -> None:
        with self._step("Web, worker, beat, runner and MLLP listener"):
            if not settings.REDIS_URL:
                _declare_queues()
            for child in _children():
                supervisor.start(child)
            _wait_until_ready(supervisor)
        if not supervisor.stopping:
            self._closing_screen()

    def _end(self, supervisor: Supervisor) -> None:
        if supervisor.children:
            self._say("Stopping every process ...")
            killed = supervisor.stop()
            self._say(
                f"Stopped. Had to be killed: {', '.join(killed)}."
                if killed
                else "Stopped. Nothing is left running."
            )

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Show that a step is under way, then how long it took."""
        start = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(f"{name} ..."):
                yield
        else:
            self._say(f"{name} ...")
            yield
        self._say(f"✓ {name} ({time.monotonic() - start:.1f} s)")

    def _closing_screen(self) -> None:
        """The address, who may log in, and three things to try."""
        logins = settings.VAR_DIR / "demo_logins.json"
        self._say("")
        if logins.is_file():
            table = Table(title="Log-ins of the demonstration clinic", title_justify="left")
            for column in ("role", "user name", "password", "for"):
                table.add_column(column)
            for row in json.loads(logins.read_text(encoding="utf-8")):
                table.add_row(row["role"], row["username"], row["password"], row["purpose"])
            self.console.print(table)
        manage = f"{_chosen(*PLACE)}{shlex.quote(sys.executable)} manage.py"
        mail = f"{settings.SITE_URL}/demo/mail/" if not settings.EMAIL_URL else "sent by EMAIL_URL"
        self._say(
            f"\nE-mail      {mail}\n"
            f"MLLP        {settings.MLLP_HOST}:{settings.MLLP_PORT}  (HL7 v2, ORU^R01)\n"
            f"Data, logs  {settings.VAR_DIR}\n\n"
            "Try\n"
            "  1. Open the address below and log in as the nurse: her first page says what needs doing.\n"
            f"  2. In a second terminal: {manage} send_sample --port {settings.MLLP_PORT}\n"
            "     A low platelet count arrives; within seconds its cycle is held and its order suspended.\n"
            "  3. Read the alert under E-mail, log in as the on-call, and acknowledge it.\n\n"
            "Other systems have no log-in but a token (roles: pharmacy, lab-feed):\n"
            f"  {manage} token --role pharmacy --name NAME\n\n"
            "Ctrl-C stops everything; the data stays.\n\n"
            f"{settings.SITE_URL}"
        )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two runs on one folder would share a database, a broker and the sending of mail."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"The service already runs from {settings.VAR_DIR}. Stop it with Ctrl-C in its terminal, "
                "or give this one its own folder: PRRT_VAR_DIR=/some/folder."
            ) from error
        yield


def _chosen(*names: str) -> str:
    """These variables as they were set here, to stand before a command; nothing for those that were not."""
    return "".join(f"{name}={shlex.quote(os.environ[name])} " for name in names if os.environ.get(name))


def _check_ports() -> None:
    """Before anything starts: a port in use, whose it would be, and how to choose another."""
    doors = (
        ("WEB_PORT", settings.WEB_HOST, settings.WEB_PORT, "the web pages"),
        ("MLLP_PORT", settings.MLLP_HOST, settings.MLLP_PORT, "the MLLP listener"),
    )
    for variable, host, port, what in doors:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                kept = _chosen(*PLACE, *(door for door in DOORS if door != variable))
                raise CommandError(
                    f"Port {port} of {host} cannot be used by {what}: {error.strerror}.\n"
                    f"Choose another: {kept}{variable}={port + 1} make run"
                ) from error


def _collect_static() -> None:
    """Collect once; again only when a file or a package has changed."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            digest.update(f"{path} {Path(storage.path(path)).stat().st_mtime_ns}\n".encode())
    stamp = settings.VAR_DIR / "static.stamp"
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != digest.hexdigest():
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest.hexdigest(), encoding="ascii")


def _declare_queues() -> None:
    """Before several processes find the file broker empty at once."""
    with app.connection_for_write() as broker:
        for queue in app.amqp.queues.values():
            queue(broker.default_channel).declare()


def _children() -> list[Child]:
    """The processes of the service, small enough for one machine."""
    python, logs = sys.executable, settings.VAR_DIR / "log"
    manage, celery = [python, "manage.py"], [python, "-m", "celery", "-A", "prrt_clinic"]
    lonely = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = [*celery, "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING", *lonely]
    commands = {
        "web": [
            *(python, "-m", "gunicorn", "prrt_clinic.wsgi"),
            *("--bind", f"{settings.WEB_HOST}:{settings.WEB_PORT}", "--workers", "1", "--threads", "8"),
            *("--graceful-timeout", "5", "--no-control-socket"),
            *("--logger-class", "prrt_clinic.access_log.AccessLogger"),
            *("--access-logfile", "-", "--access-logformat", ACCESS_LOG),
        ],
        "worker": [*worker, "--queues", "mail,default"],
        # A mail server that takes a letter and never answers must hold no other work.
        "alerter": [*worker, "--queues", "critical-mail", "--hostname", "alerter@%h"],
        "beat": [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""],
        "runner": [*manage, "runner"],
        "mllp": [*manage, "listen_mllp", "--host", settings.MLLP_HOST, "--port", str(settings.MLLP_PORT)],
    }
    return [Child(name=name, command=command, log=logs / f"{name}.log") for name, command in commands.items()]


def _wait_until_ready(supervisor: Supervisor) -> None:
    """Until the pages answer that all is well and the MLLP port accepts; or say what is wrong."""
    deadline = time.monotonic() + READY_WITHIN
    problem = ""
    while not supervisor.stopping:
        supervisor.watch()
        problem = _web_problem() or _mllp_problem()
        if not problem:
            return
        if time.monotonic() > deadline:
            raise CommandError(
                f"Not ready after {READY_WITHIN:.0f} s: {problem}. Logs: {settings.VAR_DIR / 'log'}"
            )
        time.sleep(0.3)


def _web_problem() -> str:
    address = f"http://{settings.WEB_HOST}:{settings.WEB_PORT}/health/ready"
    try:
        with urllib.request.urlopen(address, timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        return "the pages say " + ", ".join(json.loads(error.read()).get("problems", [str(error.code)]))
    except OSError as error:
        return f"the pages do not answer ({error})"


def _mllp_problem() -> str:
    with closing(socket.socket()) as probe:
        code = probe.connect_ex((settings.MLLP_HOST, settings.MLLP_PORT))
    return f"the MLLP listener does not answer ({os.strerror(code)})" if code else ""
