"""Every rule of the alert duty, broken on purpose: noticed within two minutes, told, and told outside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert, AlertEvent, DeliveryAttempt, Notification, Triage
from alerts.models.alert import EventKind
from alerts.models.notification import AttemptOutcome, NotificationState
from alerts.rules import Kind, State
from alerts.services import duty_rules, heartbeat, rounds, watch_duty
from alerts.services.acknowledging import acknowledge
from alerts.services.dispatch import dispatch_due
from alerts.services.duty_rule import DutyRule
from alerts.services.duty_rules import DUTY
from alerts.services.outside import why_withheld
from alerts.services.raising import close
from alerts.services.rounds import make_round
from alerts.services.triage import triage_decisions
from alerts.services.watch_duty import DutyUnknown
from courses.models import Decision
from labs.clock import clocks_apart, database_now
from labs.invariants import Seen, Violation
from labs.models import MessageOutcome
from tests.builders_alerts import (
    NOW,
    make_alert,
    make_course,
    make_decision,
    make_kept_message,
    make_person,
)
from tests.builders_duty import make_course_that_follows, make_unread_message, weigh
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
# A breach is told within two minutes, and a round of the second runner comes every ten seconds.
LATEST_LOOK = timedelta(seconds=110)


@contextmanager
def unchecked() -> Iterator[None]:
    """The table of alerts without the checks of its columns; the test's end undoes it."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            # A table whose rows still wait for a check cannot be altered.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE alerts_alert DROP CONSTRAINT alert_state_matches_its_times")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    try:
        yield
    finally:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA ignore_check_constraints = OFF")


# --- Ways to break each rule; the instant is that from which it is broken -------------------------


def no_next_step(at: datetime) -> None:
    alert = make_alert(now=at)
    with unchecked():
        Alert.objects.filter(pk=alert.pk).update(next_step_at=None)


def a_late_step(at: datetime) -> None:
    Alert.objects.filter(pk=make_alert(now=at).pk).update(next_step_at=at)


def a_late_mail(at: datetime) -> None:
    make_person("oncall1", "on-call")
    make_alert(now=at)
    assert Notification.objects.get().state == NotificationState.PENDING


def a_lost_lease(at: datetime) -> None:
    a_late_mail(at)
    Notification.objects.update(state="leased", lease_token=uuid4(), lease_until=at)


def nobody_reached(at: datetime) -> None:
    make_person("oncall1", "on-call")
    make_alert(now=at - 2 * MINUTE)


def a_decision_left_lying(at: datetime) -> None:
    make_decision(make_course(), made_at=at)


def a_review_left_lying(at: datetime) -> None:
    decision = make_decision(make_course(), action="hold", made_at=at - MINUTE)
    Triage.objects.create(
        decision=decision, outcome="waiting", reason="Labs.", review_at=at, triaged_at=at - MINUTE
    )


def a_verdict_nobody_was_told(at: datetime) -> None:
    decision = standing_decision(at)
    Triage.objects.create(decision=decision, outcome="none", reason="Overlooked.", triaged_at=at)


def two_of_a_kind(at: datetime) -> None:
    alert = make_alert(now=at)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_standing_alert_per_condition")
    twin = Alert.objects.get(pk=alert.pk)
    twin.pk, twin.public_id, twin.ref = None, "twin", "TWIN-22"
    twin.save(force_insert=True)


def an_untraced_mail(at: datetime) -> None:
    a_late_mail(at)
    mail = Notification.objects.get()
    DeliveryAttempt.objects.create(
        notification=mail, n=1, started_at=at, finished_at=at, outcome=AttemptOutcome.ACCEPTED
    )


def a_gap_in_the_rota(at: datetime) -> None:
    duty_rules.COVERAGE.append(lambda now: ["nobody is on call from 20:00 to 22:00"])


def a_clock_that_stepped(at: datetime) -> None:
    duty_rules.CLOCKS.append(("the database's clock", lambda: timedelta(minutes=-5)))


def a_critical_value_nobody_looked_at(at: datetime) -> None:
    make_sender()
    make_patient()
    receive(message(obr(), obx("9")))
    MessageOutcome.objects.update(at=at)


def a_message_left_lying(at: datetime) -> None:
    make_kept_message(at=at)


def a_time_to_decide_that_passed(at: datetime) -> None:
    alert = make_alert(now=at)
    acknowledge(
        alert=alert,
        person=make_person("taker", "on-call", email=""),
        seen_severity=alert.severity,
        seen_event=alert.events.latest("pk").pk,
        now=at,
    )
    Alert.objects.filter(pk=alert.pk).update(ack_due_at=at)


