"""Put the rules together: one recommendation for one chart on one day; the most severe reason wins."""

import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from itertools import groupby

from courses.rules.checks import judge_checks, not_considered
from courses.rules.comparing import compared_window
from courses.rules.derived import Case, Moment
from courses.rules.dosing import Dosing, judge_families, to_confirm
from courses.rules.doubts import doubtful_lacks, moments_of, recovery_lacks, set_aside_notes, withdrawn_notes
from courses.rules.eligibility import (
    age_reasons,
    floor_judged,
    floor_lacks,
    floor_reasons,
    floors_act,
    newest_moment,
)
from courses.rules.evidence import Sample, read_history
from courses.rules.formula_notes import formula_notes
from courses.rules.grade_table import differences, grade_lines
from courses.rules.holds import hold_reasons
from courses.rules.judging import parts_of
from courses.rules.limit_warning import limit_warnings
from courses.rules.order_set import evidence_orders, order_set
from courses.rules.overrides import with_overrides
from courses.rules.people_notes import manual_lacks, people_notes
from courses.rules.prior_treatment import prior_lacks, prior_notes
from courses.rules.protocol import Protocol, Test, When
from courses.rules.releasing import earliest_day, release_all, released_by_evidence
from courses.rules.required import Lack, dialysis_lacks, lab_lacks, unknown_lacks, weight_lacks
from courses.rules.schedule import Dates, dates_of, delay_so_far
from courses.rules.silence import WINDOW_RULE, silent_rules
from courses.rules.support import mark_supported
from courses.rules.toxicity import Course, follow, unless_attributed
from courses.rules.tracks import Track
from courses.rules.values import (
    Action,
    ActivityLevel,
    Chart,
    GivenCycle,
    MissingEvidence,
    Reason,
    Recommendation,
)
from courses.rules.waiver_notes import waiver_notes
from courses.rules.wording import day_words, parts_evidence, treatment_words

FAULT_RULE = "SYS-FAULT"


def recommend(*, chart: Chart, protocol: Protocol, today: date) -> Recommendation:
    """What the protocol says of this chart on this day.

    1. sift the results and follow every toxicity over the whole chart; 2. ask each family; 3. look for
    evidence that is missing; 4. look at the calendar; 5. heed what physicians override, and whoever holds;
    6. take the most severe action.
    """
    case, dates = case_of(chart=chart, protocol=protocol, today=today)
    course = follow(case)
    dosing = judge_families(case=case, course=course, today=today)
    checked = judge_checks(case=case, dates=dates)
    lacks = _distinct(
        [
            *_doubts(case, course, dates),
            *lab_lacks(case=case, dates=dates),
            *weight_lacks(case=case, dates=dates),
            *dialysis_lacks(case=case, dates=dates),
            *unknown_lacks(unknowns=course.unknowns, case=case, dates=dates),
            *recovery_lacks(dosing.current, case),
            *floor_lacks(case=case, dates=dates),
            *checked.lacks,
            *manual_lacks(case, course),
            *prior_lacks(case),
        ]
    )
    others = [
        *floor_reasons(case=case, dates=dates),
        *age_reasons(case=case, dates=dates),
        *formula_notes(case=case, dates=dates),
        *limit_warnings(dosing=dosing, case=case, dates=dates, today=today),
        *checked.reasons,
        *set_aside_notes(case),
        *withdrawn_notes(case),
        *people_notes(case, course),
        *prior_notes(case),
        *waiver_notes(case, dates),
        *hold_reasons(case),
        *_window_reasons(case, dates, dosing),
        *_lack_reasons(lacks, today),
    ]
    overridden = with_overrides([*dosing.reasons, *others], case=case, dates=dates)
    reasons = list(overridden.reasons)
    found = _combined(case=case, dates=dates, dosing=dosing, reasons=reasons, lacks=lacks, today=today)
    silent = silent_rules(case=case, dates=dates, course=course, reasons=reasons, stops_on=dosing.stops_on)
    unconfirmed = to_confirm(
        case=case, course=course, dosing=dosing, others=others, today=today, overridden=overridden.rules
    )
    return replace(found, silent=(*silent, *checked.silent), to_confirm=unconfirmed)


def case_of(*, chart: Chart, protocol: Protocol, today: date) -> tuple[Case, Dates]:
    """The chart with its results sifted, and the dates of the next cycle."""
    history = mark_supported(read_history(chart), chart=chart, protocol=protocol)
    dates = dates_of(chart=chart, protocol=protocol, today=today)
    case = Case(chart=chart, history=history, protocol=protocol, today=today, judged_for=dates.judged_for)
    return case, dates


