"""From toxicities and cycles so far: what each family asks for, and when a delay stops the course."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from courses.rules.activity_level import (
    activity_level,
    given_cycles,
    is_reduced,
    tolerated_reduction,
    unexplained_reductions,
    without_reduction,
)
from courses.rules.comparing import counted_days
from courses.rules.decimals import plain
from courses.rules.derived import Case
from courses.rules.explaining import (
    comparisons_of,
    episode_reason,
    evidence_of,
    finding_words,
    release_of,
)
from courses.rules.occurrences import counted, current, is_unreviewed, next_day, nominal_day, recurrence
from courses.rules.people_notes import relation_words
from courses.rules.protocol import Test, ToxicityFamily
from courses.rules.required import MISSING
from courses.rules.schedule import clock_start, other_delay_days, stop_day
from courses.rules.toxicity import DEATH, Course, Episode, placed_events
from courses.rules.tracks import leading_bound
from courses.rules.values import (
    Action,
    ActivityLevel,
    AdverseEvent,
    Comparison,
    Occurrence,
    Purpose,
    Reason,
    ToConfirm,
)
from courses.rules.wording import cycle_words, day_words, event_evidence
from labs.clinic_days import add_days, days_between

LIMIT_RULE = "LIM-DELAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dosing:
    """What the families say: reasons, present episodes, the first stopping day, and the activity level."""

    reasons: tuple[Reason, ...]
    current: tuple[Episode, ...]
    stops_on: date | None
    level: ActivityLevel
    level_why: str


def judge_families(*, case: Case, course: Course, today: date) -> Dosing:
    """Every family's say on the next cycle, and the limit of the delay."""
    reasons: list[Reason] = []
    present: list[Episode] = []
    by_family = {family.id: counted(family, course.episodes, case) for family in case.protocol.families}
    told = list(placed_events(case))
    for family in case.protocol.families:
        reasons += _family_reasons(family, by_family[family.id], course, case)
        reasons += _event_notes(family, told, case)
        if family.on_first is Action.DELAY:
            present += current([e for e in by_family[family.id] if not e.fatal], case)
    limited = [
        e
        for episodes in by_family.values()
        for e in episodes
        if e.family.on_first is Action.DELAY and not e.fatal
    ]
    reasons += _limit_reasons(limited, case, today)
    reasons += _unexplained_reductions(limited, case)
    waiting = [episode for episode in present if _is_open(episode)]
    stops_on = _limit(case.history.given, case, today).day if waiting else None
    level, why = activity_level(limited, case)
    return Dosing(
        reasons=tuple(reasons), current=tuple(present), stops_on=stops_on, level=level, level_why=why
    )


def to_confirm(
    *,
    case: Case,
    course: Course,
    dosing: Dosing,
    others: Iterable[Reason],
    today: date,
    overridden: frozenset[str] = frozenset(),
) -> tuple[ToConfirm, ...]:
    """Unreviewed occurrences seen only between cycles without which the whole decision would be milder.

    `others` are the reasons beside the families' own; what an `overridden` rule says decides nothing.
    """
    kept = tuple(e for e in course.episodes if not is_unreviewed(e, case))
    if len(kept) == len(course.episodes):
        return ()
    # What an overridden rule holds for is answered all the same.
    heard = (r.action for r in others if r.rule not in overridden or r.action is Action.HOLD)
    rest = max(heard, default=Action.PROCEED)
    said = [reason for reason in dosing.reasons if reason.rule not in overridden]
    action = max([rest, *(reason.action for reason in said)])
    without = judge_families(case=case, course=replace(course, episodes=kept), today=today)
    if max([rest, *(r.action for r in without.reasons if r.rule not in overridden)]) == action:
        return ()
    acting = {reason.rule for reason in said if reason.action is action}
    return tuple(
        ToConfirm(
            rule=e.family.id,
            onset=e.onset,
            sentence=_confirm_words(e, action, case),
            track=e.track,
            grade=e.grade,
        )
        for e in sorted(course.episodes, key=lambda e: (e.onset, e.family.id, e.track))
        if is_unreviewed(e, case) and acting & {e.family.id, LIMIT_RULE}
    )


def _confirm_words(episode: Episode, action: Action, case: Case) -> str:
    return (
        f"{finding_words(episode, case)} was seen only between cycles and had recovered by "
        f"{day_words(next_day(episode.interval, case))}, and this decision to {action.word} rests on it: "
        "a physician confirms that it counts, or dismisses it with a reason, before the decision is signed."
    )


def _is_open(episode: Episode) -> bool:
    return episode.resolved_on is None


