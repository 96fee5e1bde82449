"""Would anybody be told now? For each ladder and role: who, at which address, when, and what is missing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Max, Q

from alerts.approval import Approval
from alerts.critical_table import critical_table
from alerts.frozen_wording import title_of_kind
from alerts.library import policy
from alerts.models import Alert, DeliveryAttempt, Heartbeat, Notification, Suppression
from alerts.models.notification import AttemptOutcome
from alerts.models.rota import ON_CALL
from alerts.readiness_roles import NOT_COVERED, RoleState, role_states
from alerts.rules import NEEDS_SOMEBODY, Due, Kind, Plan, escalation_due
from alerts.services.address_state import unreached
from alerts.services.heartbeat import CELERY, FRESH, RUNNER
from alerts.services.on_call import Told, is_rota_kept, people_for
from alerts.services.rota_coverage import Coverage, coverage
from alerts.services.suppression import standing_suppressions
from alerts.services.working_time import office
from alerts.waking import tell_at

_LATE = timedelta(seconds=60)
_LOOK_BACK = timedelta(hours=24)
_PROCESSES = {CELERY: "the worker queue", RUNNER: "the second runner"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One step of a ladder, were it to begin now; not covered: the rota names nobody for that time."""

    number: int
    at: datetime
    roles: tuple[str, ...]
    people: tuple[User, ...]
    is_covered: bool
    # Those among them whom mail does not reach.
    unreached: tuple[User, ...] = ()

    @property
    def reaches_nobody(self) -> bool:
        """Whether it tells nobody, or only people whom mail does not reach."""
        return len(self.people) == len(self.unreached)


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
        """Whether every step is empty or reaches nobody."""
        return all(rung.reaches_nobody for rung in self.rungs)

    def with_addresses(self, unreached: Collection[int]) -> "Ladder":
        """The same, knowing whom mail does not reach."""
        rungs = (
            replace(rung, unreached=tuple(each for each in rung.people if each.pk in unreached))
            for rung in self.rungs
        )
        return replace(self, rungs=tuple(rungs))

    @property
    def begins_empty(self) -> bool:
        """Whether the first step tells nobody, so that the next is taken at once."""
        return not self.rungs[0].people


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Everything the page says; the coverage of the next days is none where nobody keeps a rota."""

    at: datetime
    roles: tuple[RoleState, ...]
    ladders: tuple[Ladder, ...]
    faults: tuple[str, ...]
    suppressions: tuple[Suppression, ...]
    rota: Coverage | None
    rota_days: int
    policy: Approval
    critical_table: Approval


def readiness(*, now: datetime) -> Readiness:
    """Asked through the very functions that an alert asks, so that it cannot say otherwise.

    The number of queries depends on the policy, never on the rows.
    """
    plans, asked = _plans(), Asked(now=now, is_rota_kept=is_rota_kept())
    names = sorted({role for plan, _, _ in plans for step in plan.steps for role in step.audience})
    told = {role: asked.told(role, at=now) for role in names}
    ladders = tuple(_ladder(plan, severity, kinds, asked) for plan, severity, kinds in plans)
    addresses = unreached(asked.everybody(), now=now)
    ladders = tuple(each.with_addresses(addresses) for each in ladders)
    days = policy().watch.rota_look_ahead_days
    rota = coverage(begin=now, end=now + timedelta(days=days)) if asked.is_rota_kept else None
    faults = (*_of_ladders(ladders), *_of_rota(rota, told, days=days), *_of_mail(now))
    return Readiness(
        at=now,
        roles=role_states(told, addresses=addresses),
        ladders=ladders,
        faults=(*faults, *_of_processes(now), *_of_steps(now)),
        suppressions=tuple(standing_suppressions(now=now)),
        rota=rota,
        rota_days=days,
        policy=policy().approval,
        critical_table=critical_table().approval,
    )


@dataclass(slots=True, kw_only=True)
class Asked:
    """Who is told for a role at an instant, and whom mail does not reach; each asked once."""

    now: datetime
    is_rota_kept: bool
    answers: dict[tuple[str, datetime], Told] = field(default_factory=dict)

    def told(self, role: str, *, at: datetime) -> Told:
        """Only by a rota does it matter when."""
        key = (role, at if role == ON_CALL and self.is_rota_kept else self.now)
        if key not in self.answers:
            self.answers[key] = people_for([role], now=key[1])
        return self.answers[key]

    def everybody(self) -> list[User]:
        """Whoever was named in an answer, once."""
        people = {person.pk: person for each in self.answers.values() for person in each.people}
        return list(people.values())


def _plans() -> list[tuple[Plan, int, tuple[str, ...]]]:
    """Each ladder with its severity and the kinds that take it, the worst first."""
    found: dict[tuple[int, Plan], list[str]] = {}
    for kind, entry in policy().kinds.items():
        if kind not in (Kind.CANARY, Kind.HAND_OVER):
            for each in dict.fromkeys((entry, entry.at_its_worst())):
                found.setdefault((each.severity, each.plan), []).append(kind.value)
    ordered = sorted(found.items(), key=lambda item: (item[0][0], item[1]))
    return [(plan, severity, tuple(kinds)) for (severity, plan), kinds in ordered]


def _ladder(plan: Plan, severity: int, kinds: tuple[str, ...], asked: Asked) -> Ladder:
    """The steps as they would be taken: what wakes nobody waits for the morning, after an empty one none."""
    hours = office()
    rungs: list[Rung] = []
    at = tell_at(asked.now, wakes=plan.wakes, office=hours)
    while not rungs or not plan.is_last(rungs[-1].number):
        before = rungs[-1].number if rungs else 0
        due = escalation_due(plan=plan, step=before, loop=0, next_step_at=at, now=at, office=hours)
        assert due is not None  # it was asked at the very time
        rungs.append(_rung(due, at=at, asked=asked))
        at = due.next_step_at if rungs[-1].people else at
    return Ladder(
        severity=severity,
        word=policy().words[severity],
        kinds=kinds,
        rungs=tuple(rungs),
        repeat_minutes=int(plan.repeat.total_seconds() // 60),
    )


def _rung(due: Due, *, at: datetime, asked: Asked) -> Rung:
    answers = [asked.told(role, at=at) for role in due.audience]
    people = {person.pk: person for each in answers for person in each.people}
    return Rung(
        number=due.step,
        at=at,
        roles=due.audience,
        people=tuple(people.values()),
        is_covered=all(each.is_covered for each in answers),
    )


def _of_ladders(ladders: Iterable[Ladder]) -> Iterable[str]:
    for ladder in ladders:
        kinds = ", ".join(title_of_kind(kind) for kind in ladder.kinds)
        first = ladder.rungs[0]
        roles = ", ".join(first.roles)
        if not any(rung.people for rung in ladder.rungs):
            yield f"Nobody at all would be told of what is {ladder.word} ({kinds})."
        elif ladder.reaches_nobody:
            yield f"Mail reaches nobody who would be told of what is {ladder.word} ({kinds})."
        elif ladder.begins_empty:
            yield f"The first step for what is {ladder.word} ({kinds}) is empty: nobody in {roles}."
        elif first.reaches_nobody:
            yield f"Mail reaches nobody of the first step for what is {ladder.word} ({kinds}): {roles}."


def _of_rota(rota: Coverage | None, told: Mapping[str, Told], *, days: int) -> Iterable[str]:
    if ON_CALL in told and not told[ON_CALL].is_covered:
        yield f"{NOT_COVERED}."
    if rota is not None and not rota.is_whole:
        times = len(rota.gaps) + len(rota.unreachable)
        yield f"The rota leaves {times} time(s) of the next {days} days to nobody who can be told."


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
