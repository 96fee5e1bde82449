"""Say what wakes somebody: when an alert is told, by its loudness, its deadlines and the clinic's hours."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from labs.clinic_days import add_days, clinic_day, start_of_day
from labs.traffic import WorkingTime, instant_of


class Wakes(StrEnum):
    """Whether a kind of alert is told outside the clinic's hours."""

    ALWAYS = "always"
    # Only near the day of therapy or the vial's deadline, or once its condition reached its critical limit.
    WORST = "worst"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursPolicy:
    """The numbers of [hours] in policy.toml; what each means stands there."""

    working: WorkingTime
    therapy_margin: timedelta
    vial_margin: timedelta
    longest_wait: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The clinic's hours in its zone."""

    hours: HoursPolicy
    zone: ZoneInfo

    def is_open(self, at: datetime) -> bool:
        """Whether the clinic works at this instant."""
        day = clinic_day(at, self.zone)
        return self._works(day) and self._opens(day) <= at < self._closes(day)

    def next_opening(self, at: datetime) -> datetime:
        """The next working morning after this instant.

        It never lies further ahead than the longest wait: a calendar that closes too much must not silence.
        """
        latest = at + self.hours.longest_wait
        day, last = clinic_day(at, self.zone), clinic_day(latest, self.zone)
        while day <= last:
            if self._works(day) and at < self._opens(day):
                return min(self._opens(day), latest)
            day = add_days(day, 1)
        return latest

    def _works(self, day: date) -> bool:
        working = self.hours.working
        return day.weekday() in working.days and day not in working.closed_on

    def _opens(self, day: date) -> datetime:
        return instant_of(day, self.hours.working.opens, self.zone)

    def _closes(self, day: date) -> datetime:
        return instant_of(day, self.hours.working.closes, self.zone)


def tell_at(due: datetime, *, wakes: bool, office: Office) -> datetime:
    """When what is due at this instant is told: then, or on the next working morning if it wakes nobody."""
    if wakes or office.is_open(due):
        return due
    return office.next_opening(due)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Until when a change of a cycle can be acted on; a day or a moment that nobody named is None."""

    planned_on: date | None
    # Until then the supplier takes a change or a cancellation of the vial that is on order.
    cut_off_at: datetime | None = None


def is_near(lead: Lead, *, now: datetime, office: Office) -> bool:
    """Whether a change cannot wait for the next working morning.

    A cycle without a planned day is near, and so is one whose planned day is over without its therapy or
    another plan: nobody can say how much time is left.
    """
    morning = office.next_opening(now)
    if lead.planned_on is None:
        return True
    if start_of_day(lead.planned_on, office.zone) < morning + office.hours.therapy_margin:
        return True
    cut_off = lead.cut_off_at
    return cut_off is not None and now <= cut_off < morning + office.hours.vial_margin