def _family_reasons(
    family: ToxicityFamily, episodes: list[Episode], course: Course, case: Case
) -> Iterator[Reason]:
    """Stop for good, delay, reduce, or only remember: in this order of severity."""
    if not episodes:
        return
    fatal = next((e for e in episodes if e.fatal), None)
    if fatal is not None or family.on_first is Action.STOP:
        text = "grade 5 is death: stop permanently" if fatal else "stop permanently, do not treat again"
        yield episode_reason(fatal or episodes[-1], Action.STOP, Occurrence.FIRST, text, case)
        return
    if family.never_acts:
        for episode in current(episodes, case):
            yield episode_reason(
                episode, Action.PROCEED, None, "this alone never changes the treatment", case
            )
        return
    twice = recurrence(family, episodes)
    if twice is not None:
        first, recurrent = twice
        resumed = cycle_words(given_cycles(case)[recurrent.interval - 1])
        again = f"it came again after treatment had resumed (first from {day_words(first.onset)})"
        text = _joined([*_story(recurrent, course, case), f"{again} with {resumed}: stop permanently"])
        yield episode_reason(recurrent, family.on_recurrence, Occurrence.RECURRENT, text, case, first=first)
        return
    yield from _first_reasons(episodes, course, case)


def _first_reasons(episodes: list[Episode], course: Course, case: Case) -> Iterator[Reason]:
    """A first occurrence: delay while it lasts, then the reduced activity, then the full one again."""
    waiting = without_reduction(episodes, case)
    for episode in waiting:
        story = _story(episode, course, case)
        if episode.resolved_on is None:
            text = _joined([*story, f"delay until {release_of(episode, case)}"])
            yield episode_reason(episode, Action.DELAY, Occurrence.FIRST, text, case)
        else:
            text = _joined([*story, _resume_words(episode, case)])
            yield episode_reason(episode, Action.REDUCE, Occurrence.FIRST, text, case)
    reduced = None if waiting else tolerated_reduction(episodes[-1], case)
    if reduced is not None:
        text = (
            f"{cycle_words(reduced)} was given at {plain(reduced.activity_gbq)} GBq since without it coming "
            f"back: {plain(case.protocol.schedule.activity_gbq)} GBq again"
        )
        yield episode_reason(episodes[-1], Action.PROCEED, Occurrence.FIRST, text, case)


def _resume_words(episode: Episode, case: Case) -> str:
    """Resume at the reduced activity; which full cycles since then were no reduced ones."""
    resume = f"resume at {plain(case.protocol.schedule.reduced_activity_gbq)} GBq"
    full = [c for c in given_cycles(case)[episode.interval :] if not is_reduced(c, case)]
    if not full:
        return resume
    given = " and ".join(f"{cycle_words(c)} was given at {plain(c.activity_gbq)} GBq" for c in full)
    return f"{given}, so no reduced cycle has been tolerated yet: {resume}"


def _story(episode: Episode, course: Course, case: Case) -> Iterator[str]:
    """What a reader must know of an episode beside its value: where, its onset, nadir, end and cause."""
    cycle = given_cycles(case)[episode.interval - 1]
    if cycle.elsewhere:
        yield f"after {cycle_words(cycle)}"
    if episode.onset != episode.worst.day:
        falls = leading_bound(episode.criterion, episode.track, case).is_low
        yield f"began on {day_words(episode.onset)}"
        yield f"{'nadir' if falls else 'peak'} on {day_words(episode.worst.day)}"
    if episode.resolved_on is not None:
        yield f"resolved on {day_words(episode.resolved_on)}"
    if episode.family.other_events:
        yield relation_words(episode, course)


def _joined(parts: Iterable[str]) -> str:
    """What is known, then the consequence: `resolved on 3 May 2026: resume at 3.7 GBq`."""
    *known, consequence = parts
    return f"{', '.join(known)}: {consequence}" if known else consequence


