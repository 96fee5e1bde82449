"""Look at the rota: is somebody on call at every moment of the next days, and does whoever begins answer."""

from datetime import datetime, timedelta
from itertools import groupby

from django.contrib.auth.models import User
from django.db import transaction

from alerts.library import policy
from alerts.models import Alert, Rota
from alerts.models.rota import ON_CALL
from alerts.rota_rules import Gap
from alerts.rules import NEEDS_SOMEBODY, Kind
from alerts.services.on_call import duties_at, is_rota_kept
from alerts.services.raising import Subject
from alerts.services.rota_coverage import Coverage, Unreachable, coverage
from alerts.services.rota_shifts import fill, locked_rota
from alerts.services.settling import Condition, key_of, settle
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone


def watch_rota(*, now: datetime) -> int:
    """One alert for each gap of the next days and for each person who could not be told.

    Fills the shifts once a day first. Ends what was mended. Nothing where nobody keeps a rota.
    """
    if not is_rota_kept():
        return settle(kinds=[Kind.ROTA_GAP], conditions=[], now=now)
    _fill_daily(now=now)
    found = coverage(begin=now, end=now + timedelta(days=policy().watch.rota_look_ahead_days))
    return settle(kinds=[Kind.ROTA_GAP], conditions=_conditions(found, now=now), now=now)


def _fill_daily(*, now: datetime) -> None:
    """The shifts of one more day, on the first look of each of the clinic's days."""
    zone = clinic_zone()
    filled_at = Rota.objects.filter(role=ON_CALL).values_list("filled_at", flat=True).first()
    if filled_at is not None and clinic_day(filled_at, zone) >= clinic_day(now, zone):
        return
    with transaction.atomic():
        fill(locked_rota(), now=now)


def _conditions(found: Coverage, *, now: datetime) -> list[Condition]:
    limits = policy().watch
    soon = now + timedelta(hours=limits.rota_gap_worse_hours)
    groups: list[tuple[str, list[Gap]]] = [(_name(gap, now=now), [gap]) for gap in found.gaps]
    if len(groups) > limits.rota_gaps_told_singly:
        groups = [("many", list(found.gaps))]
    conditions = [_gap_condition(name, gaps, soon=soon) for name, gaps in groups]
    by_person = sorted(found.unreachable, key=lambda each: (each.person.pk, each.why, each.starts_at))
    for (person, why), rows in groupby(by_person, key=lambda each: (each.person, each.why)):
        conditions.append(_person_condition(person, why, list(rows), soon=soon))
    return conditions


def _name(gap: Gap, *, now: datetime) -> str:
    """What names a gap: when it begins. One that has begun is another condition: nobody is on call now."""
    return "now" if gap.starts_at <= now else gap.starts_at.isoformat()


def _gap_condition(name: str, gaps: list[Gap], *, soon: datetime) -> Condition:
    first = gaps[0]
    about = {
        "starts_at": first.starts_at.isoformat(),
        "ends_at": first.ends_at.isoformat(),
        "items": len(gaps),
    }
    return Condition(
        kind=Kind.ROTA_GAP,
        key=key_of(Kind.ROTA_GAP, "gap", name),
        subject=Subject(about=about),
        worse=first.starts_at <= soon,
    )


def _person_condition(person: User, why: str, rows: list[Unreachable], *, soon: datetime) -> Condition:
    first = rows[0]
    about = {
        "starts_at": first.starts_at.isoformat(),
        "ends_at": first.ends_at.isoformat(),
        "items": len(rows),
        "why": why,
    }
    if first.since is not None:
        about["since"] = first.since.isoformat()
    return Condition(
        kind=Kind.ROTA_GAP,
        key=key_of(Kind.ROTA_GAP, "person", str(person.pk), why),
        subject=Subject(person=person, about=about),
        worse=first.starts_at <= soon,
    )


def watch_hand_over(*, now: datetime) -> int:
    """One alert for each duty that has begun, to whoever's it is, until they acknowledge it or it ends.

    It travels the way of every other alert: so no duty goes on with an address, a filter, a log-in or a
    person that does not answer.
    """
    conditions = []
    if is_rota_kept():
        for duty in duties_at(now):
            key = key_of(Kind.HAND_OVER, str(duty.person), duty.starts_at.isoformat())
            if not _was_answered(key):
                about = {"starts_at": duty.starts_at.isoformat(), "ends_at": duty.ends_at.isoformat()}
                subject = Subject(person=User.objects.get(pk=duty.person), about=about)
                conditions.append(Condition(kind=Kind.HAND_OVER, key=key, subject=subject))
    return settle(kinds=[Kind.HAND_OVER], conditions=conditions, now=now)


def _was_answered(key: str) -> bool:
    """Whether the alert of this duty has been acknowledged, or is over."""
    waiting = [state.value for state in NEEDS_SOMEBODY]
    return Alert.objects.filter(condition_key=key).exclude(state__in=waiting).exists()
