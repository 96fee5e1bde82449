"""What must hold of open courses now: their decision is that of the live chart."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from courses.library import UnknownProtocol
from courses.models import Course, Cycle
from courses.news import arrivals, with_news_unjudged
from courses.rules.values import Recommendation
from courses.services.assess import evidence_sha256, follows_its_file, recommend_for
from labs.clinic_days import clinic_day, start_of_day
from labs.invariants import CHUNK, GRACE, LIVE_GRACE, Seen, Violation
from labs.models import Observation
from labs.same_person import read_people
from labs.zones import clinic_zone

Judged = tuple[Course, Recommendation, str]


def evidence_not_judged(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Open courses whose evidence has been another for a minute than the one their decision rests on."""
    for course, _recommendation, evidence in _judged_anew(now, seen):
        decision = course.current_decision
        if decision is None or decision.evidence_sha256 != evidence:
            yield Violation(
                about=f"course {course.public_id}",
                words="has evidence that no decision rests on, for more than a minute",
            )


def newest_evidence_not_judged(now: datetime, seen: Seen) -> Iterator[Violation]:
    """The same for a look every few seconds: only courses with news younger than their decision are judged.

    News that changes no evidence is no breach. Left out as well is a course held because it could not be
    assessed: somebody was told of that, and asking again would fail again.
    """
    today = clinic_day(now, clinic_zone())
    if now - start_of_day(today, clinic_zone()) < LIVE_GRACE:
        return
    for course in with_news_unjudged(before=now - LIVE_GRACE):
        seen()
        decision = course.current_decision
        cannot_be_asked = (decision is not None and not decision.situation) or not _follows_its_file(course)
        cycle = None if cannot_be_asked else _next_cycles([course]).get(course.pk)
        if cycle is None:
            continue
        chart, _recommendation = recommend_for(
            course=course, cycle=cycle, protocol_id=course.protocol_id, today=today
        )
        evidence = evidence_sha256(chart=chart, protocol_id=course.protocol_id)
        if decision is None or decision.evidence_sha256 != evidence:
            yield Violation(
                about=f"course {course.public_id}",
                words="has evidence that no decision rests on, and nobody judged it in time",
            )


def verdict_not_current(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Open courses of which the live chart says something else than the decision that stands."""
    for course, recommendation, _evidence in _judged_anew(now, seen):
        decision = course.current_decision
        if decision is not None and decision.verdict != recommendation.verdict.key:
            words = (
                f"stands at {decision.action}; its chart now says {recommendation.action.word}, "
                "or the same for other reasons"
            )
            yield Violation(about=f"course {course.public_id}", words=words)


def _judged_anew(now: datetime, seen: Seen) -> Iterator[Judged]:
    """Each open course with what its protocol says of its present chart.

    Left out is a course whose evidence arrived within the last minute, or whose file is missing or changed:
    it is held for that by a rule of its own.
    """
    today = clinic_day(now, clinic_zone())
    if now - start_of_day(today, clinic_zone()) < GRACE:
        return
    people, fresh = read_people(), _fresh_numbers(now)
    courses = Course.objects.open().real().select_related("current_decision").order_by("pk")
    waiting = courses.iterator(chunk_size=CHUNK)
    while chunk := list(islice(waiting, CHUNK)):
        following = _next_cycles(chunk)
        for course in chunk:
            seen()
            cycle = following.get(course.pk)
            is_fresh = course.started_at > now - GRACE or fresh & people.numbers_of(course.patient_id)
            if cycle is None or is_fresh or not _follows_its_file(course):
                continue
            chart, recommendation = recommend_for(
                course=course, cycle=cycle, protocol_id=course.protocol_id, today=today
            )
            yield course, recommendation, evidence_sha256(chart=chart, protocol_id=course.protocol_id)


def _next_cycles(courses: Iterable[Course]) -> dict[int, Cycle]:
    """The first cycle of each course that has not been given, in one query."""
    found: dict[int, Cycle] = {}
    rows = Cycle.objects.filter(course__in=list(courses), administration__isnull=True)
    for cycle in rows.order_by("course", "number"):
        found.setdefault(cycle.course_id, cycle)
    return found


def _follows_its_file(course: Course) -> bool:
    """Whether its protocol file is there, and the one that the course is pinned to."""
    try:
        return follows_its_file(course)
    except UnknownProtocol:
        return False


def _fresh_numbers(now: datetime) -> set[int]:
    """Patients of whom something was written down within the last minute, in one query for each table."""
    found: set[int] = set()
    for rows, at, of in ((Observation.objects.all(), "received_at", "patient"), *arrivals()):
        recent = rows.filter(**{f"{at}__gt": now - GRACE}).order_by()
        found.update(recent.values_list(of, flat=True).distinct())
    return found - {None}
