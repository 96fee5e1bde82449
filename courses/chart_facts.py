"""Recorded facts and locked baselines, read from the database as the rules' values."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from courses.fact_kinds import KINDS, DeclaredBaseline, LastingFlag
from courses.models import BaselineLock, ChartFact, Course, RecordKind
from courses.rules.facts import DiseaseFlags, Facts
from courses.rules.values import AdverseEvent, Delay, Measurement
from courses.situation_facts import RECORD_KINDS
from labs.clinic_days import start_of_day
from labs.library import analytes

# The day from which a fact is known; a review also names the day of what it is about.
_FIRST_DAYS = ("began_on", "on", "onset")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFact:
    """One counting fact: the row, and the rules' value of its data."""

    row: ChartFact
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What people recorded of a course and its patient, up to one day.

    `not_representative` and `baseline_results` hold the keys of results; `declared` the baselines that have
    no result of their own.
    """

    facts: Facts
    records: dict[str, tuple[Any, ...]]
    adverse_events: tuple[AdverseEvent, ...]
    delays: tuple[Delay, ...]
    not_representative: frozenset[int]
    baseline_results: frozenset[int]
    declared: tuple[ReadFact, ...] = field(default=())
    # None where nobody has recorded it since the course was started.
    peritoneal_disease: bool | None = None


def read_recorded(*, course: Course, today: date, numbers: frozenset[int] | None = None) -> Recorded:
    """Read everything people recorded that counts on a day, oldest first, under all numbers of the person.

    Two queries, whatever their number. Raises Fault where stored data can no longer be read.
    """
    rows = ChartFact.objects.counting().seen_from(course, numbers=numbers)
    return recorded_in(
        rows.select_related("confirmation").order_by("pk"),
        course=course,
        today=today,
        locked=BaselineLock.objects.current().filter(course=course).values_list("result", "declared"),
    )


def recorded_in(
    rows: Iterable[ChartFact],
    *,
    course: Course,
    today: date,
    locked: Iterable[tuple[int | None, int | None]],
) -> Recorded:
    """What these rows, oldest first, say of a course on a day; `locked` are keys of results and declarations.

    Raises Fault where a row can no longer be read.
    """
    by_kind: dict[str, list[ReadFact]] = {kind: [] for kind in RecordKind.values}
    for fact in map(read_fact, rows):
        if _known_by(fact, today):
            by_kind[fact.row.kind].append(fact)
    return Recorded(
        facts=_facts(by_kind),
        peritoneal_disease=_peritoneal(course, by_kind),
        records={name: _values(by_kind[name], "onset", "on") for name in RECORD_KINDS},
        adverse_events=tuple(
            _ended_by(event, today) for event in _values(by_kind[RecordKind.ADVERSE_EVENT], "began_on")
        ),
        delays=_values(by_kind[RecordKind.DELAY], "began_on"),
        not_representative=_results(by_kind[RecordKind.NOT_REPRESENTATIVE]),
        **_baselines(course, by_kind, list(locked)),
    )


def read_fact(row: ChartFact) -> ReadFact:
    """A stored fact as the rules' value. Raises Fault naming the row, the key and what is wrong."""
    kind = KINDS[RecordKind(row.kind)]
    confirmation = getattr(row, "confirmation", None)
    value = kind.value(
        row.data or {},
        by=row.printed_name,
        reason=row.reason,
        ref=row.ref,
        second=confirmation.printed_name if confirmation else "",
        path=f"fact {row.public_id}",
    )
    return ReadFact(row=row, value=value)


def _known_by(fact: ReadFact, today: date) -> bool:
    """Whether the day a fact begins on has come; a fact without one is always known."""
    value = fact.value
    day = next((found for name in _FIRST_DAYS if (found := getattr(value, name, None)) is not None), None)
    return day is None or day <= today


