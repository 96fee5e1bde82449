"""Take a calendar of duties in as a proposal: who is meant, what would change, what stands in the way."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from alerts.ics import IcsDuty, read_calendar
from alerts.models import Rota, RotaImport, RotaOverride, RotaShift
from alerts.models.rota import ON_CALL, RotaEventKind
from alerts.rota_rules import Shift, duties, gaps_between
from alerts.services.on_call import reachable, shifts_between
from alerts.services.rota_acts import BadRota, RotaMoved, changing_rota, check_manages, write_event
from alerts.services.rota_edit import LONGEST_OVERRIDE, override_with, overrides_between, take_away
from alerts.services.rota_shifts import AHEAD
from labs.clock import database_now
from labs.services.authority import printed_name
from labs.zones import clinic_zone


class LineState(StrEnum):
    """What one duty of a calendar would do."""

    NEW = "new"
    SAME = "same"
    PAST = "past"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One duty of a calendar beside what the rota says of that time."""

    starts_at: datetime
    ends_at: datetime
    names: str
    person: User | None
    state: LineState
    # Who is on call then as the rota stands; empty where nobody is.
    instead_of: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What taking a calendar over would do, against one version of the rota."""

    lines: tuple[Line, ...]
    # Changes of an earlier calendar that this one does not hold any more.
    withdrawn: tuple[RotaOverride, ...]
    rota_version: int

    @property
    def blocked(self) -> int:
        """How many duties stand in the way."""
        return sum(line.state is LineState.BLOCKED for line in self.lines)


def read_import(*, file_name: str, raw: bytes, by: User, now: datetime | None = None) -> RotaImport:
    """Keep what a calendar says of the next ninety days. Raises NotAllowed, or BadCalendar."""
    check_manages(by)
    now = now or database_now()
    found = read_calendar(raw, zone=clinic_zone(), begin=now, end=now + AHEAD)
    with transaction.atomic():
        made = RotaImport.objects.create(
            file_name=file_name[:120] or "calendar.ics",
            sha256=hashlib.sha256(raw).hexdigest(),
            duties=[_as_data(duty) for duty in found],
            begin=now,
            end=now + AHEAD,
            read_at=now,
            read_by=by,
        )
        words = f"{len(found)} duties proposed."
        write_event(RotaEventKind.IMPORT_READ, actor=by, now=now, words=words, imported=made.pk)
    return made


def _as_data(duty: IcsDuty) -> dict[str, Any]:
    return {
        "starts_at": duty.starts_at.isoformat(),
        "ends_at": duty.ends_at.isoformat(),
        "names": duty.names,
        "fault": duty.fault,
    }


def proposal_of(imported: RotaImport, *, now: datetime) -> Proposal:
    """What taking it over now would do; it is worked out anew each time."""
    version = Rota.objects.filter(role=ON_CALL).values_list("version", flat=True).first() or 0
    rows = [
        IcsDuty(
            starts_at=datetime.fromisoformat(row["starts_at"]),
            ends_at=datetime.fromisoformat(row["ends_at"]),
            names=row["names"],
            fault=row["fault"],
        )
        for row in imported.duties
    ]
    people = _people_by_name()
    wanted = {
        (people[row.names.casefold()].pk, row.starts_at, row.ends_at)
        for row in rows
        if row.names.casefold() in people
    }
    withdrawn = [
        each
        for each in overrides_between(now, imported.end).filter(imported__isnull=False, starts_at__gte=now)
        if (each.person_id, each.starts_at, each.ends_at) not in wanted
    ]
    held = _without(withdrawn, begin=now, end=imported.end)
    by_hand = list(overrides_between(now, imported.end).exclude(pk__in=[each.pk for each in withdrawn]))
    names = {
        each.pk: printed_name(each) for each in User.objects.filter(pk__in={duty.person for duty in held})
    }
    lines = []
    last: IcsDuty | None = None
    for row in rows:
        overlaps = last is not None and row.starts_at < last.ends_at
        lines.append(
            _line(row, people=people, held=held, by_hand=by_hand, names=names, overlaps=overlaps, now=now)
        )
        if last is None or row.ends_at > last.ends_at:
            last = row
    return Proposal(lines=tuple(lines), withdrawn=tuple(withdrawn), rota_version=version)


def _people_by_name() -> Mapping[str, User]:
    """Who can be on call, by e-mail address and by staff code (the log-in name); none that two share."""
    found: dict[str, User] = {}
    twice: set[str] = set()
    for person in reachable():
        for name in {person.email.casefold(), person.get_username().casefold()}:
            if name in found:
                twice.add(name)
            found[name] = person
    return {name: person for name, person in found.items() if name not in twice}


def _without(overrides: Iterable[RotaOverride], *, begin: datetime, end: datetime) -> list[Shift]:
    """The duties of a span as they would be without some overrides."""
    gone = set(RotaShift.objects.filter(override__in=list(overrides)).values_list("pk", flat=True))
    return duties(shift for shift in shifts_between(begin, end) if shift.source not in gone)


def _line(
    row: IcsDuty,
    *,
    people: Mapping[str, User],
    held: list[Shift],
    by_hand: list[RotaOverride],
    names: Mapping[int, str],
    overlaps: bool,
    now: datetime,
) -> Line:
    person = people.get(row.names.casefold())
    touching = [duty for duty in held if duty.starts_at < row.ends_at and duty.ends_at > row.starts_at]
    gaps = gaps_between(touching, begin=row.starts_at, end=row.ends_at) if row.ends_at > row.starts_at else []
    is_same = person is not None and not gaps and {duty.person for duty in touching} == {person.pk}
    fault = _fault(row, person=person, overlaps=overlaps)
    if not fault and not is_same:
        standing = [each for each in by_hand if each.starts_at < row.ends_at and each.ends_at > row.starts_at]
        fault = (
            "somebody was put on call by hand for part of this time; withdraw that first" if standing else ""
        )
    if row.starts_at < now:
        state, fault = LineState.PAST, ""
    elif fault:
        state = LineState.BLOCKED
    else:
        state = LineState.SAME if is_same else LineState.NEW
    others = sorted({names[duty.person] for duty in touching})
    return Line(
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        names=row.names,
        person=person,
        state=state,
        instead_of=tuple(others),
        fault=fault,
    )


def _fault(row: IcsDuty, *, person: User | None, overlaps: bool) -> str:
    if row.fault:
        return row.fault
    if person is None:
        return "nobody who can be on call has this e-mail address or staff code"
    if overlaps:
        return "it overlaps another duty of the file"
    return (
        f"it is longer than {LONGEST_OVERRIDE.days} days"
        if row.ends_at - row.starts_at > LONGEST_OVERRIDE
        else ""
    )


def take_import(imported: RotaImport, *, rota_version: int, by: User, now: datetime | None = None) -> int:
    """Take a calendar over as it was shown; all of it or nothing. Returns how many duties changed.

    Raises NotAllowed, BadRota while something is blocked, or RotaMoved where the rota is not what was shown.
    """
    check_manages(by)
    now = now or database_now()
    with changing_rota(now=now) as rota:
        found = RotaImport.objects.select_for_update(no_key=True, of=("self",)).get(pk=imported.pk)
        if found.taken_at is not None:
            raise RotaMoved("This calendar was taken over already.")
        if rota.version != rota_version:
            raise RotaMoved("The rota has changed since this was shown. Read what would change now.")
        proposal = proposal_of(found, now=now)
        if proposal.blocked:
            raise BadRota(
                f"file: {proposal.blocked} of its duties are blocked. Correct it and hand it in again"
            )
        for override in proposal.withdrawn:
            take_away(override, by=by, now=now)
        new = [line for line in proposal.lines if line.state is LineState.NEW]
        for line in new:
            assert line.person is not None
            override_with(
                person=line.person,
                starts_at=line.starts_at,
                ends_at=line.ends_at,
                reason=f"From the calendar {found.file_name}.",
                by=by,
                now=now,
                imported=found,
            )
        found.taken_at, found.taken_by = now, by
        found.save(update_fields=["taken_at", "taken_by"])
        changed = len(new) + len(proposal.withdrawn)
        words = f"{len(new)} duties placed, {len(proposal.withdrawn)} withdrawn."
        write_event(RotaEventKind.IMPORT_TAKEN, actor=by, now=now, words=words, imported=found.pk)
    return changed
