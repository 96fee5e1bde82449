"""Read typed and phoned results with what was done to them, for the people who verify them."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from labs.models import ManualAct, Observation, Patient


def waiting_for_verification() -> QuerySet[ManualAct]:
    """The entries on which nobody else has acted yet, the oldest first."""
    acted = ManualAct.objects.exclude(kind=ManualAct.Kind.ENTER).values("entry")
    waiting = ManualAct.objects.filter(kind=ManualAct.Kind.ENTER).exclude(entry__in=acted)
    return waiting.select_related("patient", "by").order_by("pk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One typed result: who entered it, what became of it, and the version that stands."""

    first: ManualAct
    last: ManualAct
    acts: tuple[ManualAct, ...]
    observation: Observation

    @property
    def waits(self) -> bool:
        """Whether nobody else has looked at it yet."""
        return self.last.kind == ManualAct.Kind.ENTER

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was taken back."""
        return self.last.kind == ManualAct.Kind.WITHDRAW


def entries_of(patient: Patient, *, most: int) -> list[Entry]:
    """The newest typed results of a patient."""
    newest = ManualAct.objects.filter(patient=patient, kind=ManualAct.Kind.ENTER).order_by("-pk")
    return _entries(list(newest.values_list("entry", flat=True)[:most]))


def entry_of(entry: UUID) -> Entry | None:
    """One typed result with all that was done to it."""
    return next(iter(_entries([entry])), None)


def _entries(wanted: list[UUID]) -> list[Entry]:
    acts: dict[UUID, list[ManualAct]] = {}
    for act in ManualAct.objects.filter(entry__in=wanted).select_related("patient").order_by("pk"):
        acts.setdefault(act.entry, []).append(act)
    first = {each[0].message_id: entry for entry, each in acts.items()}
    rows = {first[row.message_id]: row for row in Observation.objects.filter(message_id__in=first)}
    return [
        Entry(first=acts[entry][0], last=acts[entry][-1], acts=tuple(acts[entry]), observation=rows[entry])
        for entry in wanted
        if entry in acts
    ]
