"""Several assessors at once on PostgreSQL: one row for one change, and the chain of decisions stays whole."""

import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from courses.models import BaselineLock, ChartFact, Course, Decision, FactConfirmation, Order, ProtocolMove
from courses.services.assess import AssessmentFailed, assess_course, assess_courses
from courses.services.authority import NotAllowed, Refused
from courses.services.course import record_administration
from courses.services.facts import BadFact, confirm_fact, withdraw_fact
from courses.services.move import move_course
from courses.services.protocols import approvals, approve_protocol
from tests.builders import (
    approve,
    clinic_time,
    colleague,
    draw,
    judge,
    make_course,
    make_patient,
    sign,
    state,
)

pytestmark = pytest.mark.postgres
WORKERS = 4


def together(work: Callable[[], object]) -> list[BaseException]:
    """Do the same in several threads, started at one moment; returns what went wrong."""
    barrier, faults = threading.Barrier(WORKERS), []

    def run() -> None:
        try:
            barrier.wait()
            work()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


@pytest.fixture
def course(real_commits: str) -> Course:
    """A course with healthy bloods before its first cycle, in a database other connections see."""
    physician = User.objects.create_user("physician")
    physician.groups.set(Group.objects.filter(name__in=["physician", "authorised-user"]))
    course = make_course(make_patient(), first_on=date(2026, 1, 12), by=physician)
    draw(course.patient, date(2026, 1, 7))
    return course


def states_to_give() -> set[str]:
    """The states of all that is still to be given or done; the draws are in when they are signed."""
    return set(Order.objects.exclude(kind="lab_draws").values_list("state", flat=True))


def test_four_assessors_at_once_record_one_decision_and_one_order_set(course: Course) -> None:
    at = clinic_time(date(2026, 1, 8))
    assert together(lambda: assess_course(course_id=course.pk, now=at)) == []
    assert Decision.objects.count() == 1
    kinds = Order.objects.values_list("kind", flat=True)
    assert len(kinds) == len(set(kinds)) > 3


def test_an_assessor_that_waited_sees_the_decision_that_was_made_meanwhile(course: Course) -> None:
    at = clinic_time(date(2026, 1, 8))
    first = assess_course(course_id=course.pk, now=at)
    assert first is not None
    sign(first, by=course.started_by, now=at)
    for day in (9, 10, 11):
        draw(course.patient, date(2026, 1, day))
        now = clinic_time(date(2026, 1, day), 12)
        assert together(lambda now=now: assess_course(course_id=course.pk, now=now)) == []  # type: ignore[misc]
    assert list(Decision.objects.order_by("pk").values_list("confirms", flat=True)) == [None, *[first.pk] * 3]
    assert states_to_give() == {"active"}


def test_a_database_that_is_busy_undoes_no_signature(course: Course) -> None:
    at = clinic_time(date(2026, 1, 8))
    decision = assess_course(course_id=course.pk, now=at)
    assert decision is not None
    sign(decision, by=course.started_by, now=at)
    locked, done = threading.Event(), threading.Event()

    def hold_the_results() -> None:
        # What the assessment reads is busy; what a hold would write is free.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE labs_result IN ACCESS EXCLUSIVE MODE")
            locked.set()
            done.wait(30)
        connection.close()

    other = threading.Thread(target=hold_the_results)
    other.start()
    locked.wait(30)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    with pytest.raises(AssessmentFailed):
        assess_courses([course.pk], now=at)
    done.set()
    other.join()
    assert Decision.objects.count() == 1
    assert states_to_give() == {"active"}


def test_assessing_while_signing_leaves_either_a_signature_that_stands_or_none(course: Course) -> None:
    at = clinic_time(date(2026, 1, 8))
    decision = assess_course(course_id=course.pk, now=at)
    assert decision is not None
    signed = threading.Event()

    def work() -> None:
        if not signed.is_set():
            signed.set()
            sign(decision, by=course.started_by, now=at)
        else:
            assess_course(course_id=course.pk, now=at)

    assert together(work) == []
    course.refresh_from_db()
    assert course.current_decision == decision
    assert states_to_give() == {"active"}


