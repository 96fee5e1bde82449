"""The steps to the patient's way home: steroid cover, observation, analogue, dose rate, the next cycle."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from courses.rules.day_times import NONE, Running, first_after, infusion
from courses.rules.day_values import DayFacts, DayLine, Happened, StepState, after, clock, minutes, since
from courses.rules.decimals import plain
from courses.rules.wording import day_words


def release_lines(facts: DayFacts) -> Iterator[DayLine]:
    """Everything between the end of the infusion and the next cycle."""
    run = infusion(facts)
    yield _cover(facts)
    yield _observation(facts, run)
    yield _analogue_restart(facts, run)
    yield _survey(facts, run)
    yield _next_cycle(facts, run)


def _line(id_: str, name: str, state: StepState, sentence: str, **more: Any) -> DayLine:
    return DayLine(id=id_, name=name, state=state, sentence=sentence, **more)


def _cover(facts: DayFacts) -> DayLine:
    """Where it is ordered nobody goes home without it, or without a physician's word why not.

    Where nobody knows whether there is peritoneal or mesenteric disease, that is settled before the start.
    """
    name, unknown = "Corticosteroid cover", facts.peritoneal_disease is None
    if not facts.cover_ordered and not unknown:
        return _line("COVER", name, StepState.NOT_NEEDED, "Not ordered for this cycle.")
    given = [step for step in facts.of(Happened.STEROID) if step.data.get("why") in ("cover", "left_out")]
    if not given:
        return _line(
            "COVER",
            name,
            StepState.BLOCKED if unknown else StepState.DUE,
            "Whether there is peritoneal or mesenteric disease is not known."
            if unknown
            else "Ordered for this cycle and not begun.",
            remedy="Record its first dose, or a physician records why it is left out.",
            for_start=unknown,
            for_release=True,
        )
    step = given[-1]
    if step.data["why"] == "left_out":
        said = f"Left out by {step.by}: {step.data.get('reason', '')}."
        return _line("COVER", name, StepState.WARNING, said)
    return _line(
        "COVER", name, StepState.DONE, f"{step.data.get('medicine', '')} at {clock(step.at, facts)}."
    )


def _observation(facts: DayFacts, run: Running) -> DayLine:
    """Observed for the protocol's time after the end, and then found well."""
    rule, name = facts.rules.release, "Observed after the infusion"
    if run.ended is None:
        return _line(
            "T-12",
            name,
            StepState.WAITING,
            "Observed from the end of the infusion on.",
            source=rule.source,
            for_release=True,
        )
    until = after(run.ended, rule.observation)
    if since(facts.now, until) > NONE:
        return _line(
            "T-12",
            name,
            StepState.WAITING,
            f"Observed until {clock(until, facts)}.",
            until=until,
            remedy=f"Wait: {minutes(rule.observation)} after the end of the infusion.",
            source=rule.source,
            for_release=True,
        )
    seen = first_after(facts.of(Happened.OBSERVATION)[-1:], until)
    if seen is None:
        return _line(
            "T-12",
            name,
            StepState.DUE,
            f"The time of observation ended at {clock(until, facts)}.",
            remedy="Look at the patient and record how the patient is.",
            source=rule.source,
            for_release=True,
        )
    if seen.data.get("finding") != "well":
        return _line(
            "T-12",
            name,
            StepState.BLOCKED,
            f"Unwell at {clock(seen.at, facts)}.",
            remedy="A physician sees the patient; record it again once the patient is well.",
            source=rule.source,
            for_release=True,
        )
    return _line(
        "T-12",
        name,
        StepState.DONE,
        f"Well at {clock(seen.at, facts)}.",
        source=rule.source,
        for_release=True,
    )


def _analogue_restart(facts: DayFacts, run: Running) -> DayLine:
    """The long-acting analogue, within its hours after the end of the infusion."""
    rule, name = facts.rules.analogue, "Long-acting analogue given again"
    asked = facts.newest(Happened.ANALOGUE)
    if asked is not None and asked.data.get("long_acting") == "none":
        return _line("T-14", name, StepState.NOT_NEEDED, "The patient receives none.", source=rule.source)
    if run.ended is None:
        return _line(
            "T-14", name, StepState.WAITING, "Timed from the end of the infusion.", source=rule.source
        )
    first, last = after(run.ended, rule.restart_from), after(run.ended, rule.restart_to)
    window = f"from {clock(first, facts)} to {clock(last, facts)}"
    given = first_after(facts.of(Happened.ANALOGUE_RESTART), run.ended)
    if given is not None:
        inside = since(first, given.at) >= NONE and since(given.at, last) >= NONE
        state = StepState.DONE if inside else StepState.WARNING
        return _line(
            "T-14",
            name,
            state,
            f"Given at {clock(given.at, facts)}; it is given {window}.",
            source=rule.source,
        )
    if since(facts.now, first) > NONE:
        return _line("T-14", name, StepState.WAITING, f"Given {window}.", until=first, source=rule.source)
    late = since(last, facts.now) > NONE
    return _line(
        "T-14",
        name,
        StepState.WARNING if late else StepState.DUE,
        f"{'Not given' if late else 'Due'}: {window}.",
        remedy="Give it, or note why not.",
        source=rule.source,
    )


def _survey(facts: DayFacts, run: Running) -> DayLine:
    """The dose rate at its distance, measured after the end."""
    rule, name = facts.rules.release, "Dose rate measured for release"
    limit = f"{plain(rule.most_microsievert_per_hour)} microsievert/h at {plain(rule.at_metres)} m"
    more: dict[str, Any] = {"source": rule.source, "for_release": True}
    if run.ended is None:
        return _line("T-18", name, StepState.WAITING, "Measured after the end of the infusion.", **more)
    step = facts.newest(Happened.RELEASE_SURVEY)
    if step is None or since(run.ended, step.at) < NONE:
        return _line(
            "T-18",
            name,
            StepState.DUE,
            f"Not measured yet; released at {limit} or less.",
            remedy="Measure and record the dose rate and its distance.",
            **more,
        )
    rate, metres = Decimal(step.data["microsievert_per_hour"]), Decimal(step.data["metres"])
    said = f"{plain(rate)} microsievert/h at {plain(metres)} m, {clock(step.at, facts)}"
    if metres != rule.at_metres:
        return _line(
            "T-18",
            name,
            StepState.BLOCKED,
            f"{said}: the limit is {limit}.",
            remedy=f"Measure again at {plain(rule.at_metres)} m.",
            **more,
        )
    if rate > rule.most_microsievert_per_hour:
        return _line(
            "T-18",
            name,
            StepState.BLOCKED,
            f"{said}: above {limit}.",
            remedy="The patient stays; measure again later.",
            **more,
        )
    return _line("T-18", name, StepState.DONE, f"{said}.", **more)


def _next_cycle(facts: DayFacts, run: Running) -> DayLine:
    """When the next cycle is planned; its rules are judged by its own decision."""
    name = "Next cycle and injections before it"
    if run.ended is None:
        return _line("T-15", name, StepState.WAITING, "Planned from the day of this infusion.")
    if facts.next_planned_on is None:
        return _line("T-15", name, StepState.NOT_NEEDED, "No further cycle is planned.")
    return _line(
        "T-15",
        name,
        StepState.DONE,
        f"The next cycle is planned on {day_words(facts.next_planned_on)}; that no long-acting analogue is "
        "given too close before it (T-16) is judged by its decision.",
    )
