"""Bounds that must hold before the first or before every cycle, and the age on the day of treatment."""

from collections.abc import Iterator
from dataclasses import replace

from courses.rules.comparing import compared_age, compared_bound, compared_excuses
from courses.rules.derived import Case, Moment
from courses.rules.judging import (
    Judged,
    asked_bound,
    both,
    bound_holds,
    either,
    parts_of,
    parts_or_surrogate,
    unless,
)
from courses.rules.protocol import Floor, When
from courses.rules.releasing import bounds_release, released_by_results
from courses.rules.required import Lack, gap_lacks
from courses.rules.schedule import Dates
from courses.rules.tracks import explained, without_stale_companions
from courses.rules.values import Action, Reason
from courses.rules.wording import bound_words, day_words, lab_evidence, quantity_words, surrogate_words
from labs.clinic_days import age_on, birthday

AGE_RULE = "ELIG-AGE"


def age_reasons(*, case: Case, dates: Dates) -> Iterator[Reason]:
    """Too young on the day of treatment; an unknown birth date is the business of the evidence rules."""
    birth_date, least = case.chart.birth_date, case.protocol.minimum_age
    if birth_date is None:
        return
    age = age_on(birth_date, max(birth_date, dates.judged_for))
    if age < least:
        yield Reason(
            rule=AGE_RULE,
            action=Action.DELAY,
            sentence=f"The patient, born on {day_words(birth_date)}, is younger than {least} years on the "
            "planned day: not eligible yet.",
            threshold=f"{least} years or older",
            source=str(case.protocol.minimum_age_source),
            comparisons=(compared_age(birth_date, dates.judged_for, least),),
            release=f"the patient is {least} years old on {day_words(birthday(birth_date, least))}",
            release_on=birthday(birth_date, least),
        )


def newest_moment(case: Case, dates: Dates) -> Moment:
    """The newest reliable result of every analyte since the last administration."""
    samples = {s.analyte: s for s in case.history.decisive if case.history.present(s)}
    return Moment(day=dates.judged_for, interval=case.history.given, samples=samples)


def judge_floor(floor: Floor, moment: Moment, case: Case) -> Judged:
    """Whether a floor acts at a moment."""
    met = both([bound_holds(bound, moment, case) for bound in floor.bounds])
    if met.holds is False:
        return met
    analyte = parts_of(floor.bounds[0].quantity)[0]
    return unless(met, explained(floor.explained_by, analyte, moment, case))


def floor_judged(floor: Floor, moment: Moment, case: Case) -> tuple[Judged, Moment]:
    """Whether a floor acts, or might, and at which view of the newest results it does.

    A supported result may alarm but not clear, so that the newest one without support is looked at too; and
    a companion too old for the day of treatment excuses nothing.
    """
    clearing = {s.analyte: s for s in case.history.decisive if s.clears and case.history.present(s)}
    unsupported = replace(moment, samples={**moment.samples, **clearing})
    primary = parts_of(floor.bounds[0].quantity)[0]
    views = [
        moment,
        unsupported,
        *(without_stale_companions(v, primary, case) for v in (moment, unsupported)),
    ]
    judged = [(judge_floor(floor, view, case), view) for view in views]
    found = either(answer for answer, _ in judged)
    return found, next(view for answer, view in judged if answer.holds is found.holds)


def _asked(case: Case) -> Iterator[Floor]:
    """The floors that are asked before the next cycle."""
    for floor in case.protocol.floors:
        if floor.when is When.EVERY_CYCLE or not case.history.given:
            yield floor


def floors_act(moment: Moment, analyte: str, case: Case) -> bool:
    """Whether a floor that looks at this analyte acts, or might."""
    return any(
        judge_floor(floor, moment, case).holds is not False
        for floor in _asked(case)
        if floor.action > Action.PROCEED
        and any(analyte in parts_or_surrogate(bound.quantity, case) for bound in floor.bounds)
    )


def floor_reasons(*, case: Case, dates: Dates) -> Iterator[Reason]:
    """The floors that act before the next cycle, and those that could not be looked at."""
    moment = newest_moment(case, dates)
    for floor in _asked(case):
        judged, view = floor_judged(floor, moment, case)
        if judged.holds:
            yield _floor_reason(floor, view, case)
        elif judged.holds is None and not _measured(floor, moment) and floor.when is When.FIRST_CYCLE:
            names = " and ".join(case.protocol.names[bound.quantity] for bound in floor.bounds)
            yield Reason(
                rule=floor.id,
                action=Action.PROCEED,
                sentence=f"{names}: not measured, so the floor before cycle 1 ({floor.name}) was not judged.",
                threshold=" and ".join(bound_words(bound, None, case) for bound in floor.bounds),
                source=str(floor.source),
            )


def floor_lacks(*, case: Case, dates: Dates) -> Iterator[Lack]:
    """What floors that could not be judged still need."""
    moment = newest_moment(case, dates)
    for floor in _asked(case):
        judged, _ = floor_judged(floor, moment, case)
        if judged.holds is None and _measured(floor, moment):
            yield from gap_lacks(
                gaps=judged.gaps,
                holds=floor.action > Action.PROCEED,
                rule=floor.id,
                source=str(floor.source),
                case=case,
                dates=dates,
            )


def _measured(floor: Floor, moment: Moment) -> bool:
    """Whether the first quantity a floor looks at was measured at all."""
    return parts_of(floor.bounds[0].quantity)[0] in moment.samples


def _floor_reason(floor: Floor, moment: Moment, case: Case) -> Reason:
    bounds = [asked_bound(bound, moment, case) for bound in floor.bounds]
    found = " and ".join(quantity_words(bound, moment, case) for bound in bounds)
    condition = " and ".join(bound_words(bound, moment, case) for bound in bounds)
    condition += surrogate_words(floor.bounds, moment, case)
    parts = dict.fromkeys(part for bound in bounds for part in parts_of(bound.quantity))
    reason = Reason(
        rule=floor.id,
        action=floor.action,
        sentence=f"{found}, {condition}: {_consequence(floor)} ({floor.name}).",
        threshold=condition,
        source=str(floor.source),
        evidence=tuple(lab_evidence(moment.samples[part], case.protocol) for part in parts),
        comparisons=(
            *(compared_bound(bound, moment, case) for bound in bounds),
            *compared_excuses(floor.explained_by, moment, case),
        ),
    )
    if floor.action.is_go or floor.action is Action.STOP:
        return reason
    newest = max(moment.samples[part].day for part in parts)
    needs = bounds_release(bounds, moment, case)
    return released_by_results(reason, needs, [bound.quantity for bound in bounds], newest, case)


def _consequence(floor: Floor) -> str:
    if floor.action is Action.PROCEED:
        return "to be looked at before the cycle"
    which = "the first cycle" if floor.when is When.FIRST_CYCLE else "the cycle"
    return f"{which} is not to be given with this"
