"""Turn the rota's rules and overrides into shifts, ninety days ahead; what has passed stays as it was."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.holiday_days import holidays_between
from alerts.models import Rota, RotaOverride, RotaRule, RotaShift
from alerts.models.rota import ON_CALL
from alerts.rota_rules import LONGEST_DAYS, HolidayUse, Layer, Rule, Shift, Turn, seat_for, shifts_of
from labs.clinic_days import add_days

AHEAD = timedelta(days=90)
Key = tuple[str, int, datetime, datetime]


def locked_rota(role: str = ON_CALL) -> Rota:
    """The rota, locked against every other change; the caller holds the transaction."""
    rota, _ = Rota.objects.get_or_create(role=role)
    return Rota.objects.select_for_update(no_key=True).get(pk=rota.pk)


def standing_rules(role: str = ON_CALL) -> list[Rule]:
    """Every rule that has not been ended, as values."""
    rows = RotaRule.objects.filter(role=role, ended_at__isnull=True).prefetch_related("turns")
    return [rule_of(row, people=[turn.person_id for turn in row.turns.all()]) for row in rows]


def rule_of(row: RotaRule, *, people: Iterable[int]) -> Rule:
    """One rule as a value."""
    return Rule(
        rule=row.pk or 0,
        weekdays=frozenset(row.weekdays),
        holidays=HolidayUse(row.holidays),
        starts=row.starts,
        ends=row.ends,
        ends_after_days=row.ends_after_days,
        zone=ZoneInfo(row.zone),
        people=tuple(people),
        turn=Turn(row.turn),
        first_day=row.first_day,
        last_day=row.last_day,
    )


def standing_overrides(*, now: datetime, role: str = ON_CALL) -> Iterable[RotaOverride]:
    """Every override that was not withdrawn and is not over."""
    return RotaOverride.objects.filter(role=role, withdrawn_at__isnull=True, ends_at__gt=now)


def holidays_around(begin: datetime, end: datetime) -> Mapping[date, str]:
    """The holidays on which a shift may begin that touches a span, whatever the zone."""
    return holidays_between(add_days(begin.date(), -LONGEST_DAYS - 2), add_days(end.date(), 2))


def fill(rota: Rota, *, now: datetime) -> None:
    """Bring the shifts from now on in line with rules and overrides; the caller holds the rota's lock.

    1. what should stand; 2. a shift that runs already keeps its beginning; 3. what differs is deleted or,
    where it runs, ends now; 4. what is missing is made, on a free seat.
    """
    until = now + AHEAD
    rows = list(RotaShift.objects.filter(role=rota.role, ends_at__gt=now))
    running = {(row.layer, row.person_id, row.ends_at): row.starts_at for row in rows if row.starts_at <= now}
    wanted: dict[Key, Shift] = {}
    for shift in _wanted(rota, now=now, until=until):
        begin = shift.starts_at
        if begin < now:
            begin = running.get((shift.layer.value, shift.person, shift.ends_at), now)
        wanted[(shift.layer.value, shift.person, begin, shift.ends_at)] = replace(shift, starts_at=begin)
    kept = _keep(rows, wanted, now=now)
    taken = [(row.layer, row.starts_at, row.ends_at, row.seat) for row in kept.values()]
    new = []
    for key, shift in wanted.items():
        if key not in kept:
            layer = key[0]
            seat = seat_for(shift, [spot[1:] for spot in taken if spot[0] == layer])
            new.append(_made(rota, shift, seat=seat))
            taken.append((layer, shift.starts_at, shift.ends_at, seat))
    RotaShift.objects.bulk_create(new)
    rota.filled_until, rota.filled_at = until, now
    rota.save()


def _wanted(rota: Rota, *, now: datetime, until: datetime) -> list[Shift]:
    """What should stand from now on, of both layers."""
    overrides = standing_overrides(now=now, role=rota.role)
    return [
        *shifts_of(standing_rules(rota.role), begin=now, end=until, holidays=holidays_around(now, until)),
        *(
            Shift(
                starts_at=each.starts_at,
                ends_at=each.ends_at,
                person=each.person_id,
                source=each.pk,
                layer=Layer.OVERRIDE,
            )
            for each in overrides
            if each.starts_at < until
        ),
    ]


def _keep(rows: Iterable[RotaShift], wanted: Mapping[Key, Shift], *, now: datetime) -> dict[Key, RotaShift]:
    """The rows that stay; the others are taken away, or end now where they run."""
    kept: dict[Key, RotaShift] = {}
    for row in rows:
        key = (row.layer, row.person_id, row.starts_at, row.ends_at)
        if key in wanted and key not in kept:
            _follow(row, wanted[key])
            kept[key] = row
        elif row.starts_at < now:
            row.ends_at = now
            row.save(update_fields=["ends_at"])
        else:
            row.delete()
    return kept


def _follow(row: RotaShift, shift: Shift) -> None:
    """A shift that stays may follow from another rule than before: from the one that took its place."""
    rule = shift.source if shift.layer is Layer.BASE else None
    override = shift.source if shift.layer is Layer.OVERRIDE else None
    if (row.rule_id, row.override_id) != (rule, override):
        row.rule_id, row.override_id = rule, override
        row.save(update_fields=["rule", "override"])


def _made(rota: Rota, shift: Shift, *, seat: int) -> RotaShift:
    return RotaShift(
        role=rota.role,
        layer=shift.layer.value,
        seat=seat,
        person_id=shift.person,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        rule_id=shift.source if shift.layer is Layer.BASE else None,
        override_id=shift.source if shift.layer is Layer.OVERRIDE else None,
    )
