"""From the whole chart: which dose-modifying toxicities began, when, how bad, and when they resolved."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import groupby

from courses.rules.ctcae import GradeRange, grade
from courses.rules.derived import Case, GapKind, Moment
from courses.rules.evidence import Sample
from courses.rules.judging import Judged, both, bound_holds, either, parts_of, recovered
from courses.rules.protocol import GradeBound, ToxicityCriterion, ToxicityFamily
from courses.rules.values import AdverseEvent
from labs.clinic_days import days_between

_WEIGHTY = (GapKind.BOUNDS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one track says at one moment; `weighty` means an unknown answer holds the cycle."""

    triggered: Judged
    resolved: Judged
    weighty: bool
    grade: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One line of a family that is followed over time: a graded term, or one criterion of bounds."""

    family: ToxicityFamily
    name: str
    criterion: ToxicityCriterion | None
    primary: str
    analytes: frozenset[str]

    def concerns(self, moment: Moment, drawn: frozenset[str]) -> bool:
        """Whether a draw brought anything this track looks at, and its own analyte was measured."""
        return bool(drawn & self.analytes) and self.primary in moment.samples

    def judge(self, moment: Moment, case: Case) -> Finding:
        """Whether the track triggers, and whether it counts as resolved, at a moment."""
        if self.criterion is not None:
            return _judge_bounds(self.criterion, self.family, moment, case)
        return _judge_grade(self, moment, case)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One occurrence of a toxicity within one interval between administrations.

    `worst` and `newest` are the moments it rests on; those of an event reported by a person hold no samples.
    """

    family: ToxicityFamily
    track: str
    criterion: ToxicityCriterion | None
    interval: int
    onset: date
    resolved_on: date | None
    grade: int | None
    worst: Moment
    newest: Moment
    event: AdverseEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A present moment at which a track could not be judged, and which nothing later has settled."""

    track: Track
    moment: Moment
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What following every track over the whole chart has shown."""

    episodes: tuple[Episode, ...]
    unknowns: tuple[Unknown, ...]


def tracks(case: Case) -> tuple[Track, ...]:
    """Every line that laboratory results are followed along."""
    found: list[Track] = []
    for family in case.protocol.families:
        for term in family.terms:
            own = _parts_of_term(term, case)
            names = set(own)
            names |= {part for bound in _excuses(family, term) for part in _parts_of_term(bound.term, case)}
            found.append(
                Track(family=family, name=term, criterion=None, primary=own[0], analytes=frozenset(names))
            )
        for criterion in family.criteria:
            parts = [part for bound in criterion.bounds for part in parts_of(bound.quantity)]
            found.append(
                Track(
                    family=family,
                    name=criterion.name,
                    criterion=criterion,
                    primary=parts[0],
                    analytes=frozenset(parts),
                )
            )
    return tuple(found)


def _parts_of_term(term: str, case: Case) -> tuple[str, ...]:
    return parts_of(case.protocol.criteria.by_term[term].quantity)


def _excuses(family: ToxicityFamily, term: str) -> tuple[GradeBound, ...]:
    return next((e.explained_by for e in family.exemptions if e.term == term), ())


def moments(case: Case) -> Iterator[tuple[Moment, frozenset[str]]]:
    """Each draw, with the samples still valid then and the analytes it brought.

    Nothing is carried over an infusion.
    """
    carried: dict[str, Sample] = {}
    interval = -1
    for _, group in groupby(case.history.decisive, key=lambda sample: sample.at):
        drawn = {sample.analyte: sample for sample in group}
        day = next(iter(drawn.values())).day
        if case.history.interval_of(day) != interval:
            interval, carried = case.history.interval_of(day), {}
        carried = {short: s for short, s in carried.items() if _still_valid(s, day, case)} | drawn
        yield Moment(day=day, interval=interval, samples=carried), frozenset(drawn)


def _still_valid(sample: Sample, day: date, case: Case) -> bool:
    """Whether an earlier result may be read together with one of this day."""
    row = case.protocol.lab(sample.analyte)
    return row is not None and days_between(sample.day, day) <= row.validity_days


def explained(bounds: tuple[GradeBound, ...], moment: Moment, case: Case) -> Judged:
    """Whether grades of other terms explain a finding away; no bounds explain nothing."""
    if not bounds:
        return Judged(False)
    answers = []
    for bound in bounds:
        found = grade(case.protocol.criteria.by_term[bound.term], moment, case)
        answers += [found.at_least(bound.at_least), found.at_most(bound.at_most)]
    return both(answers)


def _judge_grade(track: Track, moment: Moment, case: Case) -> Finding:
    """A graded term triggers from its grade on, unless explained or no worse than at the baseline."""
    family = track.family
    criterion = case.protocol.criteria.by_term[track.name]
    found = grade(criterion, moment, case)
    reached = found.at_least(family.trigger_grade)
    excuse = Judged(False)
    if reached.holds is not False:
        excuse = explained(_excuses(family, track.name), moment, case)
    spared = Judged(family.spare_baseline_grade and _no_worse_than_baseline(found, track, case))
    required = {row.analyte for row in case.protocol.labs if row.always}
    always = required.issuperset(parts_of(criterion.quantity))
    return Finding(
        triggered=both([reached, _not(excuse), _not(spared)]),
        resolved=either([found.at_most(family.resolved_grade), excuse, spared]),
        weighty=always or excuse.holds is None or any(g.kind in _WEIGHTY for g in reached.gaps),
        grade=found.low,
    )


