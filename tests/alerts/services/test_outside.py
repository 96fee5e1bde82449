"""The sign of life to the outside: sent while all is well, and missing when it is not, on a real server."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alerts import web_client
from alerts.models import Alert, Heartbeat
from alerts.services import duty_rules, heartbeat
from alerts.services.outside import tell_outside, why_withheld
from alerts.services.rounds import STAGES, make_round
from alerts.services.watch_duty import watch_duty
from alerts.web_client import exchange
from tests.builders_alerts import CANARIES, NOW, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-74")]
SECOND = timedelta(seconds=1)


class Monitor:
    """A monitor on another host, reduced to what it hears and how it answers."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200
        self.holds = threading.Event()
        self.holds.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                outer.heard.append(f"{self.requestline}\n{self.headers}{self.rfile.read(size).decode()}")
                outer.holds.wait(20)
                self.send_response(outer.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/ping/a-secret-of-ours?from=prrt"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def monitor(settings: Any) -> Iterator[Monitor]:
    made = Monitor()
    settings.HEARTBEAT_URL = made.address
    yield made
    made.holds.set()
    made.server.shutdown()
    made.server.server_close()


def all_is_well(now: Any = NOW) -> None:
    for name in (heartbeat.CELERY, heartbeat.RUNNER, heartbeat.DUTY_LOOK):
        heartbeat.beat(name=name, now=now)


def test_a_service_that_is_well_says_so_once_a_minute(monitor: Monitor) -> None:
    for seconds in range(0, 130, 10):
        all_is_well(NOW + seconds * SECOND)
        tell_outside(now=NOW + seconds * SECOND)
    assert len(monitor.heard) == 3
    assert Heartbeat.objects.get(name=heartbeat.OUTSIDE).at == NOW + 120 * SECOND


def test_it_says_nothing_but_that_it_lives(monitor: Monitor) -> None:
    make_person("oncall1", "on-call")
    all_is_well()
    assert tell_outside(now=NOW) == 1
    (said,) = monitor.heard
    assert said.startswith("GET /ping/a-secret-of-ours?from=prrt HTTP/1.1\n")
    assert "Cookie" not in said
    assert not [word for word in CANARIES if word in said]


@pytest.mark.parametrize("missing", [heartbeat.CELERY, heartbeat.RUNNER, heartbeat.DUTY_LOOK])
def test_it_is_withheld_when_a_runner_or_the_look_at_the_rules_is_missing(
    monitor: Monitor, missing: str
) -> None:
    all_is_well()
    heartbeat.beat(name=missing, now=NOW - 150 * SECOND)
    assert tell_outside(now=NOW) == 0
    assert why_withheld(now=NOW) == [f"{missing} has given no sign of life lately"]
    Heartbeat.objects.filter(name=missing).delete()
    assert tell_outside(now=NOW) == 0
    assert monitor.heard == []
    heartbeat.beat(name=missing, now=NOW - 149 * SECOND)
    assert tell_outside(now=NOW) == 1


def test_it_is_withheld_while_a_rule_is_broken_and_comes_back_when_it_holds(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = ["nobody is on call from 20:00 to 22:00"]
    monkeypatch.setattr(duty_rules, "COVERAGE", [lambda now: gaps])
    all_is_well()
    watch_duty(now=NOW)
    assert why_withheld(now=NOW) == ["invariant-broken:coverage-gap stands"]
    assert tell_outside(now=NOW) == 0
    # Acknowledged is not mended.
    Alert.objects.update(
        state="acked", next_step_at=None, acked_at=NOW, acked_by=make_person("admin1"), ack_due_at=NOW
    )
    assert tell_outside(now=NOW) == 0
    assert monitor.heard == []
    gaps.clear()
    watch_duty(now=NOW + SECOND)
    assert tell_outside(now=NOW + SECOND) == 1


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_yes_is_no_success_and_no_redirect_is_followed(
    monitor: Monitor, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.status = status
    all_is_well()
    with caplog.at_level(logging.DEBUG):
        assert tell_outside(now=NOW) == 0
    assert len(monitor.heard) == 1
    assert not Heartbeat.objects.filter(name=heartbeat.OUTSIDE).exists()
    assert f"answered {status}" in caplog.text
    assert "a-secret-of-ours" not in caplog.text


def test_a_monitor_that_is_away_is_told_again_a_minute_later(
    monitor: Monitor, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    address = settings.HEARTBEAT_URL
    settings.HEARTBEAT_URL = "http://127.0.0.1:9/ping/a-secret-of-ours"
    all_is_well()
    with caplog.at_level(logging.DEBUG):
        assert tell_outside(now=NOW) == 0
    assert "could not be reached (ConnectionRefusedError)" in caplog.text
    assert "a-secret-of-ours" not in caplog.text
    settings.HEARTBEAT_URL = address
    assert tell_outside(now=NOW + 60 * SECOND) == 1


def test_a_monitor_that_never_answers_holds_no_round_up(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_client, "STEP_SECONDS", 0.3)
    monitor.holds.clear()
    all_is_well()
    began = time.monotonic()
    assert tell_outside(now=NOW) == 0
    assert time.monotonic() - began < 5


def test_a_monitor_that_sends_a_byte_now_and_then_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_client, "ALL_SECONDS", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        stop = threading.Event()

        def drip() -> None:
            line, _ = door.accept()
            with closing(line), suppress(OSError):
                while not stop.wait(0.1):
                    line.sendall(b"H")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(OSError):
            exchange(url=f"http://127.0.0.1:{door.getsockname()[1]}/")
        assert time.monotonic() - began < 5
        stop.set()
        thread.join(5)


def test_where_no_monitor_is_named_nothing_is_sent(settings: Any) -> None:
    assert settings.HEARTBEAT_URL == ""
    all_is_well()
    assert tell_outside(now=NOW) == 0
    assert not Heartbeat.objects.filter(name="turn.outside").exists()


@pytest.mark.usefixtures("real_commits")
def test_the_second_runner_sends_it_without_any_broker_after_the_look_at_the_rules(monitor: Monitor) -> None:
    names = [stage.name for stage in STAGES]
    assert names.index("mails sent") < names.index("alerts about the duty changed")
    assert names.index("alerts about the duty changed") < names.index("signs of life sent")
    make_round()
    assert monitor.heard == []  # Celery never gave a sign
    heartbeat.beat(name=heartbeat.CELERY)
    assert dict(make_round().done)["signs of life sent"] == 1
    assert len(monitor.heard) == 1
