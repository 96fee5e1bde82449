"""Assess a course: read its chart, ask the core, record what changed, move its orders."""

import hashlib
import json
import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from courses.answer import answer
from courses.chart import as_stated, read_chart
from courses.library import UnknownProtocol, engine, protocol, protocol_sha256
from courses.models import ChartFact, Course, Cycle, Decision, FactConfirmation
from courses.rules.recommend import recommend_or_hold
from courses.rules.values import Chart, Recommendation
from courses.services.faults import hold_changed_protocol, try_to_hold
from courses.services.locking import locked_open_course, next_cycle, void_origin
from courses.services.order_plan import follow_with_orders
from courses.signals import decision_recorded
from courses.situation import situation_of
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import BodyWeight, Observation, QuarantinedResult
from labs.same_person import ever_merged, numbers_of_all
from labs.zones import clinic_zone

log = logging.getLogger(__name__)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATE_READING = timedelta(minutes=5)  # a message may be read after a decision that was made after its receipt


def sweep_courses(*, now: datetime | None = None, older_than: timedelta | None = None) -> int:
    """Assess every open course; with `older_than`, only those whose newer evidence has waited that long.

    Returns how many courses were assessed. No marks and no cursors: a lost nudge, a crash, a late correction
    or time passing are all cured by the next sweep.
    """
    courses = Course.objects.open()
    if older_than is not None:
        courses = courses.filter(_evidence_waits(until=(now or database_now()) - older_than))
    # Each course reads the clock anew under its lock: a long sweep must not write times that are past.
    return assess_courses(list(courses.values_list("pk", flat=True)), now=now)


def _evidence_waits(*, until: datetime) -> Q:
    """Courses with evidence newer than their decision that arrived before an instant."""
    newer = {
        "gte": Coalesce(OuterRef("current_decision__made_at"), EPOCH) - LATE_READING,
        "lte": until,
    }

    def arrived(rows: QuerySet[Any], at: str, of: str = "patient") -> Q:
        limits = {f"{at}__{name}": instant for name, instant in newer.items()}
        return Q(Exists(rows.filter(**{of: OuterRef("patient")}, **limits)))

    return (
        arrived(Observation.objects.all(), "received_at")
        | arrived(QuarantinedResult.objects.all(), "opened_at")
        # What was held is stored with the time its message came; only its row says that it is news.
        | arrived(QuarantinedResult.objects.all(), "resolved_at")
        | arrived(BodyWeight.objects.all(), "recorded_at")
        | arrived(ChartFact.objects.all(), "recorded_at")
        | arrived(FactConfirmation.objects.all(), "confirmed_at", of="fact__patient")
        | Q(current_decision__isnull=True, started_at__lte=until)
        # Of a person with two numbers, evidence may stand under either; they are few.
        | ever_merged()
    )


def course_ids_of_patients(patient_ids: Iterable[int]) -> list[int]:
    """The open courses of these patients, under any number of theirs."""
    numbers = numbers_of_all(patient_ids)
    return list(Course.objects.open().filter(patient_id__in=numbers).values_list("pk", flat=True))


def assess_courses(course_ids: Iterable[int], *, now: datetime | None = None) -> int:
    """Assess these courses, one transaction each; a course that fails is logged and the others go on.

    Returns how many were assessed without failing. Raises AssessmentFailed at the end if any failed.
    """
    done, failed = 0, []
    for course_id in course_ids:
        try:
            assess_course(course_id=course_id, now=now)
            done += 1
        except (OperationalError, InterfaceError) as trouble:
            # The database was busy or away: no fault of the course's, and no reason to undo a signature.
            log.warning(
                "course %s was not assessed (%s); it is tried again", course_id, type(trouble).__name__
            )
            failed.append(course_id)
        except Exception as fault:
            log.exception("course %s could not be assessed; the next sweep tries again", course_id)
            failed.append(course_id)
            try_to_hold(course_id=course_id, fault=fault, now=now)
    if failed:
        raise AssessmentFailed(
            f"{len(failed)} of {done + len(failed)} courses could not be assessed: {failed}"
        )
    return done


class AssessmentFailed(Exception):
    """Some courses could not be assessed; they are tried again, and held unless the database was busy."""


def assess_course(*, course_id: int, now: datetime | None = None) -> Decision | None:
    """Assess one course as of now, in one transaction.

    1. lock the course row; 2. read the chart; 3. ask the core; 4. where evidence or verdict is new, append a
    decision, a confirming one when the verdict stands; 5. move the orders; 6. nudge the next stage on commit.

    Returns the decision that now stands; None when the course is no longer open.
    """
    with transaction.atomic():
        return assess_in_transaction(course_id=course_id, now=now)


def assess_in_transaction(*, course_id: int, now: datetime | None = None) -> Decision | None:
    """The same inside the caller's transaction: for a gate that must judge live data before it acts."""
    course = locked_open_course(course_id)
    now = now or database_now()
    if course is None:
        return None
    cycle = next_cycle(course)
    if cycle is None:
        return None
    return _assess(course=course, cycle=cycle, now=now)


def assess_at_gate(*, course_id: int, now: datetime | None = None) -> Decision | None:
    """The same, where a person waits: a protocol file that is missing holds the course instead of failing."""
    try:
        return assess_in_transaction(course_id=course_id, now=now)
    except UnknownProtocol:
        return _hold_without_file(course_id, now=now or database_now())


