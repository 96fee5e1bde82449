"""What may be ended by whom, what a stop keeps shut, and what a signature no longer covers."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from courses.models import BaselineLock, Course, CourseStatus
from courses.services.authority import NotAllowed, Refused, stated
from courses.services.course import GivenElsewhere
from courses.services.facts import BadFact, record_fact, withdraw_fact
from tests.builders import clinic_time, judge, make_course, make_patient

pytestmark = pytest.mark.django_db
AT = clinic_time(date(2026, 7, 4))
FRESH = AT - timedelta(seconds=5)
ELSEWHERE = GivenElsewhere(on=date(2026, 5, 11), administered_gbq=Decimal("7.4"), hospital="St Anna")
DECLARED = {"analyte": "CREAT", "value": "60", "unit": "umol/L", "on": "2026-05-01"}


@pytest.fixture
def physician(person: Callable[..., User]) -> User:
    """A physician who signs directives."""
    return person("physician", "authorised-user")


@pytest.fixture
def moved_here(physician: User) -> Course:
    """A course whose first cycle another hospital gave."""
    return make_course(
        make_patient(),
        first_on=date(2026, 7, 6),
        by=physician,
        earlier=[ELSEWHERE],
        now=clinic_time(date(2026, 6, 20)),
    )


@pytest.mark.parametrize("empty", ["", "  ", "\u200b\u2060", "\x00\x07", "\u3164", "\u2800"])
def test_what_cannot_be_seen_is_no_reason(empty: str) -> None:
    assert stated(empty) == ""


def test_words_are_kept_without_the_space_around_them() -> None:
    assert stated(" seen twice ") == "seen twice"


def test_a_course_is_not_started_while_a_signed_stop_stands(physician: User, moved_here: Course) -> None:
    Course.objects.filter(pk=moved_here.pk).update(status=CourseStatus.STOPPED)
    with pytest.raises(Refused, match="lifted only by a rescission of two physicians"):
        make_course(moved_here.patient, first_on=date(2026, 9, 1), by=physician, now=AT)


def test_a_pharmacist_starts_no_course(person: Callable[..., User]) -> None:
    with pytest.raises(NotAllowed, match="Only nurses and physicians start a course"):
        make_course(make_patient(), first_on=date(2026, 9, 1), by=person("pharmacist"), now=AT)


def test_baselines_are_locked_at_the_start_when_a_cycle_was_given_elsewhere(moved_here: Course) -> None:
    moved_here.refresh_from_db()
    assert moved_here.baseline_locked_at is not None


def test_one_physician_does_not_end_a_baseline_that_two_confirmed(
    physician: User, moved_here: Course, person: Callable[..., User]
) -> None:
    second = person("physician")
    fact = judge(moved_here, "declared_baseline", at=AT, by=physician, second=second, **DECLARED)
    with pytest.raises(BadFact, match="two physicians amend it"):
        withdraw_fact(fact=fact, by=second, reason="wrong", authenticated_at=FRESH, now=AT)
    with pytest.raises(BadFact, match="two physicians amend it"):
        record_fact(
            kind="declared_baseline",
            data=DECLARED | {"value": "90"},
            by=second,
            course=moved_here,
            reason="wrong",
            authenticated_at=FRESH,
            replaces=fact,
            now=AT,
        )
    assert BaselineLock.objects.current().get(analyte="CREAT").declared == fact


def test_a_nurse_does_not_take_back_what_a_physician_recorded_toward_safety(
    physician: User, moved_here: Course, person: Callable[..., User]
) -> None:
    other = person("physician")
    event = record_fact(
        kind="adverse_event",
        data={"term": "Anaphylaxis", "grade": 4, "from": "2026-07-01", "related": True},
        by=physician,
        patient=moved_here.patient,
        now=AT,
    )
    with pytest.raises(NotAllowed, match="only a physician takes it back"):
        withdraw_fact(fact=event, by=person("nurse"), reason="mistake", now=AT)
    with pytest.raises(NotAllowed, match="password"):
        withdraw_fact(fact=event, by=other, reason="mistake", now=AT)
    assert withdraw_fact(fact=event, by=other, reason="mistake", authenticated_at=FRESH, now=AT).withdraws


def test_a_nurse_replaces_a_harmless_answer_of_a_physician(
    physician: User, moved_here: Course, person: Callable[..., User]
) -> None:
    old = moved_here.patient.chart_facts.get(kind="disease_flags", data__flag="nyha_class")
    assert old.recorded_by == physician
    new = record_fact(
        kind="disease_flags",
        data={"flag": "nyha_class", "value": 3, "on": "2026-07-01"},
        by=person("nurse"),
        patient=moved_here.patient,
        reason="new echocardiogram",
        replaces=old,
        now=AT,
    )
    assert new.withdraws == old
