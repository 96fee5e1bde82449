"""What a cycle that may go is given with: the rows of the protocol that are for this patient, in words."""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby

from courses.rules.derived import Case
from courses.rules.order_states import FOR_EVIDENCE, OrderKind
from courses.rules.pregnancy import PREGNANCY, needs_test
from courses.rules.protocol import LabRow, OrderedWhen, OrderRow, PregnancyCheck
from courses.rules.required import earlier_lack, lab_lack, not_before
from courses.rules.schedule import Dates
from courses.rules.values import EvidenceOrder, MissingEvidence, OrderLine, Status
from courses.rules.wording import day_words
from labs.clinic_days import add_days

Item = tuple[tuple[str, str], ...]


def order_set(case: Case, dates: Dates) -> tuple[OrderLine, ...]:
    """The orders of the cycle; none of them depends on the activity."""
    return tuple(
        OrderLine(kind=row.kind, items=_items(row, case, dates))
        for row in case.protocol.orders
        if _is_for(row, case, dates)
    )


def evidence_orders(
    case: Case, dates: Dates, missing: Iterable[MissingEvidence], *, today: date
) -> tuple[EvidenceOrder, ...]:
    """Draws and tests for the planned day; none where that day has passed, for then nobody knows the day."""
    if dates.judged_for != dates.planned_on:
        return ()
    lacking = {gap.item for gap in missing}
    return tuple(
        _draws_asked(row, case, dates, today=today)
        if row.kind is OrderKind.LAB_DRAWS
        else _test_asked(row, case, dates, is_lacking=PREGNANCY in lacking, today=today)
        for row in case.protocol.orders
        if row.kind in FOR_EVIDENCE and _is_for(row, case, dates)
    )


def _draws_asked(row: OrderRow, case: Case, dates: Dates, *, today: date) -> EvidenceOrder:
    """The draws: due while one whose window is open is lacking, the earlier draw or the last one."""
    always = [each for each in case.protocol.labs if each.always]
    days = [each.earlier.from_days_before if each.earlier else each.validity_days for each in always]
    opens_on = add_days(dates.judged_for, -max(days, default=0))
    open_now = [
        (lab.analyte, first)
        for lab in always
        for first in _windows_lacking(lab, case, dates)
        if first <= today
    ]
    names = {analyte for analyte, _ in open_now}
    since = max((first for _, first in open_now), default=opens_on)
    seen = (
        each.collected_on
        for each in case.chart.measurements
        if each.analyte in names
        and each.collected_on >= since
        and each.status is not Status.PRELIMINARY  # of that the final one is to come
    )
    return EvidenceOrder(
        line=OrderLine(kind=row.kind, items=_items(row, case, dates)),
        opens_on=opens_on,
        is_due=bool(open_now),
        since=since,
        seen_on=max(seen, default=None),
    )


def _windows_lacking(lab: LabRow, case: Case, dates: Dates) -> Iterator[date]:
    """The first day of each draw of an analyte that is lacking."""
    if lab.earlier is not None and earlier_lack(lab, case=case, dates=dates) is not None:
        yield add_days(dates.judged_for, -lab.earlier.from_days_before)
    if lab_lack(lab, case=case, dates=dates) is not None:
        yield not_before(lab, case, dates)


def _test_asked(row: OrderRow, case: Case, dates: Dates, *, is_lacking: bool, today: date) -> EvidenceOrder:
    checks = [each.validity_days for each in case.protocol.checks if isinstance(each, PregnancyCheck)]
    opens_on = add_days(dates.judged_for, -max(checks, default=0))
    return EvidenceOrder(
        line=OrderLine(kind=row.kind, items=row.items),
        opens_on=opens_on,
        is_due=opens_on <= today and is_lacking,
        since=opens_on,
    )


def _is_for(row: OrderRow, case: Case, dates: Dates) -> bool:
    """Whether this patient is given it; whether pregnancy is possible counts as yes where it is not known."""
    match row.when:
        case OrderedWhen.PERITONEAL:
            return case.chart.peritoneal_or_mesenteric_disease is True
        case OrderedWhen.PREGNANCY_POSSIBLE:
            return needs_test(case, dates)
        case _:
            return True


def _items(row: OrderRow, case: Case, dates: Dates) -> tuple[Item, ...]:
    """What the row says, and of laboratory draws which, and on which days."""
    if row.kind is not OrderKind.LAB_DRAWS:
        return row.items
    return (*row.items, *_draws(case, dates))


def _draws(case: Case, dates: Dates) -> Iterator[Item]:
    """The analytes that are always needed, those of the same days together, with the days in words."""
    always, day = [row for row in case.protocol.labs if row.always], dates.judged_for

    def of_days(row: LabRow) -> tuple[int, int]:
        return (-row.validity_days, -row.due_days_before)

    def of_earlier(row: LabRow) -> tuple[int, int]:
        assert row.earlier is not None
        return (-row.earlier.from_days_before, -row.earlier.to_days_before)

    wanted_earlier = [row for row in always if row.earlier is not None]
    for days_of, rows in ((of_earlier, wanted_earlier), (of_days, always)):
        for (first, last), group in groupby(sorted(rows, key=days_of), key=days_of):
            names = "; ".join(case.protocol.names[row.analyte] for row in group)
            text = (
                f"Collect from {day_words(add_days(day, first))}, due by {day_words(add_days(day, last))}, "
                f"for the cycle of {day_words(day)}"
            )
            yield (("product", names), ("text", text))
