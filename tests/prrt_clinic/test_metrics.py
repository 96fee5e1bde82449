"""What a monitoring system reads: figures of the duty, for whoever may, with nobody's name or number."""

import math
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from alerts.models import Alert, CanaryRun, DeliveryAttempt, Notification
from alerts.rules import Kind
from alerts.services import heartbeat
from alerts.services.canary import begin_canary
from alerts.services.duty_rules import DUTY
from alerts.services.watch_duty import watch_duty
from labs.clock import database_now
from labs.models import LabMessage
from tests.builders_alerts import (
    CANARIES,
    make_alert,
    make_course,
    make_decision,
    make_kept_message,
    make_person,
)

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-forty-letters-for-the-monitor"
MINUTE = timedelta(minutes=1)


def read(client: Client, settings: Any) -> dict[str, float]:
    """Every figure by its name and labels, as a monitoring system parses them."""
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    found = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{name}={sample.labels[name]}" for name in sorted(sample.labels))
            found[f"{sample.name}[{labels}]" if labels else sample.name] = sample.value
    return found


# --- Who may -------------------------------------------------------------------------------------


def test_where_nothing_is_set_nobody_reads_it(client: Client, person: Callable[..., User]) -> None:
    client.force_login(person("administrator"))
    answer = client.get("/metrics")
    assert answer.status_code == 403
    assert "METRICS_TOKEN" in answer.content.decode()
    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 403


