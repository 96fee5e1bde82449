"""Word an episode of toxicity: what was found, what it was compared with, what ends it, and its evidence."""

from courses.rules.ctcae import row_holds
from courses.rules.derived import Case, Moment
from courses.rules.judging import parts_of
from courses.rules.protocol import CREATININE_CLEARANCE, Bound, Reference
from courses.rules.toxicity import Episode
from courses.rules.values import Action, Evidence, Occurrence, Reason
from courses.rules.wording import (
    bound_words,
    clearance_evidence,
    day_words,
    event_evidence,
    lab_evidence,
    plain,
    quantity_words,
    release_words,
)


def bounds_of(episode: Episode, case: Case) -> tuple[Bound, ...]:
    """The comparisons an episode rests on: its criterion's, or the row of the grade that triggers."""
    if episode.criterion is not None:
        return episode.criterion.bounds
    criterion = case.protocol.criteria.by_term[episode.track]
    rows = [row for row in reversed(criterion.rows) if row.grade >= episode.family.trigger_grade]
    return tuple(row.bound for row in rows if row_holds(row, criterion, episode.worst, case).holds)[:1]


def finding_words(episode: Episode, case: Case) -> str:
    """The finding in words: Platelets 60 ×10^9/L on 4 May 2026, or Nausea grade 3 from 10 March 2026."""
    if episode.event is not None:
        event = episode.event
        until = "" if event.ended_on is None else f" to {day_words(event.ended_on)}"
        return f"{event.term} grade {event.grade} from {day_words(event.began_on)}{until}"
    bounds = bounds_of(episode, case)
    worst = " and ".join(quantity_words(bound, episode.worst, case) for bound in bounds)
    newest = " and ".join(_newest_words(bound, episode.newest, case) for bound in bounds)
    return worst if newest in ("", worst) else f"{worst} (newest: {newest})"


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
    suffix = (
        ""
        if episode.criterion is not None
        else f" (CTCAE {case.protocol.criteria.version} grade "
        + (f"{episode.family.trigger_grade} or worse)")
    )
    return " and ".join(words) + suffix


def release_of(episode: Episode, case: Case) -> str:
    """What ends the delay."""
    if episode.event is not None:
        return f"grade {episode.family.resolved_grade} or milder"
    if episode.criterion is None:
        return " and ".join(release_words(bound, episode.worst, case) for bound in bounds_of(episode, case))
    names = " and ".join(case.protocol.names[name] for name, _ in episode.criterion.resolves_by)
    return (
        f"{names} back within the reference range or within {plain(episode.family.tolerance_percent)} % "
        "of the baseline"
    )


def evidence_of(episode: Episode, case: Case) -> tuple[Evidence, ...]:
    """The facts an episode rests on: the worst draw, and the newest where it is another."""
    if episode.event is not None:
        return (event_evidence(episode.event),)
    found: dict[Evidence, None] = {}
    for moment in (episode.worst, episode.newest):
        for bound in bounds_of(episode, case):
            for part in parts_of(bound.quantity):
                if part in moment.samples:
                    found[lab_evidence(moment.samples[part], case.protocol)] = None
            if bound.quantity == CREATININE_CLEARANCE:
                found |= dict.fromkeys(clearance_evidence(moment, case))
            if bound.reference is Reference.BASELINE:
                sample = case.history.baselines[parts_of(bound.quantity)[0]]
                found[lab_evidence(sample, case.protocol)] = None
    return tuple(found)


def episode_reason(
    episode: Episode, action: Action, occurrence: Occurrence | None, consequence: str, case: Case
) -> Reason:
    marks = [] if episode.event is not None or episode.grade is None else [f"grade {episode.grade}"]
    marks += [] if occurrence is None else [f"{occurrence.value} occurrence"]
    condition = "" if episode.event is not None else f", {condition_words(episode, case)}"
    mark = f" ({', '.join(marks)})" if marks else ""
    return Reason(
        rule=episode.family.id,
        action=action,
        occurrence=occurrence,
        sentence=f"{finding_words(episode, case)}{condition}{mark}: {consequence}.",
        threshold=threshold_words(episode, case),
        source=str(episode.family.source),
        evidence=evidence_of(episode, case),
    )


def condition_words(episode: Episode, case: Case) -> str:
    return " and ".join(bound_words(bound, episode.worst, case) for bound in bounds_of(episode, case))