def recommend_or_hold(*, chart: Chart, protocol: Protocol, today: date) -> Recommendation:
    """The same, but a fault of the core itself becomes HOLD with a technical reason: the one outer guard."""
    try:
        return recommend(chart=chart, protocol=protocol, today=today)
    except Exception as fault:  # any fault whatever must hold the cycle, and is told as a reason
        return _fault(fault, chart=chart, protocol=protocol)


def _fault(fault: Exception, *, chart: Chart, protocol: Protocol) -> Recommendation:
    """HOLD, naming the place of the fault and nothing of the patient."""
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    place = f"{type(fault).__name__} in {frame.name}, line {frame.lineno}"
    reason = Reason(
        rule=FAULT_RULE,
        action=Action.HOLD,
        sentence=f"The decision core failed on this chart ({place}): nothing can be recommended. "
        "Report this to the people who run the service, and decide from the chart by hand.",
        threshold="no fault",
        source="this service's own rule: a fault never lets a cycle proceed",
    )
    return Recommendation(
        protocol_id=protocol.id,
        action=Action.HOLD,
        activity_gbq=None,
        cycle=len(chart.cycles) + 1,
        planned_on=chart.planned_on,
        window=None,
        reasons=(reason,),
        not_considered=not_considered(chart, protocol),
    )


def _doubts(case: Case, course: Course, dates: Dates) -> Iterator[Lack]:
    """Doubtful results that would act on the rules of the present interval."""

    def alarms(sample: Sample, asked: Case) -> bool:
        seen = list(moments_of(sample, asked))
        # What was not read is no finding of its own: it may only be what another finding asks for.
        if sample.value is not None and any(floors_act(moment, sample.analyte, asked) for moment, _ in seen):
            return True
        looking = [
            track for track in course.tracks if case.history.given and sample.analyte in track.analytes
        ]
        concerned = [(t, moment) for t in looking for moment, drawn in seen if t.concerns(moment, drawn)]
        judged = [(t, moment) for t, moment in concerned if moment.samples[t.primary].value is not None]
        return _floors_might_act(asked, case, dates) or any(_might_act(*one, asked, course) for one in judged)

    return doubtful_lacks(alarms=alarms, followed=course.tracks, case=case)


def _floors_might_act(asked: Case, case: Case, dates: Dates) -> bool:
    """Whether a floor that is asked now would act, or might, and does otherwise as the case stands."""
    now, then = newest_moment(case, dates), newest_moment(asked, dates)
    for floor in case.protocol.floors:
        if floor.action is Action.PROCEED or (case.history.given and floor.when is When.FIRST_CYCLE):
            continue
        primary = then.samples.get(parts_of(floor.bounds[0].quantity)[0])
        if primary is not None and primary.value is None:
            continue
        answer, _ = floor_judged(floor, then, asked)
        if answer.holds is not False and answer.holds is not floor_judged(floor, now, case)[0].holds:
            return True
    return False


def _might_act(track: Track, moment: Moment, case: Case, course: Course) -> bool:
    if track.family.never_acts:
        return False
    spoken = course.spoken[track.family.id, track.name]
    finding = unless_attributed(track.judge(moment, case), moment, spoken)
    return finding.weighty if finding.triggered.holds is None else finding.triggered.holds


def _distinct(lacks: list[Lack]) -> list[Lack]:
    """One lack per thing and rule; one that holds goes before one that does not.

    Where a rule asks now for what is only due later, nothing is waited for.
    """
    found: dict[tuple[str, str], Lack] = {}
    for lack in lacks:
        key = (lack.gap.rule, lack.gap.item)
        if key not in found or (lack.holds and not found[key].holds):
            found[key] = lack
        elif lack.holds and lack.gap.due_on is None:
            found[key] = replace(found[key], gap=replace(found[key].gap, due_on=None))
    return list(found.values())


def _lack_reasons(lacks: list[Lack], today: date) -> Iterator[Reason]:
    """One reason per rule and force: a hold, or a note where the evidence is not required."""

    def rule_and_force(lack: Lack) -> tuple[str, bool]:
        return lack.gap.rule, lack.holds

    for (rule, holds), group in groupby(sorted(lacks, key=rule_and_force), key=rule_and_force):
        of = list(group)
        reason = Reason(
            rule=rule,
            action=Action.HOLD if holds else Action.PROCEED,
            sentence=_lack_sentence(of),
            threshold="usable evidence for the day of treatment",
            source="; ".join(dict.fromkeys(lack.source for lack in of)),
            evidence=tuple(item for lack in of for item in lack.evidence),
        )
        acts = [(lack.name, lack.gap.resolve) for lack in of]
        yield released_by_evidence(reason, acts, today) if holds else reason


