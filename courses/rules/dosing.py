"""From toxicities and cycles so far: what each family asks for, and when a delay stops the course."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from courses.rules.derived import Case
from courses.rules.explaining import episode_reason, evidence_of, finding_words, release_of
from courses.rules.protocol import RecurrenceBy, ToxicityFamily
from courses.rules.schedule import other_delay_days, stop_day
from courses.rules.toxicity import Course, Episode, events, family_of
from courses.rules.values import Action, AdverseEvent, Occurrence, Reason
from courses.rules.wording import day_words, event_evidence, plain
from labs.clinic_days import add_days

LIMIT_RULE = "LIM-DELAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dosing:
    """What the families say: reasons, the present episodes, and the first stopping day."""

    reasons: tuple[Reason, ...]
    current: tuple[Episode, ...]
    stops_on: date | None


def judge_families(*, case: Case, course: Course, today: date) -> Dosing:
    """Every family's say on the next cycle, and the limit of the delay."""
    reasons: list[Reason] = []
    current: list[Episode] = []
    counted = {family.id: _counted(family, course.episodes, case) for family in case.protocol.families}
    for family in case.protocol.families:
        reasons += _family_reasons(family, counted[family.id], case)
        reasons += _event_notes(family, case)
        if family.on_first is Action.DELAY:
            current += _current(counted[family.id], case)
    limited = [e for episodes in counted.values() for e in episodes if e.family.on_first is Action.DELAY]
    reasons += _limit_reasons(limited, case, today)
    waiting = [episode for episode in current if _is_open(episode)]
    stops_on = _limit(case.history.given, case, today).day if waiting else None
    return Dosing(reasons=tuple(reasons), current=tuple(current), stops_on=stops_on)


def _counted(family: ToxicityFamily, episodes: Iterable[Episode], case: Case) -> list[Episode]:
    """A family's episodes since the first cycle, oldest first; recovered ones as the protocol counts them.

    A permanent stop counts whenever the event took place.
    """
    mine = sorted(
        (e for e in episodes if e.family is family and (e.interval > 0 or family.on_first is Action.STOP)),
        key=lambda e: (e.onset, e.track),
    )
    if case.protocol.count_interim_occurrences:
        return mine
    return [e for e in mine if e.resolved_on is None or e.resolved_on > _nominal(e.interval, case)]


def _nominal(interval: int, case: Case) -> date:
    return add_days(case.history.cycle_days[interval - 1], case.protocol.schedule.interval_days)


def _is_open(episode: Episode) -> bool:
    return episode.resolved_on is None


def _current(episodes: list[Episode], case: Case) -> list[Episode]:
    """Episodes of the present interval, and those still open when it began."""
    if not case.history.given:
        return []
    began = case.history.cycle_days[-1]
    # Of a laboratory track only its newest episode counts; each event reported by a person stands for itself.
    newest = {e.track if e.event is None else e.event: e for e in episodes}
    return [
        e
        for e in newest.values()
        if e.interval == case.history.given or e.resolved_on is None or e.resolved_on > began
    ]


def _family_reasons(family: ToxicityFamily, episodes: list[Episode], case: Case) -> Iterator[Reason]:
    """Stop for good, delay, reduce, or only remember: in this order of severity."""
    if not episodes:
        return
    newest = episodes[-1]
    if family.never_acts:
        for episode in _current(episodes, case):
            yield episode_reason(
                episode, Action.PROCEED, None, "this alone never changes the treatment", case
            )
        return
    if family.on_first is Action.STOP:
        yield episode_reason(
            newest, Action.STOP, Occurrence.FIRST, "stop permanently, do not treat again", case
        )
        return
    recurrent = _recurrence(family, episodes)
    if recurrent is not None:
        again = f"it came again after treatment had resumed (first from {day_words(episodes[0].onset)})"
        yield episode_reason(
            recurrent, family.on_recurrence, Occurrence.RECURRENT, f"{again}: stop permanently", case
        )
        return
    yield from _first_reasons(_current(episodes, case), newest, case)


