"""The steps of the infusion: how long it runs, the line, the residual, what runs or is left out beside it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from courses.rules.activity import both_units
from courses.rules.day_times import NONE, Running, amino_acids, infusion
from courses.rules.day_values import DayFacts, DayLine, Happened, StepState, after, clock, minutes, since

NOT_STARTED = "The infusion has not been started."


def infusion_lines(facts: DayFacts) -> Iterator[DayLine]:
    """Everything from the start of the infusion to the end of the amino acids."""
    run = infusion(facts)
    yield _infusion(facts, run)
    yield _line_checks(facts, run)
    yield _residual(facts, run)
    yield _steroid(facts, run)
    yield _amino_after(facts, run)


def _line(id_: str, name: str, state: StepState, sentence: str, **more: Any) -> DayLine:
    return DayLine(id=id_, name=name, state=state, sentence=sentence, **more)


def _infusion(facts: DayFacts, run: Running) -> DayLine:
    """How long it runs, without its interruptions."""
    rule, name = facts.rules.infusion, "Infusion"
    span = f"{minutes(rule.least)} to {minutes(rule.most)}"
    if run.started is None:
        return _line("T-11", name, StepState.WAITING, NOT_STARTED, source=rule.source, for_release=True)
    ran = run.ran()
    if run.ended is None:
        too_long = ran > rule.most
        said = "Interrupted" if run.paused else "Running"
        return _line(
            "T-11",
            name,
            StepState.WARNING if too_long else StepState.DUE,
            f"{said} since {clock(run.paused or run.started, facts)}, {minutes(ran)} given; it takes {span}.",
            remedy="Record the end of the infusion.",
            source=rule.source,
            for_release=True,
        )
    good = rule.least <= ran <= rule.most
    return _line(
        "T-11",
        name,
        StepState.DONE if good else StepState.WARNING,
        f"From {clock(run.started, facts)} to {clock(run.ended, facts)}, {minutes(ran)} "
        f"{'as' if good else 'instead of'} the {span} of the protocol.",
        source=rule.source,
        for_release=True,
    )


def _line_checks(facts: DayFacts, run: Running) -> DayLine:
    """The first look early, then at intervals, while the infusion runs."""
    rule, name = facts.rules.infusion, "Line and arm looked at"
    if run.started is None:
        return _line("LINE", name, StepState.WAITING, NOT_STARTED, source=rule.source)
    checks = [step for step in facts.of(Happened.LINE_CHECK) if since(run.started, step.at) >= NONE]
    bad = next((step for step in reversed(checks) if step.data.get("finding") != "good"), None)
    if bad is not None:
        return _line(
            "LINE",
            name,
            StepState.WARNING,
            f"{bad.data.get('finding', '').capitalize()} seen at {clock(bad.at, facts)}.",
            remedy="Stop the infusion, tell the physician, and record how it ended.",
            source=rule.source,
        )
    if run.ended is not None:
        state = StepState.DONE if checks else StepState.WARNING
        return _line("LINE", name, state, f"{len(checks)} look(s) recorded.", source=rule.source)
    due = after(checks[-1].at, rule.line_check_every) if checks else after(run.started, rule.first_line_check)
    if since(due, facts.now) >= NONE:
        return _line(
            "LINE",
            name,
            StepState.DUE,
            f"Due since {clock(due, facts)}.",
            source=rule.source,
            remedy="Look at line and arm now, and record it.",
        )
    return _line(
        "LINE", name, StepState.WAITING, f"Next look at {clock(due, facts)}.", until=due, source=rule.source
    )


def _residual(facts: DayFacts, run: Running) -> DayLine:
    """What was left, measured after the end."""
    rule, name = facts.rules.dispensing, "Residual measured"
    if run.ended is None:
        return _line("T-17", name, StepState.WAITING, "Measured after the end of the infusion.")
    found = [step for step in facts.of(Happened.RESIDUAL) if since(run.ended, step.at) >= NONE]
    if not found:
        return _line(
            "T-17",
            name,
            StepState.WARNING,
            "Not measured: the delivered activity counts as all of it.",
            remedy="Measure vial, syringe and line, and record activity and time.",
            source=rule.source,
        )
    each = "; ".join(f"{both_units(Decimal(s.data['gbq']))} at {clock(s.at, facts)}" for s in found)
    return _line("T-17", name, StepState.DONE, f"{each}.", source=rule.source)


# To rescue it is always given; cover that was left out was not given at all.
_NOT_TOO_EARLY = ("rescue", "left_out")


def _steroid(facts: DayFacts, run: Running) -> DayLine:
    """Where the text asks for none before the infusion and soon after it, one that was given is warned of."""
    rule, name = facts.rules.steroid, "No corticosteroid around the infusion"
    if not rule.warn:
        return _line(
            "T-13", name, StepState.NOT_NEEDED, "Not asked for by this protocol.", source=rule.source
        )
    clear_from = after(run.ended, rule.after_end) if run.ended else None
    early = [
        step
        for step in facts.of(Happened.STEROID)
        if step.data.get("why") not in _NOT_TOO_EARLY
        and (clear_from is None or since(step.at, clear_from) > NONE)
    ]
    if early:
        return _line(
            "T-13",
            name,
            StepState.WARNING,
            f"Given at {clock(early[0].at, facts)}: none is given before the infusion or within "
            f"{minutes(rule.after_end)} after its end, but to rescue.",
            remedy="Tell the physician before the start.",
            source=rule.source,
        )
    if clear_from is None or since(facts.now, clear_from) > NONE:
        shown = f"None until {clock(clear_from, facts)}." if clear_from else "None given so far."
        return _line("T-13", name, StepState.WAITING, shown, until=clear_from, source=rule.source)
    return _line("T-13", name, StepState.DONE, "None was given too early.", source=rule.source)


def _amino_after(facts: DayFacts, run: Running) -> DayLine:
    """They go on for so long after the infusion; the total may differ a little."""
    rule, name = facts.rules.amino_acids, "Amino acids after the infusion"
    bag = amino_acids(facts)
    if run.ended is None or bag.started is None:
        return _line(
            "T-08", name, StepState.WAITING, f"{minutes(rule.after)} after the infusion.", source=rule.source
        )
    ran, total = bag.ran(begin=run.ended), bag.ran()
    least = rule.in_all - rule.in_all_tolerance
    if bag.ended is None:
        until = after(facts.now, max(NONE, rule.after - ran))
        if ran < rule.after:
            return _line(
                "T-08",
                name,
                StepState.WAITING,
                until=until,
                source=rule.source,
                sentence=f"{minutes(ran)} so far; they run until {clock(until, facts)}.",
            )
        return _line(
            "T-08",
            name,
            StepState.DUE,
            f"{minutes(ran)} since the infusion: they may end.",
            remedy="Record their end.",
            source=rule.source,
        )
    said = f"{minutes(ran)} after the infusion, {minutes(total)} in all"
    if ran < rule.after or total < least:
        return _line(
            "T-08",
            name,
            StepState.WARNING,
            f"{said}; {minutes(rule.after)} after it and {minutes(rule.in_all)} in all are asked for.",
            remedy="Tell the physicist and note what was decided.",
            source=rule.source,
        )
    return _line("T-08", name, StepState.DONE, f"{said}.", source=rule.source)
