"""What stands in the way of the start and of the release: unknown blocks, a warning does not."""

from dataclasses import replace
from datetime import timedelta

from courses.rules.day_times import infusion
from courses.rules.day_values import Blocker, DayFacts, DayLine, Happened, StepState, clock

PASSES = (StepState.DONE, StepState.WARNING, StepState.NOT_NEEDED)
# What the live decision judges: after the authorisation its directive and its recall are asked instead.
_OF_THE_DECISION = ("T-02", "T-03")


def as_it_started(facts: DayFacts) -> DayFacts:
    """The same facts for a start at their `now`, whichever start is recorded.

    An authorised start has an age of its own, so that of the check under it is not asked again.
    """
    infusion_rule = replace(facts.rules.infusion, start_within=timedelta.max)
    return replace(
        facts,
        rules=replace(facts.rules, infusion=infusion_rule),
        steps=tuple(step for step in facts.steps if step.kind is not Happened.INFUSION_START),
        is_looking_back=True,
    )


def not_carrying(lines: tuple[DayLine, ...]) -> tuple[DayLine, ...]:
    """What of the day did not carry an authorised start; the lines are judged as it started."""
    return tuple(line for line in lines if _is_open(line) and line.id not in _OF_THE_DECISION)


def start_blockers(facts: DayFacts, lines: tuple[DayLine, ...]) -> tuple[Blocker, ...]:
    """Everything that must come right before the infusion starts, in the order of the day."""
    found = [_blocker(line) for line in lines if _is_open(line)]
    run = infusion(facts)
    if run.started is not None and run.ended is None:
        found.append(
            Blocker(
                code="T-11",
                sentence="An infusion is already running.",
                remedy="Record its end before another one starts.",
            )
        )
    elif run.started is not None:
        # The lines above were judged at that start: they say nothing of another one now.
        found.append(
            Blocker(
                code="T-11",
                sentence=f"The infusion started at {clock(run.started, facts)} has ended.",
                remedy="Record what it delivered; a physician then says whether anything more is given. A "
                "start that was entered by mistake is taken back.",
            )
        )
    return tuple(found)


def release_blockers(facts: DayFacts, lines: tuple[DayLine, ...]) -> tuple[Blocker, ...]:
    """Everything that must come right before the patient goes home after an infusion."""
    found = [_blocker(line) for line in lines if line.for_release and line.state not in PASSES]
    run = infusion(facts)
    if run.started is not None and run.ended is None and not any(each.code == "T-11" for each in found):
        found.append(
            Blocker(
                code="T-11",
                sentence="The infusion has not ended.",
                remedy="Record the end of the infusion.",
            )
        )
    return tuple(found)


def warnings(lines: tuple[DayLine, ...]) -> tuple[DayLine, ...]:
    """What people are warned of and may still go on."""
    return tuple(line for line in lines if line.state is StepState.WARNING)


def _is_open(line: DayLine) -> bool:
    """Whether the infusion may not start before it."""
    return line.for_start and line.state not in PASSES


def _blocker(line: DayLine) -> Blocker:
    return Blocker(
        code=line.id,
        sentence=f"{line.name}: {line.sentence}",
        remedy=line.remedy or "Complete this step and record it.",
    )
