"""Whose draws and tests are due or overdue: what is lacking, by when, and whether it was drawn already."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import islice

from django.db.models import F, Prefetch, Q

from courses.decision_words import lacking
from courses.models import Course, Cycle, Order
from courses.rules.action_words import HELD
from courses.rules.order_states import FOR_EVIDENCE, OrderKind, OrderState
from courses.services.orders import BY_HAND
from labs.clinic_days import add_days
from labs.models import Patient

DAYS_AHEAD = 7
MOST_READ = 200  # rows; past them somebody looks at the work list


@dataclass(frozen=True, slots=True, kw_only=True)
class BloodLine:
    """One patient: for which cycle, what is lacking and by when; `is_drawn`: a person said it was done."""

    course: Course
    patient: Patient
    cycle: Cycle
    names: tuple[str, ...]
    due_on: date | None
    is_overdue: bool
    is_drawn: bool


def bloods_due(*, today: date, most: int) -> tuple[BloodLine, ...]:
    """Who lacks draws or tests that are due within the week, the longest overdue first; two queries.

    Of holds for something else there may be many: rows are read on until enough lines are found.
    """
    soon = Q(
        current_decision__awaiting_labs=True, current_decision__labs_due__lte=add_days(today, DAYS_AHEAD)
    )
    late = Q(current_decision__action__in=HELD, current_decision__awaiting_labs=False)
    done = Order.objects.filter(kind__in=[kind.value for kind in FOR_EVIDENCE]).order_by("-pk")
    rows = (
        Course.objects.open()
        .real()
        .filter(soon | (late & ~Q(current_decision__answer__missing=[])))
        .select_related("patient", "current_decision__cycle")
        .defer("current_decision__situation")
        .prefetch_related(
            Prefetch("current_decision__cycle__orders", queryset=done, to_attr="evidence_orders")
        )
        .order_by(
            F("current_decision__labs_due").asc(nulls_first=True), "current_decision__cycle__planned_on", "pk"
        )
    )
    lines = (line for course in rows[:MOST_READ] if (line := _line(course, today)) is not None)
    found = list(islice(lines, most))
    return tuple(sorted(found, key=lambda line: (line.due_on or date.min, line.course.pk)))


def _line(course: Course, today: date) -> BloodLine | None:
    decision = course.current_decision
    gap = lacking(decision.answer) if decision is not None else None
    if decision is None or gap is None:
        return None
    due_on = gap.due_on or decision.labs_due
    orders: list[Order] = getattr(decision.cycle, "evidence_orders", [])
    return BloodLine(
        course=course,
        patient=course.patient,
        cycle=decision.cycle,
        names=gap.names,
        due_on=due_on,
        is_overdue=due_on is None or due_on < today,
        is_drawn=all(_is_said_to_be_done(orders, kind) for kind in gap.kinds),
    )


def _is_said_to_be_done(orders: Iterable[Order], kind: OrderKind) -> bool:
    """Whether a person said so of the newest order of this kind; one that ended by itself does not count."""
    newest = next((order for order in orders if order.kind == kind.value), None)
    return newest is not None and newest.state == OrderState.DONE.value and newest.reason_code == BY_HAND
