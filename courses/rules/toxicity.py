"""From the whole chart: which dose-modifying toxicities began, when, how bad, and when they resolved."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from courses.rules.attributions import Spoken, attributions_of
from courses.rules.derived import Case, GapKind, Moment, quantity_at
from courses.rules.facts import Attribution, ManualGrade
from courses.rules.intervals import is_further
from courses.rules.judging import Judged
from courses.rules.manual_grades import folded
from courses.rules.protocol import ToxicityCriterion, ToxicityFamily
from courses.rules.tracks import Finding, Track, leading_bound, moments, tracks
from courses.rules.values import AdverseEvent

_CORRECTABLE = {GapKind.BOUNDS, GapKind.LOWER_LIMIT, GapKind.UPPER_LIMIT, GapKind.BASELINE}

DEATH = 5  # what grade 5 means in every version of CTCAE


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One occurrence of a toxicity within one interval between administrations.

    `worst` is the nadir or peak, the first moment of the worst value, and `newest` the newest one looked at;
    those of an event reported by a person hold no samples. `latest` is the newest day on which it
    triggered. `alone` says that no other line of the family shows one that began on the same day.
    """

    family: ToxicityFamily
    track: str
    criterion: ToxicityCriterion | None
    interval: int
    onset: date
    latest: date
    resolved_on: date | None
    grade: int | None
    worst: Moment
    newest: Moment
    manual: ManualGrade | None = None
    event: AdverseEvent | None = None
    alone: bool = True

    @property
    def fatal(self) -> bool:
        """Whether a person reported it as death."""
        return self.event is not None and self.event.grade == DEATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A moment at which a track could not be judged, and which nothing later has settled."""

    track: Track
    moment: Moment
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Excused:
    """A finding that does not act because a physician attributed it to another cause."""

    track: Track
    moment: Moment
    grade: int | None
    by: Attribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What following every track over the whole chart has shown.

    `tracks` are the lines that were followed. `spoken` holds the attributions of each as they stand at last,
    by the ids of family and track.
    """

    tracks: tuple[Track, ...] = ()
    episodes: tuple[Episode, ...]
    unknowns: tuple[Unknown, ...]
    excused: tuple[Excused, ...] = ()
    spoken: Mapping[tuple[str, str], Spoken] = field(default_factory=dict)


def follow(case: Case) -> Course:
    """Follow every track over the whole chart, and add what people have reported."""
    seen = list(moments(case))
    episodes: list[Episode] = []
    unknowns: list[Unknown] = []
    excused: list[Excused] = []
    spoken: dict[tuple[str, str], Spoken] = {}
    followed = tracks(case)
    for track in followed:
        own = [moment for moment, drawn in seen if track.concerns(moment, drawn)]
        found = _follow_track(track, own, case)
        episodes += found.episodes
        unknowns += found.unknowns
        excused += found.excused
        spoken |= found.spoken
    return Course(
        tracks=followed,
        episodes=(*_marked(episodes), *reported(case)),
        unknowns=tuple(unknowns),
        excused=tuple(excused),
        spoken=spoken,
    )


def _marked(episodes: list[Episode]) -> Iterator[Episode]:
    """The same episodes, each knowing whether it is the only one of its family and first day."""
    begun = Counter((e.family.id, e.onset) for e in episodes)
    return (replace(e, alone=begun[e.family.id, e.onset] == 1) for e in episodes)


