"""Word an episode of toxicity: what was found, what it was compared with, what ends it, and its evidence."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from courses.rules.comparing import (
    compared_bound,
    compared_excuses,
    compared_recovery,
    compared_resolution,
    counted,
    opposite,
    resolution_bounds,
)
from courses.rules.ctcae import row_holds
from courses.rules.decimals import plain
from courses.rules.derived import Case, Moment
from courses.rules.judging import asked_bound, asked_quantity, parts_of
from courses.rules.manual_grades import manual_grade
from courses.rules.protocol import CREATININE_CLEARANCE, Bound, Reference, Test, ToxicityCriterion
from courses.rules.releasing import grade_release, recovery_release, released_by_results
from courses.rules.sparing import compared_with_baseline
from courses.rules.toxicity import Episode
from courses.rules.tracks import leading_bound
from courses.rules.values import Action, Comparison, Evidence, Occurrence, Purpose, Reason
from courses.rules.wording import (
    bound_words,
    clearance_evidence,
    day_words,
    event_evidence,
    lab_evidence,
    needed_words,
    quantity_words,
    release_words,
    said_evidence,
    surrogate_words,
)


def bounds_of(episode: Episode, case: Case) -> tuple[Bound, ...]:
    """The comparisons an episode rests on: its criterion's, or the row of the grade that triggers."""
    if episode.criterion is not None:
        return tuple(asked_bound(bound, episode.worst, case) for bound in episode.criterion.bounds)
    criterion = case.protocol.criteria.by_term[episode.track]
    rows = [row for row in reversed(criterion.rows) if row.grade >= episode.family.trigger_grade]
    return tuple(row.bound for row in rows if row_holds(row, criterion, episode.worst, case).holds)[:1]


def shown_bounds(episode: Episode, case: Case) -> tuple[Bound, ...]:
    """The bounds whose quantities are told; the term's own where a person's grade alone triggers."""
    return bounds_of(episode, case) or (leading_bound(None, episode.track, case),)


def finding_words(episode: Episode, case: Case) -> str:
    """The finding in words: Platelets 60 ×10^9/L on 4 May 2026, or Nausea grade 3 from 10 March 2026."""
    if episode.event is not None:
        event = episode.event
        until = "" if event.ended_on is None else f" to {day_words(event.ended_on)}"
        return f"{event.term} grade {event.grade} from {day_words(event.began_on)}{until}"
    bounds = shown_bounds(episode, case)
    worst = " and ".join(quantity_words(bound, episode.worst, case) for bound in bounds)
    newest = " and ".join(filter(None, (_newest_words(bound, episode.newest, case) for bound in bounds)))
    return worst if newest == worst else f"{worst} (newest: {newest})"


def _newest_words(bound: Bound, moment: Moment, case: Case) -> str:
    return quantity_words(bound, moment, case) if parts_of(bound.quantity)[0] in moment.samples else ""


def threshold_words(episode: Episode, case: Case) -> str:
    """What the finding was compared with."""
    if episode.event is not None:
        return f"grade {episode.family.trigger_grade} or worse"
    words = [
        f"{case.protocol.names[bound.quantity]} {bound_words(bound, episode.worst, case)}"
        for bound in bounds_of(episode, case)
    ]
    if episode.criterion is not None:
        return " and ".join(words)
    graded = f"CTCAE {case.protocol.criteria.version} grade {episode.family.trigger_grade} or worse"
    return f"{words[0]} ({graded})" if words else graded


def release_of(episode: Episode, case: Case) -> str:
    """What ends the delay."""
    if episode.event is not None:
        return f"grade {episode.family.resolved_grade} or milder"
    if episode.criterion is None:
        bounds = resolution_bounds(episode.track, episode.family.resolved_grade, case)
        words = release_words if len(bounds) == 1 else needed_words
        return " and also ".join(words(bound, episode.newest, case) for bound in bounds)
    asked = [asked_quantity(name, episode.newest, case) for name, _ in episode.criterion.resolves_by]
    names = " and ".join(case.protocol.names[name] for name in asked)
    each = "" if len(asked) == 1 else "each "
    return (
        f"{names} {each}back within the reference range or within {plain(episode.family.tolerance_percent)} "
        "% of the baseline"
    )


def evidence_of(episode: Episode, case: Case) -> tuple[Evidence, ...]:
    """The facts an episode rests on: the worst draw, and the newest where it is another."""
    if episode.event is not None:
        return (event_evidence(episode.event),)
    return tuple(dict.fromkeys(_evidence(episode, case)))


def _evidence(episode: Episode, case: Case) -> Iterator[Evidence]:
    """The same of a laboratory finding, where one fact may come twice."""
    for moment in (episode.worst, episode.newest):
        for bound in shown_bounds(episode, case):
            for part in parts_of(bound.quantity):
                if part in moment.samples:
                    yield lab_evidence(moment.samples[part], case.protocol)
            if bound.quantity == CREATININE_CLEARANCE:
                yield from clearance_evidence(moment, case)
    for bound in bounds_of(episode, case):
        if bound.reference is Reference.BASELINE:
            yield lab_evidence(case.history.baselines[parts_of(bound.quantity)[0]], case.protocol)
    if episode.manual is not None:
        yield said_evidence(episode.track, f"grade {episode.manual.grade}", episode.manual)


