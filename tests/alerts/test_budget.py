"""The budget of each rule, counted by hand beside what the page counts."""

import csv
import io
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.budget import RuleBudget, as_csv, budget
from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.closing import close_alert
from alerts.services.raising import Subject, raise_alert
from alerts.services.read_back import record_readback
from alerts.services.rearming import rearm_due
from alerts.services.settling import Condition, settle
from courses.models import Signature
from tests.builders_acts import make_staff, seen, stand, take
from tests.builders_alerts import NOW, make_alert, make_course, make_decision, make_person

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = date(2026, 5, 1), date(2026, 5, 31)
WHY = "As the note of the day says."


def raised_by(rule: str, at: datetime, *, course=None) -> Alert:
    """An alert of a decision's rule."""
    course = course or make_course()
    decision = make_decision(course)
    subject = Subject(course=course, cycle=decision.cycle, decision=decision)
    key = f"delay:course-{course.pk}:cycle-{decision.cycle_id}:{rule}"
    with transaction.atomic():
        return raise_alert(kind=Kind.DELAY, condition_key=key, subject=subject, now=at)


def line(rule: str) -> RuleBudget:
    return next(each for each in budget(first=FIRST, last=LAST) if each.rule == rule)


def test_a_rules_alerts_are_counted_with_what_they_led_to() -> None:
    doctor = make_person("doctor", "physician")
    monday = datetime(2026, 5, 4, 9, 0, tzinfo=BERLIN)
    story = (("delay", "delay", 4), ("proceed", "continue", 10), ("proceed", "false-alarm", 90), ("", "", 0))
    for number, (action, outcome, minutes) in enumerate(story):
        course, at = make_course(), monday + timedelta(days=number)
        alert = raised_by("DM-PLT", at, course=course)
        if outcome:
            take(alert, doctor, now=at + timedelta(minutes=minutes))
            stand(course, action, signer=doctor)
            close_alert(alert=alert, person=doctor, seen=seen(alert), outcome=outcome, reason=WHY, now=at)
    with transaction.atomic():
        last = Alert.objects.latest("pk")
        for _ in range(3):
            raise_alert(kind=Kind.DELAY, condition_key=last.condition_key, subject=Subject(), now=at)
    found = line("DM-PLT")
    assert (found.raised, found.judged, found.standing, found.unjudged) == (4, 3, 1, 0)
    assert (found.acted, found.precision) == (1, 33)
    assert (found.overridden, found.override_rate, found.false_alarms) == (1, 33, 1)
    assert (found.repeats, found.median, found.ninetieth, found.never) == (3, 10, 90, 1)
    assert found.out_of_hours == 0
    assert not found.beyond


def test_an_alert_that_ended_because_a_physician_signed_its_decision_was_judged_and_acted_on() -> None:
    doctor = make_person("doctor", "physician")
    alert = raised_by("DM-PLT", NOW)
    take(alert, doctor, now=NOW + 7 * MINUTE)
    assert alert.decision is not None
    Signature.objects.create(
        decision=alert.decision,
        meaning="delay",
        signer=doctor,
        printed_name="D",
        signed_at=NOW,
        authenticated_at=NOW,
        record_sha256="0" * 64,
    )
    assert (line("DM-PLT").judged, line("DM-PLT").standing) == (0, 1)
    assert rearm_due(now=NOW + timedelta(days=1)) == 1
    found = line("DM-PLT")
    assert (found.judged, found.acted, found.precision, found.override_rate) == (1, 1, 100, 0)
    assert (found.unjudged, found.standing, found.median, found.never) == (0, 0, 7, 0)


def test_a_critical_value_that_was_passed_on_was_judged_and_somebody_had_it_then() -> None:
    doctor = make_person("doctor", "physician", "on-call")
    alert = make_alert(kind=Kind.CRITICAL_VALUE)
    newest = alert.events.latest("pk").pk

    def tell(outcome: str, minutes: int, reached: str = "") -> None:
        record_readback(
            alert=alert,
            person=doctor,
            outcome=outcome,
            reached=reached,
            seen_event=newest,
            now=NOW + minutes * MINUTE,
        )

    tell("not-reached", 2)
    found = line("critical-value")
    assert (found.judged, found.standing, found.never, found.median) == (0, 1, 1, None)
    tell("read-back", 9, "Dr Ward")
    found = line("critical-value")
    assert (found.judged, found.acted, found.precision) == (1, 1, 100)
    assert (found.standing, found.unjudged, found.never, found.median) == (0, 0, 0, 9)


