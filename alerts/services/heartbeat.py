"""Signs of life: who carries the duty, and whether they did so lately."""

from datetime import datetime, timedelta

from alerts.models import Heartbeat
from labs.clock import database_now

CELERY = "celery"
# The worker of everything but waking people; the second runner does its work as well, more slowly.
WORKER = "worker"
RUNNER = "runner"
# Both carry the duty, each alone if it must.
RUNNERS = (CELERY, RUNNER)
# When every rule of the duty was last asked, and when the outside monitor last took our sign of life.
DUTY_LOOK = "duty-look"
OUTSIDE = "outside"
# Three ticks of the beat.
FRESH = timedelta(seconds=30)


def beat(*, name: str, now: datetime | None = None) -> None:
    """Say that this process is working."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now or database_now()})


def is_fresh(*, name: str, now: datetime, within: timedelta = FRESH) -> bool:
    """Whether this process said so lately. One that never did is not."""
    return Heartbeat.objects.filter(name=name, at__gt=now - within).exists()


def last_beats() -> dict[str, datetime]:
    """When each was last heard of; who never was is not in it."""
    return dict(Heartbeat.objects.values_list("name", "at"))


def take_turn(*, name: str, every: timedelta, now: datetime) -> bool:
    """Whether something that is done every so often is due and ours to do; the row's change is the claim."""
    if Heartbeat.objects.filter(name=name, at__lte=now - every).update(at=now):
        return True
    _, is_first = Heartbeat.objects.get_or_create(name=name, defaults={"at": now})
    return is_first
