"""T16, T17: what follows every link changes nothing, and nothing that leaves tells of a patient."""

import os
import re
import secrets
import socket
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.models import MessageOutcome
from labs.zones import clinic_zone
from tests.browser.browsing import chromium
from tests.builders import colleague, make_course, make_patient, make_sender, panel_message
from tests.faults.alerts.clinic import Laboratory, make_team, raise_one
from tests.faults.alerts.owed import alerts_of, until_all_sent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.sink import Sink
from tests.faults.alerts.table import situation
from tests.faults.web_ledger import web_server

LONG = os.environ.get("PRRT_LONG") == "1"
TIMES = 30 if LONG else 2
BROWSED_SECONDS = 40
SCANNERS = ("Mozilla/5.0 (SafeLinks)", "BarracudaSentinel/1.0", "python-requests/2.32", "")
VALUE = "12.3779"
# In records that alerts are made from; none may be in a mail, its head, the broker or a log.
CANARIES = ("Kanarienvogel", "MRN-77Q41", "1961-03-02", "19610302", VALUE, "Nachtigall", "MRN-88Z52")
# Of no mail and no task either; a log may name a rule.
WORDS = ("latelet", "777-3", "utathera", "ELIG-PLT")


def record() -> dict[str, Any]:
    """Every row of the service."""
    models = [
        model
        for app in ("alerts", "courses", "labs", "auth")
        for model in apps.get_app_config(app).get_models()
    ]
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


@pytest.mark.hazard("HZ-70")
def test_t16_scanners_that_follow_every_link_change_nothing_and_the_alert_goes_on(mail: Sink) -> None:
    make_team()
    now = database_now()
    alerts = [raise_one(now=now, kind=kind) for kind in Kind]
    # Of many at once, some leave later and together.
    for minute in range(4):
        dispatch_due(now=now + timedelta(minutes=minute))
    links = sorted({link for copy in mail.accepted() for link in copy.links})
    scaled = (
        f"{len(links)} links of {len(mail.copies)} mails, GET, HEAD and OPTIONS, {TIMES} times (full: 100)"
    )
    with situation("T16", scaled=scaled) as row:
        row.owed, row.lost = len(links), 0
        row.line(len(links) >= 3, "mails without a link")
        before = record()
        for number in range(TIMES):
            scanner = Client(
                enforce_csrf_checks=True, headers={"user-agent": SCANNERS[number % len(SCANNERS)]}
            )
            for link in links:
                path = re.sub(r"^https?://[^/]+", "", link)
                for visit in (scanner.get, scanner.head, scanner.options):
                    visit(path)
                    visit(f"{path.rstrip('/')}/acknowledge")
        after = record()
        changed = sorted(name for name in before if before[name] != after[name])
        row.line(not changed, f"changed: {changed}")
        woken = Alert.objects.filter(kind=Kind.STOP, pk__in=[alert.pk for alert in alerts])
        steps = dict(woken.values_list("pk", "step"))
        run_due_steps(now=now + timedelta(hours=1))
        stood = [alert.ref for alert in woken if (alert.step, alert.loop) <= (steps[alert.pk], 1)]
        row.line(not stood, f"no longer escalating: {stood}")


