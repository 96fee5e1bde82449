"""Keep the rota: add, change and end its rules, put somebody else on call, set the house's own holidays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from alerts.models import LocalHoliday, RotaImport, RotaOverride, RotaRule, RotaSwap, RotaTurn
from alerts.models.rota import RotaEventKind
from alerts.rota_rules import HolidayUse, Turn
from alerts.services.rota_acts import (
    BadRota,
    RotaMoved,
    changing_rota,
    check_manages,
    faults_of_people,
    write_event,
)
from alerts.services.rota_shifts import rule_of
from labs.clock import database_now
from labs.services.authority import printed_name, stated

LONGEST_OVERRIDE = timedelta(days=31)
# Somebody put on call "from now" has typed a minute that is over when it arrives.
_JUST_NOW = timedelta(minutes=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEntry:
    """A rule as somebody states it."""

    name: str
    weekdays: Sequence[int]
    holidays: HolidayUse
    starts: time
    ends: time
    ends_after_days: int
    zone: str
    turn: Turn
    people: Sequence[User]
    first_day: date
    last_day: date | None = None


def add_rule(entry: RuleEntry, *, by: User, now: datetime | None = None) -> RotaRule:
    """A new rule. Raises NotAllowed or BadRota."""
    return add_rules([entry], by=by, now=now)[0]


def add_rules(entries: Sequence[RuleEntry], *, by: User, now: datetime | None = None) -> list[RotaRule]:
    """New rules that only together leave no gap, in one change. Raises NotAllowed or BadRota."""
    check_manages(by)
    now = now or database_now()
    made = []
    with changing_rota(now=now):
        for entry in entries:
            rule = _make(entry, by=by, now=now)
            write_event(RotaEventKind.RULE_ADDED, actor=by, now=now, words=_words(rule, entry), rule=rule.pk)
            made.append(rule)
    return made


def change_rule(rule: RotaRule, entry: RuleEntry, *, by: User, now: datetime | None = None) -> RotaRule:
    """Another rule in the place of one. Raises NotAllowed, BadRota, or RotaMoved where it was ended."""
    check_manages(by)
    now = now or database_now()
    with changing_rota(now=now):
        old = _standing(rule)
        old.ended_at, old.ended_by = now, by
        old.save(update_fields=["ended_at", "ended_by"])
        made = _make(entry, by=by, now=now, replaces=old)
        words = _words(made, entry)
        write_event(RotaEventKind.RULE_CHANGED, actor=by, now=now, words=words, rule=made.pk, before=old.pk)
    return made


def end_rule(rule: RotaRule, *, by: User, now: datetime | None = None) -> None:
    """No further shift of a rule, from now on. Raises NotAllowed, or RotaMoved where it was ended."""
    check_manages(by)
    now = now or database_now()
    with changing_rota(now=now):
        old = _standing(rule)
        old.ended_at, old.ended_by = now, by
        old.save(update_fields=["ended_at", "ended_by"])
        write_event(RotaEventKind.RULE_ENDED, actor=by, now=now, words=f"“{old.name}” ended.", rule=old.pk)


def _standing(rule: RotaRule) -> RotaRule:
    found = RotaRule.objects.filter(pk=rule.pk, ended_at__isnull=True).first()
    if found is None:
        raise RotaMoved("This rule was changed or ended meanwhile. Open the rules again.")
    return found


def _make(entry: RuleEntry, *, by: User, now: datetime, replaces: RotaRule | None = None) -> RotaRule:
    row = RotaRule(
        name=stated(entry.name),
        weekdays=sorted(entry.weekdays),
        holidays=entry.holidays.value,
        starts=entry.starts,
        ends=entry.ends,
        ends_after_days=entry.ends_after_days,
        zone=entry.zone,
        turn=entry.turn.value,
        first_day=entry.first_day,
        last_day=entry.last_day,
        made_at=now,
        made_by=by,
        replaces=replaces,
    )
    faults = [] if row.name else ["name: say what the rule is called"]
    faults += [] if _is_zone(entry.zone) else ["zone: use an IANA name such as Europe/Berlin"]
    faults += faults_of_people(entry.people, field="people")
    if not faults:
        faults = rule_of(row, people=[person.pk for person in entry.people]).faults()
    if faults:
        raise BadRota(*faults)
    row.save()
    RotaTurn.objects.bulk_create(
        RotaTurn(rule=row, position=position, person=person) for position, person in enumerate(entry.people)
    )
    return row


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _words(rule: RotaRule, entry: RuleEntry) -> str:
    people = ", ".join(printed_name(person) for person in entry.people)
    return f"“{rule.name}”: {people}, {rule.starts:%H:%M} to {rule.ends:%H:%M} {rule.zone}."


def place_override(
    *,
    person: User,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    by: User,
    now: datetime | None = None,
) -> RotaOverride:
    """Put somebody on call for a time, whatever the rules say. Raises NotAllowed or BadRota."""
    check_manages(by)
    now = now or database_now()
    if now - _JUST_NOW <= starts_at < now:
        starts_at = now
    with changing_rota(now=now):
        return override_with(
            person=person, starts_at=starts_at, ends_at=ends_at, reason=reason, by=by, now=now
        )


def override_with(
    *,
    person: User,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    by: User,
    now: datetime,
    swap: RotaSwap | None = None,
    imported: RotaImport | None = None,
) -> RotaOverride:
    """The override itself, within a change of the rota that others have begun. Raises BadRota."""
    faults = faults_of_people([person], field="person")
    if starts_at < now:
        faults.append("starts_at: begins in the past; begin now or later")
    if ends_at <= starts_at:
        faults.append("ends_at: later than the start")
    elif ends_at - starts_at > LONGEST_OVERRIDE:
        faults.append(f"ends_at: at most {LONGEST_OVERRIDE.days} days after the start; use a rule for longer")
    if not stated(reason):
        faults.append("reason: say in a few words why")
    for other in overrides_between(starts_at, ends_at).select_related("person"):
        faults.append(
            f"starts_at: {printed_name(other.person)} was put on call for part of that time already. "
            "Withdraw that first"
        )
    if faults:
        raise BadRota(*faults)
    override = RotaOverride.objects.create(
        person=person,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=stated(reason),
        placed_at=now,
        placed_by=by,
        swap=swap,
        imported=imported,
    )
    words = f"{printed_name(person)} put on call. {override.reason}"
    write_event(
        RotaEventKind.OVERRIDE_PLACED,
        actor=by,
        now=now,
        words=words,
        person=person,
        override=override.pk,
        starts_at=starts_at.isoformat(),
        ends_at=ends_at.isoformat(),
    )
    return override


def overrides_between(begin: datetime, end: datetime) -> QuerySet[RotaOverride]:
    """The overrides that stand and touch a span."""
    touching = Q(starts_at__lt=end, ends_at__gt=begin)
    return RotaOverride.objects.filter(touching, withdrawn_at__isnull=True)


def withdraw_override(override: RotaOverride, *, by: User, now: datetime | None = None) -> None:
    """Let the rules count again, from now on. Raises NotAllowed, or RotaMoved where it is over already."""
    check_manages(by)
    now = now or database_now()
    with changing_rota(now=now):
        take_away(override, by=by, now=now)


def take_away(override: RotaOverride, *, by: User, now: datetime) -> None:
    """The withdrawal itself, within a change of the rota that others have begun. Raises RotaMoved."""
    found = RotaOverride.objects.filter(pk=override.pk, withdrawn_at__isnull=True, ends_at__gt=now).first()
    if found is None:
        raise RotaMoved("This change is over or was withdrawn meanwhile. Open the rota again.")
    found.withdrawn_at, found.withdrawn_by = now, by
    found.save(update_fields=["withdrawn_at", "withdrawn_by"])
    words = f"{printed_name(found.person)} is no longer put on call."
    write_event(
        RotaEventKind.OVERRIDE_WITHDRAWN,
        actor=by,
        now=now,
        words=words,
        person=found.person,
        override=found.pk,
    )


def set_holiday(
    *, day: date, name: str, is_kept: bool, by: User, now: datetime | None = None
) -> LocalHoliday:
    """A day that the house keeps, or a public holiday that it does not. Raises NotAllowed or BadRota."""
    check_manages(by)
    now = now or database_now()
    if not stated(name):
        raise BadRota("name: say what the day is called")
    with changing_rota(now=now):
        made, _ = LocalHoliday.objects.update_or_create(
            day=day, defaults={"name": stated(name), "is_kept": is_kept}
        )
        words = f"{day}: {made.name}, {'a holiday' if is_kept else 'not a holiday here'}."
        write_event(RotaEventKind.HOLIDAY_SET, actor=by, now=now, words=words)
    return made


def remove_holiday(holiday: LocalHoliday, *, by: User, now: datetime | None = None) -> None:
    """Say nothing of a day any more. Raises NotAllowed."""
    check_manages(by)
    now = now or database_now()
    with changing_rota(now=now):
        words = f"{holiday.day}: {holiday.name}, removed from the house's own days."
        LocalHoliday.objects.filter(pk=holiday.pk).delete()
        write_event(RotaEventKind.HOLIDAY_REMOVED, actor=by, now=now, words=words)