def a_look_that_fails(at: datetime) -> None:
    heartbeat.beat(name="ok.watch_mail", now=at - timedelta(minutes=3))


def a_critical_alert_that_waits(at: datetime) -> None:
    alert = make_alert(now=at)
    Alert.objects.filter(pk=alert.pk).update(next_step_at=at + LATEST_LOOK + 31 * MINUTE)


def a_message_nobody_read(at: datetime) -> None:
    make_unread_message(at=at)


def evidence_nobody_judged(at: datetime) -> None:
    course = make_course_that_follows(at=at - MINUTE)
    weigh(course, at=at)


BREAKS: dict[str, Callable[[datetime], None]] = {
    "step-without-time": no_next_step,
    "step-late": a_late_step,
    "mail-late": a_late_mail,
    "lease-lost": a_lost_lease,
    "told-nobody": nobody_reached,
    "decision-not-considered": a_decision_left_lying,
    "review-late": a_review_left_lying,
    "verdict-untold": a_verdict_nobody_was_told,
    "two-alerts": two_of_a_kind,
    "sent-without-trace": an_untraced_mail,
    "coverage-gap": a_gap_in_the_rota,
    "clocks-apart": a_clock_that_stepped,
    "critical-not-judged": a_critical_value_nobody_looked_at,
    "message-not-considered": a_message_left_lying,
    "rearm-late": a_time_to_decide_that_passed,
    "look-failed": a_look_that_fails,
    "critical-waits": a_critical_alert_that_waits,
    "message-unread": a_message_nobody_read,
    "evidence-not-judged": evidence_nobody_judged,
}


def standing_decision(at: datetime, *, action: str = "delay") -> Decision:
    """The decision that an open course stands at."""
    course = make_course()
    decision = make_decision(course, action=action, made_at=at)
    course.current_decision = decision
    course.save(update_fields=["current_decision"])
    return decision


def broken(now: datetime) -> set[str]:
    """The names of the rules that are broken at an instant."""
    return {each.name for each in DUTY if list(each.rule.find(now, lambda: None))}


def everybody_works(now: datetime) -> None:
    """Both runners have just given their sign of life, and the rules were asked."""
    for name in (heartbeat.CELERY, heartbeat.RUNNER, heartbeat.DUTY_LOOK):
        heartbeat.beat(name=name, now=now)


def alarm(name: str) -> Alert:
    return Alert.objects.standing().get(condition_key=f"{Kind.INVARIANT_BROKEN.value}:{name}")


