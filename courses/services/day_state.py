"""What a cycle stands on as its day goes on: decision, signature, directive, order, unit; reads only."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from courses.day_facts import effective_steps, on_clock, read_day, step_value, steps_of_run
from courses.models import (
    Course,
    CourseStatus,
    Cycle,
    Decision,
    Directive,
    DispensedUnit,
    Infusion,
    Order,
    Signature,
    StartAuthorisation,
    TherapyDay,
)
from courses.rules.action_words import GO
from courses.rules.day_gate import release_blockers, start_blockers
from courses.rules.day_steps import day_lines
from courses.rules.day_values import Blocker, DayFacts, DayLine, Go, Happened
from courses.rules.order_states import OrderKind, OrderState
from courses.services.other_courses import in_the_way
from courses.services.remainder import held_by_a_part
from courses.services.sign import current_signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The decision that stands for a cycle, and what was signed, ordered and handed out under it."""

    decision: Decision | None
    signature: Signature | None
    order: Order | None
    directive: Directive | None
    unit: DispensedUnit | None
    why_not: tuple[Blocker, ...]

    @property
    def go(self) -> Go:
        """Whether it is a signed go, in words."""
        if not self.why_not and self.signature is not None:
            return Go(
                allowed=True,
                sentence=f"{self.signature.printed_name} signed {self.signature.meaning} on "
                f"{on_clock(self.signature.signed_at)}; it stands on the results known now.",
            )
        return Go(
            allowed=False,
            sentence=" ".join(each.sentence for each in self.why_not),
            remedy=" ".join(each.remedy for each in self.why_not),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayState:
    """One day as it stands: its steps, what stands in the way of start and release, and on what it rests."""

    day: TherapyDay
    standing: Standing
    facts: DayFacts
    lines: tuple[DayLine, ...]
    start: tuple[Blocker, ...]
    release: tuple[Blocker, ...]


def day_state(day: TherapyDay, *, decision: Decision | None, now: datetime) -> DayState:
    """Judge a day under the decision that stands; the caller says whether that was made anew just now.

    Once an infusion has been started as authorised, the day is shown on what it was authorised on.
    """
    standing = standing_of(day.cycle, decision=decision)
    authorised = _of_started(day)
    go, directive, unit = standing.go, standing.directive, standing.unit
    holds = directive is not None and not hasattr(directive, "voided")
    if authorised is not None:
        directive, unit, holds = authorised.directive, authorised.unit, True
        go = Go(
            allowed=True,
            sentence=f"Start authorised by {authorised.authorised_name}, checked by "
            f"{authorised.checked_name}, on {on_clock(authorised.authorised_at)}.",
        )
    facts = read_day(day, go=go, directive=directive, holds=holds, unit=unit, now=now)
    lines = day_lines(facts)
    # Home goes who was given anything at all today, also where a remainder was planned and not begun.
    whole = replace(facts, steps=tuple(step_value(row) for row in effective_steps(day)))
    return DayState(
        day=day,
        standing=standing,
        facts=facts,
        lines=lines,
        start=_without_doubles((*standing.why_not, *start_blockers(facts, lines)), standing),
        release=(*_not_written(day, whole), *release_blockers(whole, day_lines(whole))),
    )


def standing_of(cycle: Cycle, *, decision: Decision | None) -> Standing:
    """What a cycle stands on under a decision, and each reason why that is no signed go."""
    order = _order(cycle)
    directive = order.directive if order else None
    signature = current_signature(decision) if decision is not None else None
    unit = order.units.select_related("directive", "direction").order_by("-pk").first() if order else None
    return Standing(
        decision=decision,
        signature=signature,
        order=order,
        directive=directive,
        unit=unit,
        why_not=tuple(_why_not(cycle=cycle, decision=decision, signature=signature, order=order, unit=unit)),
    )


def is_called_back(order: Order) -> bool:
    """Whether what was dispensed for an order has been called back, answered or not."""
    out = OrderState.DISPENSED.value
    return order.recalls.exists() or order.events.filter(from_state=out, to_state=out).exists()


def _order(cycle: Cycle) -> Order | None:
    """The live order of the cycle for the radiopharmaceutical, once it rests on a directive."""
    return (
        Order.objects.live()
        .filter(cycle=cycle, kind=OrderKind.RADIOPHARMACEUTICAL.value, directive__isnull=False)
        .select_related("directive__voided", "directive__decision", "directive__signature", "decision")
        .first()
    )


def _why_not(
    *,
    cycle: Cycle,
    decision: Decision | None,
    signature: Signature | None,
    order: Order | None,
    unit: DispensedUnit | None,
) -> Iterator[Blocker]:
    """Each reason why nothing may be given to this cycle now."""
    course = Course.objects.get(pk=cycle.course_id)
    if course.status not in (CourseStatus.PLANNED, CourseStatus.ACTIVE):
        yield _no("course", f"The course is {course.status}.", "Nothing is given in it.")
        return
    if decision is None or decision.cycle_id != cycle.pk:
        yield _no("decision", "No decision stands for this cycle.", "Look at the course's page.")
        return
    if other := in_the_way(course, on=cycle.planned_on):
        yield _no("other-course", other, "Nothing is given until this is settled.")
    if (held := held_by_a_part(course.pk)) is not None:
        yield _no("judgement", *held)
    if decision.action not in GO:
        yield _no(
            "decision",
            f"The decision that stands says {decision.action}.",
            "Nothing is given; read why on it.",
        )
    elif signature is None or signature.meaning not in GO:
        yield _no(
            "signature",
            "The decision that stands is not signed.",
            "An authorised user reads it and signs, or does not.",
        )
    yield from _order_faults(decision=decision, order=order, unit=unit)


def _order_faults(
    *, decision: Decision, order: Order | None, unit: DispensedUnit | None
) -> Iterator[Blocker]:
    """What is wrong with the order for the radiopharmaceutical, its directive and what was handed out."""
    if order is None or order.directive is None:
        yield _no("order", "No order with a directive is open for this cycle.", "Sign the decision first.")
        return
    if hasattr(order.directive, "voided"):
        yield _no("directive", "The written directive no longer holds.", "A physician signs again.")
    elif order.directive.decision.verdict_origin_id != decision.verdict_origin_id:
        yield _no("directive", "The written directive rests on an older verdict.", "A physician signs again.")
    if is_called_back(order):
        yield _no(
            "recall",
            "What was dispensed has been called back.",
            "Do not give it; pharmacy secures it and answers the recall.",
        )
    if order.state != OrderState.DISPENSED.value or unit is None:
        yield _no("order", f"The order is {order.state}, not dispensed.", "Ask pharmacy.")


def _no(code: str, sentence: str, remedy: str) -> Blocker:
    return Blocker(code=code, sentence=sentence, remedy=remedy)


def _without_doubles(blockers: tuple[Blocker, ...], standing: Standing) -> tuple[Blocker, ...]:
    """The decision's own reasons stand once: its lines T-02 and T-03 repeat them."""
    doubles = ("T-02", "T-03") if standing.why_not else ()
    return tuple(each for each in blockers if each.code not in doubles)


def _of_started(day: TherapyDay) -> StartAuthorisation | None:
    """The authorisation under which an infusion of this day was started, the newest."""
    started = [row for row in steps_of_run(day) if row.kind == Happened.INFUSION_START.value]
    if not started:
        return None
    return (
        day.authorisations.filter(authorised_at__lte=started[-1].happened_at)
        .select_related("directive__decision", "unit__directive", "unit__direction", "unit__order")
        .order_by("-pk")
        .first()
    )


def _not_written(day: TherapyDay, facts: DayFacts) -> Iterator[Blocker]:
    """An infusion that ended is recorded with what it delivered before anybody goes home."""
    ended = facts.newest(Happened.INFUSION_END)
    if ended is None:
        return
    written = Infusion.objects.effective().filter(therapy_day=day, ended_at__gte=ended.at).exists()
    if not written:
        yield _no(
            "infusion",
            "The infusion ended and has not been recorded with what it delivered.",
            "Record the infusion.",
        )
