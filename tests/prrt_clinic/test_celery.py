"""The beat table and Celery's settings hold what the duties rely on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kombu import Connection

from alerts.models import Heartbeat
from prrt_clinic.celery import TASK_LIMIT_SECONDS, TICK_SECONDS, VISIBILITY_SECONDS, app
from prrt_clinic.file_broker import Transport, file_options
from prrt_clinic.management.commands.probe import SIGNS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def forgotten_bindings():
    """Kombu remembers bindings per process, and each test here has a folder of its own."""
    Transport.global_state.clear()


def test_every_scheduled_task_is_registered():
    app.loader.import_default_modules()
    assert set(TICK_SECONDS) <= set(app.tasks)


def test_every_task_that_is_nudged_is_registered():
    app.loader.import_default_modules()
    assert {
        "labs.tasks.read_messages",
        "courses.tasks.assess_courses",
        "alerts.tasks.triage_decisions",
    } <= set(app.tasks)


def test_a_tick_that_nobody_took_expires_before_the_next():
    for entry in app.conf.beat_schedule.values():
        assert entry["options"]["expires"] <= entry["schedule"].run_every.total_seconds()


def test_a_duty_is_noticed_within_half_a_minute():
    assert max(TICK_SECONDS.values()) <= 30


def test_a_killed_worker_loses_nothing_and_a_slow_one_is_not_overtaken():
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.task_ignore_result
    assert VISIBILITY_SECONDS > 10 * TASK_LIMIT_SECONDS
    assert str(app.conf.timezone) == "UTC"


def test_waking_people_has_a_queue_of_its_own():
    assert {queue.name for queue in app.conf.task_queues} == {"critical-mail", "mail", "default"}
    for task in ("alerts.tasks.dispatch_due", "alerts.tasks.run_due_steps", "alerts.tasks.triage_decisions"):
        assert app.amqp.router.route({}, task)["queue"].name == "critical-mail"
    assert app.amqp.router.route({}, "labs.tasks.read_messages")["queue"].name == "default"
    assert app.amqp.router.route({}, "courses.tasks.send_webhooks")["queue"].name == "mail"


@pytest.mark.parametrize("task", ["alerts.tasks.dispatch_due", "labs.tasks.read_messages"])
def test_a_message_is_put_into_one_queue_and_no_other(task, tmp_path):
    with Connection("files://localhost", transport_options=file_options(tmp_path)) as broker:
        for queue in app.amqp.queues.values():
            queue(broker.default_channel).declare()
        with app.amqp.Producer(broker) as producer:
            app.send_task(task, producer=producer)
        app.send_task(task, connection=broker)
    wanted = app.amqp.router.route({}, task)["queue"].name
    assert [path.name.split(".")[1] for path in (tmp_path / "queue").iterdir()] == [wanted] * 2


def test_a_message_over_the_file_broker_arrives_once_and_in_order(tmp_path):
    with Connection("files://localhost", transport_options=file_options(tmp_path)) as broker:
        queue = broker.SimpleQueue("default")
        for n in range(20):
            queue.put({"n": n})
        got = [queue.get(timeout=2) for _ in range(20)]
        for message in got:
            message.ack()
        with pytest.raises(queue.Empty):
            queue.get(block=False)
    assert [message.payload["n"] for message in got] == list(range(20))


def test_a_reader_of_the_file_broker_never_meets_half_a_message(tmp_path):
    writer = (
        "import sys; from pathlib import Path; from kombu import Connection\n"
        "from prrt_clinic.file_broker import Transport, file_options\n"
        "with Connection('files://localhost', transport_options=file_options(Path(sys.argv[1]))) as broker:\n"
        "    queue = broker.SimpleQueue('default')\n"
        "    for n in range(300): queue.put({'n': n, 'filler': 'x' * 20000})\n"
    )
    options = file_options(tmp_path)
    with subprocess.Popen([sys.executable, "-c", writer, str(tmp_path)], cwd=ROOT) as process:
        read = 0
        while process.poll() is None or any((tmp_path / "queue").iterdir()):
            for path in (tmp_path / "queue").glob("*.msg"):
                assert json.loads(path.read_text(encoding="utf-8"))["body"]
                path.unlink()
                read += 1
    assert options["data_folder_in"] == options["data_folder_out"]
    assert read == 300
    assert process.returncode == 0


@pytest.mark.django_db
def test_each_worker_gives_its_own_sign_of_life_through_its_own_queue():
    app.loader.import_default_modules()
    signs = [
        entry for entry in app.conf.beat_schedule.values() if entry["task"] == "alerts.tasks.beat_heartbeat"
    ]
    queues: dict[str, str] = {}
    for entry in signs:
        app.tasks[entry["task"]].apply(args=entry.get("args", ()), throw=True)
        [newest] = Heartbeat.objects.exclude(name__in=queues.values()).values_list("name", flat=True)
        route = app.amqp.router.route(dict(entry["options"]), entry["task"])
        queues[route["queue"].name] = newest
    assert queues == {"critical-mail": SIGNS["alerter"], "default": SIGNS["worker"]}


def test_no_worker_keeps_a_mailbox_that_would_leave_it_deaf_after_its_broker_was_away():
    assert app.conf.worker_enable_remote_control is False