@pytest.mark.parametrize(
    "shown", ["", TOKEN, f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer ä"]
)
def test_another_token_opens_nothing(client: Client, settings: Any, shown: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics", headers={"authorization": shown}).status_code == 403


@pytest.mark.parametrize(
    ("proxies", "address", "forwarded", "may"),
    [
        (0, "10.1.2.3", "", True),
        (0, "10.1.3.3", "", False),
        # Where no proxy of ours stands, what a header says is hearsay.
        (0, "192.0.2.1", "10.1.2.3", False),
        (1, "127.0.0.1", "10.1.2.3", True),
        (1, "127.0.0.1", "10.1.2.3, 192.0.2.1", False),
        (1, "127.0.0.1", "192.0.2.1, 10.1.2.3", True),
        (2, "127.0.0.1", "10.1.2.3, 192.0.2.1", True),
        (2, "127.0.0.1", "10.1.2.3", False),
        (1, "127.0.0.1", "nonsense", False),
        (0, "", "", False),
    ],
)
def test_a_listed_network_reads_it_without_a_token(
    settings: Any, proxies: int, address: str, forwarded: str, may: bool
) -> None:
    settings.METRICS_ALLOW, settings.TRUSTED_PROXY_COUNT = ["10.1.2.0/24"], proxies
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    answer = Client().get("/metrics", REMOTE_ADDR=address, headers=headers)
    assert answer.status_code == (200 if may else 403)


def test_it_is_only_read_and_kept_by_nobody(client: Client, settings: Any) -> None:
    settings.METRICS_ALLOW = ["127.0.0.0/8"]
    assert client.post("/metrics").status_code == 405
    assert "no-store" in client.get("/metrics")["Cache-Control"]


# --- What ----------------------------------------------------------------------------------------


def test_an_empty_service_has_empty_queues_and_never_gave_a_sign_of_life(
    client: Client, settings: Any
) -> None:
    found = read(client, settings)
    for name in ("messages_unread", "quarantine", "decisions_untriaged", "notifications_due"):
        assert found[f"prrt_{name}"] == found[f"prrt_{name}_oldest_seconds"] == 0
    for name in ("runner", "celery", "duty-look", "outside"):
        assert math.isinf(found[f"prrt_sign_of_life_seconds[of={name}]"])
    assert math.isinf(found["prrt_trial_last_good_seconds"])
    assert {each.name for each in DUTY} == {
        name[len("prrt_duty_rule_broken[rule=") : -1] for name in found if "rule_broken" in name
    }
    assert not any("broker" in name for name in found)  # an embedded service has none


def test_every_queue_tells_its_depth_and_the_age_of_its_oldest(client: Client, settings: Any) -> None:
    make_person("oncall1", "on-call")
    now = database_now()
    LabMessage.objects.create(door="mllp", sha256="0" * 64, body=b"MSH|", received_at=now - 2 * MINUTE)
    make_decision(make_course(), made_at=now - 5 * MINUTE)
    alert = make_alert(now=now - 10 * MINUTE)  # its decision is of another day
    mail = Notification.objects.get()
    for n, outcome in enumerate(["accepted", "temporary", "temporary"], start=1):
        DeliveryAttempt.objects.create(
            notification=mail, n=n, started_at=now, finished_at=now - MINUTE, outcome=outcome
        )
    DeliveryAttempt.objects.create(
        notification=mail, n=4, started_at=now, finished_at=now - 61 * MINUTE, outcome="unknown"
    )
    heartbeat.beat(name=heartbeat.RUNNER, now=now - MINUTE)
    run = begin_canary(now=now - 9 * MINUTE)
    CanaryRun.objects.filter(pk=run.pk).update(outcome="passed", ended_at=now - 8 * MINUTE)
    found = read(client, settings)
    assert found["prrt_messages_unread"] == 1
    assert 120 <= found["prrt_messages_unread_oldest_seconds"] < 180
    assert found["prrt_decisions_untriaged"] == 2
    assert found["prrt_decisions_untriaged_oldest_seconds"] > 24 * 3600
    assert found["prrt_notifications_due"] == 1
    assert 600 <= found["prrt_notifications_due_oldest_seconds"] < 660
    assert found["prrt_alerts_standing[severity=1,state=waiting]"] == 1
    assert found["prrt_alerts_standing[severity=1,state=acknowledged]"] == 0
    assert 600 <= found["prrt_alerts_unacknowledged_oldest_seconds[severity=1]"] < 660
    assert found["prrt_alerts_unacknowledged_oldest_seconds[severity=2]"] == 0
    assert found["prrt_delivery_attempts_last_hour[outcome=accepted]"] == 1
    assert found["prrt_delivery_attempts_last_hour[outcome=temporary]"] == 2
    assert found["prrt_delivery_attempts_last_hour[outcome=unknown]"] == 0
    assert 60 <= found["prrt_sign_of_life_seconds[of=runner]"] < 120
    assert 480 <= found["prrt_trial_last_good_seconds"] < 540
    assert found["prrt_trial_last_good_took_seconds"] == 60
    Alert.objects.filter(pk=alert.pk).update(
        state="acked", next_step_at=None, acked_at=now, acked_by=make_person("doctor"), ack_due_at=now
    )
    found = read(client, settings)
    assert found["prrt_alerts_standing[severity=1,state=acknowledged]"] == 1
    assert found["prrt_alerts_unacknowledged_oldest_seconds[severity=1]"] == 0


def test_a_broken_rule_is_named(client: Client, settings: Any) -> None:
    make_decision(make_course(), made_at=database_now() - 2 * MINUTE)
    watch_duty()
    found = read(client, settings)
    assert found["prrt_duty_rule_broken[rule=decision-not-considered]"] == 1
    assert found["prrt_duty_rule_broken[rule=mail-late]"] == 0


def test_no_patient_person_reference_or_address_stands_in_it(client: Client, settings: Any) -> None:
    make_person("oncall1", "on-call")
    alert = make_alert(now=database_now())
    make_kept_message(sender="Kanarienvogel-Lab", held=1)
    settings.METRICS_ALLOW = ["127.0.0.0/8"]
    text = client.get("/metrics").content.decode()
    for word in (*CANARIES, alert.ref, alert.public_id, "oncall1", "clinic.example"):
        assert word not in text


def test_it_asks_the_same_questions_however_much_there_is(client: Client, settings: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            read(client, settings)
        return len(queries)

    nothing = cost()
    make_person("oncall1", "on-call")
    for number in range(6):
        make_alert(now=database_now())
        make_alert(kind=list(Kind)[number], now=database_now())
        make_kept_message(held=1)
        heartbeat.beat(name=f"somebody-{uuid4().hex[:8]}")
    assert cost() == nothing <= 12


# --- The broker ----------------------------------------------------------------------------------


@pytest.mark.redis
def test_the_depth_of_each_queue_of_the_broker(client: Client, settings: Any, private_redis: str) -> None:
    settings.REDIS_URL = private_redis
    with redis.Redis.from_url(private_redis) as broker:
        broker.delete("mail", "default", "critical-mail")
        broker.rpush("mail", "one", "two")
        found = read(client, settings)
        broker.delete("mail")
    assert found["prrt_broker_answers"] == 1
    assert found["prrt_broker_messages[queue=mail]"] == 2
    assert found["prrt_broker_messages[queue=critical-mail]"] == 0


def test_a_broker_that_is_away_is_told(client: Client, settings: Any, free_port: Callable[[], int]) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    found = read(client, settings)
    assert found["prrt_broker_answers"] == 0
    assert not any(name.startswith("prrt_broker_messages") for name in found)
    assert found["prrt_messages_unread"] == 0


def test_a_broker_that_never_answers_holds_nobody_up(client: Client, settings: Any) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        held: list[socket.socket] = []
        threading.Thread(target=lambda: held.append(door.accept()[0]), daemon=True).start()
        settings.REDIS_URL = f"redis://127.0.0.1:{door.getsockname()[1]}/0"
        began = time.monotonic()
        assert read(client, settings)["prrt_broker_answers"] == 0
        assert time.monotonic() - began < 10
        for line in held:
            line.close()