def second_physicians(count: int) -> list[User]:
    """Further physicians of the clinic."""
    return [colleague(f"second-{number}", "physician") for number in range(count)]


def test_of_two_confirmations_at_once_one_counts(course: Course) -> None:
    at = clinic_time(date(2026, 1, 8))
    fact = judge(
        course, "declared_baseline", at=at, analyte="CREAT", value="70", unit="umol/L", on=date(2026, 1, 2)
    )
    people = iter(second_physicians(WORKERS))
    faults = together(lambda: confirm_fact(fact=fact, by=next(people), authenticated_at=at, now=at))
    assert [type(fault) for fault in faults] == [BadFact] * (WORKERS - 1)
    assert FactConfirmation.objects.filter(fact=fact).count() == 1


def test_a_fact_taken_back_by_several_at_once_is_taken_back_once(course: Course) -> None:
    at = clinic_time(date(2026, 1, 8))
    fact = state(course.patient, "pregnancy", date(2026, 1, 8), finding="positive")
    nurse = colleague("fact-nurse", "nurse")
    faults = together(lambda: withdraw_fact(fact=fact, by=nurse, reason="wrong patient", now=at))
    assert [type(fault) for fault in faults] == [BadFact] * (WORKERS - 1)
    assert ChartFact.objects.filter(withdraws=fact).count() == 1


def test_an_amendment_beside_assessments_is_seen_by_the_last_of_them(course: Course) -> None:
    draw(course.patient, date(2026, 1, 2), only=("CREAT",), CREAT="55")
    given_at = clinic_time(date(2026, 1, 12), 16)
    record_administration(
        cycle=course.cycles.get(number=1),
        administered_on=date(2026, 1, 12),
        administered_gbq=Decimal("7.4"),
        by=course.started_by,
        now=given_at,
    )
    draw(course.patient, date(2026, 3, 3))
    at = clinic_time(date(2026, 3, 4))
    early = course.patient.observations.get(analyte="CREAT", collected_at=clinic_time(date(2026, 1, 2), 8))
    fact = judge(course, "baseline_amendment", at=at, analyte="CREAT", result=str(early.public_id))
    (second,) = second_physicians(1)
    confirming = iter([True])

    def work() -> None:
        if next(confirming, False):
            confirm_fact(fact=fact, by=second, authenticated_at=at, now=at)
        assess_course(course_id=course.pk, now=at)

    assert together(work) == []
    course.refresh_from_db()
    # 78 is 41.8 % above 55.
    assert course.current_decision is not None
    assert "DM-REN" in course.current_decision.verdict
    assert BaselineLock.objects.current().filter(course=course, analyte="CREAT").count() == 1


def test_one_person_approving_several_times_at_once_approves_once(course: Course) -> None:
    (person,) = second_physicians(1)
    at = clinic_time(date(2026, 1, 8))
    faults = together(
        lambda: approve_protocol(protocol_id="lutathera_ema_2024", by=person, authenticated_at=at, now=at)
    )
    assert [type(fault) for fault in faults] == [NotAllowed] * (WORKERS - 1)
    assert len(approvals("lutathera_ema_2024")) == 1


def test_a_course_moved_by_several_at_once_is_moved_once(course: Course) -> None:
    approve("lutathera_ema_2024")
    (person,) = second_physicians(1)
    at = clinic_time(date(2026, 1, 8))
    faults = together(
        lambda: move_course(
            course=Course.objects.get(pk=course.pk),
            to_protocol_id="lutathera_ema_2024",
            by=person,
            authenticated_at=at,
            reason="the clinic follows this label",
            now=at,
        )
    )
    assert [type(fault) for fault in faults] == [Refused] * (WORKERS - 1)
    assert ProtocolMove.objects.count() == 1
