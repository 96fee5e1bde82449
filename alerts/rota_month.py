"""Lay the duties of a month out by days of the clinic: who, from when to when, and where nobody is."""

from calendar import Calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from alerts.holiday_days import holidays_between
from alerts.models import Rota, RotaShift
from alerts.models.rota import ON_CALL
from alerts.rota_rules import Gap, Layer, Shift, duties, gaps_between
from alerts.services.on_call import shifts_between
from labs.clinic_days import add_days, start_of_day
from labs.services.authority import printed_name

_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Part of a duty, or of a gap, on one day; its times as the clinic's clock shows them."""

    begins: str
    ends: str
    who: str
    is_gap: bool = False
    is_override: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of the table."""

    day: date
    is_of_month: bool
    is_today: bool
    holiday: str
    hours: int
    entries: tuple[Entry, ...]
    # Later than the shifts are filled: nothing can be said yet.
    is_open: bool

    @property
    def changes_clocks(self) -> bool:
        """Whether this day is shorter or longer than others."""
        return self.hours != 24


def month_of(first: date, *, today: date, zone: ZoneInfo) -> list[list[Day]]:
    """The weeks of a month, each from Monday to Sunday."""
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    begin = start_of_day(weeks[0][0], zone)
    end = start_of_day(add_days(weeks[-1][-1], 1), zone)
    held = duties(shifts_between(begin, end))
    names = {
        person.pk: printed_name(person)
        for person in User.objects.filter(pk__in={duty.person for duty in held})
    }
    gaps, known_until = _gaps(held, begin=begin, end=end)
    holidays = holidays_between(weeks[0][0], weeks[-1][-1])
    return [
        [
            _day(
                day,
                month=first.month,
                today=today,
                zone=zone,
                held=held,
                gaps=gaps,
                names=names,
                holiday=holidays.get(day, ""),
                known_until=known_until,
            )
            for day in week
        ]
        for week in weeks
    ]


def _gaps(held: Sequence[Shift], *, begin: datetime, end: datetime) -> tuple[list[Gap], datetime | None]:
    """The gaps of a span, as far as a rota was kept and is filled; and until when it is."""
    rota = Rota.objects.filter(role=ON_CALL).first()
    first = (
        RotaShift.objects.filter(role=ON_CALL)
        .order_by("starts_at")
        .values_list("starts_at", flat=True)
        .first()
    )
    if rota is None or rota.filled_until is None or first is None or not rota.is_kept:
        return [], None
    begin, end = max(begin, first), min(end, rota.filled_until)
    return (gaps_between(held, begin=begin, end=end) if begin < end else []), rota.filled_until


def _day(
    day: date,
    *,
    month: int,
    today: date,
    zone: ZoneInfo,
    held: Sequence[Shift],
    gaps: Sequence[Gap],
    names: Mapping[int, str],
    holiday: str,
    known_until: datetime | None,
) -> Day:
    begin, end = start_of_day(day, zone), start_of_day(add_days(day, 1), zone)
    clock = _Clock(begin=begin, end=end, zone=zone)
    entries = [
        (
            duty.starts_at,
            clock.entry(duty, who=names[duty.person], is_override=duty.layer is Layer.OVERRIDE),
        )
        for duty in held
        if duty.starts_at < end and duty.ends_at > begin
    ]
    entries += [
        (gap.starts_at, clock.entry(gap, who="Nobody", is_gap=True))
        for gap in gaps
        if gap.starts_at < end and gap.ends_at > begin
    ]
    return Day(
        day=day,
        is_of_month=day.month == month,
        is_today=day == today,
        holiday=holiday,
        hours=round((end - begin) / timedelta(hours=1)),
        entries=tuple(entry for _, entry in sorted(entries, key=lambda each: each[0])),
        is_open=known_until is not None and begin >= known_until,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """The clock of one day: times within it; the zone beside them where clocks are changed."""

    begin: datetime
    end: datetime
    zone: ZoneInfo

    def entry(self, span: Shift | Gap, *, who: str, is_gap: bool = False, is_override: bool = False) -> Entry:
        """The part of a span that lies on this day."""
        return Entry(
            begins=self._shown(max(span.starts_at, self.begin)),
            ends="24:00" if span.ends_at >= self.end else self._shown(span.ends_at),
            who=who,
            is_gap=is_gap,
            is_override=is_override,
        )

    def _shown(self, instant: datetime) -> str:
        local = instant.astimezone(self.zone)
        return f"{local:%H:%M}" if self.end - self.begin == _DAY else f"{local:%H:%M %Z}"