def test_what_was_taken_over_before_it_was_passed_on_was_had_when_it_was_taken_over() -> None:
    doctor = make_person("doctor", "physician", "on-call")
    alert = make_alert(kind=Kind.CRITICAL_VALUE)
    take(alert, doctor, now=NOW + 3 * MINUTE)
    record_readback(
        alert=alert,
        person=doctor,
        outcome="reached",
        reached="Ward 4",
        seen_event=alert.events.latest("pk").pk,
        now=NOW + 9 * MINUTE,
    )
    assert (line("critical-value").median, line("critical-value").judged) == (3, 1)


def test_what_ended_with_its_cause_was_judged_by_nobody_and_is_in_no_percentage() -> None:
    condition = Condition(kind=Kind.RUNNER_STUCK, key="runner-stuck:runner", subject=Subject(about={}))
    settle(kinds=[Kind.RUNNER_STUCK], conditions=[condition], now=NOW)
    settle(kinds=[Kind.RUNNER_STUCK], conditions=[], now=NOW + MINUTE)
    found = line("runner-stuck")
    assert (found.raised, found.judged, found.unjudged, found.standing) == (1, 0, 1, 0)
    assert (found.precision, found.override_rate, found.never) == (None, None, 1)


def test_where_the_condition_names_no_rule_the_one_that_weighs_most_in_the_decision_counts() -> None:
    make_staff()
    make_alert()
    assert line("DM-PLT").kind == "delay"


@pytest.mark.parametrize(
    ("at", "out"),
    [
        (datetime(2026, 5, 4, 7, 59, tzinfo=BERLIN), 1),
        (datetime(2026, 5, 4, 8, 0, tzinfo=BERLIN), 0),
        (datetime(2026, 5, 4, 18, 0, tzinfo=BERLIN), 1),
        (datetime(2026, 5, 9, 12, 0, tzinfo=BERLIN), 1),
    ],
)
def test_out_of_hours_follows_the_clinics_clock(at: datetime, out: int) -> None:
    raised_by("DM-REN", at)
    assert line("DM-REN").out_of_hours == out


def test_a_period_holds_its_first_and_last_day_whole_on_the_clinics_calendar() -> None:
    inside = [datetime(2026, 5, 1, 0, 0, tzinfo=BERLIN), datetime(2026, 5, 31, 23, 59, tzinfo=BERLIN)]
    outside = [datetime(2026, 4, 30, 23, 59, tzinfo=BERLIN), datetime(2026, 6, 1, 0, 0, tzinfo=BERLIN)]
    for at in (*inside, *outside):
        raised_by("DM-HEM", at)
    assert line("DM-HEM").raised == 2


def test_the_hourly_trial_has_no_budget_and_other_kinds_stand_by_their_name() -> None:
    make_staff()
    make_person("robot", "canary")
    make_alert(kind=Kind.CANARY)
    make_alert(kind=Kind.LAB_QUARANTINE)
    assert [each.rule for each in budget(first=FIRST, last=LAST)] == ["lab-quarantine"]


def test_a_rule_of_which_too_few_lead_to_anything_is_to_be_reviewed() -> None:
    nurse = make_person("nora", "nurse")
    for number in range(10):
        alert = make_alert(kind=Kind.LAB_QUARANTINE, now=NOW + timedelta(minutes=number))
        take(alert, nurse, now=NOW + timedelta(minutes=number))
        outcome = "handled" if number < 2 else "false-alarm"
        close_alert(alert=alert, person=nurse, seen=seen(alert), outcome=outcome, reason=WHY, now=NOW)
    assert line("lab-quarantine").beyond


def test_no_cell_of_the_table_is_a_formula_and_every_number_is_there() -> None:
    raised_by("=1+1", NOW)
    raised_by("@SUM", NOW)
    table = list(csv.reader(io.StringIO(as_csv(budget(first=FIRST, last=LAST)))))
    assert [row[0] for row in table[1:]] == ["'=1+1", "'@SUM"]
    assert all(len(row) == len(table[0]) for row in table)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in table for cell in row)


def test_the_number_of_queries_stays_the_same_however_many_were_raised() -> None:
    raised_by("DM-PLT", NOW)
    with CaptureQueriesContext(connection) as few:
        budget(first=FIRST, last=LAST)
    for number in range(8):
        raised_by(f"DM-{number}", NOW)
    with CaptureQueriesContext(connection) as many:
        budget(first=FIRST, last=LAST)
    assert len(many) == len(few) == 5
