"""A visit that has not come in time is told to those who chase it, until it is recorded or signed closed."""

from datetime import date, timedelta
from typing import Any

import pytest

from alerts.models import Alert
from alerts.rules import Kind, State
from alerts.services.escalation import run_due_steps
from alerts.services.raising import Subject, raise_alert
from alerts.services.watch_ended import watch_ended
from alerts.services.watch_follow_up import watch_follow_up
from alerts.services.watching import watch
from courses.services.assess import assess_course
from courses.services.ending import end_course
from courses.services.follow_up import record_visit, set_follow_up
from tests.builders import clinic_time, colleague, draw, give_cycle, make_course, make_patient
from tests.builders_alerts import CANARIES, make_person
from tests.courses.signing import doctor

pytestmark = pytest.mark.django_db
FIRST = date(2026, 1, 12)
ENDED_ON = date(2026, 2, 2)


@pytest.fixture
def course():
    """One cycle given on 12 January 2026; the course ended on 2 February."""
    for name in ("nurse", "physician"):
        make_person(f"{name}1", name)
    found = make_course(make_patient(), first_on=FIRST, by=doctor())
    give_cycle(found.cycles.get(number=1), by=doctor())
    at = clinic_time(ENDED_ON)
    end_course(
        course=found,
        cause="medical",
        reason="Surgery.",
        ended_on=ENDED_ON,
        by=doctor(),
        authenticated_at=at,
        now=at,
    )
    return found


def overdue() -> list[Alert]:
    return list(Alert.objects.filter(kind=Kind.FOLLOW_UP_OVERDUE.value).order_by("pk"))


@pytest.mark.hazard("HZ-64")
def test_over_24_months_each_missed_visit_alerts_the_day_after_its_last_and_ends_when_it_is_recorded(course):
    told: dict[str, date] = {}
    day = date(2026, 2, 3)
    while day <= date(2028, 2, 1):
        watch_follow_up(now=clinic_time(day))
        for alert in overdue():
            told.setdefault(alert.about["what"], day)
        day += timedelta(days=1 if day < date(2026, 4, 1) else 7)
    assert told["Draw for the lowest counts"] == date(2026, 2, 24)  # day 43
    assert told["2 months after the last cycle"] == date(2026, 3, 27)  # 12 March and 14 days, and one
    assert len(told) == 7  # the draw, and months 2 to 18
    nurse = colleague("nora", "nurse")
    for alert in overdue():
        assert alert.state == State.OPEN
        assert alert.severity == 3
    at = clinic_time(date(2028, 2, 1), 15)
    for key in ("nadir", *(f"month-{months}" for months in (2, 4, 6, 9, 12, 18))):
        record_visit(
            course=course,
            visit=key,
            outcome="missed",
            on=at.date(),
            note="Lost for a while.",
            by=nurse,
            now=at,
        )
    watch_follow_up(now=at)
    left = [alert for alert in overdue() if alert.state != State.CLOSED]
    assert [alert.about["what"] for alert in left] == ["24 months after the last cycle"]


@pytest.mark.hazard("HZ-64")
def test_the_watch_takes_this_look_and_a_nurse_is_told_without_the_patients_name(course):
    watch(now=clinic_time(date(2026, 2, 24)), all_due=True)
    alert = overdue()[0]
    assert {each.person.username for each in alert.notifications.all()} == {"nurse1"}
    assert not any(word in str(alert.about) for word in (*CANARIES, "Ahorn", "T-1"))
    run_due_steps(now=alert.raised_at + timedelta(hours=4, minutes=1))
    assert "physician1" in {each.person.username for each in alert.notifications.all()}


@pytest.mark.hazard("HZ-64")
def test_a_signed_closing_ends_it_and_opening_again_begins_it_anew(course):
    now = clinic_time(date(2026, 2, 24))
    watch_follow_up(now=now)
    later = now + timedelta(hours=1)
    facts: dict[str, Any] = {"by": doctor(), "authenticated_at": later, "now": later}
    set_follow_up(course=course, closed=True, reason="Followed up in Kiel.", **facts)
    watch_follow_up(now=later)
    assert [alert.state for alert in overdue()] == [State.CLOSED]
    set_follow_up(course=course, closed=False, reason="Kiel sent her back.", **facts)
    watch_follow_up(now=later + timedelta(minutes=1))
    assert [alert.state for alert in overdue()] == [State.CLOSED, State.OPEN]


def test_results_of_the_draw_end_it_between_cycles_and_an_open_course_is_chased_only_for_that():
    course = make_course(make_patient(mrn="T-9"), first_on=FIRST, by=doctor())
    give_cycle(course.cycles.get(number=1), by=doctor())
    now = clinic_time(date(2026, 2, 24))
    assess_course(course_id=course.pk, now=now)
    watch_follow_up(now=now)
    assert [alert.about["what"] for alert in overdue()] == ["Draw for the lowest counts"]
    draw(course.patient, date(2026, 2, 24))
    watch_follow_up(now=now + timedelta(hours=1))
    assert [alert.state for alert in overdue()] == [State.CLOSED]


def test_alerts_of_an_ended_course_end_with_the_signature(course):
    at = clinic_time(ENDED_ON, 12)
    for kind in (Kind.DELAY, Kind.LABS_OVERDUE):
        raise_alert(
            kind=kind,
            condition_key=f"{kind.value}:course-{course.pk}",
            subject=Subject(course=course, cycle=course.cycles.get(number=2)),
            now=at,
        )
    assert watch_ended(now=at + timedelta(minutes=1)) == 2
    assert set(Alert.objects.values_list("state", flat=True)) == {State.CLOSED.value}
    assert watch_ended(now=at + timedelta(minutes=2)) == 0
