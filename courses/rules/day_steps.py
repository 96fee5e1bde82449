"""The day of therapy as a list of steps, T-01 to T-18: how each stands now, and what comes next."""

from courses.rules.day_infusion import infusion_lines
from courses.rules.day_patient import patient_lines
from courses.rules.day_release import release_lines
from courses.rules.day_unit import unit_lines
from courses.rules.day_values import DayFacts, DayLine, StepState

# A step whose rule is judged by another one carries that one's line.
IDS = (
    "ID", "T-02", "T-01", "T-03", "T-04", "T-05", "ALLERGY", "T-06", "T-07", "UNIT", "T-09", "T-10", "START",
    "T-11", "LINE", "T-17", "T-13", "T-08", "COVER", "T-12", "T-14", "T-18", "T-15",
)  # fmt: skip


def day_lines(facts: DayFacts) -> tuple[DayLine, ...]:
    """Every step of the day in its order; the same facts always give the same lines."""
    return (*patient_lines(facts), *unit_lines(facts), *infusion_lines(facts), *release_lines(facts))


def next_line(lines: tuple[DayLine, ...]) -> DayLine | None:
    """The first step that somebody has to act on now; none while all wait or are done."""
    acting = (StepState.BLOCKED, StepState.DUE)
    return next((line for line in lines if line.state in acting), None)
