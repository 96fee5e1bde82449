"""Find results that were corrected or taken back after somebody had signed a decision on them.

Or may have been: a correction or withdrawal that waits for its patient may mean what somebody signed on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from courses.models import Course, Decision
from labs.changes_of_nobody import results_meant
from labs.models import LabMessage, Observation, QuarantinedResult, Result
from labs.models.result import WITHDRAWN
from labs.same_person import numbers_of_all


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedResult:
    """A value that a signed decision used, what stands in its place, and which cycles' decisions used it."""

    result: Result
    decision: Decision
    used: Observation
    now: Observation
    cycles: tuple[int, ...]
    given: tuple[int, ...]
    # The correction or withdrawal that may mean it, and that waits because nobody knows whose it is.
    waiting: QuarantinedResult | None = None

    @property
    def is_withdrawn(self) -> bool:
        """Whether nothing stands in its place."""
        return self.now.status in WITHDRAWN

    @property
    def was_another_patients(self) -> bool:
        """Whether the laboratory says that it filed the result under the wrong patient (OBX-11 W)."""
        return self.is_withdrawn and self.now.status_sent == "W"

    @property
    def waiting_word(self) -> str:
        """What it is that waits."""
        return "withdrawal" if self.waiting and self.waiting.change in WITHDRAWN else "correction"

    @property
    def is_contested(self) -> bool:
        """Whether the laboratory says two things, and nobody can tell which counts."""
        return self.result.in_conflict


def changed_results(message: LabMessage, *, decision: Decision | None = None) -> tuple[ChangedResult, ...]:
    """The results this message has changed since somebody signed on them; one for each course and result.

    Those too that it may mean while it waits for its patient. A course's newest signed decision of each cycle
    counts, with those that confirm it; with `decision` that one alone, also when another was signed since.
    Ten queries at most.
    """
    waiting = _waiting(message)
    changed = Q(versions__message=message, versions__version__gt=1)
    results = list(
        Result.objects.filter(changed | Q(pk__in=list(waiting)))
        .select_related("current")
        .distinct()
        .order_by("pk")
    )
    if not results:
        return ()
    numbers = numbers_of_all(result.patient_id for result in results)
    rows = Decision.objects.filter(course__in=Course.objects.filter(patient__in=numbers))
    if decision is not None:
        origin = decision.verdict_origin_id
        rows = rows.filter(Q(pk=origin) | Q(confirms=origin))
    signed = _signed(rows)
    versions = Observation.objects.filter(result__in=results)
    by_ref = {str(version.public_id): version for version in versions}
    return tuple(_changes(results, signed, by_ref, waiting))


def _waiting(message: LabMessage) -> dict[int, QuarantinedResult]:
    """By row id of the stored results that they may mean: the changes of this message that wait."""
    rows = QuarantinedResult.objects.changes_of_nobody().filter(message=message)
    meant = results_meant(rows.select_related("message").defer("message__body"))
    return {result.pk: row for result, row in meant}


def _signed(rows: QuerySet[Decision]) -> dict[int, list[list[Decision]]]:
    """For each course: the decisions that stand for each cycle's newest signature, oldest cycle first."""
    ordered = (
        rows.filter(Q(signatures__isnull=False) | Q(confirms__signatures__isnull=False))
        .select_related("cycle", "cycle__administration")
        .distinct()
        .order_by("cycle__number", "pk")
    )
    groups: dict[tuple[int, int], dict[int, list[Decision]]] = {}
    for row in ordered:
        of_cycle = groups.setdefault((row.course_id, row.cycle.number), {})
        of_cycle.setdefault(row.verdict_origin_id, []).append(row)
    found: dict[int, list[list[Decision]]] = {}
    for (course_id, _number), by_verdict in sorted(groups.items()):
        found.setdefault(course_id, []).append(by_verdict[max(by_verdict)])
    return found


def _changes(
    results: list[Result],
    signed: dict[int, list[list[Decision]]],
    by_ref: dict[str, Observation],
    waiting: Mapping[int, QuarantinedResult],
) -> Iterator[ChangedResult]:
    for cycles in signed.values():
        for result in results:
            users = [
                (decision, used)
                for decisions in cycles
                for decision in decisions[:1]
                for used in _used(decisions, by_ref, result, in_doubt=result.pk in waiting)
            ]
            if users and result.current is not None:
                decision, used = users[-1]
                yield ChangedResult(
                    result=result,
                    decision=decision,
                    used=used,
                    now=result.current,
                    cycles=tuple(each.cycle.number for each, _ in users),
                    given=tuple(
                        each.cycle.number for each, _ in users if hasattr(each.cycle, "administration")
                    ),
                    waiting=waiting.get(result.pk),
                )


def _used(
    decisions: list[Decision], by_ref: dict[str, Observation], result: Result, *, in_doubt: bool
) -> Iterator[Observation]:
    """The version of a result that these decisions used last, if something else stands by now, or may."""
    refs = [str(lab.get("ref", "")) for decision in decisions for lab in _labs(decision)]
    used = [by_ref[ref] for ref in refs if ref in by_ref and by_ref[ref].result_id == result.pk]
    changed = [each for each in used if in_doubt or _says_another(each, result)]
    yield from changed[-1:]


def _labs(decision: Decision) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = decision.situation.get("labs", [])
    return found


def _says_another(used: Observation, result: Result) -> bool:
    """Whether what stands now is another number, no number, or in dispute; a new status alone is not."""
    current = result.current
    if current is None or current.pk == used.pk:
        return result.in_conflict
    same = (current.value, current.comparator, current.is_usable) == (
        used.value,
        used.comparator,
        used.is_usable,
    )
    return result.in_conflict or not same