if LONG:

    @pytest.mark.postgres
    @pytest.mark.redis
    @pytest.mark.chromium
    @pytest.mark.hazard("HZ-70")
    def test_t16_a_browser_with_scripts_that_opens_every_link_changes_nothing(
        plant: Plant, settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", plant.sink.port
        settings.SITE_URL = f"http://127.0.0.1:{plant.web_port}"
        make_team()
        now = database_now()
        alerts = [raise_one(now=now, kind=kind) for kind in Kind]
        for minute in range(4):
            dispatch_due(now=now + timedelta(minutes=minute))
        links = sorted({link for copy in plant.sink.accepted() for link in copy.links})
        scaled = f"{len(links)} links, {BROWSED_SECONDS} s without a session (full: 10 minutes)"
        with situation("T16", scaled=scaled, part="a browser with scripts") as row:
            row.owed, row.lost = len(links), 0
            row.line(len(links) >= 3, "mails without a link")
            before = record()
            opened = 0
            with (
                web_server(plant.web_port, armed="", **plant.different()),
                chromium(settings.SITE_URL) as tab,
            ):
                until_then = time.monotonic() + BROWSED_SECONDS
                while time.monotonic() < until_then:
                    tab.page.goto(links[opened % len(links)], wait_until="networkidle")
                    opened += 1
            after = record()
            row.notes.append(f"{opened} pages opened")
            row.line(opened >= len(links), f"only {opened} of {len(links)} links were opened")
            changed = sorted(name for name in before if before[name] != after[name])
            row.line(not changed, f"changed: {changed}")
            woken = Alert.objects.filter(kind=Kind.STOP, pk__in=[alert.pk for alert in alerts])
            run_due_steps(now=now + timedelta(hours=1))
            row.line(all((alert.step, alert.loop) > (1, 1) for alert in woken), "no longer escalating")


@contextmanager
def overheard(port: int) -> Iterator[list[bytes]]:
    """Every command that the broker is given meanwhile."""
    heard: list[bytes] = []
    with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
        line.sendall(b"MONITOR\r\n")
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                try:
                    heard.append(line.recv(65536))
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            done.set()
            thread.join()


def metrics_of(plant: Plant) -> str:
    """What a monitoring system reads of this installation."""
    token = secrets.token_hex(24)
    with web_server(plant.web_port, armed="", METRICS_TOKEN=token, **plant.different()) as web:
        answer = web.ask("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer is not None and answer.status == 200, answer
    return answer.text


def bodies_of(heard: str) -> str:
    """The bodies of Celery's messages as the workers read them; on their way they are base64."""
    # What was overheard quotes the quotation marks.
    bodies = re.findall(r'\\*"body\\*": *\\*"([A-Za-z0-9+/=]+)', heard)
    return "\n".join(b64decode(body).decode("utf-8", "replace") for body in bodies)


def test_a_body_on_its_way_to_the_workers_is_unpacked_however_it_is_quoted() -> None:
    body = b64encode(b'[["Kanarienvogel"], {}, {"callbacks": null}]').decode()
    for quote in ('"', '\\"', '\\\\\\"'):
        assert "Kanarienvogel" in bodies_of(f"LPUSH default {{{quote}body{quote}: {quote}{body}{quote}}}")


@pytest.mark.postgres
@pytest.mark.redis
def test_t17_no_patient_in_mails_their_heads_the_broker_or_any_log(plant: Plant) -> None:
    make_team()
    make_sender()
    plant.environment["LOG_LEVEL"] = "DEBUG"
    tomorrow = add_days(clinic_day(database_now(), clinic_zone()), 1)
    patient = make_patient(mrn="MRN-77Q41", family="Kanarienvogel")
    course = make_course(patient, first_on=tomorrow, by=colleague("the-starter", "physician"))
    plant.listener()
    plant.open_stack()
    with situation(
        "T17", scaled="a toxic result, one of nobody known, one that breaks, a server that refuses"
    ) as row:
        plant.sink.moods.answer_to_recipient = "451 Try again later"
        drawn = database_now() - timedelta(minutes=30)
        toxic = panel_message(patient, drawn_at=drawn, only=("PLT",), PLT=VALUE)
        nobody = toxic.replace(b"Kanarienvogel", b"Nachtigall").replace(b"MRN-77Q41", b"MRN-88Z52")
        nobody = re.sub(rb"\|B(\d+)\|P\|", rb"|N\1|P|", nobody)
        broken = re.sub(rb"\|B(\d+)\|P\|", rb"|X\1|P|", toxic).replace(b"|NM|", b"|QQ|")
        with overheard(plant.broker.port) as heard:
            Laboratory(port=plant.mllp_port).deliver([toxic, nobody, broken])
            until(lambda: alerts_of([course]), within=60, what=f"an alert\n{plant.log()}")
            until(lambda: MessageOutcome.objects.count() == 3, within=60, what="all are read")
            time.sleep(11)
            plant.sink.calm()
            until_all_sent(plant, within=90)
            until(plant.sink.accepted, within=60, what=f"mails\n{plant.log()}")
        figures = metrics_of(plant)
        mails = "\n".join(copy.raw.decode("latin-1") + copy.body for copy in plant.sink.copies)
        packed = b"".join(heard).decode("latin-1")
        unpacked = bodies_of(packed)
        row.line('"callbacks"' in unpacked, "no body of a message to the workers was unpacked")
        broker = f"{packed}\n{unpacked}"
        logs = "\n".join(path.read_text(errors="replace") for path in plant.folder.rglob("*.log"))
        row.line(b"MONITOR" not in heard and "triage_decisions" in broker, "the broker was not overheard")
        row.line(len(logs) > 500, "no logs were written")
        for place, text, canaries in (
            ("mails", mails, (*CANARIES, *WORDS)),
            ("broker", broker, (*CANARIES, *WORDS)),
            ("logs", logs, CANARIES),
            ("figures", figures, (*CANARIES, *WORDS)),
        ):
            row.notes.append(f"{len(text)} characters of {place}")
            hits = [canary for canary in canaries if canary.lower() in text.lower()]
            row.line(not hits, f"{place} hold {hits}")