def _follow_track(track: Track, own: list[Moment], case: Case) -> Course:
    """One walk in time: a trigger opens an episode, only the track's own criterion of resolution closes it.

    Ups and downs between two administrations are one episode; a trigger after the next one is another.
    """
    episodes: list[Episode] = []
    pending: list[Unknown] = []
    excused: list[Excused] = []
    spoken = _spoken_of(track, [moment for moment in own if moment.interval == 0], case)
    for moment in (moment for moment in own if moment.interval > 0):
        finding = track.judge(moment, case)
        spoken = held_against(spoken, finding, moment, track.family)
        finding = unless_attributed(finding, moment, spoken)
        if finding.excused_by is not None:
            excused.append(Excused(track=track, moment=moment, grade=finding.grade, by=finding.excused_by))
        if finding.triggered.holds is None:
            pending.append(Unknown(track=track, moment=moment, finding=finding))
            continue
        pending = [u for u in pending if _still_open(u, moment)]
        if finding.triggered.holds:
            _worsen(episodes, track, moment, finding, case)
        elif episodes:
            _ease(episodes, moment, finding, case)
    open_still = [u for u in pending if _matters(u, episodes, case)]
    return Course(
        episodes=tuple(episodes),
        unknowns=tuple(open_still),
        excused=tuple(excused),
        spoken={(track.family.id, track.name): spoken},
    )


def _still_open(unknown: Unknown, later: Moment) -> bool:
    """Whether a later draw that could be judged leaves an unknown one open.

    What was never known of a specimen no later specimen tells: it may have been an occurrence. Only the same
    specimen, judged again beside what it lacked, settles it. What cannot hold is settled by any draw.
    """
    kinds = {gap.kind for gap in unknown.finding.triggered.gaps}
    if GapKind.BOUNDS in kinds:
        return True
    primary = unknown.track.primary
    return unknown.finding.weighty and unknown.moment.samples[primary] != later.samples[primary]


def _matters(unknown: Unknown, episodes: list[Episode], case: Case) -> bool:
    """Whether an unknown moment could still change the verdict.

    Before the last administration it could only be an earlier occurrence: what the laboratory can still
    correct or supply is asked for, a companion that was never collected is not.
    """
    if unknown.moment.interval == case.history.given:
        return True
    kinds = {gap.kind for gap in unknown.finding.triggered.gaps}
    known = any(episode.interval == unknown.moment.interval for episode in episodes)
    return unknown.finding.weighty and bool(kinds & _CORRECTABLE) and not known


def _spoken_of(track: Track, before: list[Moment], case: Case) -> Spoken:
    """The attributions that a track heeds: only where the rule asks whether a finding is related.

    What was there before the first cycle may be what an attribution speaks of.
    """
    if track.criterion is not None or not track.family.other_events:
        return Spoken()
    spoken = Spoken(attributions=attributions_of(case.protocol.criteria.by_term[track.name], case))
    if spoken.attributions:
        for moment in before:
            spoken = held_against(spoken, track.judge(moment, case), moment, track.family)
    return spoken


def held_against(spoken: Spoken, finding: Finding, moment: Moment, family: ToxicityFamily) -> Spoken:
    """What was said, held against one more finding of a graded term."""
    if not spoken.attributions or finding.grade is None or finding.worst_grade is None:
        return spoken
    may_stand = finding.worst_grade >= family.trigger_grade
    return spoken.seen(moment.day, finding.grade, may_stand=may_stand)


def unless_attributed(finding: Finding, moment: Moment, spoken: Spoken) -> Finding:
    """The same finding, or one that does not trigger while an attribution covers it.

    It does not show either that what counted before has resolved.
    """
    if finding.worst_grade is None or finding.triggered.holds is False:
        return finding
    excuse = spoken.excuse(moment.day, finding.worst_grade)
    if excuse is None:
        return finding
    return replace(finding, triggered=Judged(False), resolved=Judged(None), excused_by=excuse)


def _worsen(episodes: list[Episode], track: Track, moment: Moment, finding: Finding, case: Case) -> None:
    """Open an episode, or reopen and deepen the one of this interval."""
    last = episodes[-1] if episodes else None
    if last is None or last.interval != moment.interval:
        episodes.append(
            Episode(
                family=track.family,
                track=track.name,
                criterion=track.criterion,
                interval=moment.interval,
                onset=moment.day,
                latest=moment.day,
                resolved_on=None,
                grade=finding.grade,
                worst=moment,
                newest=moment,
                manual=finding.manual,
            )
        )
        return
    last = replace(last, resolved_on=None, latest=moment.day, newest=moment)
    if _is_worse(finding, moment, last, track, case):
        last = replace(last, grade=finding.grade, worst=moment, manual=finding.manual)
    episodes[-1] = last