def _hold_without_file(course_id: int, *, now: datetime) -> Decision | None:
    """The hold for a missing file; one that a sweep recorded for it stands, so that they do not alternate."""
    course = locked_open_course(course_id)
    cycle = next_cycle(course) if course else None
    if course is None or cycle is None:
        return None
    standing = course.current_decision
    if standing is not None and standing.cycle_id == cycle.pk and not standing.situation:
        return standing
    return hold_changed_protocol(course=course, cycle=cycle, now=now)


def _assess(*, course: Course, cycle: Cycle, now: datetime) -> Decision:
    """Steps 2 to 6; the caller holds the course's lock."""
    if not follows_its_file(course):
        return hold_changed_protocol(course=course, cycle=cycle, now=now)
    today = clinic_day(now, clinic_zone())
    chart, recommendation = recommend_for(
        course=course, cycle=cycle, protocol_id=course.protocol_id, today=today
    )
    evidence = evidence_sha256(chart=chart, protocol_id=course.protocol_id)
    decision = course.current_decision
    if _is_news(decision, cycle=cycle, recommendation=recommendation, evidence=evidence):
        decision = _record(
            course=course, cycle=cycle, chart=chart, recommendation=recommendation, evidence=evidence, now=now
        )
    assert decision is not None
    follow_with_orders(cycle=cycle, recommendation=recommendation, decision=decision, now=now)
    return decision


def follows_its_file(course: Course) -> bool:
    """Whether the protocol file is still the one the course is pinned to. Raises UnknownProtocol."""
    return protocol_sha256(course.protocol_id) == course.protocol_sha256


def recommend_for(
    *, course: Course, cycle: Cycle, protocol_id: str, today: date
) -> tuple[Chart, Recommendation]:
    """What a protocol says of a course's present chart; writes nothing. Raises UnknownProtocol.

    A value that jumped as a unit would is judged both ways, marked as doubtful and taken for true, and the
    more severe answer stands with its chart: the mark can hold a cycle, and never hides a toxicity.
    """
    marked = read_chart(course=course, planned_on=cycle.planned_on, today=today)
    charts = [marked] if (stated := as_stated(marked)) == marked else [marked, stated]
    plan = protocol(protocol_id)
    answers = [(chart, recommend_or_hold(chart=chart, protocol=plan, today=today)) for chart in charts]
    # Of two that are equally severe the first, in which the mark is seen.
    return max(answers, key=lambda answered: _severity(answered[1]))


def _severity(recommendation: Recommendation) -> tuple[int, ...]:
    """The actions of all reasons, the most severe first, behind what they come to."""
    actions = sorted((int(reason.action) for reason in recommendation.reasons), reverse=True)
    return (int(recommendation.action), *actions)


def _is_news(
    decision: Decision | None, *, cycle: Cycle, recommendation: Recommendation, evidence: str
) -> bool:
    """Same evidence and same verdict: nothing to write, unless what was signed on it holds no longer."""
    return (
        decision is None
        or decision.cycle_id != cycle.pk
        or decision.verdict != recommendation.verdict.key
        or decision.evidence_sha256 != evidence
        or _is_signed_out(decision, cycle=cycle)
    )


def _is_signed_out(decision: Decision, *, cycle: Cycle) -> bool:
    """Whether the directive signed on this verdict is void: going ahead once more takes a new signature.

    Pharmacy cancelled its order, or answered a recall; a decision that is signed already cannot be signed.
    """
    if decision.activity_gbq is None or decision.cycle_id != cycle.pk:
        return False
    return void_origin(cycle) == decision.verdict_origin_id


def evidence_sha256(*, chart: Chart, protocol_id: str) -> str:
    """The digest of what a decision rests on: chart and protocol file, but not the day it was read."""
    facts = situation_of(chart=chart, protocol_id=protocol_id, today=date.min, time_zone=clinic_zone())
    text = json.dumps([facts, protocol_sha256(protocol_id)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _record(
    *,
    course: Course,
    cycle: Cycle,
    chart: Chart,
    recommendation: Recommendation,
    evidence: str,
    now: datetime,
) -> Decision:
    """Append the decision and make it the one that stands."""
    before = course.current_decision
    today = clinic_day(now, clinic_zone())
    # Under another protocol the same verdict is another one: nobody has signed it.
    same_verdict = (
        before is not None
        and before.cycle_id == cycle.pk
        and before.verdict == recommendation.verdict.key
        and not _is_signed_out(before, cycle=cycle)
        # What has still to be confirmed cannot rest on a signature: it is signed anew once it is.
        and not recommendation.to_confirm
        and (before.protocol_id, before.protocol_sha256) == (course.protocol_id, course.protocol_sha256)
    )
    decision = Decision.objects.create(
        course=course,
        cycle=cycle,
        action=recommendation.action.word,
        activity_gbq=recommendation.activity_gbq,
        verdict=recommendation.verdict.key,
        confirms_id=before.verdict_origin_id if before is not None and same_verdict else None,
        evidence_sha256=evidence,
        situation=situation_of(
            chart=chart, protocol_id=course.protocol_id, today=today, time_zone=clinic_zone()
        ),
        answer=answer(recommendation, sha256=protocol_sha256(course.protocol_id)),
        awaiting_labs=recommendation.awaiting_labs,
        labs_due=recommendation.labs_due,
        as_of=today,
        protocol_id=course.protocol_id,
        protocol_sha256=protocol_sha256(course.protocol_id),
        engine=engine(),
        made_at=now,
    )
    course.current_decision = decision
    course.save(update_fields=["current_decision"])
    transaction.on_commit(
        lambda: decision_recorded.send(sender=Decision, decision_ids=[decision.pk]), robust=True
    )
    return decision
