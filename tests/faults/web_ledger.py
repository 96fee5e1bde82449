"""The ledger of whoever hands results in over HTTP: what was sent, and what the answers said of it."""

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import NamedTuple
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

PATIENCE_SECONDS = 120.0


class Answer(NamedTuple):
    """What came back: the number, where it points to, and the text."""

    status: int
    location: str
    text: str


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_Stay)


@dataclass(kw_only=True)
class Web:
    """The web server from outside; each request is sent again until it is answered."""

    port: int
    repeats: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, path: str, *, data: bytes | None = None, headers: Mapping[str, str]) -> Answer | None:
        """One request; none where the connection broke before the answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, dict(headers))
        try:
            with _OPENER.open(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers.get("Location", ""), answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers.get("Location", ""), error.read().decode())
        except (OSError, HTTPException):
            with self._lock:
                self.repeats += 1
            return None

    def insist(self, act: Callable[[], Answer | None]) -> Answer:
        """Do it until there is an answer that says what became of it."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = act()
            if answer is not None and answer.status != 503:
                return answer
            assert time.monotonic() < give_up, answer
            time.sleep(0.1)


@contextmanager
def web_server(port: int, *, armed: str, **environment: str) -> Iterator[Web]:
    """The service's web server with one worker, which dies whenever it passes the point so many times.

    Its master starts another one, as in production; that one counts its own passes.
    """
    command = ["-m", "gunicorn", "prrt_clinic.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=os.environ | environment | {"PRRT_FAILPOINT": armed},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    web = Web(port=port)
    try:
        web.insist(lambda: web.ask("/health/live", headers={}))
        web.repeats = 0  # from here on each is a death
        yield web
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def at_once(work: Callable[[str], None], names: Sequence[str]) -> None:
    """Do it for each name at the same time; a failure in one of them is the test's."""
    failures: list[BaseException] = []

    def run(name: str) -> None:
        try:
            work(name)
        except BaseException as failure:  # handed to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE_SECONDS)
    if failures:
        raise failures[0]
    assert not any(thread.is_alive() for thread in threads), "a sender did not finish"


@dataclass(frozen=True, kw_only=True)
class Browser:
    """One signed-in person."""

    web: Web
    cookies: str

    @classmethod
    def of(cls, user: User, web: Web) -> "Browser":
        """Sign a person in, whom the server knows by its database."""
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        return cls(web=web, cookies=f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={'a' * 32}")

    def get(self, path: str) -> Answer:
        """A page, asked for until it comes."""
        return self.web.insist(lambda: self.web.ask(path, headers={"Cookie": self.cookies}))

    def post(self, path: str, fields: Mapping[str, str], *, file: bytes | None = None) -> Answer | None:
        """A form; none where the connection broke before the answer."""
        kind, data = "application/x-www-form-urlencoded", urllib.parse.urlencode(fields).encode()
        if file is not None:
            mark = uuid4().hex
            kind, data = f"multipart/form-data; boundary={mark}", _multipart(mark, fields, file)
        headers = {"Cookie": self.cookies, "X-CSRFToken": "a" * 32, "Content-Type": kind}
        return self.web.ask(path, data=data, headers=headers)


def _multipart(mark: str, fields: Mapping[str, str], file: bytes) -> bytes:
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="week.csv"\r\n'
    return b"".join(
        [*parts, head.encode(), b"Content-Type: text/csv\r\n\r\n", file, f"\r\n--{mark}--\r\n".encode()]
    )
