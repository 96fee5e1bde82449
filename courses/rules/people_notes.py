"""What people said of findings, told as notes: manual grades, attributions, reviews of occurrences."""

from collections.abc import Iterator

from courses.rules.attributions import newest_on
from courses.rules.ctcae import grade_of_numbers
from courses.rules.derived import Case
from courses.rules.explaining import finding_words
from courses.rules.facts import Attribution, ManualGrade, OccurrenceReview
from courses.rules.judging import parts_of
from courses.rules.manual_grades import is_named
from courses.rules.occurrences import (
    covers_grade,
    dismissal_of,
    is_interim,
    kept_waiting,
    next_day,
    review_of,
)
from courses.rules.protocol import ToxicityFamily
from courses.rules.required import UNUSABLE, Lack
from courses.rules.toxicity import Course, Episode, family_of
from courses.rules.tracks import Track, moments
from courses.rules.values import Action, Evidence, MissingEvidence, Reason
from courses.rules.wording import day_words, said_evidence


def people_notes(case: Case, course: Course) -> Iterator[Reason]:
    """A note for everything people said that changes, or does not change, how a finding counts."""
    for given in sorted(set(case.chart.manual_grades), key=_grade_order):
        yield from _manual_notes(given, case, course)
    for attribution in sorted(set(case.chart.attributions), key=_attribution_order):
        yield from _attribution_notes(attribution, case, course)
    for review in sorted(set(case.chart.occurrence_reviews), key=_review_order):
        yield from _review_notes(review, case, course)


def _grade_order(g: ManualGrade) -> tuple[object, ...]:
    return g.on, g.term, g.grade, g.by, g.reason, g.ref


def _attribution_order(a: Attribution) -> tuple[object, ...]:
    return a.on, a.term, a.by, a.ref, a.grade, a.related, a.reason


def _review_order(r: OccurrenceReview) -> tuple[object, ...]:
    return r.onset, r.rule, r.by, r.ref, r.counts, str(r.on), r.reason


def relation_words(episode: Episode, course: Course) -> str:
    """Whether a finding of the family for all other toxicities is thought to come of the treatment."""
    if episode.event is not None:
        return "recorded as related" if episode.event.related else "possibly related"
    spoken = course.spoken[episode.family.id, episode.track]
    newest = newest_on(spoken.attributions, episode.latest)
    if newest is not None and newest.related:
        return f"attributed to the treatment by {newest.by} ({newest.reason})"
    return "possibly related until a physician records an attribution"


def manual_lacks(case: Case, course: Course) -> Iterator[Lack]:
    """Grades of people that would act, but belong to no result of their day and to no recorded event."""
    for given in sorted(set(case.chart.manual_grades), key=_grade_order):
        family, _ = family_of(given.term, case)
        if family is None or family.never_acts or given.grade < family.trigger_grade:
            continue
        if not (_has_specimen(given, _track_named(given.term, case, course), case) or _is_event(given, case)):
            yield _unattached(given, family)


def _unattached(given: ManualGrade, family: ToxicityFamily) -> Lack:
    return Lack(
        gap=MissingEvidence(
            item=given.term,
            rule=UNUSABLE,
            why=f"grade {given.grade}, given by {given.by} for {day_words(given.on)} ({given.reason}), "
            f"belongs to no result of that day that is graded ({family.id})",
            resolve=f"record {given.term} as an adverse event, or take the grade back",
        ),
        name=given.term,
        source=str(family.source),
        evidence=(_graded_evidence(given),),
    )


def _track_named(term: str, case: Case, course: Course) -> Track | None:
    """The graded line of a family that follows a term, under any of its accepted names."""
    by_term = case.protocol.criteria.by_term
    return next(
        (t for t in course.tracks if t.criterion is None and is_named(by_term[t.name], term)),
        None,
    )


def _has_specimen(given: ManualGrade, track: Track | None, case: Case) -> bool:
    """Whether a result of the term's analyte was collected on the day of the grade.

    A doubtful one counts since the last administration, where the doubt itself holds the cycle.
    """
    if track is None:
        return False
    samples = case.history.decisive
    if case.history.interval_of(given.on) == case.history.given:
        samples = (*samples, *case.history.doubtful)
    return any(s.day == given.on and s.analyte == track.primary for s in samples)


def _is_event(given: ManualGrade, case: Case) -> bool:
    """Whether an adverse event of the same kind, at least as bad, is recorded for the day of the grade."""
    kind = family_of(given.term, case)
    return any(
        family_of(e.term, case) == kind
        and e.grade >= given.grade
        and e.began_on <= given.on
        and (e.ended_on is None or given.on <= e.ended_on)
        for e in case.chart.adverse_events
    )


