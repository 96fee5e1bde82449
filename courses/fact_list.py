"""The recorded facts of a course and of its patient, as its pages list them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from courses.fact_words import RESOLVED_BY, fact_words
from courses.models import ChartFact, Course, RecordKind
from courses.models.fact import OF_PHYSICIANS

SHOWN = 3  # newest facts of a kind on the course's page; its own page shows all
_DAYS = ("on", "onset", "from")
# The kinds of facts that last until somebody records their end.
WITH_END = (
    RecordKind.INTERRUPTIONS,
    RecordKind.ADVERSE_EVENT,
    RecordKind.DELAY,
    RecordKind.PRIOR_TREATMENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactLine:
    """One recorded fact: its row, what it says, and whether it counts, waits, or was taken back."""

    fact: ChartFact
    words: str
    waits: bool
    withdrawn: ChartFact | None
    may_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLine:
    """One kind: its newest facts, how many more there are, and what the standing decision misses of it."""

    kind: RecordKind
    title: str
    newest: tuple[FactLine, ...]
    more: int
    due: tuple[Any, ...]
    may_record: bool


def kinds_for_page(course: Course, *, may: Callable[[str], bool]) -> list[KindLine]:
    """Every kind with its newest standing facts; one query, whatever is recorded."""
    by_kind: dict[str, list[FactLine]] = {kind: [] for kind in RecordKind.values}
    for line in _newest_first(_lines(_rows(course).standing())):
        by_kind[line.fact.kind].append(line)
    due = _due(course)
    return [
        _kind_line(kind, by_kind[kind], due.get(kind, []), may_record=may(right_to_record(kind)))
        for kind in RecordKind
    ]


def right_to_record(kind: RecordKind) -> str:
    """The right of the role matrix without which nobody records this kind."""
    if kind is RecordKind.PRECAUTIONARY_HOLD:
        return "courses.hold_course"
    return "courses.judge_fact" if kind in OF_PHYSICIANS else "courses.record_fact"


def facts_of_kind(course: Course, kind: RecordKind) -> list[FactLine]:
    """Every fact of a kind, newest first, also those taken back."""
    return _newest_first(_lines(_rows(course).filter(kind=kind, data__isnull=False)))


def _newest_first(lines: Iterable[FactLine]) -> list[FactLine]:
    """By the day the fact is about; of one day the one recorded last comes first."""

    def when(line: FactLine) -> tuple[str, int]:
        data = line.fact.data or {}
        return str(next((data[key] for key in _DAYS if data.get(key)), "")), line.fact.pk

    return sorted(lines, key=when, reverse=True)


def _rows(course: Course) -> Any:
    """Facts with what a line reads of them."""
    return ChartFact.objects.seen_from(course).select_related(
        "confirmation", "withdrawn_by", "result__current"
    )


def _lines(rows: Iterable[ChartFact]) -> Iterator[FactLine]:
    for row in rows:
        kind = RecordKind(row.kind)
        withdrawn = getattr(row, "withdrawn_by", None)
        confirmed = getattr(row, "confirmation", None) is not None
        standing = withdrawn is None
        yield FactLine(
            fact=row,
            words=fact_words(row),
            waits=standing and row.needs_two and not confirmed,
            withdrawn=withdrawn,
            may_end=standing and kind in WITH_END and not (row.data or {}).get("to"),
        )


def _kind_line(kind: RecordKind, lines: list[FactLine], due: list[Any], *, may_record: bool) -> KindLine:
    """Of lasting facts the newest of each; of the others the newest few."""
    shown = _newest_of_each_flag(lines) if kind is RecordKind.DISEASE_FLAGS else lines[:SHOWN]
    return KindLine(
        kind=kind,
        title=kind.label.capitalize(),
        newest=tuple(shown),
        more=len(lines) - len(shown),
        due=tuple(due),
        may_record=may_record,
    )


def _newest_of_each_flag(lines: list[FactLine]) -> list[FactLine]:
    newest: dict[str, FactLine] = {}
    for line in lines:  # newest first
        newest.setdefault((line.fact.data or {})["flag"], line)
    return list(newest.values())


def _due(course: Course) -> dict[RecordKind, list[Any]]:
    """What the decision that stands says is missing, by the kind of fact that resolves it."""
    found: dict[RecordKind, list[Any]] = {}
    for gap in course.current_decision.answer.get("missing", []) if course.current_decision else []:
        kind = RESOLVED_BY.get(gap.get("code", ""))
        if kind is not None:
            found.setdefault(kind, []).append(gap)
    return found
