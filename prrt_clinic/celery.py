"""The Celery app and the beat table: which task runs how often."""

import os

from celery import Celery
from celery.schedules import schedule
from django.conf import settings
from kombu import Exchange, Queue

from prrt_clinic.file_broker import SCHEME, file_options

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prrt_clinic.settings")

app = Celery("prrt_clinic")

# Static intervals. Every duty is a row in the database: a lost message costs seconds, until the next tick.
HEARTBEAT_SECONDS = 10
TICK_SECONDS = {
    "labs.tasks.read_messages": 10,
    "labs.tasks.forget_old_answers": 30,
    "labs.tasks.seal_record": 30,
    "courses.tasks.sweep_courses": 20,
    "courses.tasks.send_webhooks": 10,
    "alerts.tasks.triage_decisions": 10,
    "alerts.tasks.watch": 20,
    "alerts.tasks.run_due_steps": 10,
    "alerts.tasks.dispatch_due": 10,
    "alerts.tasks.beat_heartbeat": HEARTBEAT_SECONDS,
}
TASK_LIMIT_SECONDS = 300
VISIBILITY_SECONDS = 3600  # far above the limit of a task: only a killed worker's message comes back

# A web request must not hang on the broker. Few tries, short waits.
FEW_TRIES = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}

if settings.REDIS_URL:
    broker_url = settings.REDIS_URL
    broker_options = {
        **FEW_TRIES,
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_connect_timeout": 2,
        "socket_timeout": 3,  # longer than the one second a worker waits for a message
        "socket_keepalive": True,
    }
elif settings.TESTING:
    broker_url, broker_options = "memory://localhost", {}
else:
    broker_url, broker_options = f"{SCHEME}://localhost", file_options(settings.VAR_DIR / "broker")

app.conf.update(
    broker_url=broker_url,
    broker_transport_options=broker_options,
    broker_connection_timeout=2,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a worker waits for its broker as long as it takes
    task_publish_retry=True,
    task_publish_retry_policy=FEW_TRIES,
    timezone="UTC",
    enable_utc=True,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_time_limit=TASK_LIMIT_SECONDS,
    task_soft_time_limit=TASK_LIMIT_SECONDS - 30,
    task_default_queue="default",
    task_create_missing_queues=False,
    # Each with an exchange and a key of its own: sharing them would put every message into all three.
    task_queues=[
        Queue(name, Exchange(name), routing_key=name) for name in ("critical-mail", "mail", "default")
    ],
    # Waking people comes before everything else.
    # Other systems may answer slowly: whoever waits for them must not keep an assessment waiting.
    task_routes={
        "alerts.tasks.*": {"queue": "critical-mail"},
        "courses.tasks.send_webhooks": {"queue": "mail"},
    },
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    # Its mailbox is deleted over a connection that may be gone: a worker could stay deaf after that.
    worker_enable_remote_control=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    beat_scheduler="celery.beat:Scheduler",  # nothing to remember: all intervals are static
    beat_max_loop_interval=5,
    beat_schedule={
        # A tick that nobody took in time is worthless; without `expires` a dead worker would build a pile.
        name: {"task": name, "schedule": schedule(run_every=seconds), "options": {"expires": seconds}}
        for name, seconds in TICK_SECONDS.items()
    }
    | {
        # The same sign of life through the other worker's queue.
        "heartbeat of the other worker": {
            "task": "alerts.tasks.beat_heartbeat",
            "args": ("worker",),
            "schedule": schedule(run_every=HEARTBEAT_SECONDS),
            "options": {"expires": HEARTBEAT_SECONDS, "queue": "default"},
        }
    },
)
app.autodiscover_tasks()
