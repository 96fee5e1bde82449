"""A PostgreSQL server of a test's own, which may be stopped, killed and started as the test likes."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg


def find_program(name: str) -> str:
    """A program of the PostgreSQL server: on the path, or where Debian keeps it; nothing where it is not."""
    places = [shutil.which(name), *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)]
    found = next((str(place) for place in places if place), "")
    return str(Path(found).resolve()) if found else ""


class PrivatePostgres:
    """One server on a free port of 127.0.0.1, run by an unprivileged user where the tests run as root."""

    def __init__(self, *settings: str, place: Path | None = None) -> None:
        self._owned = place is None
        self.place = place or Path(tempfile.mkdtemp(prefix="prrt-postgres-"))
        self.user = pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:
            self.user = "postgres" if _has_user("postgres") else "nobody"
        if os.getuid() == 0:
            shutil.chown(self.place, self.user)
            self.place.chmod(0o700)
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.data = self.place / "data"
        self._settings = settings
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.start()

    @property
    def url(self) -> str:
        """Its DATABASE_URL."""
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self, *, largest_file: int = 0) -> None:
        """Start it and wait until it answers; `largest_file` limits how far any file of it grows."""
        options = ["-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1"]
        options += ["-c", f"unix_socket_directories={self.place}"]
        for setting in self._settings:
            options += ["-c", setting]
        joined = " ".join(options)
        arguments = ["-D", str(self.data), "-w", "-t", "60", "-l", str(self.place / "log"), "-o", joined]
        limit = ["prlimit", f"--fsize={largest_file}", "--"] if largest_file else []
        self._run("pg_ctl", *arguments, "start", before=limit)

    def stop(self, how: str = "fast") -> None:
        """Stop it: `fast` as an administrator does, `immediate` as a power cut."""
        self._run("pg_ctl", "-D", str(self.data), "-m", how, "-w", "stop")

    def close(self) -> None:
        """Stop it for good and remove what it kept."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        if self._owned:
            shutil.rmtree(self.place, ignore_errors=True)

    def wait_until_it_answers(self) -> None:
        """After a start: until a query is answered."""
        for _ in range(100):
            try:
                psycopg.connect(self.url, connect_timeout=3).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the private PostgreSQL does not answer")

    def _run(self, name: str, *arguments: str, before: Sequence[str] = ()) -> None:
        program = find_program(name)
        assert program, f"{name} is not installed"
        become = ["runuser", "-u", self.user, "--"] if os.getuid() == 0 else []
        # To a file: the server inherits it, and a pipe would never end.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [*become, *before, program, *arguments], stdout=said, stderr=said, cwd=self.place, check=False
            )
            said.seek(0)
            assert done.returncode == 0, said.read().decode(errors="replace")


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
