"""Who would be told for each role now, at which address, and every reason why somebody would not be."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import F, Max, Q

from alerts.models import DeliveryAttempt
from alerts.models.notification import AttemptOutcome, Channel
from alerts.services.address_state import Unreached
from alerts.services.on_call import Told
from alerts.services.second_channel import SecondChannel, second_channels

NOT_COVERED = (
    "The rota names nobody who can be told in this hour: everybody with the role would be told instead"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why somebody would not be told or reached, and since when that is known."""

    words: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """One person who would be told, how mail to that address last went, and what else they are told by."""

    person: User
    accepted_at: datetime | None
    unreached: Unreached | None
    second: tuple[SecondChannel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleState:
    """Who would be told for one role, and what is missing."""

    role: str
    people: tuple[Reachable, ...]
    missing: tuple[Reason, ...]


def role_states(told: Mapping[str, Told], *, addresses: Mapping[int, Unreached]) -> tuple[RoleState, ...]:
    """Each role with its people and what is missing; the number of queries never follows the rows."""
    people = {person.pk: person for each in told.values() for person in each.people}
    accepted, second = _accepted(people), second_channels(list(people.values()))
    left_out = _left_out(told)
    states = []
    for role, each in told.items():
        found = tuple(
            Reachable(
                person=person,
                accepted_at=accepted.get(person.pk),
                unreached=addresses.get(person.pk),
                second=second.get(person.pk, ()),
            )
            for person in each.people
        )
        missing = (*_missing(each, found), *left_out[role])
        states.append(RoleState(role=role, people=found, missing=missing))
    return tuple(states)


def name_of(person: User) -> str:
    """What people call somebody."""
    return person.get_full_name() or person.get_username()


def _missing(told: Told, people: tuple[Reachable, ...]) -> Iterator[Reason]:
    if not people:
        yield Reason(words="Nobody would be told")
    if not told.is_covered:
        yield Reason(words=NOT_COVERED)
    for each in people:
        if each.unreached is not None:
            yield Reason(words=f"{name_of(each.person)} {each.unreached.why}", since=each.unreached.since)
        for channel in each.second:
            if channel.silent:
                words = f"The second channel of {name_of(each.person)} ({channel.service}) is silent"
                yield Reason(words=f"{words}: {channel.silent}", since=channel.failed_at)


def _accepted(people: Collection[int]) -> dict[int, datetime]:
    """When a mail to the present address of each of them was last accepted. One query."""
    rows = DeliveryAttempt.objects.filter(
        notification__channel=Channel.MAIL,
        notification__person__in=people,
        notification__endpoint=F("notification__person__email"),
        outcome=AttemptOutcome.ACCEPTED,
    ).order_by()
    newest = rows.values_list("notification__person").annotate(at=Max("finished_at"))
    return {person: at for person, at in newest if at is not None}


def _left_out(told: Mapping[str, Told]) -> dict[str, list[Reason]]:
    """Beside each role: who belongs to it and cannot be told. One query."""
    found: dict[str, list[Reason]] = defaultdict(list)
    rows = User.objects.filter(Q(email="") | Q(is_active=False), groups__name__in=told)
    for person in rows.annotate(role=F("groups__name")).order_by("pk"):
        role = str(vars(person)["role"])
        if person.is_active:
            found[role].append(Reason(words=f"{name_of(person)} has no e-mail address"))
        elif not told[role].people:
            found[role].append(Reason(words=f"The account of {name_of(person)} is closed"))
    return found
