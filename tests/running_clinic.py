"""The service as its users meet it: real processes, a real mail server, and doors used from outside."""

import email
import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar

from aiosmtpd.controller import Controller

from tests.open_policy import round_the_clock

ROOT = Path(__file__).parent.parent
Found = TypeVar("Found")


def until(found: Callable[[], Found | None], *, within: float, what: str) -> Found:
    """Ask until there is an answer; fail with words when none comes in time."""
    deadline = time.monotonic() + within
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:.0f} s: {what}")
        time.sleep(0.25)


@dataclass
class Postbox:
    """What a real SMTP server has accepted."""

    letters: list[tuple[list[str], Message]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # aiosmtpd's name
        """Keep one message."""
        self.letters.append((list(envelope.rcpt_tos), email.message_from_bytes(envelope.content)))
        return "250 kept"


@contextmanager
def mail_server(port: int) -> Iterator[Postbox]:
    """An SMTP server in this process."""
    postbox = Postbox()
    controller = Controller(postbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield postbox
    finally:
        controller.stop()


class Clinic:
    """One installation: its environment, its processes, and how to reach its doors."""

    def __init__(self, *, var_dir: Path, web_port: int, mllp_port: int, settings: Mapping[str, str]) -> None:
        self.var_dir = var_dir
        self.web_port, self.mllp_port = web_port, mllp_port
        self.address = f"http://127.0.0.1:{web_port}"
        mine = {"PATH", "HOME", "LANG", "VIRTUAL_ENV", "SYSTEMROOT", "TMPDIR"}
        self.environment = {name: value for name, value in os.environ.items() if name in mine} | {
            "PRRT_ENV": "demo",
            "PRRT_VAR_DIR": str(var_dir),
            "WEB_PORT": str(web_port),
            "MLLP_PORT": str(mllp_port),
            "PYTHONUNBUFFERED": "1",
            # These run by the real clock: at night and on Sundays people must be told as well.
            "ALERT_POLICY": str(round_the_clock(var_dir.parent)),
            **settings,
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a management command in a process group of its own."""
        return self._start(command[0], "manage.py", *command)

    def start_web(self) -> subprocess.Popen[bytes]:
        """Start the web server alone."""
        return self._start(
            "web",
            "-m",
            "gunicorn",
            "prrt_clinic.wsgi",
            "--bind",
            f"127.0.0.1:{self.web_port}",
            *("--threads", "4"),
            # A browser keeps a connection open that never asks; nobody need wait for it.
            *("--graceful-timeout", "2", "--no-control-socket"),
        )

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        self.var_dir.mkdir(parents=True, exist_ok=True)
        log = (self.var_dir / f"{name}.out").open("ab")
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def run(self, *command: str) -> str:
        """Run a management command to its end; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def wait_until_ready(self, *, within: float = 240, page: str = "ready") -> None:
        """Wait for a health page; say what the log says when it does not come."""

        def answers() -> bool:
            ended = [each for each in self.processes if each.poll() is not None]
            assert not ended, self.log()
            try:
                with urllib.request.urlopen(f"{self.address}/health/{page}", timeout=5) as answer:
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        until(answers, within=within, what=f"the clinic is ready\n{self.log()}")

    def log(self) -> str:
        """The last lines of every process's output."""
        files = [*self.var_dir.glob("*.out"), *self.var_dir.glob("log/*.log")]
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in files)

    def stop(self) -> list[str]:
        """Interrupt every group, as Ctrl-C does; returns what was still running half a minute later."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
        left = [line for process in self.processes for line in _members(process.pid)]
        for process in self.processes:
            for line in _members(process.pid):
                os.kill(int(line.split()[0]), signal.SIGKILL)
        return left

    def send(self, body: bytes) -> bytes:
        """Send one frame over MLLP and return the acknowledgement."""
        with socket.create_connection(("127.0.0.1", self.mllp_port), timeout=10) as line:
            line.sendall(b"\x0b" + body + b"\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                piece = line.recv(65536)
                assert piece, f"the listener closed after {answer!r}"
                answer += piece
        return answer

    def orders(self, token: str, **query: str) -> list[dict[str, Any]]:
        """Every order that pharmacy sees, page by page."""
        address: str | None = f"{self.address}/api/v1/orders?{urllib.parse.urlencode(query)}"
        found: list[dict[str, Any]] = []
        while address:
            request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, timeout=10) as page:
                data = json.load(page)
            found += data["results"]
            address = data["next"]
        return found

    def password(self) -> str:
        """The demonstration password of this installation."""
        logins = json.loads((self.var_dir / "demo_logins.json").read_text())
        return str(logins[0]["password"])


def _members(group: int) -> list[str]:
    """Processes of a group that are still alive, as `pid command`."""
    listing = subprocess.run(
        ["ps", "-eo", "pgid=,pid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 3) for line in listing.stdout.splitlines()]
    return [f"{row[1]} {row[3]}" for row in rows if row[0] == str(group) and not row[2].startswith("Z")]


class Browser:
    """A person's browser, reduced to cookies and forms."""

    def __init__(self) -> None:
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, address: str) -> tuple[int, str, str]:
        """Status, final address and text of a page."""
        return self._open(urllib.request.Request(address))

    def post(self, address: str, **fields: str) -> tuple[int, str, str]:
        """Send a form with the CSRF token of the cookie, from its own page."""
        token = next((cookie.value for cookie in self.jar if cookie.name == "csrftoken"), "") or ""
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        return self._open(urllib.request.Request(address, data=data, headers={"Referer": address}))

    def _open(self, request: urllib.request.Request) -> tuple[int, str, str]:
        try:
            with self.opener.open(request, timeout=20) as page:
                return page.status, page.url, page.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.url or "", error.read().decode()

    def log_in(self, *, clinic: Clinic, username: str, to: str) -> str:
        """Log in as a person and return the text of the page that was wanted."""
        _, address, _ = self.get(to)
        assert "/accounts/login/" in address, address
        _, address, text = self.post(address, login=username, password=clinic.password())
        assert address.split("?")[0] == to.split("?", maxsplit=1)[0], text
        return text


def form_fields(text: str, *, action: str) -> dict[str, str]:
    """The hidden fields of the form that posts to an address."""
    form = next(part for part in re.findall(r"<form[^>]*>.*?</form>", text, flags=re.S) if action in part)
    pairs = re.findall(r'<input[^>]*type="hidden"[^>]*>', form)
    fields = {}
    for pair in pairs:
        name, value = re.search(r'name="([^"]*)"', pair), re.search(r'value="([^"]*)"', pair)
        if name:
            fields[name.group(1)] = value.group(1) if value else ""
    return fields


def low_platelets(
    *, mrn: str, family: str, given: str, birth_date: str, sex: str, value: str = "60"
) -> bytes:
    """An ORU^R01 with one platelet count, drawn an hour ago."""
    now = datetime.now(UTC)
    drawn, sent = f"{now - timedelta(hours=1):%Y%m%d%H%M%S}+0000", f"{now:%Y%m%d%H%M%S}+0000"
    number = f"FLOW{now:%H%M%S%f}"
    born = birth_date.replace("-", "")
    route = "DEMOLIS|DEMOLAB|PRRT|CLINIC"
    return "\r".join(
        [
            f"MSH|^~\\&|{route}|{sent}||ORU^R01^ORU_R01|{number}|P|2.5.1||||||UNICODE UTF-8",
            f"PID|1||{mrn}^^^DEMO^MR||{family}^{given}||{born}|{sex}",
            f"OBR|1||{number}|58410-2^CBC panel^LN|||{drawn}|||||||||||||||{sent}||LAB|F",
            f"OBX|1|NM|777-3^Platelets^LN||{value}|10*9/L^^UCUM|150-400|L|||F|||{drawn}",
            "",
        ]
    ).encode()
