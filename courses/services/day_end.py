"""End a day of therapy: the patient goes home after the infusion, or nothing was given and why."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction

from courses.day_data import RUN
from courses.models import (
    Cycle,
    DayOutcome,
    DispensedUnit,
    Infusion,
    MoveCause,
    Order,
    StepKind,
    TherapyDay,
    TherapyStep,
    VialEvent,
    VialFate,
)
from courses.rules.activity import Deviation, Measured, decayed, judge_assay
from courses.rules.day_values import Blocker
from courses.rules.order_states import OrderKind, OrderState
from courses.services.assess import assess_at_gate
from courses.services.authority import BadFact, Refused, check_right, printed_name, stated
from courses.services.day_state import day_state, standing_of
from courses.services.move_checks import faults_of_day, plan_for_move
from courses.services.orders import move_order, void_directive
from courses.services.reschedule import note_move
from courses.services.therapy_day import BadStep, locked_day, rules_of, touch
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

_RUNS = "Nurses and physicians end a day of therapy."
_PLAN = "courses.plan_cycle"
# Which entries of the day say that a supportive order was used.
_USED = {
    OrderKind.AMINO_ACIDS.value: StepKind.AMINO_START,
    OrderKind.ANTIEMETIC.value: StepKind.ANTIEMETIC,
    OrderKind.STEROID_COVER.value: StepKind.STEROID,
}


class NotGiven(StrEnum):
    """Why nothing was given."""

    UNWELL = "unwell"
    REFUSED = "refused"
    ACCESS = "access"
    EQUIPMENT = "equipment"
    VIAL_LATE = "vial_late"
    VIAL_DAMAGED = "vial_damaged"
    SPILLED = "spilled"
    OTHER = "other"


_LONGEST = 900  # letters of a note that the record of the move repeats
# The cause of the delay that a day without infusion brings. A toxicity behind it is what the results say.
_CAUSE = {
    NotGiven.UNWELL: MoveCause.PATIENT,
    NotGiven.REFUSED: MoveCause.PATIENT,
    NotGiven.ACCESS: MoveCause.PATIENT,
    NotGiven.EQUIPMENT: MoveCause.CAPACITY,
    NotGiven.VIAL_LATE: MoveCause.SUPPLY,
    NotGiven.VIAL_DAMAGED: MoveCause.SUPPLY,
    NotGiven.SPILLED: MoveCause.SUPPLY,
    NotGiven.OTHER: MoveCause.OTHER,
}


class ReleaseRefused(Exception):
    """The patient does not go home yet; every blocker stands here with its remedy."""

    def __init__(self, blockers: tuple[Blocker, ...]) -> None:
        super().__init__("\n".join(f"{each.sentence} {each.remedy}" for each in blockers))
        self.blockers = blockers


def release(
    *,
    day: TherapyDay,
    by: User,
    left_against: str = "",
    version: int | None = None,
    now: datetime | None = None,
) -> TherapyStep:
    """Release the patient and end the day.

    1. check the right; 2. lock the course; 3. name every blocker; 4. record the release and end the day.
    A patient who left all the same is recorded with `left_against`, what happened and what was said; then
    the blockers stand in the entry.

    Raises NotAllowed, Refused, ReleaseRefused, StaleDay.
    """
    check_right(by, RUN, else_say=_RUNS)
    with transaction.atomic():
        day = locked_day(day, version=version)
        now = now or database_now()
        _check_open(day)
        state = day_state(day, decision=day.cycle.course.current_decision, now=now)
        left = stated(left_against)
        if state.release and not left:
            raise ReleaseRefused(state.release)
        data = {"left_against": left, "open": [each.sentence for each in state.release]} if left else {}
        step = _step(day, StepKind.RELEASED, data=data, by=by, at=now, now=now)
        _end(day, DayOutcome.RELEASED, now=now)
    return step


def end_not_given(
    *,
    day: TherapyDay,
    reason: str,
    note: str,
    by: User,
    vial: str = "",
    rebook_on: date | None = None,
    version: int | None = None,
    now: datetime | None = None,
) -> TherapyStep:
    """End a day on which nothing radioactive was given.

    1. check the right; 2. lock the course; 3. record why; what was given before stays recorded; 4. cancel the
    order for the radiopharmaceutical and void its directive, and end the others as they were used; 5. record
    what becomes of the vial; 6. move the cycle to its new day, where one is named, and those after it; 7.
    assess the course: the cycle is open, and what comes next is signed anew.

    Raises NotAllowed, Refused, BadStep, StaleDay.
    """
    check_right(by, RUN, else_say=_RUNS)
    why = _reason(reason, note=note)
    with transaction.atomic():
        day = locked_day(day, version=version)
        now = now or database_now()
        _check_open(day)
        _check_not_started(day)
        unit = standing_of(day.cycle, decision=day.cycle.course.current_decision).unit
        fate = _fate(vial, unit=unit, now=now)
        _check_day(rebook_on, cycle=day.cycle, by=by, now=now)
        data = {"reason": why.value, "note": stated(note), "vial": fate.value if fate else ""}
        if rebook_on is not None:
            data["rebook_on"] = rebook_on.isoformat()
        step = _step(day, StepKind.NOT_GIVEN, data=data, by=by, at=now, now=now)
        _end_orders(day, code=f"not-given-{why.value.replace('_', '-')}", by=by, now=now)
        if unit is not None and fate is not None:
            said = stated(note) or why.value
            VialEvent.objects.create(vial=unit.vial, fate=fate, reason=said, actor=by, at=now)
        _end(day, DayOutcome.NOT_GIVEN, now=now)
        if rebook_on is not None:
            note_move(
                cycle=day.cycle, to=rebook_on, cause=_CAUSE[why], reason=_words(why, note), by=by, now=now
            )
        assess_at_gate(course_id=day.cycle.course_id, now=now)
    return step


def rebook(
    *, day: TherapyDay, on: date, by: User, version: int | None = None, now: datetime | None = None
) -> TherapyStep:
    """Plan the cycle of a day on which nothing was given for another day, and the later ones after it.

    A part that was given is judged first: the interval runs from it where it counts.

    Raises NotAllowed, Refused, BadStep, StaleDay.
    """
    check_right(by, _PLAN, else_say="Nurses and physicians plan cycles.")
    with transaction.atomic():
        day = locked_day(day, version=version)
        now = now or database_now()
        if day.ended_at is None or hasattr(day.cycle, "administration"):
            raise Refused("Only a cycle whose day ended without giving it is planned anew here.")
        if Infusion.objects.waiting().filter(cycle=day.cycle).exists():
            raise Refused(
                "A part of this cycle was given and nobody has judged it: a physician first signs, on the "
                "day's page, whether it counts. Then it is known whether anything is still to be planned."
            )
        _check_day(on, cycle=day.cycle, by=by, now=now)
        step = _step(
            day,
            StepKind.NOTE,
            data={"text": f"Planned anew for {on.isoformat()}.", "rebook_on": on.isoformat()},
            by=by,
            at=now,
            now=now,
        )
        touch(day)
        why, note = _why_not(day)
        note_move(cycle=day.cycle, to=on, cause=_CAUSE[why], reason=_words(why, note), by=by, now=now)
        assess_at_gate(course_id=day.cycle.course_id, now=now)
    return step


def _check_open(day: TherapyDay) -> None:
    if day.ended_at is not None:
        raise Refused("This day has ended already.")


def _check_not_started(day: TherapyDay) -> None:
    """What was begun is an infusion, even where little of it reached the patient. Raises Refused."""
    rows = day.steps.filter(kind=StepKind.INFUSION_START, corrected_by__isnull=True, taken_back=False)
    if rows.exists() or Infusion.objects.effective().filter(therapy_day=day).exists():
        raise Refused(
            "An infusion was started on this day. Record its end and what it delivered; then release the "
            "patient. A start that was entered by mistake is taken back first."
        )


def _reason(reason: str, *, note: str) -> NotGiven:
    known = [each.value for each in NotGiven]
    if reason not in known:
        raise BadStep(f"reason: {reason!r} is not one of: {', '.join(known)}")
    if reason == NotGiven.OTHER and not stated(note):
        raise BadStep("note: is missing; say in a few words why nothing was given")
    return NotGiven(reason)


def _fate(vial: str, *, unit: DispensedUnit | None, now: datetime) -> VialFate | None:
    """What becomes of what was handed out. Raises BadStep."""
    if unit is None:
        if vial:
            raise BadStep("vial: nothing was handed out for this cycle; leave it empty")
        return None
    if vial not in VialFate.values:
        raise BadStep(f"vial: say what becomes of it, one of: {', '.join(VialFate.values)}")
    if vial == VialFate.KEPT:
        _check_may_be_kept(unit, now=now)
    return VialFate(vial)


def _check_may_be_kept(unit: DispensedUnit, *, now: datetime) -> None:
    """Only what is inside its expiry and still near the directive is kept. Raises BadStep."""
    if unit.expires_at <= now:
        raise BadStep("vial: it has expired; choose wasted")
    rule = rules_of(unit.order.cycle.course).rules.dispensing
    left = decayed(Measured(gbq=unit.measured_gbq, at=unit.measured_at), to=now, half_life=rule.half_life)
    judged = judge_assay(
        left,
        unit.directive.activity_gbq,
        warn_percent=rule.assay_warn_percent,
        refuse_percent=rule.assay_refuse_percent,
    )
    if judged is Deviation.REFUSE:
        raise BadStep("vial: its activity lies too far from the directive by now; choose wasted")


def _check_day(on: date | None, *, cycle: Cycle, by: User, now: datetime) -> None:
    """A new day is planned by who plans cycles, and the cycle can be on it. Raises NotAllowed, BadStep."""
    if on is None:
        return
    check_right(by, _PLAN, else_say="Nurses and physicians plan cycles.")
    today = clinic_day(now, clinic_zone())
    try:
        faults = list(faults_of_day(cycle, plan=plan_for_move(cycle.course), to=on, today=today))
    except BadFact as missing:
        raise Refused(str(missing)) from missing
    if faults:
        raise BadStep(*(f"rebook_on: {each}" for each in faults))


def _end_orders(day: TherapyDay, *, code: str, by: User, now: datetime) -> None:
    """The radiopharmaceutical's order is cancelled; the others are done where used, else cancelled too."""
    rows = day.steps.filter(corrected_by__isnull=True, taken_back=False)
    # A steroid to rescue uses no cover, and cover that was left out was not given.
    used = {row.kind for row in rows if row.kind != StepKind.STEROID or row.data.get("why") == "cover"}
    for order in Order.objects.live().filter(cycle=day.cycle).order_by("pk"):
        untouched = order.state in (OrderState.PROPOSED.value, OrderState.SUSPENDED.value)
        was_used = _USED.get(order.kind) in used and not untouched
        to = OrderState.DONE if was_used else OrderState.CANCELLED
        move_order(
            order=order,
            to=to,
            reason_code="administered" if was_used else code,
            actor=by,
            decision=None,
            now=now,
        )
        if order.kind == OrderKind.RADIOPHARMACEUTICAL.value and order.directive_id is not None:
            void_directive(directive_id=order.directive_id, reason_code=code, decision=None, now=now)


def _why_not(day: TherapyDay) -> tuple[NotGiven, str]:
    """Why nothing was given on this day, as it was recorded at its end."""
    step = day.steps.filter(kind=StepKind.NOT_GIVEN).order_by("-pk").first()
    data = step.data if step is not None else {}
    return NotGiven(data.get("reason", NotGiven.OTHER)), str(data.get("note", ""))


def _words(why: NotGiven, note: str) -> str:
    """The reason of a move that a day without infusion asked for."""
    return ": ".join(
        part for part in (f"Not given, {why.value.replace('_', ' ')}", stated(note)[:_LONGEST]) if part
    )


def _step(
    day: TherapyDay, kind: StepKind, *, data: Mapping[str, object], by: User, at: datetime, now: datetime
) -> TherapyStep:
    return TherapyStep.objects.create(
        therapy_day=day,
        kind=kind,
        data=dict(data),
        happened_at=at,
        recorded_by=by,
        printed_name=printed_name(by),
        recorded_at=now,
    )


def _end(day: TherapyDay, outcome: DayOutcome, *, now: datetime) -> None:
    day.ended_at = now
    day.outcome = outcome
    day.version += 1
    day.save(update_fields=["ended_at", "outcome", "version"])
