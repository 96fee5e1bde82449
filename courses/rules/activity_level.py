"""The label's ladder: full, reduced or restored, from the cycles given and the toxicities alone."""

from collections.abc import Iterable

from courses.rules.decimals import plain
from courses.rules.derived import Case
from courses.rules.occurrences import newest_of_each
from courses.rules.toxicity import Episode
from courses.rules.values import ActivityLevel, GivenCycle
from courses.rules.wording import cycle_words, day_words


def given_cycles(case: Case) -> list[GivenCycle]:
    """The administrations that took place, oldest first, wherever they were given."""
    return sorted(case.chart.cycles, key=lambda cycle: cycle.on)


def is_reduced(cycle: GivenCycle, case: Case) -> bool:
    """Whether the activity given lies nearer to the protocol's reduced activity than to the full one or none.

    What was assayed differs a little from what was ordered. Exactly in between is not reduced, and neither is
    an infusion that was broken off early: they restore nothing.
    """
    given, schedule = cycle.activity_gbq, case.protocol.schedule
    from_reduced = given - schedule.reduced_activity_gbq
    return -given < from_reduced < schedule.activity_gbq - given


def tolerated_reduction(episode: Episode, case: Case) -> GivenCycle | None:
    """The first reduced cycle given once a toxicity was resolved; None while there is none."""
    if episode.resolved_on is None:
        return None
    since = (c for c in given_cycles(case) if c.on >= episode.resolved_on and is_reduced(c, case))
    return next(since, None)


def without_reduction(episodes: Iterable[Episode], case: Case) -> list[Episode]:
    """Toxicities that still ask for the reduced activity, or are not resolved yet.

    The ladder of the label (2.4 Table 2): treatment resumes at the reduced activity, and the full one follows
    only a reduced cycle that did not bring the toxicity back. A cycle given at full activity meanwhile, by
    deviation or by another hospital, was no reduced one and restores nothing.
    """
    return [e for e in newest_of_each(episodes) if tolerated_reduction(e, case) is None]


def unexplained_reductions(episodes: Iterable[Episode], case: Case) -> list[GivenCycle]:
    """Reduced cycles of another hospital before which this chart knows no toxicity.

    `episodes` began after the first cycle: an earlier one explains no reduction.
    """
    intervals = [e.interval for e in episodes]
    return [
        cycle
        for place, cycle in enumerate(given_cycles(case))
        if cycle.elsewhere and is_reduced(cycle, case) and not any(i <= place for i in intervals)
    ]


def activity_level(episodes: list[Episode], case: Case) -> tuple[ActivityLevel, str]:
    """The level of the next cycle while nothing stops the course, and why in one sentence.

    `episodes` are those of the families that delay at a first occurrence, as they count.
    """
    waiting = without_reduction(episodes, case)
    if waiting:
        return ActivityLevel.REDUCED, f"{'; '.join(_asks_for_less(e) for e in waiting)}."
    reduced = [cycle for cycle in given_cycles(case) if is_reduced(cycle, case)]
    if reduced:
        given = "; ".join(f"{cycle_words(c)} was given at {plain(c.activity_gbq)} GBq" for c in reduced)
        names = ", ".join(dict.fromkeys(e.family.name for e in episodes)) or "any recorded toxicity"
        return ActivityLevel.RESTORED, f"{given}, and no recurrence of {names} since."
    return ActivityLevel.FULL, "No toxicity of this course has changed the activity."


def _asks_for_less(episode: Episode) -> str:
    """One toxicity after which no reduced cycle has been given and tolerated."""
    ended = (
        "not resolved yet" if episode.resolved_on is None else f"resolved on {day_words(episode.resolved_on)}"
    )
    return (
        f"{episode.family.name} from {day_words(episode.onset)}, {ended}, "
        "and no reduced cycle tolerated since"
    )
