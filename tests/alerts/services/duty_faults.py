"""Faults of the duty to tell, a sentence each with the promise it breaks; planted by replacement."""

from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings

from alerts.models import Alert, Notification
from alerts.rules import Kind, State, escalation_due
from alerts.services import (
    critical_values,
    escalation,
    heartbeat,
    on_call,
    outside,
    read_back,
    rearming,
    watch_rota,
    watch_runners,
    watching,
)
from alerts.services.acknowledging import acknowledge
from alerts.services.critical_values import judge_critical_values
from alerts.services.escalation import run_due_steps
from alerts.services.heartbeat import beat_all
from alerts.services.on_call import Told, reachable
from alerts.services.outside import tell_outside
from alerts.services.raising import open_again
from alerts.services.read_back import record_readback
from alerts.services.rearming import rearm_due
from alerts.services.rota_coverage import Coverage
from alerts.services.watch_duty import watch_duty
from tests.alerts.services.planted import Patch, Planted, nothing
from tests.builders_alerts import NOW, make_alert, make_course, make_decision, make_person
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive
from tests.builders_rota import keep_rota, on_call_person

Promise = Callable[[], None]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def told(alert: Alert) -> set[str]:
    """Everybody to whom a mail about this alert is owed or went."""
    return set(Notification.objects.filter(alert=alert).values_list("person__username", flat=True))


def taken_over(alert: Alert) -> Alert:
    """The same, acknowledged by somebody who has no address."""
    acknowledge(
        alert=alert,
        person=make_person("taker", "on-call", email=""),
        seen_severity=alert.severity,
        seen_event=alert.events.latest("pk").pk,
        now=NOW,
    )
    return alert


def critical_value() -> Alert:
    """The alert of a platelet count of 9, if it is told at all."""
    make_sender()
    make_patient()
    receive(message(obr(), obx("9")))
    judge_critical_values(now=NOW)
    found = Alert.objects.filter(kind=Kind.CRITICAL_VALUE).first()
    assert found is not None
    return found


# ------------------------------------------------------------------------------------------------ promises


def the_next_are_told_and_the_last_again_and_again() -> None:
    """HZ-68."""
    make_person("oncall1", "on-call")
    make_person("physician1", "physician")
    alert = make_alert()
    for minutes in range(0, 24 * 60, 5):
        run_due_steps(now=NOW + minutes * MINUTE)
    assert "physician1" in told(alert)
    alert.refresh_from_db()
    assert alert.loop > 20


def what_was_taken_over_and_forgotten_opens_again() -> None:
    """HZ-68."""
    make_person("oncall1", "on-call")
    alert = taken_over(make_alert())
    rearm_due(now=NOW + DAY)
    alert.refresh_from_db()
    assert alert.state == State.OPEN


def a_critical_value_wakes() -> None:
    """HZ-68."""
    make_person("oncall1", "on-call")
    assert told(critical_value()) == {"oncall1"}


def a_call_that_reached_nobody_tells_somebody_new() -> None:
    """HZ-68."""
    make_person("oncall1", "on-call")
    make_person("physician1", "physician")
    alert = taken_over(critical_value())
    record_readback(
        alert=alert,
        person=make_person("caller", "on-call", email=""),
        outcome="not-reached",
        seen_event=alert.events.latest("pk").pk,
        now=NOW + MINUTE,
    )
    assert "physician1" in told(alert)


def a_gap_of_the_rota_is_told_days_ahead() -> None:
    """HZ-69."""
    keep_rota(on_call_person("one"), last_day=date(2026, 5, 10))
    watch_rota.watch_rota(now=NOW)
    assert Alert.objects.standing().filter(kind=Kind.ROTA_GAP).exists()


def where_the_rota_names_nobody_everybody_on_call_is_told_and_the_gap_too() -> None:
    """HZ-69."""
    one = on_call_person("one")
    on_call_person("two")
    keep_rota(one)
    one.email = ""
    one.save()
    assert told(make_alert()) == {"two"}
    assert Alert.objects.filter(kind=Kind.NOBODY_ON_CALL).exists()


def a_runner_that_died_is_missed_by_the_other_within_three_minutes() -> None:
    """HZ-72."""
    heartbeat.beat(name=heartbeat.CELERY, now=NOW)
    for seconds in range(0, 181, 10):
        heartbeat.beat(name=heartbeat.RUNNER, now=NOW + timedelta(seconds=seconds))
        watch_runners.watch_runners(now=NOW + timedelta(seconds=seconds))
    assert Alert.objects.filter(kind=Kind.RUNNER_STUCK, about__runner=heartbeat.CELERY).exists()


def a_look_that_fails_again_and_again_is_told() -> None:
    """HZ-72."""

    def stumbles(*, now: Any) -> int:
        raise RuntimeError("stumbles")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "EVERY_TIME", (stumbles,))
        patch.setattr(watching, "IN_TURN", ())
        for minutes in range(5):
            with pytest.raises(watching.WatchFailed):
                watching.watch(now=NOW + minutes * MINUTE)
        watch_duty(now=NOW + 5 * MINUTE)
    assert Alert.objects.filter(kind=Kind.INVARIANT_BROKEN, about__rule="look-failed").exists()


def _signs_of_life(*, now: Any) -> int:
    """How many reach the monitor outside at this moment."""
    heard: list[str] = []

    def hear(*, url: str) -> Any:
        heard.append(url)
        return SimpleNamespace(status=200)

    with pytest.MonkeyPatch.context() as patch, override_settings(HEARTBEAT_URL="https://monitor.example/"):
        patch.setattr(outside, "exchange", hear)
        tell_outside(now=now)
    return len(heard)


