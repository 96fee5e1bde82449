"""What wakes nobody is there at once and told in the morning; what comes near or gets worse wakes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from alerts.models import Alert, Notification
from alerts.rules import Kind, State
from alerts.services.acknowledging import acknowledge
from alerts.services.deadlines import watch_deadlines
from alerts.services.escalation import run_due_steps
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from alerts.services.triage import triage_decisions
from alerts.services.watching import EVERY_TIME
from courses.models import Course, Signature, VialBooking
from tests.builders_alerts import make_course, make_decision, make_person

pytestmark = pytest.mark.django_db
# Berlin is two hours ahead of UTC.
EVENING = datetime(2026, 5, 4, 20, 0, tzinfo=UTC)  # a Monday, 22:00
MORNING = datetime(2026, 5, 5, 6, 0, tzinfo=UTC)  # Tuesday, 08:00
LATER = date(2026, 5, 20)


@pytest.fixture(autouse=True)
def staff() -> None:
    """One person of each role that is told."""
    for role in ("on-call", "physician", "nurse", "administrator", "pharmacist"):
        make_person(role, role)


def planned(on: date) -> Course:
    course = make_course()
    course.cycles.update(planned_on=on)
    return course


def decided(course: Course, action: str = "delay", *, at: datetime = EVENING) -> Alert:
    make_decision(course, action=action, made_at=at)
    triage_decisions(now=at)
    return Alert.objects.get(course=course)


def told() -> list[str]:
    return sorted(Notification.objects.values_list("person__username", flat=True))


@pytest.mark.hazard("HZ-67")
@pytest.mark.parametrize(
    ("action", "severity", "morning"),
    [
        ("stop", 2, ["on-call"]),
        ("delay", 2, ["on-call"]),
        ("hold", 3, ["nurse", "physician"]),
        ("reduce", 3, ["physician"]),
    ],
)
def test_a_change_weeks_ahead_is_raised_in_the_night_and_told_in_the_morning(
    action: str, severity: int, morning: list[str]
) -> None:
    alert = decided(planned(LATER), action)
    assert (alert.state, alert.severity, alert.raised_at) == ("open", severity, EVENING)
    assert (alert.step, alert.next_step_at, told()) == (0, MORNING, [])
    assert run_due_steps(now=MORNING - timedelta(seconds=1)) == 0
    assert run_due_steps(now=MORNING) == 1
    assert told() == morning


@pytest.mark.parametrize(("action", "severity"), [("stop", 1), ("delay", 1), ("hold", 2), ("reduce", 2)])
def test_a_change_near_the_day_of_therapy_wakes(action: str, severity: int) -> None:
    alert = decided(planned(date(2026, 5, 6)), action)
    assert (alert.severity, told()) == (severity, ["on-call"])
    assert alert.next_step_at is not None
    assert alert.next_step_at <= EVENING + timedelta(minutes=30)


def test_a_change_near_the_suppliers_cut_off_wakes_though_therapy_is_weeks_away() -> None:
    course = planned(LATER)
    VialBooking.objects.create(
        cycle=course.cycles.get(),
        supplier="Lu",
        needed_on=LATER,
        cut_off_at=MORNING + timedelta(hours=1),
        placed_at=EVENING,
        updated_at=EVENING,
    )
    assert (decided(course).severity, told()) == (1, ["on-call"])


@pytest.mark.parametrize("acknowledged", [False, True])
def test_what_comes_near_meanwhile_gets_loud_and_is_told_from_the_first_step(acknowledged: bool) -> None:
    course = planned(LATER)
    alert = decided(course, at=MORNING)
    assert (alert.severity, told()) == (2, ["on-call"])
    if acknowledged:
        acknowledge(
            alert=alert,
            person=make_person("taker", "on-call", email=""),
            seen_severity=2,
            seen_event=alert.events.latest("pk").pk,
            now=MORNING,
        )
    assert watch_deadlines(now=MORNING + timedelta(days=1)) == 0
    course.cycles.update(planned_on=date(2026, 5, 6))  # moved to tomorrow
    assert watch_deadlines(now=EVENING) == 1
    alert.refresh_from_db()
    assert (alert.severity, alert.state, alert.loop, alert.step) == (1, "open", 2, 1)
    assert watch_deadlines(now=EVENING + timedelta(minutes=1)) == 0
    assert watch_deadlines in EVERY_TIME


@pytest.mark.hazard("HZ-67")
def test_what_a_physician_has_signed_meanwhile_ends_with_that_name_and_wakes_nobody() -> None:
    course = planned(LATER)
    alert = decided(course, at=MORNING)
    acknowledge(
        alert=alert,
        person=make_person("taker", "on-call", email=""),
        seen_severity=2,
        seen_event=alert.events.latest("pk").pk,
        now=MORNING,
    )
    physician = make_person("signer", "physician", email="")
    assert alert.decision is not None
    Signature.objects.create(
        decision=alert.decision,
        meaning="delay",
        signer=physician,
        printed_name="P",
        signed_at=MORNING,
        authenticated_at=MORNING,
        record_sha256="0" * 64,
    )
    course.cycles.update(planned_on=date(2026, 5, 6))  # moved to tomorrow
    before = told()
    assert watch_deadlines(now=EVENING) == 1
    alert.refresh_from_db()
    closed = alert.events.latest("pk")
    assert (alert.state, closed.kind, closed.actor) == ("closed", "closed", physician)
    assert closed.detail == {"why": "a physician signed its decision"}
    assert told() == before
    assert watch_deadlines(now=EVENING + timedelta(minutes=1)) == 0


def test_what_is_no_longer_so_does_not_get_loud() -> None:
    course = planned(LATER)
    alert = decided(course, at=MORNING)
    make_decision(course, action="proceed", rules=[])
    triage_decisions(now=MORNING)
    course.cycles.update(planned_on=date(2026, 5, 6))
    assert watch_deadlines(now=EVENING) == 0
    alert.refresh_from_db()
    assert alert.state == State.CLEARED_UNACKED


def silent(*, worse: bool) -> list[Condition]:
    key = key_of(Kind.FEED_SILENT, "central-lab")
    return [Condition(kind=Kind.FEED_SILENT, key=key, subject=Subject(), worse=worse)]


def test_what_gets_worse_in_the_night_wakes_then() -> None:
    settle(kinds=[Kind.FEED_SILENT], conditions=silent(worse=False), now=EVENING)
    assert told() == []
    settle(kinds=[Kind.FEED_SILENT], conditions=silent(worse=True), now=EVENING + timedelta(hours=1))
    assert told() == ["administrator", "physician"]


def test_later_steps_of_what_wakes_nobody_wait_for_the_morning_too() -> None:
    afternoon = datetime(2026, 5, 4, 15, 45, tzinfo=UTC)  # 17:45
    decided(planned(LATER), at=afternoon)
    assert told() == ["on-call"]
    assert Notification.objects.get().escalates_at == MORNING
    assert run_due_steps(now=afternoon + timedelta(hours=3)) == 0
    run_due_steps(now=MORNING)
    assert told() == ["on-call", "on-call", "physician"]


@pytest.mark.hazard("HZ-67")
def test_one_decision_of_many_rules_is_one_alert_and_the_same_verdict_is_no_news() -> None:
    course = planned(LATER)
    first = make_decision(
        course,
        action="delay",
        rules=[("DM-PLT", "delay"), ("DM-HEM", "delay"), ("DM-REN", "delay"), ("EV-STALE", "hold")],
        made_at=MORNING,
    )
    triage_decisions(now=MORNING)
    for minutes in range(1, 6):
        make_decision(course, confirms=first, made_at=MORNING)
        triage_decisions(now=MORNING + timedelta(minutes=minutes))
    alert = Alert.objects.get()
    assert [event.kind for event in alert.events.all()] == ["raised", "step"]
    assert told() == ["on-call"]


def test_what_was_cleared_goes_on_in_a_lower_tone_and_comes_back_as_loud_as_it_was() -> None:
    course = planned(date(2026, 5, 5))
    alert = decided(course, "stop")
    assert alert.severity == 1
    make_decision(course, action="proceed", rules=[], made_at=EVENING)
    triage_decisions(now=EVENING + timedelta(minutes=1))
    alert.refresh_from_db()
    assert (alert.state, alert.severity) == ("cleared_unacked", 2)
    # The step that was due comes; the one after it waits for the morning, and it never ends by itself.
    assert run_due_steps(now=EVENING + timedelta(minutes=15)) == 1
    alert.refresh_from_db()
    assert alert.next_step_at == MORNING
    for day in range(30):
        run_due_steps(now=MORNING + timedelta(days=day))
    alert.refresh_from_db()
    assert (alert.state, alert.severity) == ("cleared_unacked", 2)

    night = MORNING + timedelta(days=29, hours=14)
    make_decision(course, action="stop", made_at=night)
    triage_decisions(now=night)
    alert.refresh_from_db()
    assert (alert.state, alert.severity) == ("open", 1)
    assert alert.next_step_at is not None
    assert alert.next_step_at <= night + timedelta(minutes=30)
