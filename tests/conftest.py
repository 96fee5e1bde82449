"""The ground every test stands on: the test environment, its databases, and what this machine can run."""

import fcntl
import importlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

# Before Django's settings load. A directory of its own, so that runs side by side do not meet.
os.environ["PRRT_ENV"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "prrt_clinic.settings"
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["PRRT_VAR_DIR"] = tempfile.mkdtemp(prefix="prrt-tests-")
    os.environ["PRRT_TEST_RUN"] = str(os.getpid())
for name in (
    "SECRET_KEY",
    "REDIS_URL",
    "EMAIL_URL",
    "SITE_URL",
    "ALLOWED_HOSTS",
    "CLINIC_TIME_ZONE",
    "CLINIC_NAME",
):
    os.environ.pop(name, None)

import django

django.setup()

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connections
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from tests.private_postgres import find_program

ON_POSTGRES = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
SERVER = os.environ.get("PRRT_TEST_DATABASE_URL") or (
    os.environ["DATABASE_URL"] if ON_POSTGRES else "postgres://postgres@127.0.0.1:5432/postgres"
)
# A shared machine is slow at times, which is no fault of a test; where a run must be repeatable, it is.
hypothesis_settings.register_profile(
    "clinic", deadline=None, max_examples=60, derandomize=os.environ.get("CI") == "true"
)
hypothesis_settings.load_profile("clinic")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
REQUIRED = os.environ.get("PRRT_REQUIRE_SERVICES") == "1"
LACKING = pytest.StashKey[str]()


# --- What this machine can run ---------------------------------------------------------------


def _postgres_answers() -> bool:
    try:
        psycopg.connect(SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def _has_redis() -> bool:
    return shutil.which("redis-server") is not None


def _has_postgres_programs() -> bool:
    return bool(find_program("initdb"))


def _has_openssl() -> bool:
    return shutil.which("openssl") is not None


def _has_pango() -> bool:
    try:
        importlib.import_module("weasyprint")
    except (ImportError, OSError):
        return False
    return True


def _has_chromium() -> bool:
    return any(shutil.which(name) for name in CHROMIUM)


# Each marker: what it needs of the machine, and in words.
NEEDS: dict[str, tuple[tuple[Callable[[], bool], str], ...]] = {
    "postgres": ((_postgres_answers, "a PostgreSQL server"),),
    "redis": ((_has_redis, "redis-server"),),
    "private_postgres": ((_has_postgres_programs, "the programs of a PostgreSQL server"),),
    "pango": ((_has_pango, "Pango"),),
    "openssl": ((_has_openssl, "the openssl command"),),
    "services": ((_postgres_answers, "a PostgreSQL server"), (_has_redis, "redis-server")),
    "chromium": ((_postgres_answers, "a PostgreSQL server"), (_has_chromium, "Chromium")),
    "fuzz": ((_postgres_answers, "a PostgreSQL server"),),
    "load": ((_postgres_answers, "a PostgreSQL server"),),
}
ONLY_ON_POSTGRES = ("postgres", "chromium", "fuzz", "load")
OTHER_DATABASE = "the other database"
# Begun first, so that no process of the run ends with one of them while the other has nothing left to do.
LONGEST = (
    "test_pairs_of_acts.py", "test_treatment_faults.py", "test_soak.py", "test_compose.py", "test_flow.py",
    "test_duty_processes.py", "test_days_by_api.py", "test_schema_fuzz.py", "test_controls.py",
    "test_therapy_day.py", "test_working_day.py", "test_api_day.py", "test_regulators_events.py",
)  # fmt: skip
left_out: Counter[str] = Counter()


def _why_not(item: pytest.Item, present: dict[Callable[[], bool], bool]) -> str:
    """Why this test does not run here: a missing service, the other database's run, or nothing."""
    for marker, needs in NEEDS.items():
        if item.get_closest_marker(marker):
            for probe, words in needs:
                if probe not in present:
                    present[probe] = probe()
                if not present[probe]:
                    return words
    if ON_POSTGRES:
        return OTHER_DATABASE if item.get_closest_marker("sqlite") else ""
    return OTHER_DATABASE if any(item.get_closest_marker(name) for name in ONLY_ON_POSTGRES) else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect and count what cannot run here; with PRRT_REQUIRE_SERVICES=1 it stays, and fails."""
    present: dict[Callable[[], bool], bool] = {}
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and marker.kwargs.get("transaction"):
            raise pytest.UsageError(f"{item.nodeid}: append-only tables cannot be flushed; use real_commits.")
        if "real_commits" in getattr(item, "fixturenames", ()) and not marker:
            item.add_marker(pytest.mark.django_db)  # else pytest-django makes no test database to copy
        why = _why_not(item, present)
        if why and why != OTHER_DATABASE and REQUIRED:
            item.stash[LACKING] = why
            why = ""
        if why:
            left_out[why] += 1
        (dropped if why else kept).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = sorted(kept, key=lambda item: item.path.name not in LONGEST)  # else in the order they came
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = dict(left_out)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where every service is required, a missing one is a failure of each test that needs it."""
    if LACKING in item.stash:
        pytest.fail(f"PRRT_REQUIRE_SERVICES=1, but this machine lacks {item.stash[LACKING]}.", pytrace=False)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the count from a worker process; every worker collected the same tests."""
    left_out.update(
        Counter(node.workeroutput.get("left_out", {})) - left_out if hasattr(node, "workeroutput") else {}
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for everything that was left out."""
    if left_out:
        why = ", ".join(f"{count} for want of {words}" for words, count in sorted(left_out.items()))
        why = why.replace(f"for want of {OTHER_DATABASE}", f"belong to {OTHER_DATABASE}'s run")
        terminalreporter.write_line(f"Left out here: {sum(left_out.values())} test(s) ({why}).")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's own directory."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["PRRT_VAR_DIR"], ignore_errors=True)


# --- Databases -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """On PostgreSQL, a test database per run, so that runs side by side do not meet."""
    if ON_POSTGRES:
        wanted = connections.settings["default"]["TEST"]
        worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
        wanted["NAME"] = f"test_prrt_{os.environ['PRRT_TEST_RUN']}_{worker}"


def _server_does(statement: str, *names: str) -> None:
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _file_copy(source: str | Path, target: Path) -> None:
    """A copy that also holds what still stands in the write-ahead log."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The migrated test database, and a pristine twin that tests with real commits are copied from."""
    name = str(connections.settings["default"]["NAME"])
    if "test" not in Path(name).name:
        raise pytest.UsageError(f"{name} is not a test database; nothing was done.")
    twin = f"{name}_twin"
    with django_db_blocker.unblock():
        connections.close_all()
        if ON_POSTGRES:
            _server_does("DROP DATABASE IF EXISTS {} WITH (FORCE)", twin)
            _server_does("CREATE DATABASE {} TEMPLATE {}", twin, name)
        else:
            _file_copy(name, Path(twin))
    yield twin
    if ON_POSTGRES:
        _server_does("DROP DATABASE IF EXISTS {} WITH (FORCE)", twin)


def _on_server(name: str) -> str:
    return urlunsplit(urlsplit(SERVER)._replace(path=f"/{quote(name)}"))


@pytest.fixture
def real_commits(django_db_setup: str, django_db_blocker: Any, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own, with real commits, open to other processes; yields its DATABASE_URL.

    Django's connection points at it until the test ends. Append-only tables cannot be emptied, so this
    takes the place of `transaction=True`. The test needs no `django_db` mark.
    """
    if ON_POSTGRES:
        name = f"prrt_copy_{uuid.uuid4().hex[:12]}"
        _server_does("CREATE DATABASE {} TEMPLATE {}", name, django_db_setup)
        url = _on_server(name)
    else:
        name = str(tmp_path / "copy.sqlite3")
        _file_copy(django_db_setup, Path(name))
        url = f"sqlite:///{name}"
    usual_settings, usual = connections.settings["default"], connections["default"]
    connections.settings["default"] = usual_settings | {"NAME": name}
    connections["default"] = connections.create_connection("default")
    try:
        with django_db_blocker.unblock():
            yield url
    finally:
        with django_db_blocker.unblock():
            connections["default"].close()
        connections.settings["default"] = usual_settings
        connections["default"] = usual
        if ON_POSTGRES:
            _server_does("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def scratch_postgres() -> Iterator[str]:
    """An empty PostgreSQL database for other processes; yields its DATABASE_URL. Mark: services."""
    name = f"prrt_scratch_{uuid.uuid4().hex[:12]}"
    _server_does("CREATE DATABASE {}", name)
    yield _on_server(name)
    _server_does("DROP DATABASE {} WITH (FORCE)", name)


# --- Other servers ---------------------------------------------------------------------------


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Hands out ports of 127.0.0.1 on which nothing listens."""
    return _free_port


@pytest.fixture(scope="session")
def private_redis() -> Iterator[str]:
    """A Redis server of this run alone; yields its REDIS_URL. Marks: redis or services."""
    port = _free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--maxmemory-policy"]
    server = subprocess.Popen([*command, "noeviction"], stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir())
    try:
        for _ in range(100):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


# --- Files that every web server of a run serves ---------------------------------------------


@pytest.fixture(scope="session")
def static_files() -> Path:
    """The static files as an installation has them, collected once for all processes of this run."""
    folder = Path(os.environ["PRRT_VAR_DIR"]) / "static_of_the_run"
    folder.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment["PRRT_STATIC_DIR"] = str(folder)
    with (folder.parent / "static_of_the_run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        if not (folder / "staticfiles.json").is_file():
            command = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v", "0"]
            # An installation names files by their content and keeps no others; a server of a test's own
            # database runs as a test, where files keep their names.
            for kind in ("demo", "test"):
                environment["PRRT_ENV"] = kind
                subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True)
    return folder


# --- People ----------------------------------------------------------------------------------


@pytest.fixture
def person() -> Callable[..., User]:
    """Makes a person with roles of the matrix: person("nurse"), person("physician", "authorised-user")."""

    def make(*roles: str, username: str = "") -> User:
        user = User.objects.create_user(
            username or "-".join(roles) or "stranger", password="a long pass phrase"
        )
        user.is_staff = bool(roles)
        user.save(update_fields=["is_staff"])
        user.groups.set([Group.objects.get(name=role) for role in roles])
        return user

    return make