def episode_reason(
    episode: Episode,
    action: Action,
    occurrence: Occurrence | None,
    consequence: str,
    case: Case,
    *,
    first: Episode | None = None,
) -> Reason:
    """The reason a family gives for an episode; a recurrence shows the `first` occurrence beside it."""
    marks = [] if episode.event is not None or episode.grade is None else [f"grade {episode.grade}"]
    marks += [] if occurrence is None else [f"{occurrence.value} occurrence"]
    finding = finding_words(episode, case)
    condition = "" if episode.event is not None else condition_words(episode, case)
    mark = f" ({', '.join(marks)})" if marks else ""
    shown = [episode] if first is None else [first, episode]
    reason = Reason(
        rule=episode.family.id,
        action=action,
        occurrence=occurrence,
        sentence=f"{', '.join(filter(None, [finding, condition]))}{mark}: {consequence}.",
        threshold=threshold_words(episode, case),
        source=str(episode.family.source),
        evidence=tuple(dict.fromkeys(item for e in shown for item in evidence_of(e, case))),
        comparisons=tuple(item for e in shown for item in comparisons_of(e, case)),
    )
    return with_release(reason, episode, case) if action is Action.DELAY else reason


def with_release(reason: Reason, episode: Episode, case: Case) -> Reason:
    """A delay by a toxicity with what ends it: a recovery in results, or the end of an event recorded."""
    if episode.event is not None:
        text = f"record the day on which {episode.event.term} ended or became {release_of(episode, case)}"
        return replace(reason, release=text, release_on=case.today)
    if episode.criterion is None:
        quantities = [case.protocol.criteria.by_term[episode.track].quantity]
        needs = grade_release(episode.track, episode.family, episode.newest, case)
    else:
        quantities = [name for name, _ in episode.criterion.resolves_by]
        quantities += [bound.quantity for bound in episode.criterion.bounds]
        needs = recovery_release(episode.criterion, episode.family, episode.newest, case)
    return released_by_results(reason, needs, quantities, episode.newest.day, case)


def comparisons_of(episode: Episode, case: Case) -> Iterator[Comparison]:
    """What makes the finding at its worst, and whether the newest draw shows the recovery."""
    if episode.event is not None:
        return
    term = episode.track if episode.criterion is None else ""
    for bound in bounds_of(episode, case):
        yield compared_bound(bound, episode.worst, case, term=term)
    if episode.manual is not None:
        name, trigger = f"grade given by {episode.manual.by}", episode.family.trigger_grade
        yield counted(
            name, episode.manual.grade, "", Test.AT_LEAST, trigger, collected_at=_taken_at(episode, case)
        )
    if episode.criterion is None:
        yield from _graded_again(episode, case)
        yield from compared_resolution(episode.track, episode.family.resolved_grade, episode.newest, case)
        excuses = [e for e in episode.family.exemptions if e.term == episode.track]
        for exemption in excuses:
            yield from compared_excuses(exemption.explained_by, episode.newest, case)
        beside = compared_with_baseline(episode.family, episode.track, episode.newest, case)
        if beside is not None:
            yield beside
        return
    yield from _no_longer_together(episode.criterion, episode.newest, case)
    tolerance = Fraction(episode.family.tolerance_percent) / 100
    for quantity, falls in episode.criterion.resolves_by:
        yield from compared_recovery(
            quantity, falls=falls, tolerance=tolerance, moment=episode.newest, case=case
        )


def _taken_at(episode: Episode, case: Case) -> datetime:
    """When the specimen was taken to which a person gave the grade."""
    quantity = case.protocol.criteria.by_term[episode.track].quantity
    return episode.worst.samples[parts_of(quantity)[0]].at


def _no_longer_together(criterion: ToxicityCriterion, moment: Moment, case: Case) -> list[Comparison]:
    """The bounds of a criterion at the newest draw: one no longer met ends what acts only together."""
    asked = [asked_bound(bound, moment, case) for bound in criterion.bounds]
    measured = [bound for bound in asked if parts_of(bound.quantity)[0] in moment.samples]
    found = [compared_bound(opposite(bound), moment, case, purpose=Purpose.RESOLUTION) for bound in measured]
    ended = [comparison for comparison in found if comparison.met]
    return ended or found


def _graded_again(episode: Episode, case: Case) -> Iterator[Comparison]:
    """The grade a person gave to the newest specimen: while it is too high, no number resolves anything."""
    given = manual_grade(case.protocol.criteria.by_term[episode.track], episode.newest, case)
    if given is not None:
        name, resolved = f"grade given by {given.by}", episode.family.resolved_grade
        yield counted(name, given.grade, "", Test.AT_MOST, resolved, purpose=Purpose.RESOLUTION)


def condition_words(episode: Episode, case: Case) -> str:
    """The bounds a finding met, and what stands in for what."""
    met = " and ".join(bound_words(bound, episode.worst, case) for bound in bounds_of(episode, case))
    asked = () if episode.criterion is None else episode.criterion.bounds
    given = episode.manual
    by_hand = "" if given is None else f"graded {given.grade} by {given.by} ({given.reason})"
    return ", ".join(filter(None, [met + surrogate_words(asked, episode.worst, case), by_hand]))