def _manual_notes(given: ManualGrade, case: Case, course: Course) -> Iterator[Reason]:
    """A grade that is milder than what the number gives changes nothing, and it is said so."""
    track = _track_named(given.term, case, course)
    if track is None:
        return
    criterion = case.protocol.criteria.by_term[track.name]
    graded = [
        grade_of_numbers(criterion, moment, case)
        for moment, drawn in moments(case)
        if moment.day == given.on and parts_of(criterion.quantity)[0] in drawn
    ]
    words = f"{track.name}, graded {given.grade} by {given.by} for {day_words(given.on)} ({given.reason})"
    if graded and all(given.grade < found.low for found in graded):
        worst = max(found.low for found in graded)
        yield _note(
            track.family,
            f"{words}: the result gives grade {worst}, and a grade given by a person can only raise.",
            _graded_evidence(given),
        )
    elif graded:
        yield _note(track.family, f"{words}: this grade counts.", _graded_evidence(given))


def _attribution_notes(a: Attribution, case: Case, course: Course) -> Iterator[Reason]:
    """What an attribution excuses, when it ended, and where it excuses nothing."""
    track = _track_named(a.term, case, course)
    # Results of a term may be followed by another row than the one events of its name belong to.
    family = family_of(a.term, case)[0] if track is None else track.family
    if family is None:
        return
    relation = "related" if a.related else "not related"
    words = (
        f"{a.term}: recorded as {relation} to the treatment up to grade {a.grade} from {day_words(a.on)} by "
    )
    words += f"{a.by} ({a.reason})"
    if not family.other_events:
        text = f"an attribution excuses nothing under {family.id}"
    elif track is None:
        text = "results are not followed by this term; record the relation on the adverse event itself"
    elif a.on < min(case.history.cycle_days, default=a.on):
        text = "it was given before the first cycle, so it excuses nothing of this treatment"
    else:
        text = _standing_words(a, track, course)
    if text:
        yield _note(family, f"{words}: {text}.", said_evidence(a.term, relation, a))


def _standing_words(a: Attribution, track: Track, course: Course) -> str:
    """What an attribution of a followed term does now; nothing to say of one to the treatment."""
    spoken = course.spoken[track.family.id, track.name]
    if spoken.is_in_advance(a):
        came = any(first > a.on for first, _ in spoken.stood)
        advance = "it was given while no finding was there, so it excuses none that came later"
        return advance if came and not a.related else ""
    covered = [e for e in course.excused if e.by == a and e.track == track]
    parts = []
    if covered:
        newest = covered[-1]
        parts.append(f"grade {newest.grade} on {day_words(newest.moment.day)} does not act")
    if a in spoken.ended:
        parts.append("it ended with a worse finding, and findings act again until a new attribution")
    if a in spoken.settled:
        parts.append("its finding has gone, and a new one needs a new attribution")
    return "; ".join(parts)


def _review_notes(review: OccurrenceReview, case: Case, course: Course) -> Iterator[Reason]:
    """What a physician's word on an occurrence does, also where it is no longer in force or matches none."""
    family = next((f for f in case.protocol.families if f.id == review.rule), None)
    if family is None:
        return
    evidence = said_evidence(family.name, "confirmed" if review.counts else "dismissed", review)
    mine = [e for e in course.episodes if review_of(e, case) == review]
    for episode in mine:
        yield _note(
            family, f"{finding_words(episode, case)}: {_review_words(review, episode, case)}.", evidence
        )
    if not mine:
        yield _note(
            family,
            f"No occurrence of {family.name} that began on {day_words(review.onset)} follows this review of "
            f"{review.by} ({review.reason}), so it changes nothing.",
            evidence,
        )


def _review_words(review: OccurrenceReview, episode: Episode, case: Case) -> str:
    by = f"{review.by} ({review.reason})"
    if review.counts:
        return f"confirmed by {by}"
    if dismissal_of(episode, case) is not None:
        return f"dismissed by {by}, so it is neither an occurrence nor a recurrence"
    if kept_waiting(episode, case):
        return f"dismissed by {by}, but the next cycle had to wait for it, so it counts"
    if not is_interim(episode, case):
        due = day_words(next_day(episode.interval, case))
        return f"dismissed by {by}, but it was not resolved by {due}, so it counts"
    if not covers_grade(review, episode):
        return f"dismissed by {by}, but grade {episode.grade} is worse than what was dismissed, so it counts"
    return f"dismissed by {by}, but it showed again on {day_words(episode.latest)}, so it counts"


def _note(family: ToxicityFamily, sentence: str, evidence: Evidence) -> Reason:
    return Reason(
        rule=family.id,
        action=Action.PROCEED,
        sentence=sentence,
        threshold=f"grade {family.trigger_grade} or worse",
        source=str(family.source),
        evidence=(evidence,),
    )


def _graded_evidence(given: ManualGrade) -> Evidence:
    return said_evidence(given.term, f"grade {given.grade}", given)
