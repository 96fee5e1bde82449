"""How long something ran: interruptions are timed and taken off, and hours are those that passed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from courses.rules.day_values import DayFacts, Happened, Step, since

NONE = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One thing that runs, or ran: since when, whether it still does, and its interruptions."""

    started: datetime | None
    ended: datetime | None
    paused: datetime | None
    pauses: tuple[tuple[datetime, datetime], ...]
    now: datetime

    @property
    def is_running(self) -> bool:
        """Whether it runs at this moment."""
        return self.started is not None and self.ended is None and self.paused is None

    def ran(self, *, begin: datetime | None = None, end: datetime | None = None) -> timedelta:
        """How long it ran between two instants, without its interruptions; by itself, in all until now."""
        if self.started is None:
            return NONE
        first = max(self.started, (begin or self.started).astimezone(UTC))
        last = min(self.paused or self.ended or self.now, (end or self.now).astimezone(UTC), self.now)
        whole = since(first, last)
        off = sum((_overlap(pause, first, last) for pause in self.pauses), NONE)
        return max(NONE, whole - off)

    @property
    def longest_pause(self) -> timedelta:
        """The longest interruption, one that still lasts included."""
        spans = [since(begin, end) for begin, end in self.pauses]
        if self.paused is not None:
            spans.append(since(self.paused, self.ended or self.now))
        return max(spans, default=NONE)


def amino_acids(facts: DayFacts) -> Running:
    """The amino acids of the day."""
    return _running(
        facts,
        start=Happened.AMINO_START,
        paused=Happened.AMINO_PAUSED,
        resumed=Happened.AMINO_RESUMED,
        end=Happened.AMINO_END,
    )


def infusion(facts: DayFacts) -> Running:
    """The infusion of the radiopharmaceutical."""
    return _running(
        facts,
        start=Happened.INFUSION_START,
        paused=Happened.INFUSION_PAUSED,
        resumed=Happened.INFUSION_RESUMED,
        end=Happened.INFUSION_END,
    )


def _running(
    facts: DayFacts, *, start: Happened, paused: Happened, resumed: Happened, end: Happened
) -> Running:
    """What the steps say: started anew after an end, it counts from the new start."""
    began: datetime | None = None
    ended: datetime | None = None
    stopped: datetime | None = None
    pauses: list[tuple[datetime, datetime]] = []
    for step in facts.of(start, paused, resumed, end):
        if step.kind is start and (began is None or ended is not None):
            began, ended, stopped, pauses = step.at, None, None, []
        elif began is None or ended is not None:
            continue
        elif step.kind is paused and stopped is None:
            stopped = step.at
        elif step.kind in (resumed, start) and stopped is not None:
            pauses.append((stopped, step.at))
            stopped = None
        elif step.kind is end:
            ended = step.at
    return Running(
        started=_utc(began),
        ended=_utc(ended),
        paused=_utc(stopped),
        pauses=tuple((begin.astimezone(UTC), stop.astimezone(UTC)) for begin, stop in pauses),
        now=facts.now.astimezone(UTC),
    )


def _utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC) if instant is not None else None


def _overlap(pause: tuple[datetime, datetime], first: datetime, last: datetime) -> timedelta:
    return max(NONE, min(pause[1], last) - max(pause[0], first))


def first_after(steps: list[Step], instant: datetime) -> Step | None:
    """The first of these steps at or after an instant."""
    return next((step for step in steps if since(instant, step.at) >= NONE), None)