def _is_worse(finding: Finding, moment: Moment, last: Episode, track: Track, case: Case) -> bool:
    """A worse grade, or a value further out within the same grade; of two equal ones the first stays."""
    if finding.grade != last.grade:
        return (finding.grade or 0) > (last.grade or 0)
    bound = leading_bound(track.criterion, track.name, case)
    new = quantity_at(bound.quantity, moment, case).value
    old = quantity_at(bound.quantity, last.worst, case).value
    return new is not None and old is not None and is_further(new, old, low=bound.is_low)


def _ease(episodes: list[Episode], moment: Moment, finding: Finding, case: Case) -> None:
    """Close the open episode once its own criterion of resolution is met.

    The latest value decides: one that surely does not meet the criterion opens an episode that resolved in
    this interval again, also below the trigger. After the next administration only a new trigger does.
    """
    last = episodes[-1]
    if last.resolved_on is None:
        resolved_on = moment.day if finding.resolved.holds else None
        episodes[-1] = replace(last, newest=moment, resolved_on=resolved_on)
    elif finding.resolved.holds is False and case.history.interval_of(last.resolved_on) == moment.interval:
        episodes[-1] = replace(last, newest=moment, resolved_on=None)


def reported(case: Case) -> Iterator[Episode]:
    """Episodes from adverse events graded by people.

    Another cause keeps one from acting only among all other events. Death is one whatever its cause.
    """
    for event, family, track in placed_events(case):
        if family is None or not (event.grade == DEATH or _may_act(event, family)):
            continue
        interval = bisect_right(case.history.cycle_days, event.began_on)
        moment = Moment(day=event.began_on, interval=interval, samples={})
        yield Episode(
            family=family,
            track=track,
            criterion=None,
            interval=interval,
            onset=event.began_on,
            latest=event.began_on,
            resolved_on=event.ended_on,
            grade=event.grade,
            worst=moment,
            newest=moment,
            event=event,
        )


def _may_act(event: AdverseEvent, family: ToxicityFamily) -> bool:
    excused = event.related is False and family.other_events
    return event.grade >= family.trigger_grade and not (excused or family.never_acts)


def events(case: Case) -> list[AdverseEvent]:
    """Each adverse event once, oldest first, however the chart lists them."""
    return sorted(
        set(case.chart.adverse_events),
        key=lambda e: (e.began_on, e.term, e.grade, str(e.ended_on), str(e.related), e.ref),
    )


def placed_events(case: Case) -> Iterator[tuple[AdverseEvent, ToxicityFamily | None, str]]:
    """Each adverse event once, oldest first, with the family it belongs to and the track's name."""
    told = events(case)
    lookup = _terms(case)
    for event in told:
        yield event, *_placed(event.term, lookup, case)


def family_of(term: str, case: Case) -> tuple[ToxicityFamily | None, str]:
    """The family a reported term belongs to, and the track's name in it."""
    return _placed(term, _terms(case), case)


def _terms(case: Case) -> Mapping[str, tuple[ToxicityFamily, str]]:
    """Each term people may report, folded, with the family and track it belongs to; the first row has it."""
    found: dict[str, tuple[ToxicityFamily, str]] = {}
    for family in case.protocol.families:
        for term in family.terms:
            for name in (term, *case.protocol.criteria.by_term[term].also_reported_as):
                found.setdefault(folded(name), (family, term))
        for name in family.reported_terms:
            found.setdefault(folded(name), (family, name))
    return found


def _placed(
    term: str, lookup: Mapping[str, tuple[ToxicityFamily, str]], case: Case
) -> tuple[ToxicityFamily | None, str]:
    """The family that names a term, else one with a stem that it contains, else the one for all others.

    Of two rows with such a stem the stricter one takes the term.
    """
    name = folded(term)
    if name in lookup:
        return lookup[name]
    stems = [f for f in case.protocol.families if any(stem in name for stem in f.reported_stems)]
    found = stems or [f for f in case.protocol.families if f.other_events]
    return max(found, key=lambda f: f.on_first, default=None), name
