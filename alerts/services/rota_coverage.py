"""Find the times for which the rota names nobody, or somebody who could not be told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from alerts.models import RotaAbsence
from alerts.models.rota import ON_CALL
from alerts.rota_rules import Gap, Shift, duties, gaps_between
from alerts.services.address_state import unreached
from alerts.services.on_call import shifts_between
from labs.clinic_days import add_days, start_of_day
from labs.zones import clinic_zone

LEFT = "has left, or the account is closed"
NO_ADDRESS = "has no e-mail address"
NO_ROLE = "no longer has the on-call role"
AWAY = "is away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """A duty of somebody who could not be told, and why."""

    person: User
    why: str
    starts_at: datetime
    ends_at: datetime
    # Since when mail does not reach the address; none where that is not why, or no letter had to show it.
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What is wrong with the rota in a span of time."""

    gaps: tuple[Gap, ...]
    unreachable: tuple[Unreachable, ...]

    @property
    def is_whole(self) -> bool:
        """Whether somebody who can be told is on call at every moment."""
        return not self.gaps and not self.unreachable


def coverage(*, begin: datetime, end: datetime) -> Coverage:
    """The gaps between two instants, and the duties of those who could not be told, as known at the first."""
    held = [
        duty for duty in duties(shifts_between(begin, end)) if duty.ends_at > begin and duty.starts_at < end
    ]
    people = User.objects.in_bulk({duty.person for duty in held})
    members = set(User.objects.filter(pk__in=people, groups__name=ON_CALL).values_list("pk", flat=True))
    return Coverage(
        gaps=tuple(gaps_between(held, begin=begin, end=end)),
        unreachable=tuple(_unreachable(held, people=people, members=members, now=begin)),
    )


def _unreachable(
    held: list[Shift], *, people: Mapping[int, User], members: set[int], now: datetime
) -> Iterator[Unreachable]:
    absences = list(RotaAbsence.objects.filter(person__in=people, withdrawn_at__isnull=True))
    addresses = unreached(list(people.values()), now=now)
    zone = clinic_zone()
    for duty in held:
        person = people[duty.person]
        address = addresses.get(person.pk)
        why = _why(person, is_member=person.pk in members)
        since = None
        if not why and address is not None:
            why, since = address.why, address.since
        if why:
            yield Unreachable(
                person=person, why=why, starts_at=duty.starts_at, ends_at=duty.ends_at, since=since
            )
            continue
        for absence in absences:
            begin = start_of_day(absence.first_day, zone)
            end = start_of_day(add_days(absence.last_day, 1), zone)
            if absence.person_id == person.pk and begin < duty.ends_at and end > duty.starts_at:
                yield Unreachable(
                    person=person,
                    why=AWAY,
                    starts_at=max(begin, duty.starts_at),
                    ends_at=min(end, duty.ends_at),
                )


def _why(person: User, *, is_member: bool) -> str:
    if not person.is_active:
        return LEFT
    if not person.email:
        return NO_ADDRESS
    return "" if is_member else NO_ROLE
