"""A look that fails again and again is told of, as is what it leaves lying; a new service is sound."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert, Heartbeat
from alerts.rules import Kind
from alerts.services import watching
from alerts.services.critical_values import judge_critical_values
from alerts.services.duty_of_looks import (
    critical_values_not_judged,
    looks_that_fail,
    messages_not_considered,
    rearmings_past_due,
)
from alerts.services.rearming import rearm_due
from alerts.services.triage import triage_quarantine
from alerts.services.watch_duty import watch_duty
from alerts.services.watching import EVERY_TIME, IN_TURN, WatchFailed, turns, watch
from labs.invariants import Find
from labs.models import MessageOutcome, QuarantinedResult
from tests.builders_alerts import NOW, make_alert, make_kept_message, make_person
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def found(find: Find, after: timedelta = 2 * MINUTE) -> list[str]:
    return [f"{each.about} {each.words}" for each in find(NOW + after, lambda: None)]


def a_look_that_stumbles(monkeypatch: pytest.MonkeyPatch) -> None:
    def watch_the_moon(*, now: Any) -> int:
        raise RuntimeError("clouds")

    monkeypatch.setattr(watching, "EVERY_TIME", (watch_the_moon, *EVERY_TIME))


def test_a_new_service_whose_looks_were_never_taken_is_not_broken() -> None:
    assert not Heartbeat.objects.exists()
    assert found(looks_that_fail, timedelta(days=300)) == []


def test_every_look_that_succeeds_is_written_down_and_missed_after_three_of_its_turns() -> None:
    watch(now=NOW, all_due=True)
    assert len(turns()) == len(EVERY_TIME) + len(IN_TURN)
    assert found(looks_that_fail, 3 * MINUTE) == []
    late = found(looks_that_fail, 3 * MINUTE + timedelta(milliseconds=1))
    assert len(late) == len(EVERY_TIME)
    assert "the look watch_mail was last taken without a fault on 2026-05-04 08:00:00 UTC" in late
    assert len(found(looks_that_fail, 15 * MINUTE)) == len(EVERY_TIME)
    assert len(found(looks_that_fail, 16 * MINUTE)) == len(EVERY_TIME) + len(IN_TURN)


def test_one_that_fails_from_its_first_turn_on_is_told_by_name_and_the_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_person("admin1", "administrator")
    a_look_that_stumbles(monkeypatch)
    for minutes in range(5):
        with pytest.raises(WatchFailed, match="watch_the_moon"):
            watch(now=NOW + minutes * MINUTE)
        watch_duty(now=NOW + minutes * MINUTE)
        told = Alert.objects.filter(condition_key=f"{Kind.INVARIANT_BROKEN.value}:look-failed")
        assert told.exists() is (minutes > 3)
    assert told.get().about["examples"] == [
        "the look watch_the_moon was last taken without a fault on 2026-05-04 08:00:00 UTC"
    ]


def test_one_that_recovers_is_broken_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    watch(now=NOW)
    with monkeypatch.context() as patch:
        a_look_that_stumbles(patch)
        with pytest.raises(WatchFailed):
            watch(now=NOW + 5 * MINUTE)
    watch(now=NOW + 6 * MINUTE)
    assert found(looks_that_fail, 6 * MINUTE) == []


def test_a_success_of_every_look_is_written_down_in_one_query() -> None:
    def sets() -> int:
        with CaptureQueriesContext(connection) as queries:
            watch(now=NOW)
        return sum("ok.watch_mail" in each["sql"] for each in queries)

    assert (sets(), sets()) == (1, 1)


def a_platelet_count(value: str) -> None:
    make_sender()
    make_patient()
    receive(message(obr(), obx(value)))
    MessageOutcome.objects.update(at=NOW)
    QuarantinedResult.objects.update(opened_at=NOW)


@pytest.mark.hazard("HZ-68")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("9", "lies beyond a bound and was not judged"),
        ("0.5", "was not judged for a critical value"),  # kept apart as implausible
        ("60", ""),
    ],
)
def test_a_value_that_was_not_judged_is_told_of_until_it_is(value: str, words: str) -> None:
    a_platelet_count(value)
    before = found(critical_values_not_judged)
    assert len(before) == (1 if words else 0)
    assert all(words in each for each in before)
    judge_critical_values(now=NOW + 2 * MINUTE)
    assert found(critical_values_not_judged) == []


def test_an_old_specimen_is_history_and_owed_to_nobody() -> None:
    a_platelet_count("9")
    assert found(critical_values_not_judged, timedelta(days=8)) == []


def test_a_message_that_was_considered_and_an_alert_that_was_opened_again_are_no_breach() -> None:
    make_kept_message()
    assert len(found(messages_not_considered)) == 1
    triage_quarantine(now=NOW + MINUTE)
    assert found(messages_not_considered) == []
    alert = make_alert()
    Alert.objects.filter(pk=alert.pk).update(
        state="acked",
        next_step_at=None,
        acked_at=NOW,
        acked_by=make_person("taker", "on-call", email=""),
        ack_due_at=NOW,
    )
    assert len(found(rearmings_past_due)) == 1
    rearm_due(now=NOW + 2 * MINUTE)
    assert found(rearmings_past_due) == []
