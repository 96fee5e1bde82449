"""The results of many people, one person at a time: as the chart reads them, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet

from courses.models import ChartFact, Course, RecordKind
from labs.changes_of_nobody import ChangesOfNobody
from labs.library import analytes
from labs.models import BodyWeight, Observation, QuarantinedResult, Result
from labs.result_marks import Marked, marked_among, stated_results
from labs.same_person import People, read_people

# What a grade, a baseline or a delay may rest on; answers before each cycle are not read.
_KINDS = (
    RecordKind.DISEASE_FLAGS,
    RecordKind.SUPPORT,
    RecordKind.NOT_REPRESENTATIVE,
    RecordKind.MANUAL_GRADES,
    RecordKind.DECLARED_BASELINE,
    RecordKind.BASELINE_AMENDMENT,
    RecordKind.DELAY,
)
_AT_ONCE = 2000
_UNREAD = (
    "comment",
    "ref_text",
    "flags",
    "collected_text",
    "sent_value",
    "sent_unit",
    "zone_source",
    "digest",
)


@dataclass(slots=True, kw_only=True)
class Person:
    """Everything that is read of one person, under all numbers."""

    number: int
    marked: list[Marked] = field(default_factory=list)
    facts: list[ChartFact] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    unread: list[QuarantinedResult] = field(default_factory=list)


class Everybody:
    """The people of the chosen courses; `persons` hands them out one by one, with their results."""

    def __init__(self, courses: QuerySet[Course]) -> None:
        self.people: People = read_people()
        self._courses = courses
        merged = {*self.people.survivor, *self.people.survivor.values()}
        mine = set(courses.filter(patient__in=merged).values_list("patient", flat=True)) if merged else set()
        # Of people with one number, the number of the course is the person; of the others all are asked for.
        self._merged = frozenset().union(*(self.people.numbers_of(each) for each in mine))
        self._changes = ChangesOfNobody()

    def of(self, path: str = "patient") -> Q:
        """Rows of these people, by the path that leads to the patient."""
        chosen = Q(**{f"{path}__in": self._courses.order_by().values("patient")})
        return chosen | Q(**{f"{path}__in": self._merged}) if self._merged else chosen

    def person_of(self, patient_id: int) -> int:
        """The number that stands for the person."""
        return self.people.survivor_of(patient_id)

    def results(self) -> QuerySet[Result]:
        """Every result of these people, as it stands."""
        rows = stated_results().filter(self.of()).order_by("patient", "pk")
        return rows.defer(*(f"current__{name}" for name in _UNREAD))

    def versions(self) -> dict[int, list[Observation]]:
        """By result: every version of those whose versions contradict each other."""
        found: dict[int, list[Observation]] = defaultdict(list)
        for row in Observation.objects.filter(self.of(), result__in_conflict=True).order_by("pk"):
            found[row.result_id].append(row)
        return found

    def persons(self, *, until: date) -> Iterator[Person]:
        """Each person with everything that is graded; of somebody with several numbers all together, last."""
        facts = self._by_person(
            ChartFact.objects.counting()
            .filter(self.of(), kind__in=[kind.value for kind in _KINDS])
            .select_related("confirmation")
            .order_by("pk")
        )
        weights = self._by_person(
            BodyWeight.objects.filter(self.of(), measured_on__lte=until).values_list(
                "patient_id", "measured_on", "recorded_at", "pk", "kg", named=True
            )
        )
        unread = self._by_person(self._unread())
        waiting: set[int] = {*facts, *weights, *unread}
        for number, results in self._groups():
            waiting.discard(number)
            yield Person(
                number=number,
                marked=self._marked(number, results),
                facts=facts.pop(number, []),
                weights=weights.pop(number, []),
                unread=unread.pop(number, []),
            )
        for number in sorted(waiting):
            yield Person(
                number=number,
                facts=facts.get(number, []),
                weights=weights.get(number, []),
                unread=unread.get(number, []),
            )

    def _groups(self) -> Iterator[tuple[int, list[Result]]]:
        """The results of each person; only those of people with several numbers are kept until the end."""
        kept: dict[int, list[Result]] = defaultdict(list)
        rows = self.results().iterator(chunk_size=_AT_ONCE)
        for patient_id, group in groupby(rows, key=lambda row: row.patient_id):
            if patient_id in self._merged:
                kept[self.person_of(patient_id)].extend(group)
            else:
                yield patient_id, list(group)
        yield from kept.items()

    def _marked(self, number: int, results: list[Result]) -> list[Marked]:
        numbers = self.people.numbers_of(number) if number in self._merged else frozenset({number})
        return marked_among(results, waiting=self._changes.among(results, numbers=numbers))

    def _unread(self) -> Iterable[QuarantinedResult]:
        of_them = QuarantinedResult.objects.filter(self.of()).order_by().values("patient")
        rows = QuarantinedResult.objects.unread_of(of_them).filter(analyte__in=list(analytes()))
        return rows.order_by("pk")

    def _by_person(self, rows: Iterable[Any]) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            found[self.person_of(row.patient_id)].append(row)
        return found
