"""The plan of a course as it stands: what a move may change, in plain values that can be compared."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from courses.models import BookingState, Course, Cycle, Decision, Directive, Order, Recall, VialBooking
from courses.planned_days import days_of
from courses.rules.derived_days import DerivedDay

OPEN_BOOKINGS = (BookingState.PLACED.value, BookingState.CONFIRMED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingLine:
    """A vial ordered with the supplier for one cycle."""

    cycle: int
    supplier: str
    needed_on: date
    state: str
    is_past_cut_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanState:
    """What stands of a course: its cycles' days and all that hangs on them, the verdict, what rests on it."""

    cycles: tuple[tuple[int, date], ...]
    days: tuple[DerivedDay, ...]
    action: str
    awaiting_labs: bool
    activity_gbq: str
    labs_due: str
    stops_on: str
    reasons: tuple[tuple[str, str, str], ...]
    missing: tuple[tuple[str, str], ...]
    directive: str
    orders: tuple[tuple[str, str], ...]
    called_back: int
    bookings: tuple[BookingLine, ...]

    def planned(self, number: int) -> date:
        """The planned day of a cycle."""
        return dict(self.cycles)[number]


def plan_state(course: Course, *, past_cut_off: frozenset[int] = frozenset()) -> PlanState:
    """The plan of a course with the decision that stands; the caller holds its lock, or only reads.

    `past_cut_off` are the bookings of which the supplier takes no change any more.
    """
    cycles = Cycle.objects.filter(course=course, administration__isnull=True).order_by("number")
    decision = course.current_decision
    about = decision.cycle if decision is not None else None
    return PlanState(
        cycles=tuple((cycle.number, cycle.planned_on) for cycle in cycles),
        days=days_of(course).days,
        **_verdict(decision),
        directive=_directive(about),
        orders=tuple(Order.objects.live().filter(cycle=about).order_by("kind").values_list("kind", "state")),
        called_back=Recall.objects.unanswered().filter(order__cycle__course=course).count(),
        bookings=tuple(
            BookingLine(
                cycle=each.cycle.number,
                supplier=each.supplier,
                needed_on=each.needed_on,
                state=each.state,
                is_past_cut_off=each.pk in past_cut_off,
            )
            for each in open_bookings(course)
        ),
    )


def open_bookings(course: Course) -> list[VialBooking]:
    """What is ordered with the supplier for the course's cycles and has not come."""
    rows = VialBooking.objects.filter(cycle__course=course, state__in=OPEN_BOOKINGS)
    return list(rows.select_related("cycle").order_by("cycle__number"))


def _verdict(decision: Decision | None) -> dict[str, Any]:
    answer = decision.answer if decision is not None else {}
    return {
        "action": answer.get("action", "none"),
        "awaiting_labs": bool(answer.get("awaiting_labs")),
        "activity_gbq": answer.get("activity_gbq") or "",
        "labs_due": answer.get("labs_due") or "",
        "stops_on": answer.get("stops_on") or "",
        "reasons": tuple(
            (each["rule"], each["action"], each["sentence"]) for each in answer.get("reasons", [])
        ),
        "missing": tuple((each["code"], each["why"]) for each in answer.get("missing", [])),
    }


def _directive(cycle: Cycle | None) -> str:
    """The written directive that holds for a cycle, in words; empty where none does."""
    held = Directive.objects.filter(cycle=cycle, voided__isnull=True).select_related("signature")
    found = held.order_by("-revision").first() if cycle is not None else None
    return f"revision {found.revision}, signed by {found.signature.printed_name}" if found else ""


def digest_of(*parts: object) -> str:
    """The SHA-256 of what somebody was shown."""
    text = json.dumps(
        [asdict(part) if isinstance(part, PlanState) else part for part in parts],
        sort_keys=True,
        default=str,
    )
    return hashlib.sha256(text.encode()).hexdigest()
