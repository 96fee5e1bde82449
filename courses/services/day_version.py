"""Which version of a day of therapy somebody acts on, and what was recorded of it since."""

from dataclasses import dataclass
from uuid import UUID

from courses.day_facts import on_clock
from courses.models import StepKind, TherapyDay


class StaleDay(Exception):
    """The day is no longer the version that the caller read; `day` is what it is now."""

    def __init__(self, day: TherapyDay) -> None:
        super().__init__("The day has changed since you read it: read it again, then decide.")
        self.day = day


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDay:
    """A day as somebody had it before them: which, in which version, with how many entries and infusions."""

    day: UUID
    version: int
    steps: int
    infusions: int
    authorisations: int


def seen_of(day: TherapyDay) -> SeenDay:
    """The day as it stands."""
    return SeenDay(
        day=day.public_id,
        version=day.version,
        steps=day.steps.count(),
        infusions=day.infusions.count(),
        authorisations=day.authorisations.count(),
    )


def check_version(day: TherapyDay, version: int | None) -> None:
    """Under the course's lock; None where the caller read no version. Raises StaleDay."""
    if version is not None and day.version != version:
        raise StaleDay(day)


def changed_since(day: TherapyDay, seen: SeenDay) -> list[str]:
    """What was recorded of the day since it was seen, the oldest first, one sentence each."""
    if seen.day != day.public_id:
        return [
            f"That page was of another day of therapy; this one is of cycle {day.cycle.number}, opened "
            f"{on_clock(day.opened_at)}."
        ]
    said = []
    for row in day.steps.order_by("pk")[seen.steps :]:
        what = "taken back" if row.taken_back else "corrected" if row.corrects_id else "recorded"
        who = f"{row.printed_name} and {row.second_name}" if row.second_name else row.printed_name
        said.append(
            f"{StepKind(row.kind).label.capitalize()}: {what} by {who}, for {on_clock(row.happened_at)}."
        )
    for start in day.authorisations.order_by("pk")[seen.authorisations :]:
        said.append(f"Start authorised by {start.authorised_name}, {on_clock(start.authorised_at)}.")
    for given in day.infusions.order_by("pk")[seen.infusions :]:
        what = "corrected" if given.corrects_id else "recorded"
        said.append(f"Infusion of {on_clock(given.started_at)}: {what} {on_clock(given.recorded_at)}.")
    if day.ended_at is not None:
        said.append(f"The day ended {on_clock(day.ended_at)}: {day.get_outcome_display()}.")
    return said or ["Something else of the day has changed."]
