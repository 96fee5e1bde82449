"""Which episodes of a family count, now and as memory, in view of what physicians confirmed or dismissed."""

from collections.abc import Callable, Iterable
from datetime import date

from courses.rules.derived import Case
from courses.rules.facts import OccurrenceReview
from courses.rules.manual_grades import folded
from courses.rules.protocol import RecurrenceBy, ToxicityFamily
from courses.rules.schedule import stop_day
from courses.rules.toxicity import Episode
from courses.rules.values import Action
from labs.clinic_days import add_days

LIFE_THREATENING = 4  # what grade 4 means in every version of CTCAE


def nominal_day(interval: int, case: Case) -> date:
    """The day on which the cycle after this interval was due without any delay."""
    return add_days(case.history.cycle_days[interval - 1], case.protocol.schedule.interval_days)


def next_day(interval: int, case: Case) -> date:
    """The day of the cycle after this interval: when it was given, or for when it is planned."""
    days = case.history.cycle_days
    if interval < len(days):
        return days[interval]
    return case.judged_for or nominal_day(interval, case)


def is_interim(episode: Episode, case: Case) -> bool:
    """Whether an occurrence was seen only between cycles: resolved by the day of the next one.

    What ends treatment at its first occurrence is never only interim, nor what kept the next cycle waiting.
    """
    return _resolved_by(next_day, episode, case) and not kept_waiting(episode, case)


def kept_waiting(episode: Episode, case: Case) -> bool:
    """Whether a toxicity that is over outlasted the next cycle's window or a delay's limit, however planned.

    One physician may dismiss what nobody waited for; a delay, or the stop that follows from it, is more.
    """
    if episode.resolved_on is None:
        return False
    last_on = case.history.cycle_days[episode.interval - 1]
    closes = add_days(last_on, case.protocol.schedule.window_last_day)
    stops = stop_day(last_on=last_on, protocol=case.protocol, spared_days=0)
    outlasted_window = episode.onset <= closes < episode.resolved_on
    return outlasted_window or episode.onset <= stops <= episode.resolved_on


def _resolved_by(day_of: Callable[[int, Case], date], episode: Episode, case: Case) -> bool:
    if (
        episode.family.on_first is Action.STOP
        or episode.fatal
        or episode.interval == 0
        or episode.resolved_on is None
    ):
        return False
    return episode.resolved_on <= day_of(episode.interval, case)


def review_of(episode: Episode, case: Case) -> OccurrenceReview | None:
    """A physician's word on this occurrence; where two contradict each other, the one that lets it count.

    What a person reported was graded by a person already: no review concerns it.
    """
    if episode.event is not None:
        return None
    mine = [r for r in case.chart.occurrence_reviews if _concerns(r, episode)]
    return max(mine, key=lambda r: (r.counts, r.by, r.reason, r.ref), default=None)


def _concerns(review: OccurrenceReview, episode: Episode) -> bool:
    """Whether a review names this occurrence; a confirmation that names no line concerns every one."""
    if review.rule != episode.family.id or review.onset != episode.onset:
        return False
    if review.track is None:
        return review.counts or episode.alone
    return folded(review.track) == folded(episode.track)


def covers_grade(review: OccurrenceReview, episode: Episode) -> bool:
    """Whether a dismissal covers an occurrence as bad as this; without a grade it covers no grade 4."""
    most = LIFE_THREATENING - 1 if review.grade is None else review.grade
    return episode.grade is None or episode.grade <= most


def dismissal_of(episode: Episode, case: Case) -> OccurrenceReview | None:
    """The dismissal in force for an episode: it binds only while the episode stays what was dismissed.

    Once the toxicity was not resolved in time, proved worse, or showed again after the day of the review,
    the dismissal says nothing of it any more.
    """
    review = review_of(episode, case)
    if review is None or review.counts or not is_interim(episode, case) or not covers_grade(review, episode):
        return None
    return review if review.on is None or episode.latest <= review.on else None


def is_unreviewed(episode: Episode, case: Case) -> bool:
    """Whether an acting laboratory occurrence was seen only between cycles, and no review covers it."""
    if episode.event is not None or episode.family.never_acts or not is_interim(episode, case):
        return False
    review = review_of(episode, case)
    return review is None or (not review.counts and dismissal_of(episode, case) is None)


def counted(family: ToxicityFamily, episodes: Iterable[Episode], case: Case) -> list[Episode]:
    """A family's episodes since the first cycle, oldest first, without what was dismissed.

    Those seen only between cycles count where the protocol says so. A permanent stop counts whenever the
    event took place, and so does death.
    """
    keeps_interim = case.protocol.count_interim_occurrences
    return sorted(
        (
            e
            for e in episodes
            if e.family is family
            and (e.interval > 0 or family.on_first is Action.STOP or e.fatal)
            and (keeps_interim or not _resolved_by(nominal_day, e, case))
            and dismissal_of(e, case) is None
        ),
        key=_in_time,
    )


def _in_time(episode: Episode) -> tuple[date, int, str]:
    """Oldest first: of one day, what was drawn before the infusion before what began after it."""
    return episode.onset, episode.interval, episode.track


def newest_of_each(episodes: Iterable[Episode]) -> list[Episode]:
    """Of a laboratory track only its newest episode; each event reported by a person stands for itself."""
    return list({e.track if e.event is None else e.event: e for e in episodes}.values())


def current(episodes: Iterable[Episode], case: Case) -> list[Episode]:
    """Episodes of the present interval, and those still open when it began."""
    if not case.history.given:
        return []
    began = case.history.cycle_days[-1]
    return [
        e
        for e in newest_of_each(episodes)
        if e.interval == case.history.given or e.resolved_on is None or e.resolved_on > began
    ]


def recurrence(family: ToxicityFamily, episodes: Iterable[Episode]) -> tuple[Episode, Episode] | None:
    """The first and the newest episode of what has come in more than one interval between administrations."""
    by_term = family.recurrence_by is RecurrenceBy.TERM
    groups: dict[str, list[Episode]] = {}
    for episode in episodes:
        groups.setdefault(episode.track if by_term else family.id, []).append(episode)
    again = [(group[0], group[-1]) for group in groups.values() if group[0].interval < group[-1].interval]
    return max(again, key=lambda pair: _in_time(pair[1]), default=None)
