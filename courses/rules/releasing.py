"""What would release a delayed or held cycle, in words a nurse can act on, and the first day that can be.

A delay by results ends with a usable result that shows the recovery, collected on or after the later of two
days: the day after the newest specimen it rests on (an older one cannot undo it), and the first day whose
specimen is still valid on the day of treatment. A specimen under a transfusion or growth factor shows no
recovery, so that its days are waited for as well. No earlier than today can anything be released.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

from courses.rules.comparing import opposite, recovery_bounds, resolution_bounds
from courses.rules.derived import Case, Moment
from courses.rules.judging import asked_bound, asked_quantity, limit_of, parts_of
from courses.rules.protocol import Bound, ToxicityCriterion, ToxicityFamily
from courses.rules.schedule import Dates
from courses.rules.values import Action, Reason
from courses.rules.waivers import waives_earlier_draw
from courses.rules.wording import day_words, needed_words, release_words
from labs.clinic_days import add_days

_THING = "{thing}"
STOP_IS_FINAL = "a stop is final unless two physicians rescind it"


def grade_release(term: str, family: ToxicityFamily, moment: Moment, case: Case) -> list[str]:
    """The values at which a graded toxicity counts as resolved, each of them needed."""
    bounds = resolution_bounds(term, family.resolved_grade, case)
    if len(bounds) == 1:
        return [f"{case.protocol.names[bounds[0].quantity]} {release_words(bounds[0], moment, case)}"]
    return [_named(bound, moment, case) for bound in bounds]


def recovery_release(
    criterion: ToxicityCriterion, family: ToxicityFamily, moment: Moment, case: Case
) -> list[str]:
    """The values at which a bounded toxicity counts as resolved, each needed: back, and no longer acting."""
    tolerance = Fraction(family.tolerance_percent) / 100
    needs = []
    for quantity, falls in criterion.resolves_by:
        options = [
            needed_words(opposite(bound), moment, case)
            for bound in recovery_bounds(quantity, falls=falls, tolerance=tolerance, moment=moment, case=case)
            if limit_of(bound, moment, case).value is not None
        ]
        name = case.protocol.names[asked_quantity(quantity, moment, case)]
        needs.append(f"{name} {_either(options) or 'back at its baseline'}")
    bounds = [asked_bound(bound, moment, case) for bound in criterion.bounds]
    return [*needs, _either([_named(bound, moment, case) for bound in bounds])]


def bounds_release(bounds: Sequence[Bound], moment: Moment, case: Case) -> list[str]:
    """The values at which bounds that act together no longer do: one of them not met is enough."""
    if len(bounds) == 1:
        return [f"{case.protocol.names[bounds[0].quantity]} {release_words(bounds[0], moment, case)}"]
    return [_either([_named(bound, moment, case) for bound in bounds])]


def _named(bound: Bound, moment: Moment, case: Case) -> str:
    return f"{case.protocol.names[bound.quantity]} {needed_words(bound, moment, case)}"


def _either(options: Sequence[str]) -> str:
    """One of them is enough: `either A or B`, so that nobody reads it together with what stands beside it."""
    return f"either {' or '.join(options)}" if len(options) > 1 else "".join(options)


def released_by_results(
    reason: Reason, needs: Sequence[str], quantities: Iterable[str], newest: date, case: Case
) -> Reason:
    """The reason with all that ends it together, numbered, and the day from which a specimen may show it."""
    if not needs or case.today is None or case.judged_for is None:
        return reason
    day = first_collection_day([part for q in quantities for part in parts_of(q)], newest, case)
    since = f"collected on or after {day_words(day)}"
    text = f"{needs[0]}, in a final result {since}"
    if len(needs) > 1:
        numbered = "; ".join(f"({place}) {need}" for place, need in enumerate(needs, start=1))
        text = f"all of these, in final results {since}: {numbered}"
    return replace(reason, release=text, release_on=max(day, case.today))


def first_collection_day(analytes: Iterable[str], newest: date, case: Case) -> date:
    """The first day whose specimen may show the recovery (see the module's words)."""
    days = [add_days(newest, 1)]
    for analyte in analytes:
        row = case.protocol.lab(analyte)
        if row is not None and case.judged_for is not None:
            days.append(add_days(case.judged_for, -row.validity_days))
        for rule in case.protocol.support:
            if analyte in rule.analytes:
                days += [add_days(s.on, rule.days + 1) for s in case.chart.support if s.kind is rule.kind]
    return max(days)


def released_by_evidence(reason: Reason, acts: Iterable[tuple[str, str]], today: date | None) -> Reason:
    """A hold with the one act that ends it for each thing that is missing.

    `acts` are pairs of a thing's name and what is to be done; things that need the same are named together.
    """
    names: dict[str, list[str]] = {}
    for name, act in acts:
        names.setdefault(act.replace(name, _THING, 1), []).append(name)
    told = [act.replace(_THING, ", ".join(dict.fromkeys(of)), 1) for act, of in names.items()]
    return replace(reason, release="; ".join(told), release_on=today)


def release_all(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """What would release the cycle, in the order of the reasons; a stop has no release but a rescission."""
    blocking = [reason for reason in reasons if not reason.action.is_go]
    if any(reason.action is Action.STOP for reason in blocking):
        return (STOP_IS_FINAL,)
    return tuple(dict.fromkeys(reason.release for reason in blocking if reason.release))


def earliest_day(
    reasons: Iterable[Reason], *, case: Case, dates: Dates, stops_on: date | None, today: date
) -> date | None:
    """The first day on which the cycle could be given: None when it is not known, or when nothing allows it.

    A cycle that may go is not asked. A day on which the limit of the delay has come is no day at all.
    """
    blocking = [reason for reason in reasons if not reason.action.is_go]
    days = [reason.release_on for reason in blocking]
    if not blocking or any(r.action is Action.STOP for r in blocking) or None in days:
        return None
    opens = [] if dates.window is None else [dates.window.earliest]
    known = [day for day in days if day is not None]
    earliest = max([today, *opens, *_earlier_draws(case, dates, today), *known])
    delayed = any(reason.action is Action.DELAY for reason in blocking)
    return None if stops_on is not None and delayed and earliest >= stops_on else earliest


def _earlier_draws(case: Case, dates: Dates, today: date) -> Iterator[date]:
    """For each analyte that is drawn twice, the first day that lies far enough after its earlier draw."""
    for row in case.protocol.labs:
        if not row.always or row.earlier is None or waives_earlier_draw(row, case, dates):
            continue
        wait, until = row.earlier.to_days_before, row.earlier.from_days_before
        drawn = [s.day for s in case.history.decisive if s.analyte == row.analyte and s.clears]
        present = [day for day in drawn if case.history.interval_of(day) == case.history.given]
        yield min(
            [max(today, add_days(day, wait)) for day in present if today <= add_days(day, until)],
            default=add_days(today, wait),
        )
