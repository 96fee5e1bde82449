"""Which patient numbers are one person, by the merges in force: records stay where they are filed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Q

from labs.models import PatientMerge


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Every retired number's survivor, by the patients' row ids."""

    survivor: Mapping[int, int] = field(default_factory=dict)

    def survivor_of(self, patient_id: int) -> int:
        """The number that stands for this person at last."""
        seen = {patient_id}
        while (following := self.survivor.get(patient_id)) is not None and following not in seen:
            patient_id = following
            seen.add(following)
        return patient_id

    def numbers_of(self, patient_id: int) -> frozenset[int]:
        """All numbers of the person who has this one, itself among them."""
        last = self.survivor_of(patient_id)
        named = {*self.survivor.keys(), *self.survivor.values()}
        return frozenset({patient_id, *(each for each in named if self.survivor_of(each) == last)})


def read_people() -> People:
    """The merges in force, in one query: two people agreed, and no reversal took them back."""
    rows = list(PatientMerge.objects.in_force().order_by("pk"))
    taken_back = {row.reverses_id for row in rows if row.reverses_id is not None}
    standing = (row for row in rows if row.reverses_id is None and row.pk not in taken_back)
    return People(survivor={row.retired_id: row.survivor_id for row in standing})


def numbers_of(patient_id: int) -> frozenset[int]:
    """All numbers of one person."""
    return read_people().numbers_of(patient_id)


def numbers_of_all(patient_ids: Iterable[int]) -> frozenset[int]:
    """All numbers of these people."""
    people = read_people()
    return frozenset().union(*(people.numbers_of(each) for each in patient_ids))


def ever_merged() -> Q:
    """Courses of patients whose number was ever named in a merge, standing or not."""
    named = PatientMerge.objects.all()
    return Q(patient__in=named.values("retired")) | Q(patient__in=named.values("survivor"))
