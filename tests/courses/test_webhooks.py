"""Other systems are told of orders: owed with the change, signed, tried for ever, and only where allowed."""

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from alerts.services.rounds import STAGES
from courses import webhook_client
from courses.models import Course, Webhook, WebhookCall
from courses.services.assess import assess_course
from courses.services.authority import Refused
from courses.services.pharmacy import accept_order, cancel_order
from courses.services.webhooks import (
    LEASE,
    LONGEST_PAUSE,
    add_webhook,
    body_of,
    pause_after,
    send_webhooks,
    stop_webhook,
)
from courses.tasks import send_webhooks as send_task
from courses.webhook_client import BadAddress, check_address, post_signed, signature
from labs.clock import database_now
from tests.builders import draw
from tests.builders_pharmacy import MORNING, NOW, PLANNED, dispensed, order_of, pharmacist, signed_course

pytestmark = pytest.mark.django_db


class Listener:
    """A server of another system on this machine: what it got, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((dict(self.headers), body))
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{outer.port}/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def listener(settings: Any) -> Iterator[Listener]:
    """Another system, named with its port in the allow-list."""
    found = Listener()
    settings.WEBHOOK_HOSTS = [f"127.0.0.1:{found.port}"]
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def webhook(listener: Listener) -> Webhook:
    """It is told of orders."""
    return add_webhook(name="pharmacy", url=f"http://127.0.0.1:{listener.port}/orders")


def owed() -> list[tuple[str, int]]:
    return list(WebhookCall.objects.order_by("pk").values_list("event", "order_version"))


def a_call(webhook: Webhook, course: Course) -> WebhookCall:
    order = order_of(course)
    return WebhookCall.objects.create(
        webhook=webhook,
        event="order.changed",
        order=order,
        order_version=99,
        made_at=NOW,
        next_attempt_at=NOW,
    )


# --- What is owed -------------------------------------------------------------------------------------


@pytest.mark.hazard("HZ-46")
def test_release_change_recall_and_end_are_owed_in_the_commit_of_the_change(webhook: Webhook) -> None:
    course = signed_course()
    radioactive = WebhookCall.objects.filter(order=order_of(course))
    assert [each.event for each in radioactive] == ["order.released"]
    dispensed(course)
    draw(course.patient, PLANNED - timedelta(days=1), PLT="60")
    assess_course(course_id=course.pk, now=NOW)
    events = [each.event for each in radioactive.order_by("pk")]
    assert events == ["order.released", *["order.changed"] * 3, "order.recall"]
    versions = [each.order_version for each in radioactive.order_by("pk")]
    assert versions == sorted(set(versions))


def test_a_change_that_is_undone_owes_nothing(webhook: Webhook) -> None:
    course = signed_course()
    before = owed()
    with pytest.raises(RuntimeError), transaction.atomic():
        accept_order(order=order_of(course), by=pharmacist(), now=MORNING)
        raise RuntimeError("planted")
    assert owed() == before


def test_a_cancelled_order_is_told_as_voided(webhook: Webhook) -> None:
    course = signed_course()
    cancel_order(order=order_of(course), by=pharmacist(), reason="why", now=MORNING)
    assert WebhookCall.objects.latest("pk").event == "order.voided"


# --- What is sent -------------------------------------------------------------------------------------


def test_a_call_is_signed_and_holds_opaque_ids_alone(webhook: Webhook, listener: Listener) -> None:
    call = a_call(webhook, signed_course())
    WebhookCall.objects.exclude(pk=call.pk).delete()
    assert send_webhooks(now=NOW) == 1
    ((headers, body),) = listener.got
    assert json.loads(body) == body_of(call)
    assert set(json.loads(body)) == {"id", "event", "order", "version", "made_at"}
    for secret in ("Ahorn", "Testa", "T-1", "1961", "7.4", "lutetium"):
        assert secret not in body.decode() + str(headers)
    stamp = headers["X-PRRT-Timestamp"]
    assert int(stamp) == int(NOW.timestamp())
    expected = hmac.new(webhook.secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-PRRT-Signature"] == f"v1={expected}"
    assert headers["X-PRRT-Delivery"] == str(call.public_id)
    call.refresh_from_db()
    assert (call.answered_at, call.next_attempt_at, call.attempts, call.last_answer) == (
        NOW,
        None,
        1,
        "answered 204",
    )
    assert send_webhooks(now=NOW + timedelta(days=1)) == 0


@pytest.mark.parametrize(
    ("status", "said"), [(500, "answered 500"), (302, "answered 302 (redirects are not")]
)
def test_what_is_not_taken_is_tried_again_and_no_redirect_is_followed(
    webhook: Webhook, listener: Listener, status: int, said: str
) -> None:
    call = a_call(webhook, signed_course())
    WebhookCall.objects.exclude(pk=call.pk).delete()
    listener.status = status
    assert send_webhooks(now=NOW) == 0
    assert len(listener.got) == 1
    call.refresh_from_db()
    assert call.last_answer.startswith(said)
    assert call.next_attempt_at == NOW + timedelta(seconds=10)
    assert send_webhooks(now=NOW + timedelta(seconds=9)) == 0
    listener.status = 200
    assert send_webhooks(now=NOW + timedelta(seconds=10)) == 1


def test_pauses_grow_to_an_hour_and_never_end() -> None:
    pauses = [pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 9, 10, 1000)]
    assert pauses == [10, 20, 40, 2560, 3600, 3600]
    assert timedelta(hours=1) == LONGEST_PAUSE


def test_an_address_that_fails_waits_while_others_are_told(
    webhook: Webhook, listener: Listener, settings: Any
) -> None:
    course = signed_course()
    WebhookCall.objects.all().delete()
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        settings.WEBHOOK_HOSTS = [*settings.WEBHOOK_HOSTS, f"127.0.0.1:{port}"]
        dead = add_webhook(name="a-dead-one", url=f"http://127.0.0.1:{port}/")
        accept_order(order=order_of(course), by=pharmacist(), now=MORNING)
        cancel_order(order=order_of(course), by=pharmacist(), reason="why", now=MORNING)
        assert send_webhooks(now=NOW) == 2
    silent = WebhookCall.objects.filter(webhook=dead)
    assert [each.attempts for each in silent.order_by("pk")] == [1, 0]
    assert silent.order_by("pk").first().last_answer == "no answer (ConnectionRefusedError)"


def test_a_call_whose_sender_died_is_taken_over_after_its_lease(webhook: Webhook, listener: Listener) -> None:
    call = a_call(webhook, signed_course())
    WebhookCall.objects.exclude(pk=call.pk).delete()
    WebhookCall.objects.update(leased_until=NOW + LEASE, attempts=1)
    assert send_webhooks(now=NOW) == 0
    assert send_webhooks(now=NOW + LEASE) == 1
    call.refresh_from_db()
    assert call.attempts == 2


def test_a_side_that_sends_a_byte_now_and_then_is_hung_up_on(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_client, "ALL_SECONDS", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        settings.WEBHOOK_HOSTS = [f"127.0.0.1:{port}"]
        over = threading.Event()

        def drip() -> None:
            line, _ = server.accept()
            with closing(line):
                try:
                    while not over.wait(0.1):
                        line.sendall(b"H")
                except OSError:
                    return

        slow = threading.Thread(target=drip, daemon=True)
        slow.start()
        with pytest.raises(OSError):
            post_signed(url=f"http://127.0.0.1:{port}/", secret="s", body=b"{}", headers={}, at=NOW)
        over.set()
        slow.join(5)


# --- Where it may be sent -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.org/orders",
        "http://pharmacy.example.org/orders",
        "https://pharmacy.example.org:8443/orders",
        "https://user:word@pharmacy.example.org/orders",
        "https://pharmacy.example.org/orders#part",
        "ftp://pharmacy.example.org/orders",
        "https:///orders",
        "https://pharmacy.example.org:99999/",
        "https://pharmacy.example.org.evil.org/",
        "pharmacy.example.org",
        "",
    ],
)
def test_an_address_that_is_not_allowed_is_refused(settings: Any, url: str) -> None:
    settings.WEBHOOK_HOSTS = ["pharmacy.example.org"]
    with pytest.raises(BadAddress):
        check_address(url)
    with pytest.raises(Refused):
        add_webhook(name="x", url=url)
    assert not Webhook.objects.exists()


def test_an_allowed_address_is_read_in_its_parts(settings: Any) -> None:
    settings.WEBHOOK_HOSTS = ["Pharmacy.example.org", "10.1.2.3:8443"]
    found = check_address("https://pharmacy.example.org/orders?x=1")
    assert (found.host, found.port, found.path) == ("pharmacy.example.org", 443, "/orders?x=1")
    assert not found.is_named_with_port
    assert check_address("http://10.1.2.3:8443/").is_named_with_port


@pytest.mark.parametrize(
    "number",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
     "64:ff9b::7f00:1", "2002:7f00:1::1", "::7f00:1", "fec0::1", "2001::1"],
)  # fmt: skip
def test_a_name_that_leads_into_this_network_is_not_called(
    settings: Any, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    settings.WEBHOOK_HOSTS = ["pharmacy.example.org"]
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    outside = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))
    inside = (family, socket.SOCK_STREAM, 6, "", (number, 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [outside, inside])

    def never(*_: Any, **__: Any) -> None:
        pytest.fail("it was called")

    monkeypatch.setattr(socket, "create_connection", never)
    with pytest.raises(BadAddress, match="this network"):
        post_signed(url="https://pharmacy.example.org/", secret="s", body=b"{}", headers={}, at=NOW)


def test_what_is_called_is_the_number_that_was_looked_at(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_HOSTS = ["pharmacy.example.org"]
    outside = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [outside])
    called: list[Any] = []

    def refuse(place: Any, **_: Any) -> None:
        called.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ConnectionRefusedError):
        post_signed(url="https://pharmacy.example.org/", secret="s", body=b"{}", headers={}, at=NOW)
    assert called == [("93.184.215.14", 443)]


def test_a_host_taken_off_the_list_is_told_nothing_more(
    webhook: Webhook, listener: Listener, settings: Any
) -> None:
    a_call(webhook, signed_course())
    settings.WEBHOOK_HOSTS = []
    assert send_webhooks(now=NOW) == 0
    assert listener.got == []
    assert "WEBHOOK_HOSTS" in WebhookCall.objects.order_by("pk").first().last_answer


def test_the_signature_depends_on_secret_time_and_body() -> None:
    made = {
        signature(secret=secret, timestamp=stamp, body=body)
        for secret in ("a", "b")
        for stamp in ("1", "2")
        for body in (b"x", b"y")
    }
    assert len(made) == 8


# --- The command, the task and the runner -------------------------------------------------------------


def test_the_command_adds_lists_and_stops(listener: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{listener.port}/orders"
    call_command("webhook", "add", name="pharmacy", url=url)
    printed = capsys.readouterr()
    made = Webhook.objects.get()
    assert printed.out.strip() == made.secret
    assert len(made.secret) == 64
    assert made.secret not in printed.err
    course = signed_course()
    accept_order(order=order_of(course), by=pharmacist(), now=MORNING)
    count = WebhookCall.objects.count()
    call_command("webhook", "list")
    listed = capsys.readouterr().out
    assert f"{count} call(s) owed" in listed
    assert made.secret not in listed
    with pytest.raises(CommandError, match="already"):
        call_command("webhook", "add", name="pharmacy", url=url)
    call_command("webhook", "stop", name="pharmacy")
    assert f"{count} call(s) it was owed are struck off" in capsys.readouterr().out
    assert send_webhooks(now=NOW + timedelta(days=1)) == 0
    cancel_order(order=order_of(course), by=pharmacist(), reason="why", now=MORNING)
    assert WebhookCall.objects.count() == count
    call_command("webhook", "add", name="pharmacy", url=url)
    assert Webhook.objects.get().secret != made.secret
    with pytest.raises(CommandError):
        call_command("webhook", "stop", name="nobody")
    with pytest.raises(Refused):
        stop_webhook(name="nobody")


def test_runner_and_celery_both_tell(webhook: Webhook, listener: Listener) -> None:
    course = signed_course()
    WebhookCall.objects.update(next_attempt_at=database_now() - timedelta(minutes=1))
    count = WebhookCall.objects.count()
    send_task()
    assert len(listener.got) == count
    assert course.pk
    assert "webhooks answered" in [stage.name for stage in STAGES]
