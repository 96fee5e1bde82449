"""Several assessors at once on PostgreSQL: one row for one change, and the chain of decisions stays whole."""

import threading
from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from courses.models import Course, Decision, Order
from courses.services.assess import AssessmentFailed, assess_course, assess_courses
from tests.builders import clinic_time, draw, make_course, make_patient, sign

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


def test_four_assessors_at_once_record_one_decision_and_one_order_set(course: Course) -> None:
    at = clinic_time(date(2026, 1, 8))
    assert together(lambda: assess_course(course_id=course.pk, now=at)) == []
    assert Decision.objects.count() == 1
    assert Order.objects.count() == 3


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
    assert set(Order.objects.values_list("state", flat=True)) == {"active"}


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
    assert set(Order.objects.values_list("state", flat=True)) == {"active"}


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
    assert set(Order.objects.values_list("state", flat=True)) == {"active"}