def _values(facts: Iterable[ReadFact], *days: str) -> tuple[Any, ...]:
    """The values by day; of one day the one recorded last stands last."""

    def day_of(value: Any) -> date:
        found: date = next(getattr(value, name) for name in days if hasattr(value, name))
        return found

    return tuple(sorted((fact.value for fact in facts), key=day_of))


def _facts(by_kind: dict[str, list[ReadFact]]) -> Facts:
    """What checks look at: here every kind is considered, and none recorded is an answer of its own."""
    flags: dict[str, Any] = {}
    for record in _values(by_kind[RecordKind.DISEASE_FLAGS], "on"):
        if record.flag is not LastingFlag.PERITONEAL_DISEASE:
            flags[record.flag.value] = record.value
    return Facts(
        pregnancy=_values(by_kind[RecordKind.PREGNANCY], "on"),
        sstr_imaging=_values(by_kind[RecordKind.SSTR_IMAGING], "on"),
        analogue_injections=_values(by_kind[RecordKind.ANALOGUE_INJECTIONS], "on"),
        allergy_review=_values(by_kind[RecordKind.ALLERGY_REVIEW], "on"),
        interruptions=_values(by_kind[RecordKind.INTERRUPTIONS], "began_on"),
        disease_flags=DiseaseFlags(**flags),
        prior_treatment=_values(by_kind[RecordKind.PRIOR_TREATMENT], "on"),
    )


def _peritoneal(course: Course, by_kind: dict[str, list[ReadFact]]) -> bool | None:
    """Whether there is peritoneal or mesenteric disease, as recorded last; it decides corticosteroid cover.

    What was recorded before the course was started is older than the answer given then.
    """
    since = [f for f in by_kind[RecordKind.DISEASE_FLAGS] if f.row.recorded_at >= course.started_at]
    found = [record.value for record in _values(since, "on") if record.flag is LastingFlag.PERITONEAL_DISEASE]
    return bool(found[-1]) if found else None


def _ended_by(event: AdverseEvent, today: date) -> AdverseEvent:
    """An event whose end was not yet known on a day goes on."""
    over = event.ended_on is not None and event.ended_on <= today
    return event if over else replace(event, ended_on=None)


def _results(facts: Iterable[ReadFact]) -> frozenset[int]:
    return frozenset(fact.row.result_id for fact in facts if fact.row.result_id is not None)


def _baselines(
    course: Course, by_kind: dict[str, list[ReadFact]], locked: list[tuple[int | None, int | None]]
) -> dict[str, Any]:
    """The results and declarations that are baselines: the locked ones, or before that the chosen ones."""
    declared = by_kind[RecordKind.DECLARED_BASELINE]
    if course.baseline_locked_at is not None:
        pinned = {declaration for _, declaration in locked}
        return {
            "baseline_results": frozenset(result for result, _ in locked if result is not None),
            "declared": tuple(fact for fact in declared if fact.row.pk in pinned),
        }
    # What was said last of an analyte counts, whether chosen or declared.
    newest: dict[str, ReadFact] = {}
    for fact in sorted([*declared, *by_kind[RecordKind.BASELINE_AMENDMENT]], key=lambda fact: fact.row.pk):
        newest[fact.value.analyte] = fact
    return {
        "baseline_results": _results(newest.values()),
        "declared": tuple(fact for fact in newest.values() if isinstance(fact.value, DeclaredBaseline)),
    }


def declared_measurements(declared: Iterable[ReadFact], *, zone: ZoneInfo) -> Iterator[Measurement]:
    """Declared baselines as measurements: final, marked, taken at the start of their day."""
    for fact in declared:
        value, analyte = fact.value, analytes()[fact.value.analyte]
        yield Measurement(
            analyte=analyte.short,
            code=analyte.loinc,
            value=value.value,
            unit=analyte.unit,
            collected_at=start_of_day(value.on, zone),
            collected_on=value.on,
            low=value.low,
            high=value.high,
            baseline=True,
            result=fact.row.ref,
            ref=fact.row.ref,
        )
