"""Judge the instant of a start anew: whether what is recorded of it by now still carries it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from courses.day_facts import effective_steps, is_of_one_infusion, read_day, step_value
from courses.day_library import NoDayRules, day_rules
from courses.models import (
    Cycle,
    CycleJudgement,
    Directive,
    DispensedUnit,
    Infusion,
    StartAuthorisation,
    TherapyDay,
    TherapyStep,
)
from courses.rules.day_gate import as_it_started, not_carrying
from courses.rules.day_steps import day_lines
from courses.rules.day_values import DayLine, Go, Happened, StepState
from labs.models import Observation
from labs.same_person import numbers_of

_GO = Go(allowed=True, sentence="Judged when the start was authorised.")
_POTASSIUM = "K"
# Identity, potassium and peritoneal disease are held against register and chart.
_OF_THE_CHART = ("ID", "T-05", "COVER")


def lines_at_start(
    day: TherapyDay, *, started_at: datetime, directive: Directive | None, unit: DispensedUnit | None
) -> tuple[DayLine, ...]:
    """Every line of the day as it stood when an infusion started, by what is recorded of that instant now."""
    facts = read_day(day, go=_GO, directive=directive, holds=True, unit=unit, now=started_at)
    steps = tuple(step_value(row) for row in _steps_before(day, started_at))
    return day_lines(as_it_started(replace(facts, steps=steps)))


def why_not_carried(authorisation: StartAuthorisation, *, started_at: datetime) -> str:
    """What stood in the way as the authorised infusion started, in words; empty where nothing did."""
    return "; ".join(_in_the_way(authorisation, started_at=started_at))


def _in_the_way(authorisation: StartAuthorisation, *, started_at: datetime) -> Iterator[str]:
    day = authorisation.therapy_day
    lines = lines_at_start(
        day, started_at=started_at, directive=authorisation.directive, unit=authorisation.unit
    )
    for line in not_carrying(lines):
        if line.id != "T-05" or not _is_told_since(day, started_at):
            yield f"{line.name}: {line.sentence.removesuffix('.')}"
    checks = [row for row in _steps_before(day, started_at) if row.kind == Happened.START_CHECK.value]
    if checks and checks[-1].recorded_by_id == authorisation.authorised_by_id:
        yield f"{authorisation.authorised_name} had checked the start and authorised it"


def not_this_patient(
    cycle: Cycle, *, day: TherapyDay | None, started_at: datetime, unit: DispensedUnit | None
) -> str:
    """What says that unit and patient did not belong together, in words; empty where nothing does.

    Whose the unit was is never said: the record of one patient names no other.
    """
    ours = numbers_of(cycle.course.patient_id)
    if unit is not None and unit.order.cycle.course.patient_id not in ours:
        return f"the unit {unit.label} that was given had been handed out for another patient"
    if day is None:
        return ""
    try:
        lines = lines_at_start(day, started_at=started_at, directive=None, unit=None)
    except NoDayRules:
        return ""  # recorded all the same
    identity = next(line for line in lines if line.id == "ID")
    return identity.sentence.removesuffix(".") if identity.state is StepState.BLOCKED else ""


def went_unseen(infusion: Infusion) -> str:
    """The lines of its day that did not carry an authorised infusion; empty where they did, or nobody knows.

    Chart and register may say something else by now, and so may the rules of the day: they are not asked.
    """
    day, authorisation = infusion.therapy_day, infusion.authorisation
    if day is None or authorisation is None:
        return ""
    try:
        if day_rules(day.cycle.course.protocol_id).sha256 != day.rules_sha256:
            return ""
    except NoDayRules:
        return ""
    lines = lines_at_start(
        day, started_at=infusion.started_at, directive=authorisation.directive, unit=authorisation.unit
    )
    return ", ".join(line.id for line in not_carrying(lines) if line.id not in _OF_THE_CHART)


def _steps_before(day: TherapyDay, started_at: datetime) -> list[TherapyStep]:
    """What had happened by then; of an infusion that was judged before it nothing is taken over."""
    rows = [row for row in effective_steps(day) if row.happened_at <= started_at]
    judged = (
        CycleJudgement.objects.filter(infusion__therapy_day=day, signed_at__lte=started_at)
        .order_by("-signed_at")
        .first()
    )
    if judged is None:
        return rows
    return [row for row in rows if not is_of_one_infusion(row) or row.happened_at > judged.signed_at]


def _is_told_since(day: TherapyDay, started_at: datetime) -> bool:
    """Whether the laboratory told a potassium of before the start only after it: nobody could heed that."""
    return Observation.objects.filter(
        patient_id__in=numbers_of(day.cycle.course.patient_id),
        analyte=_POTASSIUM,
        collected_at__lte=started_at,
        received_at__gt=started_at,
    ).exists()
