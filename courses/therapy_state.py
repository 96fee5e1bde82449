"""How far one planned therapy is, part by part, and the one next thing to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from courses.decision_words import first_confirm, is_unassessed, lacking, what_ends_it
from courses.models import BookingState, Decision, Directive, Order, TherapyDay, Vial, VialBooking
from courses.rules.action_words import GO
from courses.rules.activity import both_units
from courses.rules.holds import HOLD_RULE
from courses.rules.order_states import OrderKind, OrderState
from courses.services.cover import is_cover_open
from labs.clinic_days import clinic_day
from labs.templatetags.clinic_text import day
from labs.zones import clinic_zone

PART_GIVEN = "A part of a cycle was given and waits for a physician's judgement."
_READY = frozenset(
    state.value
    for state in (
        OrderState.ACTIVE,
        OrderState.ACCEPTED,
        OrderState.PREPARED,
        OrderState.DISPENSED,
        OrderState.DONE,
    )
)
_BEFORE_THE_INFUSION = (OrderKind.ANTIEMETIC, OrderKind.AMINO_ACIDS, OrderKind.STEROID_COVER)
_HANDLED = {
    OrderState.ACTIVE.value: "Pharmacy accepts the order.",
    OrderState.ACCEPTED.value: "Pharmacy prepares it.",
    OrderState.PREPARED.value: "Pharmacy dispenses it.",
}


class PartState(StrEnum):
    """How one part of a therapy stands; the words of the steps of a day."""

    DONE = "done"
    DUE = "due"
    WAITING = "waiting"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: what it is about, how it stands, and that in words."""

    name: str
    state: PartState
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TherapyRows:
    """What was read of one cycle. `has_decision_of_it`: the decision that stands is about this cycle."""

    decision: Decision | None
    planned_on: date
    is_open: bool
    is_signed: bool
    is_given_in_part: bool
    is_recalled: bool
    has_incident: bool
    directive: Directive | None
    orders: Sequence[Order]
    booking: VialBooking | None
    vial: Vial | None
    therapy_day: TherapyDay | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TherapyState:
    """Every part, the one next thing to do, and whether the cycle may go as it stands."""

    parts: tuple[Part, ...]
    next_step: str
    may_go: bool


def therapy_state(rows: TherapyRows, *, today: date) -> TherapyState:
    """How far the therapy is, and the first thing that stands between it and being given."""
    parts = (
        _labs(rows, today),
        _decision(rows),
        _signature(rows),
        _directive(rows),
        _vial(rows, today),
        _premedication(rows),
        *_flags(rows),
    )
    may_go = (
        rows.is_open
        and _goes(rows)
        and rows.is_signed
        and rows.directive is not None
        and not unfit(rows, today=today)
    )
    return TherapyState(parts=parts, next_step=_next_step(rows, today), may_go=may_go)


def unfit(rows: TherapyRows, *, today: date) -> str:
    """Why a signed cycle may not be given all the same; empty where nothing speaks against it."""
    if rows.is_recalled:
        return "What was handed out for it is called back."
    if rows.is_given_in_part:
        return PART_GIVEN
    stands_against = (
        part for part in (_directive(rows), _vial(rows, today)) if part.state is PartState.BLOCKED
    )
    return next((f"{part.name}: {part.words}." for part in stands_against), "")


def _goes(rows: TherapyRows) -> bool:
    return rows.decision is not None and rows.decision.action in GO


def _labs(rows: TherapyRows, today: date) -> Part:
    decision = rows.decision
    if decision is None:
        return Part(name="Labs", state=PartState.WAITING, words="not assessed yet")
    if decision.awaiting_labs:
        return Part(name="Labs", state=PartState.WAITING, words=f"due by {day(decision.labs_due)}")
    if is_unassessed(decision.answer):
        return Part(name="Labs", state=PartState.WAITING, words="could not be assessed")
    gap = lacking(decision.answer)
    if gap is None:
        return Part(name="Labs", state=PartState.DONE, words="in")
    count = f"{len(gap.names)} missing"
    if gap.due_on is not None and gap.due_on < today:
        return Part(name="Labs", state=PartState.BLOCKED, words=f"{count}, due since {day(gap.due_on)}")
    return Part(name="Labs", state=PartState.BLOCKED, words=count)


def _decision(rows: TherapyRows) -> Part:
    decision = rows.decision
    if decision is None:
        return Part(name="Decision", state=PartState.WAITING, words="none yet")
    if decision.awaiting_labs:
        return Part(name="Decision", state=PartState.WAITING, words="awaits labs")
    if decision.action in GO:
        gbq = f", {both_units(decision.activity_gbq)}" if decision.activity_gbq else ""
        return Part(name="Decision", state=PartState.DONE, words=f"{decision.action}{gbq}")
    return Part(name="Decision", state=PartState.BLOCKED, words=decision.action)


def _signature(rows: TherapyRows) -> Part:
    if rows.is_signed:
        return Part(name="Signature", state=PartState.DONE, words="signed")
    signable = rows.decision is not None and rows.decision.action in (*GO, "stop")
    if signable:
        return Part(name="Signature", state=PartState.DUE, words="waits for a physician")
    return Part(name="Signature", state=PartState.WAITING, words="nothing to sign")


def _directive(rows: TherapyRows) -> Part:
    directive = rows.directive
    if directive is None:
        return Part(name="Directive", state=PartState.WAITING, words="none that holds")
    if directive.administer_on != rows.planned_on:
        words = f"revision {directive.revision} is for {day(directive.administer_on)}"
        return Part(name="Directive", state=PartState.BLOCKED, words=words)
    return Part(name="Directive", state=PartState.DONE, words=f"revision {directive.revision}")


