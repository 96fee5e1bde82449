"""Every rule that was asked and says nothing, or was not asked, and why: what is absent is told as well."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date

from courses.rules.comparing import (
    bounds_of_grade,
    compared_age,
    compared_bound,
    compared_window,
    counted_days,
)
from courses.rules.derived import Case, Gap, Moment
from courses.rules.dosing import LIMIT_RULE
from courses.rules.eligibility import AGE_RULE, judge_floor, newest_moment
from courses.rules.judging import Judged, asked_bound, bound_holds, parts_of
from courses.rules.protocol import Bound, Floor, Test, ToxicityFamily, When
from courses.rules.required import STALE, WEIGHT
from courses.rules.schedule import Dates, clock_start
from courses.rules.sparing import NotCounted, by_other_counts, left_out, not_counted
from courses.rules.toxicity import Course
from courses.rules.tracks import Track
from courses.rules.values import Reason, SilentRule
from courses.rules.wording import bound_words, day_words, quantity_words
from labs.clinic_days import days_between

WINDOW_RULE = "SCH-WINDOW"
_NOT_COUNTED = "not counted, because "
_NOT_MEASURED = "no usable result since the last administration"
_NO_CYCLE = "no cycle has been given yet, so nothing can be a toxicity of this treatment"


def silent_rules(
    *, case: Case, dates: Dates, course: Course, reasons: Iterable[Reason], stops_on: date | None
) -> Iterator[SilentRule]:
    """The rules that are not among the reasons: families by track, floors, calendar, evidence."""
    spoken = {reason.rule for reason in reasons}
    moment = newest_moment(case, dates)
    followed: dict[str, list[Track]] = {family.id: [] for family in case.protocol.families}
    for track in course.tracks:
        followed[track.family.id].append(track)
    for family in case.protocol.families:
        yield from _silent_family(
            family, followed[family.id], moment=moment, course=course, spoken=spoken, case=case
        )
    for floor in case.protocol.floors:
        if floor.id not in spoken:
            yield _silent_floor(floor, moment, case)
    if WINDOW_RULE not in spoken:
        yield _silent_window(dates)
    if LIMIT_RULE not in spoken:
        yield _silent_limit(stops_on, case)
    if AGE_RULE not in spoken:
        yield _silent_age(dates, case)
    yield from _fresh_evidence(dates, case)


def _silent_family(
    family: ToxicityFamily,
    own: list[Track],
    *,
    moment: Moment,
    course: Course,
    spoken: set[str],
    case: Case,
) -> Iterator[SilentRule]:
    """One line for each track that is not behind a reason of the family."""
    if not case.history.given:
        if family.id not in spoken:
            yield SilentRule(rule=family.id, name=family.name, why=_NO_CYCLE)
        return
    loud = {
        episode.track
        for episode in course.episodes
        if episode.family is family
        and (episode.resolved_on is None or episode.interval == case.history.given)
    }
    for track in own:
        if family.id not in spoken or track.name not in loud:
            yield _silent_track(track, moment, case)
    if not own and family.id not in spoken:
        yield SilentRule(rule=family.id, name=family.name, why="no such adverse event is recorded")


def _silent_track(track: Track, moment: Moment, case: Case) -> SilentRule:
    """What the newest results of a track show, or that there are none."""
    family = track.family
    name = (
        family.name if track.criterion is None and len(family.terms) == 1 else f"{family.name}: {track.name}"
    )
    if track.primary not in moment.samples:
        return SilentRule(rule=family.id, name=name, why=_NOT_MEASURED)
    judged = track.judge(moment, case).triggered
    if track.criterion is not None:
        bounds = [asked_bound(bound, moment, case) for bound in track.criterion.bounds]
        found = _judged_rule(family.id, name, judged, bounds, moment=moment, case=case)
        return _told(found, lambda: left_out(track.analytes, moment))
    bounds = list(bounds_of_grade(track.name, family.trigger_grade, case))
    found = _judged_rule(family.id, name, judged, bounds, moment=moment, case=case, term=track.name)
    return _told(found, lambda: not_counted(family, track.name, moment, case))


def _silent_floor(floor: Floor, moment: Moment, case: Case) -> SilentRule:
    """A floor that is kept, could not be judged, or is asked before the first cycle only."""
    if floor.when is When.FIRST_CYCLE and case.history.given:
        return SilentRule(rule=floor.id, name=floor.name, why="it is asked before the first cycle only")
    bounds = [asked_bound(bound, moment, case) for bound in floor.bounds]
    absent = [b for b in bounds if parts_of(b.quantity)[0] not in moment.samples]
    judged = judge_floor(floor, moment, case)
    if judged.holds is None and absent:
        names = " and ".join(case.protocol.names[bound.quantity] for bound in absent)
        unread = {s.analyte for s in case.history.doubtful if case.history.present(s)}
        came = any(part in unread for bound in absent for part in parts_of(bound.quantity))
        why = "no usable result, but one came" if came else "not measured"
        return SilentRule(rule=floor.id, name=floor.name, why=f"{names}: {why}")
    bounds = [bound for bound in bounds if bound not in absent]
    found = _judged_rule(floor.id, floor.name, judged, bounds, moment=moment, case=case)
    return _told(found, lambda: by_other_counts(floor.explained_by, moment, case))


def _judged_rule(
    rule: str,
    name: str,
    judged: Judged,
    bounds: list[Bound],
    *,
    moment: Moment,
    case: Case,
    term: str = "",
) -> SilentRule:
    """The bounds as they were compared.

    Of those that grade a `term` each acts alone; all others act only together, so that one unmet is enough.
    """
    shown = [bound for bound in bounds if parts_of(bound.quantity)[0] in moment.samples]
    answers = [(bound, bound_holds(bound, moment, case).holds) for bound in shown]
    unmet = [bound for bound, holds in answers if holds is False]
    if judged.holds is None:
        needs = ", ".join(sorted({_need_words(g, case) for g in judged.gaps}))
        why = f"{_found_words(shown, moment, case)}: could not be judged without {needs}"
    elif unmet and (not term or not any(holds for _, holds in answers)):
        why = " and ".join(
            f"{quantity_words(bound, moment, case)}, not {bound_words(bound, moment, case)}"
            for bound in unmet
        )
    elif bounds:
        why = f"{_found_words(shown, moment, case)}: {_NOT_COUNTED}"
    else:
        why = "no bound of the criteria applies to this patient"
    comparisons = tuple(compared_bound(bound, moment, case, term=term) for bound in shown)
    return SilentRule(rule=rule, name=name, why=why, comparisons=comparisons)


def _found_words(bounds: Iterable[Bound], moment: Moment, case: Case) -> str:
    """What was found, each quantity once, however many bounds look at it."""
    return " and ".join(dict.fromkeys(quantity_words(bound, moment, case) for bound in bounds))


def _need_words(gap: Gap, case: Case) -> str:
    """What would decide: a result of Lymphocytes, the upper limit of normal of Bilirubin."""
    name = case.protocol.names.get(gap.item)
    return gap.kind_word if name is None else f"{gap.kind_word} ({name})"


def _told(found: SilentRule, because: Callable[[], NotCounted]) -> SilentRule:
    """Where a finding is not counted, why, with the comparisons by which a reader sees it."""
    if not found.why.endswith(_NOT_COUNTED):
        return found
    by = because()
    return replace(found, why=found.why + by.why, comparisons=(*found.comparisons, *by.comparisons))


def _silent_window(dates: Dates) -> SilentRule:
    """The planned day lies within the window; before the first cycle there is none."""
    name = "window of the next administration"
    if dates.interval is None:
        return SilentRule(rule=WINDOW_RULE, name=name, why="no cycle has been given yet")
    last, window = dates.interval.after, dates.interval.window
    first, final = day_words(window.earliest), day_words(window.latest)
    return SilentRule(
        rule=WINDOW_RULE,
        name=name,
        why=f"{day_words(dates.judged_for)} lies not before {first}; the window ends on {final}",
        comparisons=(compared_window(last, dates.judged_for, Test.BELOW, window.earliest),),
    )


def _silent_limit(stops_on: date | None, case: Case) -> SilentRule:
    """No toxicity is unresolved, or the limit of its delay has not come."""
    name = "limit of a delay by toxicity"
    if stops_on is None or case.today is None:
        why = "no toxicity that delays is unresolved"
        return SilentRule(rule=LIMIT_RULE, name=name, why=why)
    last_on, rule = case.history.cycle_days[-1], case.protocol.delay_limit
    start = clock_start(last_on=last_on, protocol=case.protocol)
    day = counted_days(
        "Days of the delay's limit", start, case.today, Test.AT_LEAST, days_between(start, stops_on)
    )
    why = f"day {day.value} of {rule.days}, counted from {day_words(start)}: stops on {day_words(stops_on)}"
    return SilentRule(rule=LIMIT_RULE, name=name, why=why, comparisons=(day,))


def _silent_age(dates: Dates, case: Case) -> SilentRule:
    birth_date, least = case.chart.birth_date, case.protocol.minimum_age
    name = "age on the day of treatment"
    if birth_date is None:
        return SilentRule(rule=AGE_RULE, name=name, why="could not be judged: the birth date is not known")
    found = compared_age(birth_date, dates.judged_for, least)
    why = f"{found.value} years on {day_words(dates.judged_for)}, not below {least}"
    return SilentRule(rule=AGE_RULE, name=name, why=why, comparisons=(found,))


def _fresh_evidence(dates: Dates, case: Case) -> Iterator[SilentRule]:
    """Each analyte that is always needed and was collected in time, and the weight."""
    for row in case.protocol.labs:
        newest = case.history.newest_clearing(row.analyte)
        if row.always and newest is not None:
            yield from _in_time(STALE, case.protocol.names[row.analyte], newest.day, row.validity_days, dates)
    weight = max((weight.on for weight in case.chart.weights), default=None)
    if weight is not None:
        yield from _in_time(WEIGHT, "Body weight", weight, case.protocol.weight.validity_days, dates)


def _in_time(rule: str, name: str, day: date, validity_days: int, dates: Dates) -> Iterator[SilentRule]:
    age = counted_days(f"{name}: days old", day, dates.judged_for, Test.ABOVE, validity_days)
    if age.met is False:
        why = f"collected on {day_words(day)}" if rule == STALE else f"measured on {day_words(day)}"
        yield SilentRule(
            rule=rule,
            name=name,
            why=f"{why}, {age.value} days before {day_words(dates.judged_for)}, no more than {validity_days}",
            comparisons=(age,),
        )