def the_outside_hearsnothing_once_a_runner_has_died() -> None:
    """HZ-74."""
    for name in (heartbeat.CELERY, heartbeat.RUNNER, heartbeat.DUTY_LOOK):
        heartbeat.beat(name=name, now=NOW)
    assert _signs_of_life(now=NOW) == 1
    for name in (heartbeat.RUNNER, heartbeat.DUTY_LOOK):
        heartbeat.beat(name=name, now=NOW + 5 * MINUTE)
    assert _signs_of_life(now=NOW + 5 * MINUTE) == 0


def the_outside_hearsnothing_while_a_rule_is_broken() -> None:
    """HZ-74."""
    make_decision(make_course(), made_at=NOW - 5 * MINUTE)
    for name in heartbeat.RUNNERS:
        heartbeat.beat(name=name, now=NOW)
    watch_duty(now=NOW)
    assert _signs_of_life(now=NOW) == 0


PROMISES: tuple[Promise, ...] = (
    the_next_are_told_and_the_last_again_and_again,
    what_was_taken_over_and_forgotten_opens_again,
    a_critical_value_wakes,
    a_call_that_reached_nobody_tells_somebody_new,
    a_gap_of_the_rota_is_told_days_ahead,
    where_the_rota_names_nobody_everybody_on_call_is_told_and_the_gap_too,
    a_runner_that_died_is_missed_by_the_other_within_three_minutes,
    a_look_that_fails_again_and_again_is_told,
    the_outside_hearsnothing_once_a_runner_has_died,
    the_outside_hearsnothing_while_a_rule_is_broken,
)

# -------------------------------------------------------------------------------------------------- faults

FAULTS: Planted[Promise] = Planted()
fault = FAULTS.fault


@fault("after its last step an alert is silent", breaks=the_next_are_told_and_the_last_again_and_again)
def _silent_at_last(patch: Patch) -> None:
    sound = escalation_due

    def faulty(**facts: Any) -> Any:
        return None if facts["plan"].is_last(facts["step"]) else sound(**facts)

    patch.setattr(escalation, "escalation_due", faulty)


@fault("only the first step is ever taken", breaks=the_next_are_told_and_the_last_again_and_again)
def _first_alone(patch: Patch) -> None:
    patch.setattr(escalation, "_take_step_of", nothing)


@fault("an acknowledgement counts for ever", breaks=what_was_taken_over_and_forgotten_opens_again)
def _never_again(patch: Patch) -> None:
    patch.setattr(rearming, "_rearm", nothing)


@fault("no value is beyond a bound", breaks=a_critical_value_wakes)
def _never_critical(patch: Patch) -> None:
    patch.setattr(critical_values, "_judged", lambda *_: None)


@fault("a critical value is written down and nobody told", breaks=a_critical_value_wakes)
def _written_alone(patch: Patch) -> None:
    patch.setattr(critical_values, "take_due_step", nothing)


@fault(
    "a call that reached nobody begins the ladder anew", breaks=a_call_that_reached_nobody_tells_somebody_new
)
def _same_people(patch: Patch) -> None:
    patch.setattr(read_back, "begin_round", lambda alert: open_again(alert, now=NOW))


@fault("the rota is taken to be whole", breaks=a_gap_of_the_rota_is_told_days_ahead)
def _no_gaps(patch: Patch) -> None:
    patch.setattr(watch_rota, "coverage", lambda **_: Coverage(gaps=(), unreachable=()))


@fault(
    "whom the rota names is told, reachable or not",
    breaks=where_the_rota_names_nobody_everybody_on_call_is_told_and_the_gap_too,
)
def _named_alone(patch: Patch) -> None:
    patch.setattr(on_call, "on_call_at", lambda instant: Told(people=()))


@fault(
    "that the rota names nobody is told to nobody",
    breaks=where_the_rota_names_nobody_everybody_on_call_is_told_and_the_gap_too,
)
def _uncovered_unsaid(patch: Patch) -> None:
    patch.setattr(on_call, "on_call_at", lambda instant: Told(people=tuple(reachable())))


@fault(
    "a runner's silence counts from the look at it",
    breaks=a_runner_that_died_is_missed_by_the_other_within_three_minutes,
)
def _never_missed(patch: Patch) -> None:
    patch.setattr(watch_runners, "waited_since", lambda **facts: facts["now"])


@fault("a look that fails counts as taken", breaks=a_look_that_fails_again_and_again_is_told)
def _counts_as_taken(patch: Patch) -> None:
    patch.setattr(watching, "beat_all", lambda names, *, now, over=True: beat_all(names, now=now))


@fault("a look that never succeeded is not missed", breaks=a_look_that_fails_again_and_again_is_told)
def _not_missed(patch: Patch) -> None:
    def faulty(names: Any, *, now: Any, over: bool = True) -> None:
        if over:
            beat_all(names, now=now)

    patch.setattr(watching, "beat_all", faulty)


@fault("a dead runner is no reason to be silent", breaks=the_outside_hearsnothing_once_a_runner_has_died)
def _runners_unasked(patch: Patch) -> None:
    patch.setattr(outside, "RUNNERS", ())


@fault("a broken rule is no reason to be silent", breaks=the_outside_hearsnothing_while_a_rule_is_broken)
def _rules_unasked(patch: Patch) -> None:
    patch.setattr(outside, "why_withheld", lambda *, now: [])
