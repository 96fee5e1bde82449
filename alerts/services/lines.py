"""Keep all senders from asking a server that does not answer: what one of them found out, the others know."""

from datetime import datetime, timedelta

from django.db.models import F, Value
from django.db.models.functions import Coalesce

from alerts.models import Line
from alerts.models.line import FAILURES_THAT_SHUT

# One try in ten seconds, whoever makes it. A little less than the tick, which must not be too early.
PROBE_EVERY = timedelta(seconds=9)


def shut_lines(*, now: datetime) -> set[str]:
    """The lines nobody may try now, because nobody answered and the next try is not due."""
    shut = Line.objects.filter(failures__gte=FAILURES_THAT_SHUT, next_probe_at__gt=now)
    return set(shut.values_list("name", flat=True))


def may_try(name: str, *, now: datetime) -> bool:
    """Whether a letter may go this way: always where somebody answers, else for the one who takes the try."""
    failing = Line.objects.filter(name=name, failures__gte=FAILURES_THAT_SHUT)
    if not failing.exists():
        return True
    return bool(failing.filter(next_probe_at__lte=now).update(next_probe_at=now + PROBE_EVERY))


def note_answer(name: str, *, silent: bool, now: datetime) -> None:
    """Count one more failure in a row, or begin anew because somebody answered."""
    if not silent:
        fresh = {"failures": 0, "failing_since": None, "next_probe_at": None}
        Line.objects.filter(name=name, failures__gt=0).update(**fresh)
        return
    first = {"failures": 1, "failing_since": now, "next_probe_at": now + PROBE_EVERY}
    _, is_new = Line.objects.get_or_create(name=name, defaults=first)
    if not is_new:
        Line.objects.filter(name=name).update(
            failures=F("failures") + 1,
            failing_since=Coalesce("failing_since", Value(now)),
            next_probe_at=now + PROBE_EVERY,
        )


def next_try(name: str, *, usual: datetime) -> datetime:
    """When a letter that found nobody is tried again: with the next try of its line, where that is sooner."""
    shut = Line.objects.filter(name=name, failures__gte=FAILURES_THAT_SHUT)
    probe = shut.values_list("next_probe_at", flat=True).first()
    return min(usual, probe) if probe is not None else usual
