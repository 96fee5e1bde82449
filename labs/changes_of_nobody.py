"""Find the stored results that a correction or withdrawal may mean while it waits for its patient.

Nothing of what waits is anybody's: the result it may mean is only in doubt until people have resolved it.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from labs import library
from labs.life_cycle import DATED
from labs.models import QuarantinedResult, Result
from labs.models.result import VERIFIED, WITHDRAWN, ObservationStatus
from labs.same_person import read_people

_CORRECTED = VERIFIED - {ObservationStatus.FINAL}


def changes_waiting(results: Iterable[Result], *, numbers: Collection[int]) -> dict[int, QuarantinedResult]:
    """Of all results under a person's numbers: those in doubt, by row id, with what waits; one query.

    Of several changes that may mean one result a correction is named: more is in doubt with it.
    """
    theirs = Result.objects.filter(
        patient__in=numbers,
        sender=OuterRef("message__sender"),
        filler_order=OuterRef("order_number"),
        analyte=OuterRef("analyte"),
    )
    named = QuarantinedResult.named.through.objects.filter(
        quarantinedresult=OuterRef("pk"), patient__in=numbers
    )
    waiting = QuarantinedResult.objects.changes_of_nobody().filter(
        Q(Exists(theirs), ~Q(order_number="")) | Q(Exists(named))
    )
    return _meant_by(_as_they_weigh(waiting), results)


class ChangesOfNobody:
    """Every change that waits for its patient, read once, for many people in turn; two queries."""

    def __init__(self) -> None:
        waiting = QuarantinedResult.objects.changes_of_nobody().prefetch_related("named")
        self._rows = [(row, {each.pk for each in row.named.all()}) for row in _as_they_weigh(waiting)]

    def among(self, results: Iterable[Result], *, numbers: Collection[int]) -> dict[int, QuarantinedResult]:
        """As `changes_waiting`, for the results under one person's numbers."""
        # Without an order it is one of many: the number alone says whose it may be.
        theirs = [row for row, named in self._rows if row.order_number or not named.isdisjoint(numbers)]
        return _meant_by(theirs, results) if theirs else {}


def _as_they_weigh(waiting: QuerySet[QuarantinedResult]) -> list[QuarantinedResult]:
    """Corrections last: of several that may mean one result, the last one is kept."""
    rows = list(waiting.select_related("message").defer("message__body").order_by("pk"))
    rows.sort(key=lambda row: row.change in _CORRECTED)
    return rows


def _meant_by(rows: list[QuarantinedResult], results: Iterable[Result]) -> dict[int, QuarantinedResult]:
    return {result.pk: row for result in results for row in rows if _may_mean(row, result)}


def results_meant(rows: Iterable[QuarantinedResult]) -> list[tuple[Result, QuarantinedResult]]:
    """The stored results, of whomever, that these changes of nobody may mean; three queries at most."""
    changes = [row for row in rows if row.change and row.analyte]
    if not changes:
        return []
    named = _named(row for row in changes if not row.order_number)
    everybody = frozenset().union(*named.values())
    about = Q(filler_order__in={row.order_number for row in changes} - {""})
    about |= Q(filler_order="", patient__in=everybody)
    found = Result.objects.filter(
        about,
        sender__in={row.message.sender for row in changes},
        analyte__in={row.analyte for row in changes},
        current__isnull=False,
    )
    return [
        (result, row)
        for result in found.select_related("current").order_by("pk")
        for row in changes
        # Without an order it is one of many: the number alone says whose it may be.
        if (row.order_number or result.patient_id in named[row.pk]) and _may_mean(row, result)
    ]


def _named(rows: Iterable[QuarantinedResult]) -> dict[int, frozenset[int]]:
    """By row id: all numbers of the people whose number each of these carries."""
    found: dict[int, set[int]] = {row.pk: set() for row in rows}
    if not found:
        return {}
    links = QuarantinedResult.named.through.objects.filter(quarantinedresult__in=list(found))
    for row_id, patient_id in links.values_list("quarantinedresult", "patient"):
        found[row_id].add(patient_id)
    people = read_people()
    return {
        row_id: frozenset().union(*(people.numbers_of(each) for each in patients))
        for row_id, patients in found.items()
    }


def _may_mean(row: QuarantinedResult, result: Result) -> bool:
    """Whether a change speaks of this order and test, at almost this time, and of nothing stated since.

    Where it does not say when the specimen was taken, it may mean any of the order.
    """
    current = result.current
    if current is None or current.status in WITHDRAWN:
        return False
    theirs = (row.message.sender, row.order_number, row.analyte, row.sub_id)
    if theirs != (result.sender, result.filler_order, result.analyte, result.sub_id):
        return False
    within = timedelta(hours=library.limits().near_hours)
    if row.collected_at is not None and abs(row.collected_at - result.collected_at) >= within:
        return False
    return not _is_overtaken(row, result)


def _is_overtaken(row: QuarantinedResult, result: Result) -> bool:
    """Whether the laboratory has said since, later and as the life cycle asks for it, what counts."""
    current = result.current
    if current is None or result.in_conflict or row.ordered_at is None or current.ordered_by == "received":
        return False
    if current.ordered_at <= row.ordered_at:
        return False
    return current.status in _CORRECTED or (row.change in WITHDRAWN and current.ordered_by in DATED)
