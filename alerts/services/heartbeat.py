"""Signs of life: who carries the duty, and whether they did so lately."""

from datetime import datetime, timedelta

from alerts.models import Heartbeat
from labs.clock import database_now

CELERY = "celery"
RUNNER = "runner"
# Three ticks of the beat.
FRESH = timedelta(seconds=30)


def beat(*, name: str, now: datetime | None = None) -> None:
    """Say that this process is working."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now or database_now()})


def is_fresh(*, name: str, now: datetime) -> bool:
    """Whether this process said so lately. One that never did is not."""
    return Heartbeat.objects.filter(name=name, at__gt=now - FRESH).exists()
