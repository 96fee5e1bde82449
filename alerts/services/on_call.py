"""Say who is told: the people of groups, and for on-call whoever the rota names at that moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet

from alerts.models import Alert, Rota, RotaAbsence, RotaShift
from alerts.models.rota import ON_CALL
from alerts.rota_rules import Layer, Shift, duties
from alerts.rules import INCOMING, OUTGOING
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone

# The longest duty there is, and a day for a change of clocks.
_LONGEST = timedelta(days=32)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom a step tells; not covered: a rota is kept, and nobody who can be reached is on call by it."""

    people: tuple[User, ...]
    is_covered: bool = True


def reachable(role: str = ON_CALL) -> QuerySet[User]:
    """Everybody who is active, belongs to a group and has an e-mail address."""
    return User.objects.filter(is_active=True, groups__name=role).exclude(email="").distinct()


def is_rota_kept(role: str = ON_CALL) -> bool:
    """Whether people keep a rota for a role at all."""
    return Rota.objects.filter(role=role, is_kept=True).exists()


def shifts_between(begin: datetime, end: datetime, *, role: str = ON_CALL) -> list[Shift]:
    """The stored shifts of both layers that touch a span, whole."""
    rows = RotaShift.objects.filter(role=role, ends_at__gt=begin, starts_at__lt=end)
    return [
        Shift(
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            person=row.person_id,
            source=row.pk,
            layer=Layer(row.layer),
        )
        for row in rows
    ]


def duties_at(instant: datetime) -> list[Shift]:
    """Whose duty runs at an instant, from when to when; two people in an hour that clocks show twice."""
    shifts = shifts_between(instant - _LONGEST, instant + _MOMENT)
    return [each for each in duties(shifts) if each.starts_at <= instant < each.ends_at]


def on_call_at(instant: datetime) -> Told:
    """Who is on call at an instant and can be reached.

    Nobody keeps a rota: the whole group. A rota is kept, and nobody is on call by it, or only people who
    left, have no address, lost the role or are away: the whole group too, and that is not covered.
    """
    everybody = {person.pk: person for person in reachable().order_by("pk")}
    if not is_rota_kept():
        return Told(people=tuple(everybody.values()))
    away = _away_at(instant)
    named = {duty.person for duty in duties_at(instant)} - away
    people = tuple(person for key, person in everybody.items() if key in named)
    return Told(people=people or tuple(everybody.values()), is_covered=bool(people))


def people_for(roles: Iterable[str], *, now: datetime, alert: Alert | None = None) -> Told:
    """Everybody whom a step of an alert tells at this moment; each once, and only who can be reached.

    Who comes on call and who went off is a matter of one alert: without it, nobody.
    """
    found: dict[int, User] = {}
    is_covered = True
    for role in roles:
        if role == ON_CALL:
            told = on_call_at(now)
            people, is_covered = told.people, told.is_covered
        elif role == INCOMING:
            people = tuple(reachable().filter(pk=(alert.person_id if alert else None) or 0))
        elif role == OUTGOING:
            people = _outgoing(alert) if alert else ()
        else:
            people = tuple(reachable(role))
        found |= {person.pk: person for person in people}
    return Told(people=tuple(found[key] for key in sorted(found)), is_covered=is_covered)


def _outgoing(alert: Alert) -> tuple[User, ...]:
    """Whose duty ended when the duty that this alert is about began, beside the person whose duty it is."""
    if "starts_at" not in alert.about:
        return ()
    before = datetime.fromisoformat(alert.about["starts_at"]) - _MOMENT
    people = {duty.person for duty in duties_at(before)} - {alert.person_id}
    return tuple(reachable().filter(pk__in=people))


def _away_at(instant: datetime) -> set[int]:
    """Who said that they are away on the day of an instant."""
    day = clinic_day(instant, clinic_zone())
    rows = RotaAbsence.objects.filter(withdrawn_at__isnull=True, first_day__lte=day, last_day__gte=day)
    return set(rows.values_list("person", flat=True))
