"""After the last cycle the patient stays on the list, visit by visit, until a physician signs it closed."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from courses.follow_ups import FollowUpLine, follow_up_of, follow_ups
from courses.models import Course, FollowUpRecord
from courses.rules.follow_up import VisitState
from courses.services.authority import BadFact, NotAllowed
from courses.services.ending import end_course
from courses.services.follow_up import record_visit, set_follow_up
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from tests.builders import clinic_time, colleague, draw, give_cycle, make_course, make_patient
from tests.courses.signing import doctor

pytestmark = pytest.mark.django_db
FIRST = date(2026, 1, 12)
BLOODS = ("PLT", "ANC", "WBC", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST")


def nurse():
    return colleague("nora", "nurse")


def treated(first_on: date = FIRST) -> Course:
    """All four cycles given, the last one, by default, on 29 June 2026."""
    course = make_course(make_patient(), first_on=first_on, by=doctor())
    for number in (1, 2, 3, 4):
        give_cycle(course.cycles.get(number=number), by=doctor())
    course.refresh_from_db()
    assert course.status == "completed"
    return course


def line(course: Course, today: date) -> FollowUpLine:
    found = follow_up_of(course, today=today)
    assert found is not None
    return found


def seen(course: Course, visit: str, on: date, *, outcome: str = "done", by=None, **said) -> FollowUpRecord:
    return record_visit(
        course=course, visit=visit, outcome=outcome, on=on, by=by or nurse(), now=clinic_time(on, 15), **said
    )


def close(course: Course, at: datetime, *, closed: bool = True, by=None, reason: str = "Well for years."):
    return set_follow_up(
        course=course,
        closed=closed,
        reason=reason,
        by=by or doctor(),
        authenticated_at=at - timedelta(seconds=10),
        now=at,
    )


@pytest.mark.hazard("HZ-64")
def test_a_completed_course_stays_on_the_list_for_24_months_and_more_until_it_is_signed_closed():
    course = treated(date(2024, 1, 15))
    day = date(2024, 7, 2)
    until = date(2026, 8, 1)
    asked: list[tuple[str, date]] = []
    while day <= until:
        found = [each for each in follow_ups(today=day) if each.course.pk == course.pk]
        assert found, f"nobody would look for this patient on {day}"
        upcoming = found[0].upcoming
        assert upcoming is not None
        if upcoming.state is VisitState.DUE and day >= upcoming.visit.nominal:
            asked.append((upcoming.visit.key, day))
            draw(course.patient, day, only=BLOODS)
            if upcoming.visit.key != "nadir":  # its results are the draw
                seen(course, upcoming.visit.key, day)
        assert found[0].state is not VisitState.OVERDUE, day
        day = add_days(day, 7)
    assert [key for key, _ in asked] == [
        "nadir",
        *(f"month-{months}" for months in (2, 4, 6, 9, 12, 18, 24)),
    ]
    at = clinic_time(until)
    close(course, at)
    assert [each for each in follow_ups(today=until) if each.course.pk == course.pk] == []
    close(course, at, closed=False, reason="Platelets fell.")
    assert [each for each in follow_ups(today=until) if each.course.pk == course.pk]


@pytest.mark.hazard("HZ-64")
def test_what_nobody_recorded_is_overdue_for_ever():
    course = treated()
    for today in (date(2026, 8, 11), date(2027, 1, 1), date(2040, 1, 1)):
        assert line(course, today).overdue[0].visit.key == "nadir"
        assert line(course, today).state is VisitState.OVERDUE


@pytest.mark.hazard("HZ-64")
def test_a_stopped_or_ended_course_that_was_treated_is_followed_up_too_but_not_after_death():
    course = make_course(make_patient(), first_on=FIRST, by=doctor())
    give_cycle(course.cycles.get(number=1), by=doctor())
    at = clinic_time(date(2026, 2, 2))
    facts: dict[str, Any] = {"by": doctor(), "authenticated_at": at, "now": at, "ended_on": date(2026, 2, 2)}
    end_course(course=course, cause="medical", reason="Surgery instead.", **facts)
    assert line(course, date(2026, 2, 3)).upcoming.visit.key == "nadir"
    other = make_course(make_patient(mrn="T-2"), first_on=FIRST, by=doctor())
    give_cycle(other.cycles.get(number=1), by=doctor())
    end_course(course=other, cause="death", reason="Died.", **facts)
    assert follow_up_of(other, today=date(2026, 2, 3)) is None
    assert [each.course.pk for each in follow_ups(today=date(2026, 2, 3))] == [course.pk]


def test_between_cycles_only_the_draw_for_the_lowest_counts_is_looked_at_and_results_settle_it():
    course = make_course(make_patient(), first_on=FIRST, by=doctor())
    give_cycle(course.cycles.get(number=1), by=doctor())
    late = date(2026, 2, 24)  # day 43
    assert [each.visit.key for each in line(course, late).visits] == ["nadir"]
    assert line(course, late).state is VisitState.OVERDUE
    draw(course.patient, date(2026, 2, 8), only=("PLT", "ANC", "WBC", "HGB"))  # day 27: too early
    assert line(course, late).state is VisitState.OVERDUE
    draw(course.patient, date(2026, 2, 9), only=("PLT", "ANC"))
    assert line(course, late).state is VisitState.OVERDUE
    draw(course.patient, date(2026, 2, 10), only=("WBC", "HGB"))
    assert line(course, late).state is VisitState.DONE


def test_a_visit_without_its_results_asks_why_and_a_recorded_one_can_be_corrected():
    course = treated()
    on = date(2026, 8, 31)
    draw(course.patient, on, only=("PLT", "ANC", "WBC", "HGB"))
    with pytest.raises(BadFact, match="note: no final result since 2026-08-15 gives CREAT, BILI"):
        seen(course, "month-2", on)
    first = seen(course, "month-2", on, note="Kidney and liver values come from the family doctor.")
    assert first.lacking == ["CREAT", "BILI", "ALB", "ALT", "AST"]
    back = seen(course, "month-2", on, outcome="taken_back", note="Another patient.")
    assert back.corrects == first
    assert (
        next(each for each in line(course, on).visits if each.visit.key == "month-2").state is VisitState.DUE
    )
    assert list(FollowUpRecord.objects.effective()) == [back]


@pytest.mark.parametrize(
    ("visit", "said", "fault"),
    [
        ("month-3", {}, "visit: 'month-3' is no visit"),
        ("month-2", {"outcome": "lost"}, "outcome: choose one of"),
        ("month-2", {"outcome": "missed"}, "note: is missing"),
        ("month-60", {"outcome": "missed", "note": "No."}, "outcome: this visit has not come yet"),
        ("month-4", {}, "on: lies before 2026-10-15"),
        ("month-2", {"outcome": "taken_back", "note": "x"}, "outcome: nothing was recorded"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(visit, said, fault):
    course = treated()
    with pytest.raises(BadFact, match=fault):
        seen(course, visit, date(2026, 8, 31), **said)
    assert not FollowUpRecord.objects.exists()


def test_only_physicians_close_a_follow_up_and_only_of_a_course_that_is_over():
    course = make_course(make_patient(), first_on=FIRST, by=doctor())
    give_cycle(course.cycles.get(number=1), by=doctor())
    at = clinic_time(date(2026, 2, 2))
    with pytest.raises(BadFact, match="course: it still goes on"):
        close(course, at)
    end_course(
        course=course,
        cause="medical",
        reason="Surgery.",
        ended_on=clinic_day(at, clinic_zone()),
        by=doctor(),
        authenticated_at=at,
        now=at,
    )
    with pytest.raises(NotAllowed):
        close(course, at, by=nurse())
    with pytest.raises(BadFact, match="reason: is missing"):
        close(course, at, reason="")
    close(course, at)
    with pytest.raises(BadFact, match="closed already"):
        close(course, at)
    with pytest.raises(BadFact, match="its follow-up is closed"):
        seen(course, "nadir", date(2026, 2, 10))


def test_of_a_person_treated_twice_the_newest_treated_course_counts():
    course = treated()
    second = make_course(course.patient, first_on=date(2026, 9, 1), by=doctor())
    assert [each.course.pk for each in follow_ups(today=date(2026, 8, 20))] == [course.pk]
    give_cycle(second.cycles.get(number=1), by=doctor())
    found = follow_ups(today=date(2026, 9, 2))
    assert [(each.course.pk, each.is_between_cycles) for each in found] == [(second.pk, True)]


def test_the_list_asks_as_often_for_many_patients_as_for_one(django_assert_num_queries):
    course = make_course(make_patient(), first_on=FIRST, by=doctor())
    give_cycle(course.cycles.get(number=1), by=doctor())
    with django_assert_num_queries(6):
        assert len(follow_ups(today=date(2026, 2, 1))) == 1
    other = make_course(make_patient(mrn="T-2"), first_on=FIRST, by=doctor())
    give_cycle(other.cycles.get(number=1), by=doctor())
    with django_assert_num_queries(6):
        assert len(follow_ups(today=date(2026, 2, 1))) == 2