def _unexplained_reductions(episodes: list[Episode], case: Case) -> Iterator[Reason]:
    """A reduced cycle of another hospital tells of a toxicity that this chart may not know: a note."""
    schedule = case.protocol.schedule
    for cycle in unexplained_reductions(episodes, case):
        yield Reason(
            rule=MISSING,
            action=Action.PROCEED,
            sentence=f"{cycle_words(cycle)[:1].upper()}{cycle_words(cycle)[1:]} was given at "
            f"{plain(cycle.activity_gbq)} GBq instead of {plain(schedule.activity_gbq)} GBq, and no toxicity "
            "is recorded before it: ask that hospital why, and record a toxicity as an adverse event.",
            threshold=f"{plain(schedule.activity_gbq)} GBq, or a recorded toxicity",
            source=str(schedule.reduced_source),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """The first stopping day of one interval, and that of the other reading of delay by other causes."""

    interval: int
    day: date
    other_reading: date
    end: date


def _limit(interval: int, case: Case, today: date) -> _Limit:
    """The limit after one administration; the interval ends with the next administration or today."""
    days, protocol = case.history.cycle_days, case.protocol
    began, end = days[interval - 1], days[interval] if interval < len(days) else today
    other = other_delay_days(
        delays=case.chart.delays, cycle=interval + 1, nominal=nominal_day(interval, case), until=end
    )
    plain_day = stop_day(last_on=began, protocol=protocol, spared_days=0)
    shifted = stop_day(last_on=began, protocol=protocol, spared_days=other)
    first, second = (
        (shifted, plain_day) if protocol.delay_limit.subtract_other_delay else (plain_day, shifted)
    )
    return _Limit(interval=interval, day=first, other_reading=second, end=end)


def _limit_reasons(episodes: list[Episode], case: Case, today: date) -> Iterator[Reason]:
    """A toxicity unresolved at the limit stops the course; a later recovery does not reopen it.

    Days count whatever delayed the cycle: one that began after the limit day stops while it lasts.
    """
    for episode in episodes:
        for interval in range(episode.interval, _last_interval(episode, case) + 1):
            limit = _limit(interval, case, today)
            end = limit.day if episode.onset <= limit.day else add_days(limit.end, 1)
            unresolved = episode.resolved_on is None or episode.resolved_on >= end
            if unresolved and limit.end >= limit.day:
                yield _limit_reason(episode, limit, case)
                break


def _last_interval(episode: Episode, case: Case) -> int:
    """The interval in which an episode ended; one that is open has reached the present one."""
    if episode.resolved_on is None:
        return case.history.given
    return max(episode.interval, case.history.interval_of(episode.resolved_on))


def _limit_reason(episode: Episode, limit: _Limit, case: Case) -> Reason:
    rule = case.protocol.delay_limit
    counted = "from" if rule.stops_on_limit_day else "after"
    sentence = (
        f"{finding_words(episode, case)} was not resolved before {day_words(limit.day)}, the first day on "
        f"which a delay by toxicity ends the course ({counted} day {rule.days}): stop permanently."
    )
    if episode.onset > limit.day:
        sentence += " It began after that day; the days count whatever delayed the cycle."
    if limit.end < limit.other_reading:
        sentence += (
            " If delay by other causes were counted the other way, the first stopping day would be "
            f"{day_words(limit.other_reading)}."
        )
    return Reason(
        rule=LIMIT_RULE,
        action=Action.STOP,
        sentence=sentence,
        threshold=f"{counted} day {rule.days}: {day_words(limit.day)}",
        source=str(rule.source),
        evidence=evidence_of(episode, case),
        comparisons=(*comparisons_of(episode, case), _compared_limit(episode, limit, case)),
    )


def _compared_limit(episode: Episode, limit: _Limit, case: Case) -> Comparison:
    """The days from the start of the clock until the toxicity resolved, treatment went on, or today."""
    start = clock_start(last_on=case.history.cycle_days[limit.interval - 1], protocol=case.protocol)
    until = min(limit.end, episode.resolved_on or limit.end)
    return counted_days(
        "Days of the delay's limit",
        start,
        until,
        Test.AT_LEAST,
        days_between(start, limit.day),
        purpose=Purpose.TRIGGER,
    )


def _event_notes(
    family: ToxicityFamily, told: Iterable[tuple[AdverseEvent, ToxicityFamily | None, str]], case: Case
) -> Iterator[Reason]:
    """Events attributed to another cause, begun before treatment, or milder than the trigger."""
    for event, belongs_to, _ in told:
        note = _event_note(family, event, case) if belongs_to is family else ""
        if note:
            yield Reason(
                rule=family.id,
                action=Action.PROCEED,
                sentence=f"{event.term} grade {event.grade} from {day_words(event.began_on)}: {note}.",
                threshold=f"grade {family.trigger_grade} or worse",
                source=str(family.source),
                evidence=(event_evidence(event),),
            )


def _event_note(family: ToxicityFamily, event: AdverseEvent, case: Case) -> str:
    reached = event.grade >= family.trigger_grade
    if event.grade == DEATH:
        return ""
    elsewhere = reached and event.related is False
    if elsewhere and family.other_events:
        return "recorded as not related to the treatment, so it does not act"
    if reached and family.never_acts:
        return "this alone never changes the treatment"
    before = not case.history.cycle_days or event.began_on < case.history.cycle_days[0]
    if reached and before and family.on_first is not Action.STOP:
        return "it began before the first cycle, so it is no toxicity of this treatment"
    if elsewhere:
        return f"recorded as not related to the treatment, which excuses nothing under {family.id}"
    return family.milder_note if not reached else ""