def _not(answer: Judged) -> Judged:
    return Judged(None if answer.holds is None else not answer.holds, answer.gaps)


def _no_worse_than_baseline(found: GradeRange, track: Track, case: Case) -> bool:
    """Whether the grade is surely no worse than the baseline's own."""
    criterion = case.protocol.criteria.by_term[track.name]
    parts = parts_of(criterion.quantity)
    samples = {part: case.history.baselines[part] for part in parts if part in case.history.baselines}
    if len(samples) < len(parts):
        return False
    moment = Moment(day=samples[parts[0]].day, interval=0, samples=samples)
    return found.high <= grade(criterion, moment, case).low


def _judge_bounds(
    criterion: ToxicityCriterion, family: ToxicityFamily, moment: Moment, case: Case
) -> Finding:
    """A criterion triggers while all its bounds are met; it resolves when its quantities are back."""
    triggered = both([bound_holds(bound, moment, case) for bound in criterion.bounds])
    tolerance = Fraction(family.tolerance_percent) / 100
    back = [
        recovered(name, falls=falls, tolerance=tolerance, moment=moment, case=case)
        for name, falls in criterion.resolves_by
    ]
    return Finding(triggered=triggered, resolved=both([_not(triggered), *back]), weighty=True)


def follow(case: Case) -> Course:
    """Follow every track over the whole chart, and add what people have reported."""
    seen = [pair for pair in moments(case) if pair[0].interval > 0]
    episodes: list[Episode] = []
    unknowns: list[Unknown] = []
    for track in tracks(case):
        own = [moment for moment, drawn in seen if track.concerns(moment, drawn)]
        found = _follow_track(track, own, case)
        episodes += found.episodes
        unknowns += found.unknowns
    return Course(episodes=(*episodes, *reported(case)), unknowns=tuple(unknowns))


def _follow_track(track: Track, own: list[Moment], case: Case) -> Course:
    """One walk in time: a trigger opens an episode, only the track's own criterion of resolution closes it.

    Ups and downs between two administrations are one episode; a trigger after the next one is another.
    """
    episodes: list[Episode] = []
    pending: list[Unknown] = []
    for moment in own:
        finding = track.judge(moment, case)
        if finding.triggered.holds is None:
            pending.append(Unknown(track=track, moment=moment, finding=finding))
            continue
        # A result known only within bounds stays in doubt; a missing companion is settled by the next draw.
        pending = [u for u in pending if any(g.kind is GapKind.BOUNDS for g in u.finding.triggered.gaps)]
        if finding.triggered.holds:
            _worsen(episodes, track, moment, finding)
        elif episodes:
            _ease(episodes, moment, finding)
    present = [u for u in pending if u.moment.interval == case.history.given]
    return Course(episodes=tuple(episodes), unknowns=tuple(present))


def _worsen(episodes: list[Episode], track: Track, moment: Moment, finding: Finding) -> None:
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
                resolved_on=None,
                grade=finding.grade,
                worst=moment,
                newest=moment,
            )
        )
        return
    worse = (finding.grade or 0) >= (last.grade or 0)
    episodes[-1] = replace(
        last,
        resolved_on=None,
        grade=finding.grade if worse else last.grade,
        worst=moment if worse else last.worst,
        newest=moment,
    )


def _ease(episodes: list[Episode], moment: Moment, finding: Finding) -> None:
    """Close the open episode once its own criterion of resolution is met."""
    last = episodes[-1]
    if last.resolved_on is None:
        resolved_on = moment.day if finding.resolved.holds else None
        episodes[-1] = replace(last, newest=moment, resolved_on=resolved_on)


def reported(case: Case) -> Iterator[Episode]:
    """Episodes from adverse events graded by people, unless attributed to another cause."""
    lookup = _terms(case)
    for event in events(case):
        family, track = family_of(event, lookup, case)
        if (
            family is None
            or event.related is False
            or event.grade < family.trigger_grade
            or family.never_acts
        ):
            continue
        interval = bisect_right(case.history.cycle_days, event.began_on)
        moment = Moment(day=event.began_on, interval=interval, samples={})
        yield Episode(
            family=family,
            track=track,
            criterion=None,
            interval=interval,
            onset=event.began_on,
            resolved_on=event.ended_on,
            grade=event.grade,
            worst=moment,
            newest=moment,
            event=event,
        )


def events(case: Case) -> list[AdverseEvent]:
    """Each adverse event once, oldest first, however the chart lists them."""
    return sorted(
        set(case.chart.adverse_events),
        key=lambda e: (e.began_on, e.term, e.grade, str(e.ended_on), str(e.related), e.ref),
    )


def _terms(case: Case) -> Mapping[str, tuple[ToxicityFamily, str]]:
    """Each term people may report, folded, with the family and track it belongs to."""
    found: dict[str, tuple[ToxicityFamily, str]] = {}
    for family in case.protocol.families:
        for term in family.terms:
            for name in (term, *case.protocol.criteria.by_term[term].also_reported_as):
                found[name.casefold()] = (family, term)
        for name in family.reported_terms:
            found[name.casefold()] = (family, name)
    return found


def family_of(
    event: AdverseEvent, lookup: Mapping[str, tuple[ToxicityFamily, str]] | None, case: Case
) -> tuple[ToxicityFamily | None, str]:
    """The family an event belongs to: the one that names its term, else the one for all other events."""
    name = event.term.strip().casefold()
    found = (lookup if lookup is not None else _terms(case)).get(name)
    if found is not None:
        return found
    return next((family for family in case.protocol.families if family.other_events), None), name
