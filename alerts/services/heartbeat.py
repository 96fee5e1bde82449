"""Signs of life: who carries the duty, and whether they did so lately."""

from collections.abc import Iterable
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
# Before the name of a look: when it was last taken without a fault, or first stumbled if it never was.
LOOKED = "ok."
# Three ticks of the beat.
FRESH = timedelta(seconds=30)


def beat(*, name: str, now: datetime | None = None) -> None:
    """Say that this process is working."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now or database_now()})


def beat_all(names: Iterable[str], *, now: datetime, over: bool = True) -> None:
    """The same of several at once, in one query; not `over` what stands there already, if so asked."""
    rows = [Heartbeat(name=name, at=now) for name in sorted(names)]
    if over:
        Heartbeat.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["name"], update_fields=["at"]
        )
    else:
        Heartbeat.objects.bulk_create(rows, ignore_conflicts=True)


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
