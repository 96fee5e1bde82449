"""Incidents as people work on them: open or closed, what the regulator waits for, and by which day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from courses.models import Incident, IncidentAct, IncidentActKind
from labs.clinic_days import days_between
from labs.templatetags.clinic_text import day

SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """One thing the regulator waits for, and the last clinic day for it."""

    what: str
    by: date

    def days_left(self, today: date) -> int:
        """Days until the last one; 0 on it, negative after it."""
        return days_between(today, self.by)

    def words(self, today: date) -> str:
        """When it is due, as a person says it."""
        left = self.days_left(today)
        if left < 0:
            return f"{self.what}: overdue since {day(self.by)}"
        if left < 2:
            return f"{self.what}: due {'tomorrow' if left else 'today'}, {day(self.by)}"
        return f"{self.what}: due on {day(self.by)}, in {left} days"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One incident with everything that was done about it."""

    incident: Incident
    acts: tuple[IncidentAct, ...]

    def did(self, kind: IncidentActKind) -> IncidentAct | None:
        """The first act of a kind, if there is one."""
        return next((act for act in self.acts if act.kind == kind), None)

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed the review."""
        return self.did(IncidentActKind.CLOSED) is None

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """What the regulator still waits for, the sooner first; nothing once a review found no event."""
        if not self.is_open or self.did(IncidentActKind.NO_EVENT):
            return ()
        incident, found = self.incident, []
        if incident.notify_by and not self.did(IncidentActKind.NOTIFIED):
            found.append(Deadline(what="Notify the regulator", by=incident.notify_by))
        if incident.report_by and not self.did(IncidentActKind.REPORTED):
            found.append(Deadline(what="Send the written report", by=incident.report_by))
        return tuple(sorted(found, key=lambda deadline: deadline.by))

    def words(self, today: date) -> list[str]:
        """What the regulator still waits for, as a person says it."""
        return [deadline.words(today) for deadline in self.deadlines]

    @property
    def next_deadline(self) -> Deadline | None:
        """The first of them."""
        return self.deadlines[0] if self.deadlines else None


def found_incident(public_id: UUID) -> Incident | None:
    """One incident with its acts."""
    return _rows().filter(public_id=public_id).first()


def line_of(incident: Incident) -> IncidentLine:
    """One incident, read anew."""
    return IncidentLine(incident=incident, acts=tuple(incident.acts.all()))


def open_incidents() -> list[IncidentLine]:
    """Every incident whose review is open, the nearest day of the regulator first; three queries."""
    return sorted(_lines(_rows().exclude(_closed())), key=_urgency)


def closed_incidents() -> list[IncidentLine]:
    """The newest reviews that are closed."""
    return list(_lines(_rows().filter(_closed())[:SHOWN]))


def _rows() -> QuerySet[Incident]:
    acts = IncidentAct.objects.order_by("pk")
    return (
        Incident.objects.filter(cycle__course__patient__is_canary=False)
        .select_related("cycle__course__patient")
        .prefetch_related(Prefetch("acts", queryset=acts))
        .order_by("-pk")
    )


def _closed() -> Exists:
    return Exists(IncidentAct.objects.filter(incident=OuterRef("pk"), kind=IncidentActKind.CLOSED))


def _lines(rows: Iterable[Incident]) -> Iterable[IncidentLine]:
    return (line_of(row) for row in rows)


def _urgency(line: IncidentLine) -> tuple[date, int]:
    deadline = line.next_deadline
    return (deadline.by if deadline else date.max, line.incident.pk)