def _first_reasons(current: list[Episode], newest: Episode, case: Case) -> Iterator[Reason]:
    """A first occurrence: delay while it lasts, then the reduced activity, then the full one again."""
    schedule = case.protocol.schedule
    for episode in current:
        if episode.resolved_on is None:
            text = f"delay until {release_of(episode, case)}"
            yield episode_reason(episode, Action.DELAY, Occurrence.FIRST, text, case)
        else:
            reduced = plain(schedule.reduced_activity_gbq)
            text = f"resolved on {day_words(episode.resolved_on)}: resume at {reduced} GBq"
            yield episode_reason(episode, Action.REDUCE, Occurrence.FIRST, text, case)
    if not current:
        given = case.history.given
        text = (
            f"cycle {given} was given since without it coming back: {plain(schedule.activity_gbq)} GBq again"
        )
        yield episode_reason(newest, Action.PROCEED, Occurrence.FIRST, text, case)


def _recurrence(family: ToxicityFamily, episodes: list[Episode]) -> Episode | None:
    """The newest episode when the toxicity has come in more than one interval between administrations."""
    groups: dict[str, list[Episode]] = {}
    for episode in episodes:
        name = episode.track if family.recurrence_by is RecurrenceBy.TERM else ""
        groups.setdefault(name, []).append(episode)
    again = [group[-1] for group in groups.values() if len({e.interval for e in group}) > 1]
    return max(again, key=lambda e: (e.onset, e.track), default=None)


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
        delays=case.chart.delays, cycle=interval + 1, nominal=_nominal(interval, case), until=end
    )
    plain_day = stop_day(last_on=began, protocol=protocol, spared_days=0)
    shifted = stop_day(last_on=began, protocol=protocol, spared_days=other)
    first, second = (
        (shifted, plain_day) if protocol.delay_limit.subtract_other_delay else (plain_day, shifted)
    )
    return _Limit(interval=interval, day=first, other_reading=second, end=end)


def _limit_reasons(episodes: list[Episode], case: Case, today: date) -> Iterator[Reason]:
    """A toxicity unresolved at the limit stops the course; a later recovery does not reopen it."""
    for episode in episodes:
        last = case.history.given if _is_open(episode) else _interval_of_end(episode, case)
        for interval in range(episode.interval, last + 1):
            limit = _limit(interval, case, today)
            unresolved = episode.resolved_on is None or episode.resolved_on >= limit.day
            if unresolved and limit.end >= limit.day:
                yield _limit_reason(episode, limit, case)
                break


def _interval_of_end(episode: Episode, case: Case) -> int:
    end = episode.resolved_on or episode.onset
    return max(episode.interval, case.history.interval_of(end))


def _limit_reason(episode: Episode, limit: _Limit, case: Case) -> Reason:
    rule = case.protocol.delay_limit
    counted = "from" if rule.stops_on_limit_day else "after"
    sentence = (
        f"{finding_words(episode, case)} was not resolved before {day_words(limit.day)}, the first day on "
        f"which a delay by toxicity ends the course ({counted} day {rule.days}): stop permanently."
    )
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
    )


def _event_notes(family: ToxicityFamily, case: Case) -> Iterator[Reason]:
    """Events attributed elsewhere, begun before treatment, or milder than the trigger."""
    for event in events(case):
        if family_of(event, None, case)[0] is not family:
            continue
        note = _event_note(family, event, case)
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
    if reached and event.related is False:
        return "recorded as not related to the treatment, so it does not act"
    if reached and family.never_acts:
        return "this alone never changes the treatment"
    before = not case.history.cycle_days or event.began_on < case.history.cycle_days[0]
    if reached and before and family.on_first is not Action.STOP:
        return "it began before the first cycle, so it is no toxicity of this treatment"
    return family.milder_note if not reached else ""
