"""What stands in the way of the start and of the release: unknown blocks, a warning does not."""

from courses.rules.day_times import infusion
from courses.rules.day_values import Blocker, DayFacts, DayLine, StepState, clock

PASSES = (StepState.DONE, StepState.WARNING, StepState.NOT_NEEDED)


def start_blockers(facts: DayFacts, lines: tuple[DayLine, ...]) -> tuple[Blocker, ...]:
    """Everything that must come right before the infusion starts, in the order of the day."""
    found = [_blocker(line) for line in lines if line.for_start and line.state not in PASSES]
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


def _blocker(line: DayLine) -> Blocker:
    return Blocker(
        code=line.id,
        sentence=f"{line.name}: {line.sentence}",
        remedy=line.remedy or "Complete this step and record it.",
    )
