"""Say what a move of a cycle breaks: windows, closed days, and what was signed or ordered for the old day."""

from collections.abc import Mapping
from datetime import date

from courses.closed_days import closed_days
from courses.models import Course, Cycle
from courses.plan_state import PlanState
from courses.rules.derived_days import DayKind, MovedDay
from courses.rules.move_warnings import Judgement, NewDay, move_warnings
from courses.rules.protocol import Protocol
from courses.services.move_checks import previous_day


def broken_by(
    cycle: Cycle,
    *,
    plan: Protocol,
    before: PlanState,
    after: PlanState,
    moved: tuple[MovedDay, ...],
    today: date,
) -> tuple[str, ...]:
    """Every window that the new days break, and what rested on the old ones, one sentence each."""
    shifted = [(number, on) for number, on in after.cycles if before.planned(number) != on]
    closed = closed_days(on for _, on in shifted)
    previous, is_given = previous_day(cycle)
    days = []
    for number, on in shifted:
        days.append(
            NewDay(
                number=number,
                on=on,
                previous_on=previous,
                previous_is_given=is_given,
                closed=closed.get(on, ""),
                others=_others(cycle.course, on),
            )
        )
        previous, is_given = on, False
    return (
        *move_warnings(
            plan,
            days=tuple(days),
            moved=tuple(each for each in moved if each.day.kind is not DayKind.THERAPY),
            before=_judgement(before),
            after=_judgement(after),
            today=today,
        ),
        *_rests_on_it(before, after),
    )


def _others(course: Course, on: date) -> int:
    """How many other patients' therapies are planned for a day."""
    rows = Cycle.objects.filter(
        planned_on=on, administration__isnull=True, course__in=Course.objects.open().real()
    )
    return rows.exclude(course=course).count()


def _judgement(state: PlanState) -> Judgement:
    missing: Mapping[str, str] = dict(state.missing)
    return Judgement(
        action="waiting for labs" if state.awaiting_labs else state.action,
        reasons={rule: sentence for rule, _, sentence in state.reasons},
        missing=missing,
        stops_on=date.fromisoformat(state.stops_on) if state.stops_on else None,
    )


def _rests_on_it(before: PlanState, after: PlanState) -> tuple[str, ...]:
    """What was signed, handed out or ordered for the old day, in words."""
    found = []
    if before.directive and before.directive != after.directive:
        found.append(
            f"The written directive ({before.directive}) no longer holds, and the orders under it are void: "
            "a physician signs anew."
        )
    if after.called_back > before.called_back:
        found.append("What pharmacy has handed out is called back: it must not be given.")
    old = {line.cycle: line for line in before.bookings}
    for line in after.bookings:
        was = old.get(line.cycle)
        if was is not None and was.needed_on != line.needed_on:
            late = " The supplier's cut-off has passed: telephone first." if line.is_past_cut_off else ""
            found.append(
                f"The vial for cycle {line.cycle} is ordered with {line.supplier} for "
                f"{was.needed_on.isoformat()}; they are asked for {line.needed_on.isoformat()}, and confirm "
                f"it anew.{late}"
            )
    return tuple(found)
