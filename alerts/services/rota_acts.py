"""What every change of the rota shares: the right, the lock, the event, and the look at coverage after it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from alerts.models import Rota, RotaEvent, RotaOverride, RotaRule
from alerts.models.rota import ON_CALL, RotaEventKind
from alerts.rota_rules import clash_of
from alerts.services.on_call import reachable
from alerts.services.rota_shifts import AHEAD, fill, holidays_around, locked_rota, standing_rules
from alerts.services.watch_rota import watch_rota
from labs.services.authority import check_right

MANAGE, SWAP = "alerts.manage_rota", "alerts.swap_duty"
# Rules are compared so far ahead: every turn of a year meets every holiday of it.
_COMPARED = AHEAD * 4


class BadRota(ValueError):
    """The rota cannot be changed so; one clear line per fault, each beginning with the field it is about."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class RotaMoved(Exception):
    """The rota is no longer what the page showed; the text says what to do."""


def check_manages(person: User) -> None:
    """Only whoever keeps the rota changes it. Raises NotAllowed."""
    check_right(
        person, MANAGE, else_say="The rota is changed by its lead or an administrator. Ask one of them."
    )


@contextmanager
def changing_rota(*, now: datetime) -> Iterator[Rota]:
    """One change: under the lock, with the shifts brought in line and the coverage looked at after it."""
    with transaction.atomic():
        rota = locked_rota()
        yield rota
        clash = clash_of(
            standing_rules(),
            begin=now,
            end=now + _COMPARED,
            holidays=holidays_around(now, now + _COMPARED),
        )
        if clash is not None:
            names = dict(RotaRule.objects.filter(pk__in=[clash.one, clash.other]).values_list("pk", "name"))
            raise BadRota(
                f"starts: “{names[clash.one]}” and “{names[clash.other]}” both name somebody on "
                f"{clash.starts_at:%d %b %Y %H:%M} UTC. Change the days or times, or end the other rule"
            )
        rota.version += 1
        rota.is_kept = _is_kept(rota, now=now)
        fill(rota, now=now)
    watch_rota(now=now)


def _is_kept(rota: Rota, *, now: datetime) -> bool:
    """A rota is kept from its first rule or override until the last of them is ended by a person."""
    rules = RotaRule.objects.filter(role=rota.role, ended_at__isnull=True)
    overrides = RotaOverride.objects.filter(role=rota.role, withdrawn_at__isnull=True, ends_at__gt=now)
    return rules.exists() or overrides.exists()


def write_event(
    kind: RotaEventKind,
    *,
    actor: User,
    now: datetime,
    words: str,
    person: User | None = None,
    **detail: Any,
) -> RotaEvent:
    """Write down what was changed; ids, days and staff in it, never a patient."""
    return RotaEvent.objects.create(kind=kind, at=now, actor=actor, person=person, words=words, detail=detail)


def faults_of_people(people: Iterable[User], *, field: str) -> list[str]:
    """Who of these cannot be put on call, and what to do about it."""
    people = list(people)
    able = set(
        reachable(ON_CALL).filter(pk__in=[person.pk for person in people]).values_list("pk", flat=True)
    )
    return [
        f"{field}: {person.get_full_name() or person.get_username()} cannot be told of an alert. Only "
        "active people with the on-call role and an e-mail address can be on call"
        for person in people
        if person.pk not in able
    ]
