"""Would anybody be told now? For each ladder and role: who, at which address, when, and what is missing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.db.models import Count, Max, Q

from alerts.frozen_wording import title_of_kind
from alerts.library import policy
from alerts.models import Alert, DeliveryAttempt, Heartbeat, Notification, Suppression
from alerts.models.notification import AttemptOutcome
from alerts.rules import NEEDS_SOMEBODY, Kind, Plan
from alerts.services.heartbeat import CELERY, FRESH, RUNNER
from alerts.services.on_call import people_for
from alerts.services.suppression import standing_suppressions

_LATE = timedelta(seconds=60)
_LOOK_BACK = timedelta(hours=24)
_PROCESSES = {CELERY: "the worker queue", RUNNER: "the second runner"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """One person who would be told, and how mail to that address last went."""

    person: User
    accepted_at: datetime | None
    refused_at: datetime | None

    @property
    def is_refused(self) -> bool:
        """Whether the last thing known of the address is a refusal for good."""
        return self.refused_at is not None and (
            self.accepted_at is None or self.accepted_at < self.refused_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleState:
    """Who would be told for one role, and what is missing."""

    role: str
    people: tuple[Reachable, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One step of a ladder, were it to begin now."""

    number: int
    at: datetime
    roles: tuple[str, ...]
    people: tuple[User, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The steps that the alerts of some kinds would take from now on."""

    severity: int
    word: str
    kinds: tuple[str, ...]
    rungs: tuple[Rung, ...]
    repeat_minutes: int

    @property
    def reaches_nobody(self) -> bool:
        """Whether every step is empty."""
        return not any(rung.people for rung in self.rungs)

    @property
    def begins_empty(self) -> bool:
        """Whether the first step tells nobody, so that the next is taken at once."""
        return not self.rungs[0].people


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Everything the page says."""

    at: datetime
    roles: tuple[RoleState, ...]
    ladders: tuple[Ladder, ...]
    faults: tuple[str, ...]
    suppressions: tuple[Suppression, ...]


def readiness(*, now: datetime) -> Readiness:
    """Asked through the very function that an alert asks, so that it cannot say otherwise.

    The number of queries depends on the policy, never on the rows.
    """
    plans = _plans()
    names = sorted({role for plan, _, _ in plans for step in plan.steps for role in step.audience})
    told = {role: people_for([role], now=now).people for role in names}
    attempts = _attempts()
    roles = tuple(_role(role, told[role], attempts) for role in names)
    ladders = tuple(_ladder(plan, severity, kinds, told, now) for plan, severity, kinds in plans)
    faults = (*_of_ladders(ladders), *_of_mail(now), *_of_processes(now), *_of_steps(now))
    return Readiness(
        at=now,
        roles=_with_addressless(roles),
        ladders=ladders,
        faults=faults,
        suppressions=tuple(standing_suppressions(now=now)),
    )


def _plans() -> list[tuple[Plan, int, tuple[str, ...]]]:
    """Each ladder with its severity and the kinds that take it, the worst first."""
    found: dict[tuple[int, Plan], list[str]] = {}
    for kind, entry in policy().kinds.items():
        if kind not in (Kind.CANARY, Kind.HAND_OVER):
            for each in dict.fromkeys((entry, entry.at_its_worst())):
                found.setdefault((each.severity, each.plan), []).append(kind.value)
    ordered = sorted(found.items(), key=lambda item: (item[0][0], item[1]))
    return [(plan, severity, tuple(kinds)) for (severity, plan), kinds in ordered]


def _attempts() -> dict[str, tuple[datetime | None, datetime | None]]:
    """For each address: when a mail was last accepted, and last refused for good. One query."""
    rows = DeliveryAttempt.objects.values_list("notification__endpoint").annotate(
        accepted=Max("finished_at", filter=Q(outcome=AttemptOutcome.ACCEPTED)),
        refused=Max("finished_at", filter=Q(outcome=AttemptOutcome.PERMANENT)),
    )
    return {endpoint: (accepted, refused) for endpoint, accepted, refused in rows}


def _role(
    role: str, people: Iterable[User], attempts: dict[str, tuple[datetime | None, datetime | None]]
) -> RoleState:
    found = tuple(
        Reachable(
            person=person,
            accepted_at=attempts.get(person.email, (None, None))[0],
            refused_at=attempts.get(person.email, (None, None))[1],
        )
        for person in people
    )
    missing = [] if found else ["Nobody would be told."]
    missing += [
        f"Mail to {each.person.get_username()} was refused for good." for each in found if each.is_refused
    ]
    return RoleState(role=role, people=found, missing=tuple(missing))


def _with_addressless(roles: tuple[RoleState, ...]) -> tuple[RoleState, ...]:
    """Beside each role: who belongs to it and cannot be told. One query."""
    rows = Group.objects.filter(name__in=[each.role for each in roles]).values_list("name")
    counted = {
        name: (no_address, inactive)
        for name, no_address, inactive in rows.annotate(
            no_address=Count("user", filter=Q(user__is_active=True, user__email="")),
            inactive=Count("user", filter=Q(user__is_active=False)),
        )
    }
    found = []
    for each in roles:
        no_address, inactive = counted.get(each.role, (0, 0))
        missing = list(each.missing)
        if no_address:
            missing.append(f"{no_address} active with no e-mail address.")
        if inactive and not each.people:
            missing.append(f"{inactive} whose account is closed.")
        found.append(RoleState(role=each.role, people=each.people, missing=tuple(missing)))
    return tuple(found)


def _ladder(
    plan: Plan, severity: int, kinds: tuple[str, ...], told: dict[str, tuple[User, ...]], now: datetime
) -> Ladder:
    at, rungs = now, []
    for number, step in enumerate(plan.steps, start=1):
        at += step.after
        people = {person.pk: person for role in step.audience for person in told[role]}
        rungs.append(Rung(number=number, at=at, roles=step.audience, people=tuple(people.values())))
    return Ladder(
        severity=severity,
        word=policy().words[severity],
        kinds=kinds,
        rungs=tuple(rungs),
        repeat_minutes=int(plan.repeat.total_seconds() // 60),
    )


def _of_ladders(ladders: Iterable[Ladder]) -> Iterable[str]:
    for ladder in ladders:
        kinds = ", ".join(title_of_kind(kind) for kind in ladder.kinds)
        if ladder.reaches_nobody:
            yield f"Nobody at all would be told of what is {ladder.word} ({kinds})."
        elif ladder.begins_empty:
            roles = ", ".join(ladder.rungs[0].roles)
            yield f"The first step for what is {ladder.word} ({kinds}) is empty: nobody in {roles}."


def _of_mail(now: datetime) -> Iterable[str]:
    """Whether mail leaves. Two queries."""
    late = Notification.objects.filter(next_attempt_at__lt=now - _LATE).count()
    if late:
        yield f"{late} mail(s) should have left more than a minute ago."
    since = DeliveryAttempt.objects.filter(finished_at__gt=now - _LOOK_BACK)
    seen = since.aggregate(
        accepted=Max("finished_at", filter=Q(outcome=AttemptOutcome.ACCEPTED)),
        failed=Max("finished_at", filter=Q(outcome__in=[AttemptOutcome.TEMPORARY, AttemptOutcome.UNKNOWN])),
    )
    if seen["failed"] and (seen["accepted"] is None or seen["accepted"] < seen["failed"]):
        yield "The last attempt to hand over a mail failed, and none has been accepted since."


def _of_processes(now: datetime) -> Iterable[str]:
    beats = dict(Heartbeat.objects.filter(name__in=_PROCESSES).values_list("name", "at"))
    for name, words in _PROCESSES.items():
        at = beats.get(name)
        if at is None:
            yield f"{words.capitalize()} has never given a sign of life."
        elif at < now - FRESH:
            yield f"{words.capitalize()} has given no sign of life for {int((now - at).total_seconds())} s."


def _of_steps(now: datetime) -> Iterable[str]:
    states = [state.value for state in NEEDS_SOMEBODY]
    overdue = Alert.objects.filter(state__in=states, next_step_at__lt=now - _LATE).count()
    if overdue:
        yield f"{overdue} alert(s) should have told the next people more than a minute ago."