@pytest.fixture(autouse=True)
def no_rota(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without a look at a rota, and with clocks that agree."""
    monkeypatch.setattr(duty_rules, "COVERAGE", [])
    monkeypatch.setattr(duty_rules, "CLOCKS", [])


# --- T24: the watchers ---------------------------------------------------------------------------


def test_every_rule_has_a_way_to_be_broken_here() -> None:
    assert set(BREAKS) == {each.name for each in DUTY}
    assert len({each.name for each in DUTY}) == len(DUTY)


def test_an_empty_service_breaks_no_rule() -> None:
    assert broken(NOW) == set()
    assert watch_duty.watch_duty(now=NOW) == 0


@pytest.mark.hazard("HZ-74")
@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_broken_rule_is_told_within_two_minutes_and_withholds_the_sign_of_life(name: str) -> None:
    make_person("admin1", "administrator")
    now = NOW + LATEST_LOOK
    everybody_works(now)
    assert why_withheld(now=now) == []
    BREAKS[name](NOW)
    assert name in broken(now)
    watch_duty.watch_duty(now=now)
    found = alarm(name)
    assert (found.severity, found.technical, found.state) == (1, True, State.OPEN)
    assert "admin1" in [mail.person.username for mail in found.notifications.all()]
    assert f"{Kind.INVARIANT_BROKEN.value}:{name} stands" in why_withheld(now=now)


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (timedelta(seconds=60), []),
        (timedelta(seconds=61), ["is 61 seconds ahead of that of the host that asked"]),
        (timedelta(seconds=-60), []),
        (timedelta(minutes=-5), ["is 300 seconds behind that of the host that asked"]),
    ],
)
def test_clocks_may_differ_by_a_minute(apart: timedelta, words: list[str]) -> None:
    duty_rules.CLOCKS.append(("the database's clock", lambda: apart))
    assert [each.words for each in duty_rules.clocks_that_differ(NOW, lambda: None)] == words


def test_the_clock_of_this_host_is_compared_with_the_databases() -> None:
    assert abs(clocks_apart()) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("name", "grace"),
    [
        ("step-late", MINUTE),
        ("mail-late", MINUTE),
        ("lease-lost", MINUTE),
        ("decision-not-considered", MINUTE),
        ("review-late", MINUTE),
        ("verdict-untold", MINUTE),
        ("critical-not-judged", MINUTE),
        ("message-not-considered", MINUTE),
        ("rearm-late", MINUTE),
        ("look-failed", timedelta(0)),
        ("message-unread", 90 * SECOND),
        ("evidence-not-judged", 90 * SECOND),
    ],
)
def test_what_is_a_minute_late_breaks_no_rule_yet(name: str, grace: timedelta) -> None:
    BREAKS[name](NOW)
    assert name not in broken(NOW + grace)
    assert name in broken(NOW + grace + timedelta(milliseconds=1))


def test_an_alert_has_two_minutes_to_reach_a_mail_server() -> None:
    nobody_reached(NOW)
    assert "told-nobody" not in broken(NOW - SECOND)
    assert "told-nobody" in broken(NOW)


def test_the_alarm_ends_by_itself_when_the_rule_holds_again(smtp: SmtpServer) -> None:
    make_person("admin1", "administrator")
    a_late_mail(NOW)
    watch_duty.watch_duty(now=NOW + 2 * MINUTE)
    found = alarm("mail-late")
    dispatch_due(now=NOW + 2 * MINUTE)
    watch_duty.watch_duty(now=NOW + 3 * MINUTE)
    found.refresh_from_db()
    assert found.state == State.CLOSED
    left = Alert.objects.standing().filter(kind=Kind.INVARIANT_BROKEN.value)
    assert [alert.about["rule"] for alert in left] == ["decision-not-considered"]  # the builder's own


def test_one_alarm_stands_however_often_it_is_looked_and_it_names_a_few_examples() -> None:
    for _ in range(8):
        a_decision_left_lying(NOW)
    for seconds in range(70, 110, 10):
        watch_duty.watch_duty(now=NOW + seconds * SECOND)
    found = alarm("decision-not-considered")
    assert len(found.about["examples"]) == watch_duty.EXAMPLES
    assert found.events.filter(kind=EventKind.RAISED).count() == 1
    assert not found.events.filter(kind=EventKind.SEEN_AGAIN).exists()


def test_the_page_says_what_must_hold_and_what_breaks_it(client: Client, person: Callable[..., User]) -> None:
    a_late_step(NOW)
    watch_duty.watch_duty(now=NOW + 2 * MINUTE)
    client.force_login(person("administrator"))
    page = client.get(f"/alerts/{alarm('step-late').public_id}").content.decode()
    assert "The service has found a fault in its own alerting." in page
    assert "no alert that nobody acknowledged is late with its next step (rule step-late)" in page
    assert "should have told the next people on 2026-05-04 08:00:00 UTC" in page
    assert "Kanarienvogel" not in page


# --- What is no breach ---------------------------------------------------------------------------


def test_an_alert_somebody_was_told_of_or_took_over_is_no_breach(smtp: SmtpServer) -> None:
    nurse = make_person("oncall1", "on-call", "nurse")
    alert = make_alert(now=NOW)
    dispatch_due(now=NOW + SECOND)
    assert broken(NOW + 5 * MINUTE) == {"decision-not-considered"}  # the builder triages nothing
    Alert.objects.filter(pk=alert.pk).update(next_step_at=NOW)
    assert "step-late" in broken(NOW + 5 * MINUTE)
    acknowledge(
        alert=alert, person=nurse, seen_severity=1, seen_event=alert.events.latest("pk").pk, now=NOW + MINUTE
    )
    assert broken(NOW + 5 * MINUTE) == {"decision-not-considered"}


def test_an_alert_whose_first_step_lies_ahead_is_not_untold() -> None:
    make_person("oncall1", "on-call")
    alert = make_alert(now=NOW)
    Alert.objects.filter(pk=alert.pk).update(step=0, next_step_at=NOW + timedelta(hours=10))
    assert "told-nobody" not in broken(NOW + timedelta(hours=9))


def test_a_mail_of_an_alerts_earlier_life_tells_nobody_of_what_it_is_now(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    alert = make_alert(now=NOW)
    dispatch_due(now=NOW + SECOND)
    later = NOW + timedelta(hours=3)
    Alert.objects.filter(pk=alert.pk).update(next_step_at=later + timedelta(minutes=15))
    assert "told-nobody" not in broken(later)
    for kind in (EventKind.WORSENED, EventKind.STEP):
        AlertEvent.objects.create(alert=alert, kind=kind, at=later)
    assert "told-nobody" in broken(later + 2 * MINUTE)


def test_the_mails_of_trials_of_the_line_are_not_missed() -> None:
    make_person("canary", "canary")
    make_alert(kind=Kind.CANARY, now=NOW)
    assert "told-nobody" not in broken(NOW + timedelta(hours=1))


def test_a_verdict_that_was_told_and_one_that_lets_treatment_go_on_are_no_breach() -> None:
    make_person("oncall1", "on-call")
    told = standing_decision(NOW)
    standing_decision(NOW, action="proceed")
    triage_decisions(now=NOW)
    assert "verdict-untold" not in broken(NOW + 5 * MINUTE)
    alert = Alert.objects.get(decision=told)
    close(alert, why="nobody knows", now=NOW + MINUTE)
    assert "verdict-untold" in broken(NOW + 5 * MINUTE)
    AlertEvent.objects.create(
        alert=alert, kind=EventKind.CLOSED, at=NOW + MINUTE, actor=User.objects.get(username="oncall1")
    )
    assert "verdict-untold" not in broken(NOW + 5 * MINUTE)


def test_a_decision_that_confirms_a_told_verdict_needs_no_alert_of_its_own() -> None:
    told = standing_decision(NOW)
    triage_decisions(now=NOW)
    again = make_decision(told.course, confirms=told, made_at=NOW + SECOND)
    told.course.current_decision = again
    told.course.save(update_fields=["current_decision"])
    triage_decisions(now=NOW + SECOND)
    assert Triage.objects.get(decision=again).outcome == "none"
    assert "verdict-untold" not in broken(NOW + 5 * MINUTE)


# --- The look itself -----------------------------------------------------------------------------


def test_a_rule_that_cannot_be_asked_counts_as_broken_and_the_others_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreadable(now: datetime, seen: Seen) -> Iterator[Violation]:
        raise DatabaseError("relation of Kanarienvogel does not exist")

    first = DutyRule(name=DUTY[0].name, rule=replace(DUTY[0].rule, find=unreadable))
    monkeypatch.setattr(watch_duty, "DUTY", (first, *DUTY[1:]))
    a_late_step(NOW)
    with pytest.raises(DutyUnknown, match=DUTY[0].name):
        watch_duty.watch_duty(now=NOW + 2 * MINUTE)
    assert alarm(DUTY[0].name).about["examples"] == ["the rule could not be asked; the log says why"]
    assert alarm("step-late")
    assert not heartbeat.is_fresh(name=heartbeat.DUTY_LOOK, now=NOW + 2 * MINUTE)


def test_each_rule_is_one_question_however_much_there_is() -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            for each in DUTY:
                list(each.rule.find(NOW + 5 * MINUTE, lambda: None))
        return len(queries)

    nothing = cost()
    make_person("oncall1", "on-call")
    for _ in range(6):
        a_decision_left_lying(NOW)
        make_alert(now=NOW)
        make_kept_message(at=NOW)
    a_critical_value_nobody_looked_at(NOW)
    assert cost() == nothing <= len(DUTY)


@pytest.mark.usefixtures("real_commits")
def test_the_second_runner_looks_after_its_work_so_that_what_it_mended_is_no_fault(smtp: SmtpServer) -> None:
    make_person("oncall1", "on-call")
    long_ago = database_now() - 10 * MINUTE
    make_decision(make_course(), made_at=long_ago)
    made = make_round(all_due=True)
    assert made.failed == ()
    assert not Alert.objects.filter(kind=Kind.INVARIANT_BROKEN.value).exists()
    assert heartbeat.is_fresh(name=heartbeat.DUTY_LOOK, now=database_now())


@pytest.mark.usefixtures("real_commits")
def test_a_stage_that_does_nothing_is_told_by_the_same_runners_rules(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_person("admin1", "administrator")
    make_decision(make_course(), made_at=database_now() - 2 * MINUTE)
    stages = tuple(
        replace(each, work=lambda turn: 0) if each.name == "decisions triaged" else each
        for each in rounds.STAGES
    )
    monkeypatch.setattr(rounds, "STAGES", stages)
    make_round(all_due=True)
    assert alarm("decision-not-considered")