def _vial(rows: TherapyRows, today: date) -> Part:
    order = _radioactive(rows)
    if order is not None and order.state == OrderState.DISPENSED.value:
        return Part(name="Vial", state=PartState.DONE, words="handed out")
    if rows.vial is not None:
        return _vial_here(rows.vial, rows.planned_on)
    booking = rows.booking
    if booking is None:
        return Part(
            name="Vial",
            state=PartState.BLOCKED if rows.planned_on <= today else PartState.DUE,
            words="not ordered",
        )
    if booking.needed_on != rows.planned_on:
        words = f"ordered for {day(booking.needed_on)}"
        return Part(name="Vial", state=PartState.BLOCKED, words=words)
    if booking.state == BookingState.CONFIRMED.value:
        return Part(name="Vial", state=PartState.WAITING, words="confirmed, not here yet")
    return Part(name="Vial", state=PartState.DUE, words="ordered, not confirmed")


def _vial_here(vial: Vial, planned_on: date) -> Part:
    if clinic_day(vial.expires_at, clinic_zone()) < planned_on:
        words = f"lot {vial.lot} expires before the planned day"
        return Part(name="Vial", state=PartState.BLOCKED, words=words)
    return Part(name="Vial", state=PartState.DONE, words=f"lot {vial.lot} received")


def _premedication(rows: TherapyRows) -> Part:
    """Antiemetic, amino acids, and the cover where the disease asks for it."""
    name = "Premedication"
    if rows.decision is not None and _goes(rows) and is_cover_open(rows.decision):
        return Part(name=name, state=PartState.BLOCKED, words="cover: disease not known")
    found = [order for order in rows.orders if order.kind in _BEFORE_THE_INFUSION]
    states = {order.state for order in found}
    if OrderState.SUSPENDED.value in states:
        return Part(name=name, state=PartState.BLOCKED, words="suspended")
    if OrderState.PROPOSED.value in states:
        return Part(name=name, state=PartState.WAITING, words="proposed")
    if states and states <= _READY:
        return Part(name=name, state=PartState.DONE, words="ordered")
    return Part(name=name, state=PartState.WAITING, words="not ordered")


def _flags(rows: TherapyRows) -> Iterator[Part]:
    """What warns beside the parts; that nothing does is said as well."""
    told = [
        words
        for holds, words in (
            (not rows.is_open, "course is over"),
            (rows.is_recalled, "called back"),
            (rows.is_given_in_part, "given in part, to be judged"),
            (_is_held_by_person(rows.decision), "held by a person"),
            (rows.decision is not None and bool(rows.decision.answer.get("to_confirm")), "to be confirmed"),
            (rows.has_incident, "incident under review"),
        )
        if holds
    ]
    for words in told:
        yield Part(name="Flag", state=PartState.BLOCKED, words=words)
    if not told:
        yield Part(name="Flags", state=PartState.DONE, words="none")


def _is_held_by_person(decision: Decision | None) -> bool:
    reasons = decision.answer.get("reasons", []) if decision is not None else []
    return any(reason.get("rule") == HOLD_RULE for reason in reasons)


def _radioactive(rows: TherapyRows) -> Order | None:
    kind = OrderKind.RADIOPHARMACEUTICAL.value
    return next((order for order in rows.orders if order.kind == kind), None)


def _next_step(rows: TherapyRows, today: date) -> str:
    """The one thing that stands between this cycle and its administration."""
    decision = rows.decision
    first = (
        (not rows.is_open, "The course is over: call off what is ordered, and tell the patient."),
        (rows.is_recalled, "Pharmacy answers the recall; nothing of it is given."),
        (rows.is_given_in_part, PART_GIVEN),
        (decision is None, "It is assessed within a minute."),
        (decision is not None and decision.awaiting_labs, "Waits for its laboratory results."),
    )
    told = next((words for holds, words in first if holds), "")
    if told or decision is None:
        return told
    if decision.action == "stop":
        return first_confirm(decision.answer) or "A physician reviews the basis and signs the stop."
    if decision.action not in GO:
        return what_ends_it(decision.answer) or "Must not go ahead."
    return _to_be_signed(rows, decision) or _to_be_supplied(rows, today)


def _to_be_signed(rows: TherapyRows, decision: Decision) -> str:
    """What a cycle that may go still lacks of signature and directive; empty where both stand."""
    if not rows.is_signed:
        if is_cover_open(decision):
            return "Record whether there is peritoneal or mesenteric disease; then a physician signs."
        return first_confirm(decision.answer) or "Waits for a physician's signature."
    return "" if rows.directive is not None else "Waits for its written directive."


def _of_another_day(rows: TherapyRows, today: date) -> str:
    """What is put right first, because it was made for another day than the planned one; empty if nothing."""
    if _directive(rows).state is PartState.BLOCKED:
        return "Its directive is for another day: a physician signs for the planned one."
    if _vial(rows, today).state is not PartState.BLOCKED:
        return ""
    if rows.vial is not None:
        return "Its vial expires before the planned day: order another one, or move the cycle."
    return "Its vial is ordered for another day: move the vial's order, or the cycle."


def _to_be_supplied(rows: TherapyRows, today: date) -> str:
    """What comes next of a signed cycle: pharmacy's work, then that of its day."""
    order = _radioactive(rows)
    if order is None or order.state not in _READY:
        return "Has no active radiopharmaceutical order; ask the pharmacy."
    if rows.vial is None and rows.booking is None and order.state != OrderState.DISPENSED.value:
        return "No vial is ordered: pharmacy or a nurse orders it."
    if told := _of_another_day(rows, today):
        return told
    if order.state in _HANDLED:
        return _HANDLED[order.state]
    if rows.therapy_day is not None:
        return "Go on with the sheet of its day."
    return "Dispensed: open its day." if rows.planned_on <= today else "Dispensed: ready for its day."