def _lack_sentence(lacks: list[Lack]) -> str:
    """Things lacking for the same cause are named together."""
    causes: dict[str, list[str]] = {}
    for lack in lacks:
        causes.setdefault(lack.gap.why, []).append(lack.name)
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in causes.items()) + "."


def _window_reasons(case: Case, dates: Dates, dosing: Dosing) -> Iterator[Reason]:
    """Before the window: delay. After it without a toxicity: a note."""
    if dates.interval is None:
        return
    last, window = dates.interval.after, dates.interval.window
    after = treatment_words(last)
    first, final = day_words(window.earliest), day_words(window.latest)
    if dates.judged_for < window.earliest:
        action, text = (
            Action.DELAY,
            f"The planned day lies before {first}, the first day after {after}: delay.",
        )
    elif dates.judged_for > window.latest and dosing.stops_on is None:
        action, text = (
            Action.PROCEED,
            f"The planned day lies after {final}, the last day of the window after {after}.",
        )
    else:
        return
    yield Reason(
        rule=WINDOW_RULE,
        action=action,
        sentence=text,
        threshold=f"{first} to {final}",
        source=str(case.protocol.schedule.window_source),
        evidence=() if isinstance(last, GivenCycle) else (parts_evidence(case.chart.uncounted_parts),),
        comparisons=(
            compared_window(last, dates.judged_for, Test.BELOW, window.earliest),
            compared_window(last, dates.judged_for, Test.ABOVE, window.latest),
        ),
        release=f"plan the cycle for {first} to {final}" if action is Action.DELAY else "",
        release_on=window.earliest if action is Action.DELAY else None,
    )


def _combined(
    *, case: Case, dates: Dates, dosing: Dosing, reasons: list[Reason], lacks: list[Lack], today: date
) -> Recommendation:
    """The most severe action, with everything a reader needs to check it."""
    schedule, newest = case.protocol.schedule, newest_moment(case, dates)
    action = max((reason.action for reason in reasons), default=Action.PROCEED)
    activity = {Action.PROCEED: schedule.activity_gbq, Action.REDUCE: schedule.reduced_activity_gbq}.get(
        action
    )
    missing = tuple(lack.gap for lack in lacks if lack.holds)
    awaiting = action is Action.HOLD and _only_waiting(missing, reasons, today)
    level, level_why = _level(dosing, reasons)
    toxic = [(episode.onset, episode.resolved_on) for episode in dosing.current]
    return Recommendation(
        protocol_id=case.protocol.id,
        action=action,
        activity_gbq=activity,
        cycle=dates.cycle,
        planned_on=dates.planned_on,
        window=dates.window,
        reasons=tuple(sorted(reasons, key=lambda reason: -reason.action)),
        missing=missing,
        grades=tuple(grade_lines(newest, case)),
        grade_differences=tuple(differences(newest, case)),
        delay=delay_so_far(dates=dates, chart=case.chart, protocol=case.protocol, toxic=toxic, today=today),
        stops_on=dosing.stops_on,
        awaiting_labs=awaiting,
        labs_due=min(gap.due_on for gap in missing if gap.due_on) if awaiting else None,
        not_considered=not_considered(case.chart, case.protocol),
        order_set=order_set(case, dates) if action.is_go else (),
        evidence_orders=() if action is Action.STOP else evidence_orders(case, dates, missing, today=today),
        release=release_all(reasons),
        release_on=earliest_day(reasons, case=case, dates=dates, stops_on=dosing.stops_on, today=today),
        activity_level=level,
        activity_level_why=level_why,
        judged_for=dates.judged_for,
        given=tuple(sorted(case.chart.cycles, key=lambda cycle: cycle.on)),
    )


def _level(dosing: Dosing, reasons: list[Reason]) -> tuple[ActivityLevel | None, str]:
    """Stopped whenever anything stops the course; else what the toxicities leave of the ladder."""
    stop = next((reason for reason in reasons if reason.action is Action.STOP), None)
    if stop is not None:
        return ActivityLevel.STOPPED, f"{stop.rule}: {stop.sentence}"
    return dosing.level, dosing.level_why


def _only_waiting(missing: Iterable[MissingEvidence], reasons: Iterable[Reason], today: date) -> bool:
    """Whether nothing holds but evidence that is not yet due."""
    waiting = all(gap.due_on is not None and today <= gap.due_on for gap in missing)
    evidence = {gap.rule for gap in missing}
    return waiting and all(reason.rule in evidence for reason in reasons if reason.action is Action.HOLD)
